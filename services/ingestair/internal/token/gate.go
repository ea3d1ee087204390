package token

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/place"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const (
	// freshness is for how long what the database said is believed: so long a token goes
	// on that was revoked, and a node that was handed over to others can be written.
	freshness = 5 * time.Second
	// lookUpTimeout bounds a question to the database.
	lookUpTimeout = 5 * time.Second
	// maxTokens and maxNodes bound what is remembered.
	maxTokens, maxNodes = 10_000, 100_000
	// Wrong tokens that one place may send, in a second and at once. Beyond it none is
	// looked up there that was not good before.
	wrongTokens, wrongTokensAtOnce = 1, 30
)

// ErrTooMany is the answer to whoever sends too many wrong tokens.
var ErrTooMany = fault.NewExhausted(time.Second/wrongTokens, "too many wrong tokens came from there; try again later")

// Grant is what the token of an organization opens.
type Grant struct {
	Organization int64
	Node         uuid.UUID // zero: all of the organization
}

// Store knows the tokens of organizations, and whose nodes are.
type Store interface {
	// Grant returns what the token with that digest opens, and notes that it is used. One
	// that is revoked is NotFound.
	Grant(ctx context.Context, digest ingesttoken.Digest) (Grant, error)
	// OwnNodes returns which of the nodes belong to an organization.
	OwnNodes(ctx context.Context, organization int64, nodes []uuid.UUID) ([]uuid.UUID, error)
}

// Gate lets in who has a token: that of the stack, or one of an organization. The stack's
// is compared in memory, and costs no question to the database.
type Gate struct {
	stack Set
	store Store
	now   func() time.Time
	wrong *ratelimit.Limiter
	// samples counts what each organization sends; nil bounds nothing.
	samples *ratelimit.Limiter
	asked   singleflight.Group

	mu     sync.Mutex
	grants map[ingesttoken.Digest]remembered
	own    map[ownership]time.Time
}

// remembered is a grant as it was at a time.
type remembered struct {
	Grant

	at time.Time
}

// ownership says that a node belongs to an organization.
type ownership struct {
	organization int64
	node         uuid.UUID
}

// NewGate returns a Gate. samples bounds what each organization sends, nil for no bound;
// now is the clock.
func NewGate(stack Set, store Store, samples *ratelimit.Limiter, now func() time.Time) *Gate {
	return &Gate{
		stack: stack, store: store, now: now, wrong: ratelimit.New(wrongTokens, wrongTokensAtOnce), samples: samples,
		grants: map[ingesttoken.Digest]remembered{}, own: map[ownership]time.Time{},
	}
}

// Stack reports whether a token is the stack's own.
func (g *Gate) Stack(token string) bool { return g.stack.Has(token) }

// Plausible reports whether a token can be one of an organization, without looking.
func (g *Gate) Plausible(token string) bool {
	_, ok := ingesttoken.DigestOf(token)
	return ok
}

// Admit returns what somebody with a token may write, nil for everything. from is the
// address from which it came.
func (g *Gate) Admit(ctx context.Context, token, from string) (ingest.Scope, error) {
	if g.stack.Has(token) {
		return nil, nil //nolint:nilnil // nil is everything
	}
	digest, ok := ingesttoken.DigestOf(token)
	if !ok {
		return nil, errUnknown()
	}
	if !g.knows(digest) && g.wrong.Wait(place.Of(from), g.now()) > 0 {
		return nil, ErrTooMany
	}
	_, err := g.grant(ctx, digest)
	if fault.Is(err, fault.Unauthenticated) {
		g.wrong.Take(place.Of(from), g.now())
	}
	if err != nil {
		return nil, err
	}
	return &scope{g, digest}, nil
}

func errUnknown() error { return fault.New(fault.Unauthenticated, "a valid bearer token is needed") }

// knows reports whether a token was good when it was last looked up.
func (g *Gate) knows(digest ingesttoken.Digest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.grants[digest]
	return ok
}

// grant returns what a token opens, as it was a moment ago at the most.
func (g *Gate) grant(ctx context.Context, digest ingesttoken.Digest) (Grant, error) {
	g.mu.Lock()
	known, ok := g.grants[digest]
	g.mu.Unlock()
	if ok && g.now().Sub(known.at) < freshness {
		return known.Grant, nil
	}
	found, err, _ := g.asked.Do(string(digest[:]), func() (any, error) {
		// Others wait for it, too: it is not for one caller to end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
		defer cancel()
		at := g.now() // before it is read: it may be changed meanwhile
		grant, err := g.store.Grant(ctx, digest)
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case fault.Is(err, fault.NotFound):
			delete(g.grants, digest)
			return Grant{}, errUnknown()
		case err != nil:
			return Grant{}, err
		}
		if len(g.grants) >= maxTokens {
			clear(g.grants)
		}
		g.grants[digest] = remembered{grant, at}
		return grant, nil
	})
	if err != nil {
		return Grant{}, err
	}
	return found.(Grant), nil
}

// scope is what a token of an organization may write.
type scope struct {
	gate   *Gate
	digest ingesttoken.Digest
}

// Spend is part of ingest.Scope.
func (s *scope) Spend(ctx context.Context, samples int) (giveBack func(), err error) {
	if s.gate.samples == nil {
		return func() {}, nil
	}
	grant, err := s.gate.grant(ctx, s.digest)
	if err != nil {
		return nil, err
	}
	organization := strconv.FormatInt(grant.Organization, 10)
	_, wait := s.gate.samples.TakeN(organization, samples, s.gate.now())
	if wait > 0 {
		return nil, fault.NewExhausted(time.Duration(wait)*time.Second, "this organization sends too many samples; try again in %d s", wait)
	}
	return func() { s.gate.samples.GiveBack(organization, samples, s.gate.now()) }, nil
}

// Own implements ingest.Scope. The token is looked at again: it may be that of a stream
// which goes on for long.
func (s *scope) Own(ctx context.Context, nodes []uuid.UUID) (map[uuid.UUID]bool, error) {
	grant, err := s.gate.grant(ctx, s.digest)
	if err != nil {
		return nil, err
	}
	own := make(map[uuid.UUID]bool, len(nodes))
	missing := s.gate.remember(grant, nodes, own)
	if len(missing) == 0 {
		return own, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	at := s.gate.now()
	found, err := s.gate.store.OwnNodes(ctx, grant.Organization, missing)
	if err != nil {
		return nil, err
	}
	s.gate.learn(grant, found, at)
	for _, node := range found {
		own[node] = true
	}
	return own, nil
}

// remember finds in memory which nodes the grant opens, and returns those that are to be
// looked up.
func (g *Gate) remember(grant Grant, nodes []uuid.UUID, own map[uuid.UUID]bool) (missing []uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, node := range nodes {
		if _, seen := own[node]; seen {
			continue
		}
		at, ok := g.own[ownership{grant.Organization, node}]
		own[node] = ok && now.Sub(at) < freshness
		switch {
		case grant.Node != uuid.Nil && node != grant.Node:
			own[node] = false
		case !own[node]:
			missing = append(missing, node)
		}
	}
	return missing
}

func (g *Gate) learn(grant Grant, nodes []uuid.UUID, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.own)+len(nodes) > maxNodes {
		clear(g.own)
	}
	for _, node := range nodes {
		g.own[ownership{grant.Organization, node}] = at
	}
}
