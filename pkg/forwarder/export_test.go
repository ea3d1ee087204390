package forwarder

import "net"

// OnListening has tell called with the address of the webhook.
func (c *Config) OnListening(tell func(webhook net.Addr)) { c.listening = tell }
