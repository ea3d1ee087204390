package lorawan

import (
	"slices"
	"time"
)

const (
	// stall is from when on a difference is that of a stalled way and not of clocks: satellite
	// time that has missed the leap seconds is 18 s off.
	stall = 30 * time.Second
	// heldAtMost is how long a gateway, or a network between its servers, keeps what it cannot
	// hand on: over a weekend. Clocks that are further off are wrong.
	heldAtMost = 72 * time.Hour
	// heldByBroker is how long a broker may hold a message before it reaches us.
	heldByBroker = 30 * 24 * time.Hour
)

// MaxAhead is how far a right clock may be ahead of ours.
const MaxAhead = 5 * time.Minute

// Earliest is the time before which nothing was received.
var Earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Clocks are what is known of when an uplink was received. Each of them may be wrong, ours
// too: servers without a battery are in 1970, and gateways minutes ahead.
type Clocks struct {
	servers    []time.Time
	gateway    time.Time
	arrived    time.Time
	satellites time.Time
}

// Server tells when a server of the network had the uplink, by its own clock; the first one
// tells first.
func (c *Clocks) Server(at time.Time) { c.servers = append(c.servers, at) }

// Gateway tells what some gateway has, by whatever clock: better than our arrival if it may
// be right, and a witness for the servers.
func (c *Clocks) Gateway(at time.Time) { c.gateway = at }

// Arrived tells when a copy of the uplink came to the network, by a clock of the network.
func (c *Clocks) Arrived(at time.Time) {
	if c.arrived.IsZero() || at.Before(c.arrived) {
		c.arrived = at
	}
}

// Satellites tells when a gateway received the uplink, by the time of its satellite receiver.
// What a gateway has by any other clock is no help here: some are in 1980, and minutes ahead.
// All gateways receive a frame at once, so of those that differ the latest is the careful choice.
func (c *Clocks) Satellites(at time.Time) {
	if at.After(c.satellites) {
		c.satellites = at
	}
}

// Received returns when the uplink was received, of which the message came to us at a time,
// by our clock; zero: nobody knows. It is the best believable time, unless others say that
// the uplink waited before that. Without any clock it is zero.
func (c *Clocks) Received(here time.Time) time.Time {
	network := c.best(here)
	at := network
	for _, other := range []time.Time{c.arrived, c.satellites} {
		if waited := at.Sub(other); waited > stall && network.Sub(other) <= heldAtMost {
			at = other
		}
	}
	return at.UTC()
}

// best returns the first believable one of:
//  1. clocks that may be right by ours: the servers' in their order, then the gateway's, then
//     that of satellites;
//  2. a server's: then ours is wrong, or the message is old. One that is further ahead than
//     anything is held counts only where satellites confirm it;
//  3. our own.
//
// A server that alone is ahead of ours is believed, though it may be the one that is wrong: the
// sample waits until its time has come, and the operator is told to look after both clocks. Of the
// two it is the one that seldom is; what has waited can be counted back from its arrival, what was
// stored too early cannot be told from the rest. Servers of one network are one witness however
// many clocks they tell: they may run on one host.
func (c *Clocks) best(here time.Time) time.Time {
	servers := known(c.servers)
	told := slices.Concat(servers, known([]time.Time{c.gateway, c.satellites}))
	if here.Before(Earliest) {
		return agreed(told) // it is ours that is in 1970
	}
	if at := believable(told, here); !at.IsZero() {
		return at
	}
	for _, at := range servers {
		if at.Sub(here) <= heldAtMost || c.satellites.After(here) && at.Sub(c.satellites).Abs() <= heldAtMost {
			return at
		}
	}
	return here
}

// Ahead returns what the network's clock told if it is ahead of ours, and one of the two is
// wrong; else zero.
func (c *Clocks) Ahead(here time.Time) time.Time {
	servers := known(c.servers)
	if len(servers) == 0 || here.Before(Earliest) || !believable(servers, here).IsZero() {
		return time.Time{}
	}
	if at := servers[0].Sub(here); at <= MaxAhead || at > heldAtMost {
		return time.Time{}
	}
	return servers[0].UTC()
}

// agreed returns the first time that another one agrees with, or else the first; zero: there
// is none.
func agreed(told []time.Time) time.Time {
	for i, at := range told {
		for _, other := range told[i+1:] {
			if at.Sub(other).Abs() <= heldAtMost {
				return at
			}
		}
	}
	if len(told) == 0 {
		return time.Time{}
	}
	return told[0]
}

// known returns the times of clocks that were set.
func known(told []time.Time) (all []time.Time) {
	for _, at := range told {
		if !at.Before(Earliest) {
			all = append(all, at)
		}
	}
	return all
}

// believable returns the first time that may be right by our clock. Of two that are further
// apart than a network holds messages, that is the one nearer to our clock.
func believable(told []time.Time, here time.Time) (best time.Time) {
	for _, at := range told {
		if at.After(here.Add(MaxAhead)) || at.Before(here.Add(-heldByBroker)) {
			continue
		}
		if best.IsZero() || at.Sub(best).Abs() > heldAtMost && here.Sub(at).Abs() < here.Sub(best).Abs() {
			best = at
		}
	}
	return best
}
