package app

import (
	"net"
	"sync"
)

// maxConnections is how many connections one address may have. Callers need one
// or two; several of them can stand behind one address.
const maxConnections = 256

// limit bounds the connections of each remote address.
func limit(l net.Listener, perAddress int) net.Listener {
	return &limitedListener{Listener: l, perAddress: perAddress, open: map[string]int{}}
}

type limitedListener struct {
	net.Listener

	perAddress int
	mu         sync.Mutex
	open       map[string]int
}

// Accept returns the next connection that is not one too many; those are closed.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
		if err != nil {
			host = conn.RemoteAddr().String()
		}
		if !l.add(host) {
			_ = conn.Close()
			continue
		}
		return &limitedConn{Conn: conn, closed: sync.OnceFunc(func() { l.remove(host) })}, nil
	}
}

func (l *limitedListener) add(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[host] >= l.perAddress {
		return false
	}
	l.open[host]++
	return true
}

func (l *limitedListener) remove(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[host]--; l.open[host] == 0 {
		delete(l.open, host)
	}
}

type limitedConn struct {
	net.Conn

	closed func()
}

func (c *limitedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}
