// Package turn lets a few at a time do what is costly: the others wait for their turn,
// which comes in an order that is fair between clients.
package turn

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Class says who comes first: as long as somebody of one waits, those of the next do.
type Class int

// The classes.
const (
	Known    Class = iota // who is known to be who they say
	Ordinary              // everybody
	Doubtful              // who may be up to no good
	classes
)

// Gate lets a few in at a time. Within a class each client has one turn at a time, and
// those who wait get theirs in turn, however often each of them has asked.
type Gate struct {
	patience time.Duration
	crowd    int
	kept     int // of the places, for the class Known

	mu      sync.Mutex
	free    int
	inside  map[string]bool
	waiting map[waiter][]chan struct{}
	order   [classes][]string // the clients that wait
}

// waiter is a client that waits in a class.
type waiter struct {
	class  Class
	client string
}

// ErrTooLong refuses who has waited in vain, or who would be one too many of their client.
var ErrTooLong = fault.New(fault.Unavailable, "too many are asking at once; try again")

// New returns a gate for so many at a time. Nobody waits longer than patience, and of
// each client so many at the most; 0 is no bound of these.
func New(size int, patience time.Duration, crowd int) *Gate {
	return &Gate{patience: patience, crowd: crowd, free: max(size, 1), inside: map[string]bool{}, waiting: map[waiter][]chan struct{}{}}
}

// KeepForKnown keeps so many of the gate's places for clients of the class Known. At least
// one place remains for the others, too.
func (g *Gate) KeepForKnown(places int) *Gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kept = min(places, g.free-1)
	return g
}

// Enter waits for the client's turn, until leave is called. Its error is ErrTooLong, or
// what has ended ctx.
func (g *Gate) Enter(ctx context.Context, client string, class Class) (leave func(), err error) {
	if g.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, g.patience, ErrTooLong)
		defer cancel()
	}
	who := waiter{class, client}
	turn := g.queue(who)
	if turn == nil {
		return nil, ErrTooLong
	}
	leave = func() { g.leave(who) }
	select {
	case <-turn:
		return leave, nil
	case <-ctx.Done():
		if !g.giveUp(who, turn) {
			leave() // it was let in at this very moment
		}
		return nil, context.Cause(ctx)
	}
}

// queue returns what is closed when it is their turn, nil if they are too many.
func (g *Gate) queue(who waiter) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.crowd > 0 && len(g.waiting[who]) >= g.crowd {
		return nil
	}
	turn := make(chan struct{})
	if len(g.waiting[who]) == 0 {
		g.order[who.class] = append(g.order[who.class], who.client)
	}
	g.waiting[who] = append(g.waiting[who], turn)
	g.admit()
	return turn
}

func (g *Gate) leave(who waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inside, who.client)
	g.free++
	if turns := g.waiting[who]; len(turns) > 0 { // behind those who waited meanwhile
		g.forget(who)
		g.waiting[who], g.order[who.class] = turns, append(g.order[who.class], who.client)
	}
	g.admit()
}

// giveUp takes a turn out of the queue. It reports false if it is too late for that.
func (g *Gate) giveUp(who waiter, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	turns := g.waiting[who]
	i := slices.Index(turns, turn)
	if i < 0 {
		return false
	}
	if g.waiting[who] = slices.Delete(turns, i, i+1); len(g.waiting[who]) == 0 {
		g.forget(who)
	}
	return true
}

// admit lets in whoever has waited longest among the clients that are not inside, of the
// first class that has any.
func (g *Gate) admit() {
	for class := range classes {
		kept := g.kept
		if class == Known {
			kept = 0
		}
		for i := 0; i < len(g.order[class]) && g.free > kept; {
			who := waiter{class, g.order[class][i]}
			if g.inside[who.client] {
				i++
				continue
			}
			turns := g.waiting[who]
			close(turns[0])
			g.inside[who.client] = true
			g.free--
			g.forget(who)
			if len(turns) > 1 {
				g.waiting[who] = turns[1:]
				g.order[class] = append(g.order[class], who.client)
			}
		}
	}
}

func (g *Gate) forget(who waiter) {
	delete(g.waiting, who)
	if i := slices.Index(g.order[who.class], who.client); i >= 0 {
		g.order[who.class] = slices.Delete(g.order[who.class], i, i+1)
	}
}
