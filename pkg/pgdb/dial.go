package pgdb

import (
	"net"
	"time"
)

const (
	// unacknowledged is how long a server may leave unacknowledged what was sent. One whose
	// machine or container is gone says nothing, and a query would wait for as long as its
	// caller does. How long a query takes has nothing to do with it: that is acknowledged.
	unacknowledged = 5 * time.Second
	// pingTimeout bounds the question whether a connection that was idle is still one.
	pingTimeout = 2 * time.Second
)

// newDialer returns what connects to servers. While a query waits for its answer the server
// is asked whether it is there.
func newDialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: unacknowledged, Interval: unacknowledged, Count: 2},
		Control:         boundUnacknowledged,
	}
}
