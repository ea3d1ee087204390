package lorawan

import "time"

const (
	// stall is from when on a difference is that of a stalled way and not of clocks: satellite
	// time that has missed the leap seconds is 18 s off.
	stall = 30 * time.Second
	// heldAtMost is how long a gateway keeps what it cannot hand on: over a weekend. Clocks
	// that are further off are wrong.
	heldAtMost = 72 * time.Hour
)

// Clocks are what is known of when an uplink was received, beside the network server's own
// time: what waited somewhere on its way there, all of it in one second, was received before.
type Clocks struct {
	arrived    time.Time
	satellites time.Time
}

// Arrived tells when a copy of the uplink came to the network, by a clock of the network.
func (c *Clocks) Arrived(at time.Time) {
	if c.arrived.IsZero() || at.Before(c.arrived) {
		c.arrived = at
	}
}

// Satellites tells when a gateway received the uplink, by the time of its satellite receiver.
// What a gateway has by any other clock is no help: some are in 1980, and minutes ahead. All
// gateways receive a frame at once, so of those that differ the latest is the careful choice.
func (c *Clocks) Satellites(at time.Time) {
	if at.After(c.satellites) {
		c.satellites = at
	}
}

// Received returns when the uplink was received: the network server's time, unless others
// say that it waited.
func (c *Clocks) Received(network time.Time) time.Time {
	at := network
	for _, other := range []time.Time{c.arrived, c.satellites} {
		if waited := at.Sub(other); waited > stall && network.Sub(other) <= heldAtMost {
			at = other
		}
	}
	return at.UTC()
}
