package telemetry

import (
	"context"
	"math"
	"time"

	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// Readings keeps quantities beside those of samples, and all of nodes without CO2.
type Readings interface {
	// Readings hands the values of one quantity in a span to yield, ascending by time. Temperature
	// and humidity of samples are among them, but for those of faulty sensors. The first error of
	// yield ends it and is returned.
	Readings(ctx context.Context, span Span, of quantity.ID, yield func(at time.Time, steps int32) error) error
	// LatestReadings returns the newest value of each quantity that was measured in the last
	// day of those with a reading in the span, by the numbers of the quantities.
	LatestReadings(ctx context.Context, span Span) ([]quantity.Reading, error)
}

// ReadingBucket sums up the values of one quantity over a stretch of time, in its steps.
type ReadingBucket struct {
	Start time.Time
	// N is how many values there are.
	N        int
	Min, Max int32
	// Value is what they are together, in the quantity's own way.
	Value float64
}

// ReadingBuckets hands the buckets of a quantity that have values to yield, ascending by time.
// As with samples, a day has the same mean as its hours have together.
func ReadingBuckets(ctx context.Context, store Readings, span Span, q quantity.Quantity, r Resolution, yield func(ReadingBucket) error) error {
	singles := func(take func(ReadingBucket) error) error {
		return store.Readings(ctx, span, q.ID, func(at time.Time, steps int32) error {
			return take(ReadingBucket{Start: at, N: 1, Min: steps, Max: steps, Value: float64(steps)})
		})
	}
	switch r {
	case Raw:
		return singles(yield)
	case Day:
		return together(q, r, func(take func(ReadingBucket) error) error { return together(q, Hour, singles, take) }, yield)
	default:
		return together(q, r, singles, yield)
	}
}

// together makes buckets of parts, ascending by time; each counts alike.
func together(q quantity.Quantity, r Resolution, parts func(take func(ReadingBucket) error) error, yield func(ReadingBucket) error) error {
	var current ReadingBucket
	var values level
	finish := func() error {
		if current.N == 0 {
			return nil
		}
		current.Value = values.of(q)
		return yield(current)
	}
	err := parts(func(part ReadingBucket) error {
		if start := r.start(part.Start); current.N == 0 || !current.Start.Equal(start) {
			if err := finish(); err != nil {
				return err
			}
			current, values = ReadingBucket{Start: start, Min: part.Min, Max: part.Max}, level{}
		}
		current.N += part.N
		current.Min, current.Max = min(current.Min, part.Min), max(current.Max, part.Max)
		values.add(q, part.Value)
		return nil
	})
	if err != nil {
		return err
	}
	return finish()
}

// level gathers values.
type level struct {
	n        int
	sum, max float64
}

func (l *level) add(q quantity.Quantity, v float64) {
	if l.n == 0 || v > l.max {
		l.max = v
	}
	if q.How == quantity.Energy {
		v = math.Pow(10, v/bel(q))
	}
	l.n++
	l.sum += v
}

func (l *level) of(q quantity.Quantity) float64 {
	switch q.How {
	case quantity.Sum:
		return l.sum
	case quantity.Max:
		return l.max
	case quantity.Energy:
		return bel(q) * math.Log10(l.sum/float64(l.n))
	default:
		return l.sum / float64(l.n)
	}
}

// bel is how many steps a bel has, of a quantity in decibel.
func bel(q quantity.Quantity) float64 { return 10 * math.Pow10(q.Decimals) }
