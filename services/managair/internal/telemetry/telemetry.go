// Package telemetry has what nodes measured: series of samples, summaries of
// them, and coarser series for long spans. It knows samples by the number of
// their node; who may see them is decided where the node or installation is
// looked up.
package telemetry

import (
	"context"
	"math"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Span is a part of a node's series. Both ends are included, and are whole
// seconds, as the times of samples are.
type Span struct {
	NodeNo   int32
	From, To time.Time
}

// Within returns the part of a span between two times, false when there is none. An open
// end is the zero time.
func (s Span) Within(from, to time.Time) (Span, bool) {
	if s.From.Before(from) {
		s.From = from
	}
	if s.To.IsZero() || s.To.After(to) {
		s.To = to
	}
	return s, !s.From.After(s.To)
}

// Summary is what a span holds.
type Summary struct {
	Count int64
	// First is the time of the first sample, if it was asked for, Latest the last
	// sample; both are nil when there are none.
	First  *time.Time
	Latest *measurement.Sample
}

// Store keeps samples.
type Store interface {
	// Summaries returns one summary for each span, in their order.
	Summaries(ctx context.Context, spans []Span, first bool) ([]Summary, error)
	// Samples hands the samples of a span to yield, ascending by time, as they come
	// from the database. The first error of yield ends it and is returned.
	Samples(ctx context.Context, span Span, yield func(measurement.Sample) error) error
	// Rollup hands parts of the hours of a span to yield, ascending by time. An hour
	// may come in several parts; each lies in one hour only.
	Rollup(ctx context.Context, span Span, yield func(Bucket) error) error
}

// Resolution is the length of the buckets of a series; Raw has none.
type Resolution time.Duration

// The resolutions. Days are days in UTC.
const (
	Raw        Resolution = 0
	TenMinutes            = Resolution(10 * time.Minute)
	Hour                  = Resolution(time.Hour)
	Day                   = Resolution(24 * time.Hour)
)

// start returns the start of the bucket that t is in.
func (r Resolution) start(t time.Time) time.Time { return t.Truncate(time.Duration(r)) }

// Aggregate sums up the values of one quantity.
type Aggregate struct {
	N, Sum, Min, Max int
	// KnownS is of days: how many seconds of it are in hours with a value. Weighted is
	// the sum of the means of these hours, each times its seconds.
	KnownS   int
	Weighted float64
}

// Mean returns the mean, rounded half away from zero; it needs N > 0. That of a day is the
// mean of its hours of which something is known, that of anything shorter the mean of its
// samples: so a day has the same mean as its hours have together, however many samples
// they have.
func (a Aggregate) Mean() int {
	if a.KnownS > 0 {
		return int(math.Round(a.Weighted / float64(a.KnownS)))
	}
	if a.Sum < 0 {
		return (2*a.Sum - a.N) / (2 * a.N)
	}
	return (2*a.Sum + a.N) / (2 * a.N)
}

func (a Aggregate) merge(b Aggregate) Aggregate {
	switch {
	case a.N == 0:
		return b
	case b.N == 0:
		return a
	default:
		return Aggregate{
			N: a.N + b.N, Sum: a.Sum + b.Sum, Min: min(a.Min, b.Min), Max: max(a.Max, b.Max),
			KnownS: a.KnownS + b.KnownS, Weighted: a.Weighted + b.Weighted,
		}
	}
}

// lasting says how long what is summed up stands for.
func (a Aggregate) lasting(d time.Duration) Aggregate {
	if a.N > 0 {
		a.KnownS = int(d / time.Second)
		a.Weighted = float64(a.Sum) / float64(a.N) * d.Seconds()
	}
	return a
}

// Bucket sums up the samples of a stretch of time.
type Bucket struct {
	Start time.Time
	// CO2 is in ppm, Temperature in tenths of a degree Celsius, RelHumidity in
	// percent. Samples without a value do not count.
	CO2, Temperature, RelHumidity Aggregate
}

func (b *Bucket) merge(o Bucket) {
	b.CO2 = b.CO2.merge(o.CO2)
	b.Temperature = b.Temperature.merge(o.Temperature)
	b.RelHumidity = b.RelHumidity.merge(o.RelHumidity)
}

func (b *Bucket) lasting(d time.Duration) {
	b.CO2 = b.CO2.lasting(d)
	b.Temperature = b.Temperature.lasting(d)
	b.RelHumidity = b.RelHumidity.lasting(d)
}

// bucketOf returns the bucket of a single sample.
func bucketOf(s measurement.Sample) Bucket {
	b := Bucket{Start: s.Time, CO2: single(s.CO2PPM)}
	if s.TemperatureDecicelsius.Known {
		b.Temperature = single(s.TemperatureDecicelsius.Value)
	}
	if s.RelHumidityPercent.Known {
		b.RelHumidity = single(s.RelHumidityPercent.Value)
	}
	return b
}

func single(v int) Aggregate { return Aggregate{N: 1, Sum: v, Min: v, Max: v} }

// Buckets hands the buckets of a span that have samples to yield, ascending by
// time. Buckets at the ends hold only what is inside the span: what was measured
// before an installation began is not its own.
func Buckets(ctx context.Context, store Store, span Span, r Resolution, yield func(Bucket) error) error {
	parts := func(take func(Bucket) error) error { return store.Rollup(ctx, span, take) }
	switch r {
	case TenMinutes:
		parts = func(take func(Bucket) error) error { return singles(ctx, store, span, take) }
	case Day:
		return days(parts, func(t time.Time) (from, to time.Time) {
			from = r.start(t)
			return from, from.Add(time.Duration(r))
		}, yield)
	}
	return gather(parts, r.start, yield)
}

// LocalDays is Buckets for the days of a place, which begin and end by its clocks.
func LocalDays(ctx context.Context, store Store, span Span, place *time.Location, yield func(Bucket) error) error {
	parts := func(take func(Bucket) error) error { return singles(ctx, store, span, take) }
	// The roll-ups have no days of its own, but their hours make them up.
	if wholeHours(span, place) {
		parts = func(take func(Bucket) error) error { return store.Rollup(ctx, span, take) }
	}
	return days(parts, func(t time.Time) (from, to time.Time) {
		date := civil.DateOf(t.In(place))
		return date.In(place), date.AddDays(1).In(place)
	}, yield)
}

// days hands the days that parts, ascending by time, make up to yield: dayOf says when one
// begins and ends. Hours of UTC that reach over such an end count on both sides.
func days(parts func(take func(Bucket) error) error, dayOf func(time.Time) (from, to time.Time), yield func(Bucket) error) error {
	begin := func(t time.Time) time.Time {
		from, _ := dayOf(t)
		return from
	}
	hours := func(take func(Bucket) error) error {
		return gather(parts, func(t time.Time) time.Time {
			if from, hour := begin(t), Hour.start(t); from.Before(hour) {
				return hour
			}
			return begin(t)
		}, func(b Bucket) error {
			_, to := dayOf(b.Start)
			if end := Hour.start(b.Start).Add(time.Duration(Hour)); end.Before(to) {
				to = end
			}
			b.lasting(to.Sub(b.Start))
			return take(b)
		})
	}
	return gather(hours, begin, yield)
}

// wholeHours reports whether the clocks of a place are whole hours off UTC all through the span.
func wholeHours(span Span, place *time.Location) bool {
	for t := span.From.In(place); ; {
		if _, offset := t.Zone(); offset%3600 != 0 {
			return false
		}
		_, turn := t.ZoneBounds()
		if turn.IsZero() || turn.After(span.To) {
			return true
		}
		// At the end of some leap years, the bound that Go finds is t itself.
		if t = t.AddDate(0, 0, 1); turn.After(t) {
			t = turn
		}
	}
}

// singles hands the samples that count to take, a bucket each.
func singles(ctx context.Context, store Store, span Span, take func(Bucket) error) error {
	return Sound(ctx, store, span, func(s measurement.Sample) error { return take(bucketOf(s)) })
}

// Sound is Store.Samples without those that a sensor itself calls faulty: they say nothing
// of the air.
func Sound(ctx context.Context, store Store, span Span, yield func(measurement.Sample) error) error {
	return store.Samples(ctx, span, func(s measurement.Sample) error {
		if s.Status == measurement.Faulty {
			return nil
		}
		return yield(s)
	})
}

// gather hands what parts, ascending by time, make up to yield: start says in which bucket one is.
func gather(parts func(take func(Bucket) error) error, start func(time.Time) time.Time, yield func(Bucket) error) error {
	var current Bucket
	err := parts(func(part Bucket) error {
		start := start(part.Start)
		if current.CO2.N > 0 && !current.Start.Equal(start) {
			if err := yield(current); err != nil {
				return err
			}
			current = Bucket{}
		}
		current.Start = start
		current.merge(part)
		return nil
	})
	if err != nil || current.CO2.N == 0 {
		return err
	}
	return yield(current)
}
