package live

import (
	"context"
	"slices"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Client is who listens.
type Client struct {
	Caller access.Caller
	// Place is where they come from; "" is not counted.
	Place string
	// Login is how they showed who they are.
	Login Login
}

// Login is a session or a token by its id. The zero value is none: it never ends.
type Login struct{ Session, Token int64 }

// ErrTooMany refuses one more listener of an account or a place.
var ErrTooMany = fault.New(fault.Unavailable, "there are too many listeners of this client")

// crowd counts the listeners of each account and each place.
type crowd struct {
	perAccount, perPlace int
	count                map[string]int
}

func newCrowd(c Config) crowd { return crowd{c.MaxPerAccount, c.MaxPerPlace, map[string]int{}} }

func accountKey(c Client) string { return "user " + strconv.FormatInt(c.Caller.UserID, 10) }

// admit counts a listener, unless there are too many like it.
func (c *crowd) admit(client Client) bool {
	account := !client.Caller.Anonymous()
	if client.Place != "" && c.count[client.Place] >= c.perPlace || account && c.count[accountKey(client)] >= c.perAccount {
		return false
	}
	if client.Place != "" {
		c.count[client.Place]++
	}
	if account {
		c.count[accountKey(client)]++
	}
	return true
}

// leave forgets a listener that was admitted.
func (c *crowd) leave(client Client) {
	for _, key := range []string{client.Place, accountKey(client)} {
		if c.count[key]--; c.count[key] <= 0 {
			delete(c.count, key)
		}
	}
}

// mustLast returns Unauthenticated when the login has ended.
func (h *Hub) mustLast(ctx context.Context, login Login) error {
	if login == (Login{}) {
		return nil
	}
	lasting, err := h.lasting(ctx, []Login{login})
	if err == nil && len(lasting) == 0 {
		err = fault.New(fault.Unauthenticated, "the log-in has ended")
	}
	return err
}

func (h *Hub) lasting(ctx context.Context, logins []Login) ([]Login, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return h.store.LastingLogins(ctx, logins)
}

// checkLogins ends the listeners whose log-in has ended.
func (h *Hub) checkLogins(ctx context.Context) error {
	logins := h.logins()
	if len(logins) == 0 {
		return nil
	}
	lasting, err := h.lasting(ctx, logins)
	if err != nil {
		return err
	}
	ended := map[Login]bool{}
	for _, l := range logins {
		ended[l] = !slices.Contains(lasting, l)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		for l := range t.listeners {
			if ended[l.client.Login] {
				h.end(t, l, EndLogin)
			}
		}
	}
	return nil
}

// logins returns the different log-ins of all who listen.
func (h *Hub) logins() []Login {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[Login]bool{{}: true}
	var logins []Login
	for _, t := range h.topics {
		for l := range t.listeners {
			if login := l.client.Login; !seen[login] {
				seen[login] = true
				logins = append(logins, login)
			}
		}
	}
	return logins
}
