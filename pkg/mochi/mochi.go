// Package mochi ends the MQTT broker of that name, which tests and the demo run within
// their own process.
package mochi

import (
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Close ends the broker. Its own Close stands still for ever when a client leaves at that
// moment (v2.7.9: Clients.GetByListener takes the same lock for reading twice, and
// Clients.Delete waits in between), so all have to be gone before.
func Close(s *mqtt.Server) error {
	const patience = 5 * time.Second
	for _, c := range s.Clients.GetAll() {
		_ = s.DisconnectClient(c, packets.ErrServerShuttingDown) // it may be gone already
	}
	for deadline := time.Now().Add(patience); leaving(s) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return s.Close()
}

// leaving reports whether there are clients whose session ends with their connection.
func leaving(s *mqtt.Server) bool {
	for _, c := range s.Clients.GetAll() {
		p := &c.Properties
		if p.ProtocolVersion < 5 && p.Clean || p.ProtocolVersion == 5 && p.Props.SessionExpiryInterval == 0 {
			return true
		}
	}
	return false
}
