// Package fidelity says whether a node reports as it should: alive, missing, dead,
// or unknown because it never reported.
//
// The rule is a matter of time alone, so a check must run now and then; the store
// applies it to all nodes at once, by the figures of this package.
package fidelity

import (
	"time"

	"github.com/google/uuid"
)

// State is what is known of a node. The letters are those of the HTTP API and of the
// database.
type State byte

// The states.
const (
	Unknown State = 'U' // it never reported
	Alive   State = 'E' // it reported of late ("everything fine")
	Missing State = 'M' // it should have reported
	Dead    State = 'D' // someone should look after it
)

// The thresholds. With the default interval they are the predecessor's: a look-back
// of two hours, and twice that (managair, core/tasks.py).
const (
	// DefaultInterval is how often a node is expected to report that has no interval
	// of its own.
	DefaultInterval = time.Hour
	// MissingAfter and DeadAfter are how many intervals of silence are needed. Exactly at
	// a threshold the better state holds.
	MissingAfter = 2
	DeadAfter    = 4
)

// MinInterval and MaxInterval bound the interval of a node.
const (
	MinInterval = time.Minute
	MaxInterval = 7 * 24 * time.Hour
)

// Node is what the latest check found of a node.
type Node struct {
	ID    uuid.UUID
	State State
	// Fault is what is wrong with its measurements, FaultSince since when; zero if nothing is.
	Fault      Fault
	FaultSince time.Time
	// LastContact is when we last heard of the node, zero: never. It may be later than
	// the check.
	LastContact time.Time
	// CheckedAt is the time of the latest check of all nodes, zero: there was none yet.
	CheckedAt time.Time
	// What the node and the gateway that heard it best told last; nil if they did not.
	BatteryPercent, BatteryMillivolts, RSSIdBm *int64
}

// Outage is a time in which a node was silent for longer than it should.
type Outage struct {
	ID     int64
	NodeID uuid.UUID
	// From is the last contact before the silence, To a contact after it; zero while
	// it lasts. The node may have come back a little before To.
	From, To time.Time
	// NoticedAt is when a check found the node missing, DeadAt when one found it
	// dead; zero if none did.
	NoticedAt, DeadAt time.Time
}

// Summary counts the nodes of a check.
type Summary struct {
	CheckedAt                     time.Time // zero: there was none yet
	Unknown, Alive, Missing, Dead int
	Faulty                        int // of all of these
}
