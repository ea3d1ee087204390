package httpapi

import (
	"context"
	"sync"
	"time"
)

// gate lets a few at a time do what takes the database long; the others wait, and
// short questions find the database free. Each client has one turn at a time, and
// those who wait get theirs in turn, however often each of them has asked.
type gate struct {
	mu      sync.Mutex
	free    int
	inside  map[string]bool
	waiting map[string][]chan struct{}
	order   []string // the clients that wait
}

func newGate(size int) *gate {
	return &gate{free: max(size, 1), inside: map[string]bool{}, waiting: map[string][]chan struct{}{}}
}

// gateTime is how long one waits for one's turn. There is no point in reading for
// somebody who has gone.
const gateTime = 30 * time.Second

// enter waits for the client's turn, until leave is called.
func (g *gate) enter(ctx context.Context, client string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, gateTime)
	defer cancel()
	turn := g.queue(client)
	leave = func() { g.leave(client) }
	select {
	case <-turn:
		return leave, nil
	case <-ctx.Done():
		if !g.giveUp(client, turn) {
			leave() // it was let in at this very moment
		}
		return nil, ctx.Err()
	}
}

// queue returns what is closed when it is the client's turn.
func (g *gate) queue(client string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	turn := make(chan struct{})
	if len(g.waiting[client]) == 0 {
		g.order = append(g.order, client)
	}
	g.waiting[client] = append(g.waiting[client], turn)
	g.admit()
	return turn
}

func (g *gate) leave(client string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inside, client)
	g.free++
	if turns := g.waiting[client]; len(turns) > 0 { // behind those who waited meanwhile
		g.forget(client)
		g.waiting[client], g.order = turns, append(g.order, client)
	}
	g.admit()
}

// giveUp takes a turn out of the queue. It reports false if it is too late for that.
func (g *gate) giveUp(client string, turn chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, t := range g.waiting[client] {
		if t == turn {
			g.waiting[client] = append(g.waiting[client][:i], g.waiting[client][i+1:]...)
			if len(g.waiting[client]) == 0 {
				g.forget(client)
			}
			return true
		}
	}
	return false
}

// admit lets in whoever has waited longest among the clients that are not inside.
func (g *gate) admit() {
	for i := 0; i < len(g.order) && g.free > 0; {
		client := g.order[i]
		if g.inside[client] {
			i++
			continue
		}
		turns := g.waiting[client]
		close(turns[0])
		g.inside[client] = true
		g.free--
		g.forget(client)
		if len(turns) > 1 {
			g.waiting[client] = turns[1:]
			g.order = append(g.order, client)
		}
	}
}

func (g *gate) forget(client string) {
	delete(g.waiting, client)
	for i, c := range g.order {
		if c == client {
			g.order = append(g.order[:i], g.order[i+1:]...)
			return
		}
	}
}
