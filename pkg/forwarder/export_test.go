package forwarder

import (
	"net"
	"time"
)

// OnListening has tell called with the address of each port, by its variable, beside those
// who want to know it already.
func (c *Config) OnListening(tell func(variable string, at net.Addr)) {
	before := c.listening
	c.listening = func(variable string, at net.Addr) {
		if before != nil {
			before(variable, at)
		}
		tell(variable, at)
	}
}

// SetPatience sets how long a network server gets to say that it has queued a downlink.
func (c *Config) SetPatience(d time.Duration) { c.patience = d }
