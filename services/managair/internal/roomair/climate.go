package roomair

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/climate"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Climate is how the climate in a room was for things. It comes from what whoever asks may
// see of the room's temperature and humidity.
type Climate struct {
	// Period ends now when it is not over.
	Period airquality.Period
	// Band is what it is judged by; nil: nobody chose one, and all the following is empty.
	Band *climate.Band
	climate.Verdict
	History climate.History
	// Seen is what the sensors told, all of them together.
	Temperature, RelHumidity Seen
}

// Seen is what a quantity was in the known hours of a period: °C or %.
type Seen struct {
	// Hours is how many are known: 0, and the others say nothing.
	Hours           int
	Low, Mean, High float64
}

// add counts a value of an hour, the mean of what was measured in it.
func (s *Seen) add(value *float64) {
	if value == nil {
		return
	}
	if s.Hours == 0 {
		s.Low, s.High = *value, *value
	}
	s.Low, s.High = min(s.Low, *value), max(s.High, *value)
	s.Hours++
	s.Mean += (*value - s.Mean) / float64(s.Hours)
}

// Climate judges the climate of a room over the period that is chosen by its time zone: by
// the band of the id, or by that of the room when that is "".
func (s Service) Climate(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, by string, now time.Time) (Climate, error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return Climate{}, err
	}
	c := Climate{Period: period(loc)}
	if by == "" {
		by = room.Band
	}
	band, known := climate.Find(by)
	if !known {
		return c, nil
	}
	c.Band = &band
	if now.Before(c.Period.To) {
		c.Period.To = now.In(loc).Truncate(time.Hour) // hours that are not over say little of themselves
	}
	if c.Period.To.Before(c.Period.From) {
		c.Period.To = c.Period.From
	}
	var series [][]climate.Hour
	for _, one := range room.Installations {
		// An hour more, so that the first of so many months may be a whole one.
		span, ok := one.Within(c.Period.To.AddDate(0, -climate.HistoryNeeded, 0).Add(-time.Hour), c.Period.To.Add(-time.Second))
		if !ok {
			continue
		}
		hours, err := s.hours(ctx, span)
		if err != nil {
			return Climate{}, fmt.Errorf("climate of room %d: %w", id, err)
		}
		series = append(series, hours)
	}
	c.Verdict = climate.Judge(band, c.Period.From, c.Period.To, series...)
	c.History = climate.Past(c.Period.To, series...)
	for _, hours := range series {
		for _, h := range hours {
			if !h.Begin.Before(c.Period.From) {
				c.Temperature.add(h.TemperatureCelsius)
				c.RelHumidity.add(h.RelHumidityPercent)
			}
		}
	}
	return c, nil
}

// hours returns the hours of a span in which something was measured.
func (s Service) hours(ctx context.Context, span telemetry.Span) ([]climate.Hour, error) {
	var hours []climate.Hour
	err := telemetry.Buckets(ctx, s.Samples, span, telemetry.Hour, func(b telemetry.Bucket) error {
		hours = append(hours, climate.Hour{
			Begin:              b.Start,
			TemperatureCelsius: meanOf(b.Temperature, 10), // tenths
			RelHumidityPercent: meanOf(b.RelHumidity, 1),
		})
		return nil
	})
	return hours, err
}

// meanOf returns the mean of what is told in parts of the unit; nil when nothing is.
func meanOf(a telemetry.Aggregate, parts float64) *float64 {
	if a.N == 0 {
		return nil
	}
	mean := float64(a.Sum) / float64(a.N) / parts
	return &mean
}
