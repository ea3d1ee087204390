// Package ingest keeps samples: it checks them, gathers those of concurrent
// callers into common transactions, and tells each caller what became of each
// sample. How they are written is left to a Store, how they come to a transport.
//
// The trap: a caller that gives up waiting does not know whether its samples were
// kept. It has to repeat them, which is harmless.
package ingest

import (
	"context"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// MaxSamples is how many samples a Batch may have, and how many uplinks; MaxReadings is how
// many readings.
const (
	MaxSamples  = 10_000
	MaxReadings = 4 * MaxSamples
)

// Batch is what a caller hands over at once: uplinks and, flattened, their
// samples. Nothing in it may be changed after it was handed over.
type Batch struct {
	Uplinks []Uplink
	Samples []measurement.Sample
	// Readings are quantities beside those of samples.
	Readings []quantity.Reading
	// Scope is what the sender may write; nil is everything.
	Scope Scope
}

// Scope is what a sender may write who is not trusted with everything: samples of some
// registered nodes. Of all others they change nothing.
type Scope interface {
	// Own reports of each of the nodes whether it is one of theirs. The error says that
	// nobody can tell, or that the sender may not write any more.
	Own(ctx context.Context, nodes []uuid.UUID) (map[uuid.UUID]bool, error)
	// Spend counts samples that they send. The error says that they are too many. giveBack
	// is called when they could not be kept, and does not count them.
	Spend(ctx context.Context, samples int) (giveBack func(), err error)
}

// Uplink is one message of a node.
type Uplink struct {
	keeping.Uplink

	// End is the index in Batch.Samples at which the next uplink's samples begin.
	End int
	// ReadingsEnd is the same of Batch.Readings.
	ReadingsEnd int
}

// Result tells what became of a Batch.
type Result struct {
	// Outcomes has one entry for each sample, in the order of Batch.Samples.
	Outcomes []keeping.Outcome
	// Rejections explains the outcomes Rejected, in ascending order of Sample.
	Rejections []Rejection
	// ReadingOutcomes and ReadingRejections are the same of Batch.Readings.
	ReadingOutcomes   []keeping.Outcome
	ReadingRejections []Rejection
	// Foreign says that there was something, and all of it was of nodes that the sender
	// may not write.
	Foreign bool
}

// Rejection says why a sample was rejected.
type Rejection struct {
	Sample int // index in Batch.Samples, or in Batch.Readings
	Fault  *fault.Violation
}

// UndecodedUplink is a message that no codec could read.
type UndecodedUplink struct {
	Meta      keeping.Metadata
	Forwarder string
	Payload   []byte
	Envelope  []byte
	Reason    string
}

// Listener hears of what was stored. Its methods must not wait.
type Listener interface {
	// Stored hands over rows of a flush; those with the outcome Stored are new. They
	// are valid during the call.
	Stored(rows []keeping.Row)
	// Missed says that samples may have been stored without Stored being called.
	Missed()
}

// Store keeps what comes.
type Store interface {
	keeping.Store

	// KeepUndecoded commits uplinks, or finds that it has them already.
	KeepUndecoded(ctx context.Context, uplinks []UndecodedUplink) error
}
