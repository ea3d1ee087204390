// Package freeport finds ports for servers that are started later, or again.
//
// Whoever listens at any port (":0") or connects somewhere gets a port out of a range of
// the system's. One out of that range that was free a moment ago may be another's when
// the server wants it, and while a server is restarted. So these are out of another range.
package freeport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Host is the interface that the ports are of.
const Host = "127.0.0.1"

// The range ends where that of Linux begins, whose default is 32768 to 60999.
const (
	first = 20_000
	end   = 32_768
)

// given are the ports that this process was given. Other processes choose by chance, too.
var given struct {
	sync.Mutex
	ports map[int]bool
}

// Find returns a TCP port of the loopback interface that nobody uses, and that it has not
// returned before.
func Find(ctx context.Context) (int, error) {
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	for range end - first {
		port := first + rand.IntN(end-first) //nolint:gosec // nobody has to guess it
		if given.ports[port] || !Free(ctx, port) {
			continue
		}
		given.ports[port] = true
		return port, nil
	}
	return 0, errors.New("no port of the loopback interface is free")
}

// Free reports whether nobody listens at a port.
func Free(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(Host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
