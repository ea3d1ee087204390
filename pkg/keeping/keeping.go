// Package keeping has what is said between those who hand samples over and a Store
// that keeps them: a Flush of samples with what their uplinks tell, and what became
// of each. It knows neither how samples come nor where they are kept.
package keeping

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// Uplink is one message of a node, or whatever else brings samples of one node.
type Uplink struct {
	NodeID uuid.UUID
	Meta   Metadata
	// Registered says that it comes from somebody who may speak of registered nodes only.
	// Where its node is none, in the end, its samples are rejected: nothing is kept aside.
	Registered bool
}

// Lengths of what network servers call things, in bytes: those of the contract, and of the
// columns. A longer name of an application is none: cut, it would be another one.
const (
	MaxDeviceID    = 64
	MaxApplication = 64
)

// Metadata is how an uplink came. Zero values are unknown.
type Metadata struct {
	DevEUI   lorawan.EUI64
	DeviceID string // the network server's name for the device
	Protocol string // the codec's name
	// Application is the network server's id of the application that the device is in.
	Application string
	// ReceivedAt is when the network server received the uplink.
	ReceivedAt    time.Time
	FPort         measurement.Reading
	FCnt          measurement.Reading
	DataRateIndex measurement.Reading
	// SpreadingFactor is 5 to 12, the bandwidth that of the LoRa modulation.
	SpreadingFactor measurement.Reading
	BandwidthKHz    measurement.Reading
	FrequencyHz     measurement.Reading
	// Gateways is how many heard the uplink, RSSI and SNR are those of the one that heard it best.
	Gateways          measurement.Reading
	RSSIDBm           measurement.Reading
	SNRDecibel        float32
	SNRKnown          bool
	BatteryPercent    measurement.Reading
	BatteryMillivolts measurement.Reading
}

// maxBandwidthKHz is that of the 2.4 GHz band (SX1280 data sheet: 203 to 1625 kHz).
const maxBandwidthKHz = 1625

// DropImplausible makes what cannot be true unknown: metadata is told beside the
// measurement and must not cost it. A time of reception ahead of our clock would
// let a node look alive for as long.
func (m *Metadata) DropImplausible(now time.Time) {
	for _, r := range []struct {
		reading   *measurement.Reading
		low, high int
	}{
		{&m.FPort, 0, math.MaxUint8},
		{&m.FCnt, 0, math.MaxUint32},
		{&m.DataRateIndex, 0, 15},
		{&m.SpreadingFactor, 5, 12},
		{&m.BandwidthKHz, 1, maxBandwidthKHz},
		{&m.FrequencyHz, 1, math.MaxUint32},
		{&m.Gateways, 1, math.MaxInt16},
		{&m.RSSIDBm, math.MinInt16, math.MaxInt16},
		{&m.BatteryPercent, 0, 100},
		{&m.BatteryMillivolts, 0, math.MaxInt32},
	} {
		if r.reading.Value < r.low || r.reading.Value > r.high {
			*r.reading = measurement.Reading{}
		}
	}
	if snr := float64(m.SNRDecibel); math.IsNaN(snr) || math.Abs(snr) > 1000 {
		m.SNRDecibel, m.SNRKnown = 0, false
	}
	if m.ReceivedAt.Before(measurement.Earliest) || m.ReceivedAt.After(now.Add(measurement.MaxAhead)) {
		m.ReceivedAt = time.Time{}
	}
}

// Outcome is what became of one sample.
type Outcome uint8

// The outcomes. Pending is never the answer to a caller.
const (
	Pending     Outcome = iota
	Stored              // new, and kept
	Duplicate           // the same sample was kept before
	Conflict            // another sample of the same node and time was kept before
	Rejected            // it breaks a rule; kept aside
	Parked              // the node is not registered; kept aside
	NumOutcomes         // how many there are
)

// String returns the outcome as it stands in metrics.
func (o Outcome) String() string {
	return [...]string{"pending", "stored", "duplicate", "conflict", "rejected", "parked"}[o]
}

// Foreign says what is wrong with a sample of a node that its sender may not write.
func Foreign() *fault.Violation {
	return &fault.Violation{
		Reason: reason.ForeignNode, Field: "node_id",
		Detail: "this token may not write for this node: it is not registered, of another organization, or not the one that the token is for",
	}
}

// ReadingConflict says what is wrong with a reading of which another value was there before.
func ReadingConflict() *fault.Violation {
	return &fault.Violation{Reason: reason.Conflict, Field: "time_s", Detail: "another value of this quantity, node and second was there before"}
}

// AsideFor are the codes of the reasons for which samples are kept aside.
var AsideFor = rule.Choice{
	reason.Conflict.Code(), reason.InFuture.Code(), reason.OutOfRange.Code(), reason.Refused.Code(), reason.TooOld.Code(),
}

// Row is one sample on its way into the store.
type Row struct {
	Sample measurement.Sample
	Uplink int32 // index in Flush.Uplinks
	// Outcome is set by the store; with Rejected the Fault, with Stored the number of
	// the node in the sample table.
	Outcome Outcome
	Fault   *fault.Violation
	NodeNo  int32
}

// RejectedRow is a sample to be kept aside, with the reason.
type RejectedRow struct {
	NodeID uuid.UUID
	Sample measurement.Sample
	DevEUI lorawan.EUI64
	Fault  *fault.Violation
}

// ReadingRow is one reading on its way into the store.
type ReadingRow struct {
	quantity.Reading

	Uplink int32 // index in Flush.Uplinks
	// Outcome is set by the store; with Rejected the Fault, with Stored the number of
	// the node.
	Outcome Outcome
	Fault   *fault.Violation
	NodeNo  int32
}

// RejectedReading is a reading to be kept aside, with the reason.
type RejectedReading struct {
	NodeID  uuid.UUID
	Reading quantity.Reading
	DevEUI  lorawan.EUI64
	Fault   *fault.Violation
}

// Flush is what goes into one transaction.
type Flush struct {
	At time.Time
	// Past says that nobody knows when the samples came: their nodes were heard of at
	// the times of the samples.
	Past     bool
	Uplinks  []*Uplink
	Rows     []Row
	Rejected []RejectedRow
	// Readings are quantities beside those of the rows; nobody knows any of the past.
	Readings         []ReadingRow
	RejectedReadings []RejectedReading
}

// Store keeps samples durably.
type Store interface {
	// Keep commits all of a flush and sets the outcome of each row and reading. What it rejects
	// itself it also keeps aside. An error of the kind fault.Invalid means that some
	// row cannot be taken at all; after any other error it is unknown what was kept.
	Keep(ctx context.Context, f *Flush) error
}
