package app

import (
	"net"
	"sync"

	"github.com/clairberlin/clair-stack/services/ingestair/internal/quota"
)

// maxConnections is how many connections one address may have. Callers need one
// or two; several of them can stand behind one address.
const maxConnections = 256

// limit bounds the connections of each remote address.
func limit(l net.Listener, perAddress int) net.Listener {
	return &limitedListener{Listener: l, connections: quota.New(perAddress)}
}

type limitedListener struct {
	net.Listener

	connections *quota.Quota
}

// Accept returns the next connection that is not one too many; those are closed.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		giveBack, ok := l.connections.Take(conn.RemoteAddr())
		if !ok {
			_ = conn.Close()
			continue
		}
		return &limitedConn{Conn: conn, closed: sync.OnceFunc(giveBack)}, nil
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
