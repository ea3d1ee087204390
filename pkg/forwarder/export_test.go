package forwarder

import "net"

// OnListening has tell called with the address of each port, by its variable.
func (c *Config) OnListening(tell func(variable string, at net.Addr)) { c.listening = tell }
