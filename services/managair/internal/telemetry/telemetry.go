// Package telemetry has what nodes measured: series of samples, summaries of
// them, and coarser series for long spans. It knows samples by the number of
// their node; who may see them is decided where the node or installation is
// looked up.
package telemetry

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Span is a part of a node's series. Both ends are included.
type Span struct {
	NodeNo   int32
	From, To time.Time
}

// Summary is what a span holds.
type Summary struct {
	Count int64
	// First and Latest are the outermost samples, nil when there are none.
	First  *time.Time
	Latest *measurement.Sample
}

// Store keeps samples.
type Store interface {
	// Summaries returns one summary for each span, in their order.
	Summaries(ctx context.Context, spans []Span) ([]Summary, error)
	// Samples hands the samples of a span to yield, ascending by time, as they come
	// from the database. The first error of yield ends it and is returned.
	Samples(ctx context.Context, span Span, yield func(measurement.Sample) error) error
}
