package forwarder

import (
	"net"
	"time"
)

// OnListening has tell called with the address of each port, by its variable.
func (c *Config) OnListening(tell func(variable string, at net.Addr)) { c.listening = tell }

// SetPatience sets how long a network server gets to say that it has queued a downlink.
func (c *Config) SetPatience(d time.Duration) { c.patience = d }
