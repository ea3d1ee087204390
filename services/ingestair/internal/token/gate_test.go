package token_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/token"
)

// inventory is tokens and nodes in memory, and how often it was asked.
type inventory struct {
	mu     sync.Mutex
	grants map[ingesttoken.Digest]token.Grant
	owners map[uuid.UUID]int64
	away   bool

	askedTokens, askedNodes int
}

func (i *inventory) Grant(_ context.Context, digest ingesttoken.Digest) (token.Grant, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.askedTokens++
	if i.away {
		return token.Grant{}, fault.New(fault.Unavailable, "away")
	}
	g, ok := i.grants[digest]
	if !ok {
		return g, fault.New(fault.NotFound, "no such token")
	}
	return g, nil
}

func (i *inventory) OwnNodes(_ context.Context, organization int64, nodes []uuid.UUID) ([]uuid.UUID, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.askedNodes++
	return slices.DeleteFunc(slices.Clone(nodes), func(n uuid.UUID) bool { return i.owners[n] != organization }), nil
}

// world is a gate with a clock, and two nodes of organization 1.
type world struct {
	*token.Gate

	inventory *inventory
	now       time.Time
	one, two  uuid.UUID
	theirs    uuid.UUID
}

const stacks = "the-token-of-the-stack"

func newWorld(t *testing.T) *world {
	t.Helper()
	set, err := token.Parse(stacks)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{one: uuid.New(), two: uuid.New(), theirs: uuid.New(), now: time.Now()}
	w.inventory = &inventory{
		grants: map[ingesttoken.Digest]token.Grant{},
		owners: map[uuid.UUID]int64{w.one: 1, w.two: 1, w.theirs: 2},
	}
	w.Gate = token.NewGate(set, w.inventory, nil, func() time.Time { return w.now })
	return w
}

func (w *world) issue(g token.Grant) (secret string, digest ingesttoken.Digest) {
	secret, digest = ingesttoken.New()
	w.inventory.grants[digest] = g
	return secret, digest
}

// own returns which of the world's nodes a token may write.
func (w *world) own(t *testing.T, secret string) []bool {
	t.Helper()
	scope, err := w.Admit(t.Context(), secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	own, err := scope.Own(t.Context(), []uuid.UUID{w.one, w.two, w.theirs, uuid.Nil})
	if err != nil {
		t.Fatal(err)
	}
	return []bool{own[w.one], own[w.two], own[w.theirs], own[uuid.Nil]}
}

func (w *world) want(t *testing.T, what, secret string, want ...bool) {
	t.Helper()
	if got := w.own(t, secret); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTheStacksTokenAsksNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope, err := w.Admit(t.Context(), stacks, "192.0.2.1")
	if scope != nil || err != nil || w.inventory.askedTokens+w.inventory.askedNodes != 0 {
		t.Errorf("%v, %v; asked %d times", scope, err, w.inventory.askedTokens+w.inventory.askedNodes)
	}
}

func TestWhatATokenOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all, _ := w.issue(token.Grant{Organization: 1})
	one, _ := w.issue(token.Grant{Organization: 1, Node: w.one})
	moved, _ := w.issue(token.Grant{Organization: 1, Node: w.theirs})
	w.want(t, "an organization's", all, true, true, false, false)
	w.want(t, "a node's", one, true, false, false, false)
	w.want(t, "of a node that is another's now", moved, false, false, false, false)
}

// What the database said holds for five seconds, and not for longer.
func TestWhatIsRememberedGoesStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, digest := w.issue(token.Grant{Organization: 1})
	scope, err := w.Admit(t.Context(), secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	mine := func() bool {
		own, err := scope.Own(t.Context(), []uuid.UUID{w.one})
		if err != nil {
			t.Fatal(err)
		}
		return own[w.one]
	}
	for range 100 {
		if !mine() {
			t.Fatal("not its own")
		}
	}
	if w.inventory.askedTokens != 1 || w.inventory.askedNodes != 1 {
		t.Errorf("asked %d times for the token, %d times for the node", w.inventory.askedTokens, w.inventory.askedNodes)
	}
	w.inventory.owners[w.one] = 2
	w.now = w.now.Add(5 * time.Second)
	if mine() {
		t.Error("a node that moved away is written on")
	}
	w.inventory.owners[w.one] = 1
	if !mine() {
		t.Error("a node that has come is refused for what was before")
	}
	delete(w.inventory.grants, digest)
	w.now = w.now.Add(5 * time.Second)
	if _, err := scope.Own(t.Context(), []uuid.UUID{w.one}); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("revoked within a stream: %v", err)
	}
	if _, err := w.Admit(t.Context(), secret, "192.0.2.1"); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("revoked: %v", err)
	}
}

func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, _ := w.issue(token.Grant{Organization: 1})
	w.inventory.away = true
	if _, err := w.Admit(t.Context(), secret, "192.0.2.1"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
	w.inventory.away = false
	w.want(t, "back again", secret, true, true, false, false)
}

// A budget is one of the whole organization, and what is given back can be spent again.
func TestBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Gate = token.NewGate(token.Set{}, w.inventory, ratelimit.New(1, 10), func() time.Time { return w.now })
	scopes := make([]ingest.Scope, 2)
	for i := range scopes {
		secret, _ := w.issue(token.Grant{Organization: 1})
		scope, err := w.Admit(t.Context(), secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		scopes[i] = scope
	}
	giveBack, err := scopes[0].Spend(t.Context(), 8)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scopes[1].Spend(t.Context(), 7); !fault.Is(err, fault.Exhausted) || fault.RetryAfter(err) != 5*time.Second {
		t.Errorf("%v, wait %v; want exhausted for 5 s", err, fault.RetryAfter(err))
	}
	giveBack()
	if _, err := scopes[1].Spend(t.Context(), 7); err != nil {
		t.Errorf("after it was given back: %v", err)
	}
}

// Whoever guesses is stopped, and keeps nobody out who was in before.
func TestWrongTokensAreFew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, _ := w.issue(token.Grant{Organization: 1})
	w.want(t, "before", secret, true, true, false, false)
	stopped := 0
	for range 100 {
		wrong, _ := ingesttoken.New()
		_, err := w.Admit(t.Context(), wrong, "192.0.2.1")
		switch {
		case errors.Is(err, token.ErrTooMany):
			stopped++
		case !fault.Is(err, fault.Unauthenticated):
			t.Fatal(err)
		}
	}
	if stopped != 70 || w.inventory.askedTokens != 31 {
		t.Errorf("stopped %d of 100, asked %d times", stopped, w.inventory.askedTokens)
	}
	for _, garbage := range []string{"", "x", string(make([]byte, 1<<20))} {
		if _, err := w.Admit(t.Context(), garbage, "192.0.2.2"); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%.10q: %v", garbage, err)
		}
	}
	if w.inventory.askedTokens != 31 {
		t.Error("garbage is looked up")
	}
	w.now = w.now.Add(5 * time.Second)
	w.want(t, "from the same place", secret, true, true, false, false)
}
