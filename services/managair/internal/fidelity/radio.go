package fidelity

import (
	"time"

	"github.com/google/uuid"
)

// Radio is how a node's uplinks reach us. What nobody told is nil.
type Radio struct {
	ID uuid.UUID
	// LastContact is when we last heard of the node, zero: never.
	LastContact time.Time
	// Of its last uplink; RSSI and SNR at the gateway that heard it best.
	SpreadingFactor, BandwidthKHz, FrequencyHz, Gateways, RSSIdBm *int64
	SNRdB                                                         *float64
	// Uplinks of the last RadioDays that came, and Expected as their frame counters tell.
	Uplinks, Expected int64
	// Mean are means over those of them of which it is known how they were received.
	Mean struct{ SpreadingFactor, Gateways, RSSIdBm, SNRdB *float64 }
}

// RadioDays are so many days of UTC, today the last.
const RadioDays = 7

// Lost is how many uplinks of the last RadioDays did not come. Those that were sent in one
// day may come in the next, so that there are none to come rather than less.
func (r *Radio) Lost() int64 { return max(r.Expected-r.Uplinks, 0) }

// Reception says in one word how well a node is received. The words are those of the HTTP API.
type Reception string

// The receptions.
const (
	// ReceptionUnknown is that of a node of which nobody told: no uplink in the last
	// RadioDays, or no radio.
	ReceptionUnknown Reception = "unknown"
	// ReceptionGood leaves nothing to do.
	ReceptionGood Reception = "good"
	// ReceptionWeak is that of a node far from any gateway: what comes, comes with little to spare.
	ReceptionWeak Reception = "weak"
	// ReceptionLosing is that of a node whose uplinks often do not come.
	ReceptionLosing Reception = "losing"
)

const (
	// LosingPercent of MinExpected uplinks or more is our choice: a few in a hundred meet
	// another sender on a link that works, a tenth leaves gaps that people see in a chart.
	LosingPercent = 10
	// MinExpected is from how many uplinks on a share says something.
	MinExpected = 20
	// WeakMarginDB is our choice, too: what a closed door or people in the room take away.
	WeakMarginDB = 5.0
	// WeakSpreadingFactor is the mean from which on a node has been told, or has found out, that
	// faster does not arrive.
	WeakSpreadingFactor = 10.5
)

// minSNRdB is what a receiver needs at least, by spreading factor from 6 on (SX1276/77/78/79
// data sheet, revision 7, table 13).
var minSNRdB = [...]float64{-5, -7.5, -10, -12.5, -15, -17.5, -20}

// MarginDB is by how much the mean SNR is above what a receiver needs at the mean spreading
// factor.
func (r *Radio) MarginDB() (margin float64, known bool) {
	sf, snr := r.Mean.SpreadingFactor, r.Mean.SNRdB
	if sf == nil || snr == nil {
		return 0, false
	}
	i := min(max(int(*sf+0.5)-6, 0), len(minSNRdB)-1)
	return *snr - minSNRdB[i], true
}

// Reception judges the last RadioDays.
func (r *Radio) Reception() Reception {
	margin, known := r.MarginDB()
	switch {
	case r.Expected >= MinExpected && r.Lost()*100 >= LosingPercent*r.Expected:
		return ReceptionLosing
	case !known:
		return ReceptionUnknown
	case margin < WeakMarginDB || *r.Mean.SpreadingFactor >= WeakSpreadingFactor:
		return ReceptionWeak
	default:
		return ReceptionGood
	}
}
