// Package relaytest passes connections on to a server, and lets them fail as machines and
// networks do: a machine that is gone closes nothing.
package relaytest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// Relay is between clients and a server.
type Relay struct {
	// Address is where clients connect, host:port.
	Address string
	to      string

	mu      sync.Mutex
	gate    chan struct{} // of new connections; closed: bytes pass
	refuses bool
	links   map[*link]bool
}

// link is a connection and that to the server.
type link struct {
	from, to net.Conn
	gate     chan struct{}
}

// Start lets a relay to a TCP address run until the test ends.
func Start(t testing.TB, to string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Address: listener.Addr().String(), to: to, gate: open(), links: map[*link]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.serve(ctx, from) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		r.Refuse()
		running.Wait()
	})
	return r
}

func open() chan struct{} {
	gate := make(chan struct{})
	close(gate)
	return gate
}

func (r *Relay) serve(ctx context.Context, from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := new(net.Dialer).DialContext(ctx, "tcp", r.to)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	l := &link{from: from, to: to}
	if !r.admit(l) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { r.pass(ctx, l, from, to) })
	r.pass(ctx, l, to, from)
	back.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
}

func (r *Relay) admit(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		return false
	}
	l.gate = r.gate
	r.links[l] = true
	return true
}

// pass copies until either end is closed.
func (r *Relay) pass(ctx context.Context, l *link, to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		gate := l.gate
		r.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// Freeze lets nothing pass, and closes nothing: the server's machine is gone.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = make(chan struct{})
	for l := range r.links {
		l.gate = r.gate
	}
}

// Abandon lets nothing pass on the connections that there are, and closes none: the server
// has come back on another machine.
func (r *Relay) Abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := range r.links {
		l.gate = make(chan struct{})
	}
}

// Refuse ends all connections, and takes none: the server has ended.
func (r *Relay) Refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = true
	for l := range r.links {
		_, _ = l.from.Close(), l.to.Close()
	}
}

// Mend undoes Freeze and Refuse.
func (r *Relay) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = false
	select {
	case <-r.gate:
	default:
		close(r.gate)
	}
}
