package roomair

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/ventilation"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Ventilation is how the air in a room was changed over a period. All but Occupied comes from
// CO2 alone, which whoever asks may see.
type Ventilation struct {
	Period airquality.Period
	// Member: the caller is of the organization, and may know when people were there.
	Member bool
	// Result is that of all sensors together; what began in the period is in it.
	ventilation.Result
	// Closed and Airing are what is usual, nil where there is no rate.
	Closed, Airing *Flow
	// Halving is how long airings usually take to let half of the used air out; 0: there was none.
	Halving time.Duration
	// VolumeM3 and People are those of the room, as in Room.
	VolumeM3 float64
	People   int
	// Days are those of the period.
	Days []AiredDay
	// WorstHour is the hour of the clock in which most of the air was rebreathed, nil when no whole
	// hour is known. Occupied is over occupied time, nil for others than members, and when
	// less than MinOccupied of it is known.
	WorstHour, Occupied *Rebreathed
}

// MinOccupied is how much occupied time must be known to say what people breathed.
const MinOccupied = time.Hour

// Flow is what is usual of a kind of rates, for a room.
type Flow struct {
	ventilation.Rate
	// M3PerHour is the rate times the volume, and PerPerson that divided by how many people the
	// room is meant for; nil where one of these is not known.
	M3PerHour, M3PerHourPerPerson *float64
}

// AiredDay is a day of the period.
type AiredDay struct {
	Start time.Time
	// Known is how much of it was measured.
	Known time.Duration
	// Airings is how often windows were opened, Latest the begin of the last one.
	Airings int
	Latest  time.Time
	// MaxPPM is the highest of its known points of ten minutes, 0 when there is none.
	MaxPPM float64
}

// Rebreathed is what others have breathed before of the air.
type Rebreathed struct {
	From, To time.Time
	MeanPPM  float64
	Fraction float64
}

const (
	// after is what is read beyond a period, so that what began in it has its end.
	after = 6 * time.Hour
	// thinned is to what readings are averaged: no rate that is told needs them closer, and a
	// sensor that sends each second costs no more than others.
	thinned = 2 * time.Minute
)

// Ventilation tells how the air of a room was changed over the period that is chosen by its
// time zone.
func (s Service) Ventilation(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, now time.Time) (Ventilation, error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return Ventilation{}, err
	}
	v := Ventilation{Period: period(loc), Member: room.Member, VolumeM3: room.VolumeM3, People: room.People}
	air := airquality.Begin(v.Period)
	var results []ventilation.Result
	for _, one := range room.Installations {
		span, ok := one.Within(v.Period.From.Add(-airquality.MaxGap), v.Period.To.Add(after))
		if !ok {
			continue
		}
		readings, err := s.thin(ctx, span, air)
		if err != nil {
			return Ventilation{}, fmt.Errorf("ventilation of room %d: %w", id, err)
		}
		if len(readings) >= ventilation.MinPoints {
			results = append(results, ventilation.Analyze(readings))
		}
	}
	air.End()
	v.Result = begunIn(ventilation.Together(results...), v.Period)
	v.Closed, v.Airing = v.flow(ventilation.Closed), v.flow(ventilation.Airing)
	v.Halving = ventilation.UsualHalving(v.Airings)
	v.tellDays(air)
	v.tellWorstHour(air)
	if room.Member {
		days, err := s.knownDays(ctx, id, v.Period, now)
		if err != nil {
			return Ventilation{}, err
		}
		v.tellOccupied(air, occupancy.Spans(days))
	}
	return v, nil
}

// thin hands the samples of an installation to an analysis, and returns their means over a short time.
func (s Service) thin(ctx context.Context, span telemetry.Span, air *airquality.Analysis) ([]ventilation.Reading, error) {
	series := air.Installation()
	var readings []ventilation.Reading
	var begun time.Time
	sum, n := 0, 0
	end := func() {
		if n > 0 {
			readings = append(readings, ventilation.Reading{Time: begun, CO2PPM: float64(sum) / float64(n)})
		}
		sum, n = 0, 0
	}
	err := s.Samples.Samples(ctx, span, func(sample measurement.Sample) error {
		if sample.Status == measurement.Faulty {
			return nil
		}
		series.Add(airquality.Sample{Time: sample.Time, CO2PPM: sample.CO2PPM})
		if n > 0 && sample.Time.Sub(begun) >= thinned {
			end()
		}
		if n == 0 {
			begun = sample.Time
		}
		sum += sample.CO2PPM
		n++
		return nil
	})
	end()
	series.End()
	return readings, err
}

// begunIn leaves what began in a period.
func begunIn(r ventilation.Result, p airquality.Period) ventilation.Result {
	outside := func(t time.Time) bool { return t.Before(p.From) || !t.Before(p.To) }
	r.Airings = slices.DeleteFunc(r.Airings, func(o ventilation.Opened) bool { return outside(o.From) })
	r.Decays = slices.DeleteFunc(r.Decays, func(d ventilation.Decay) bool { return outside(d.From) })
	r.Abstained = slices.DeleteFunc(r.Abstained, func(a ventilation.Abstained) bool { return outside(a.From) })
	return r
}

func (v *Ventilation) flow(kind ventilation.Kind) *Flow {
	usual, ok := ventilation.Usual(v.Decays, kind)
	if !ok {
		return nil
	}
	f := Flow{Rate: usual}
	if v.VolumeM3 > 0 {
		flow := usual.PerHour * v.VolumeM3
		f.M3PerHour = &flow
		if v.People > 0 {
			each := flow / float64(v.People)
			f.M3PerHourPerPerson = &each
		}
	}
	return &f
}

func (v *Ventilation) tellDays(air *airquality.Analysis) {
	_, points := air.Course()
	v.Days = make([]AiredDay, len(air.Days))
	rest := v.Airings
	for i := range air.Days {
		d := &air.Days[i]
		day := &v.Days[i]
		day.Start, day.Known = d.Start, time.Duration(d.Points-d.Missing)*airquality.Step
		for _, ppm := range points[:d.Points] {
			if ppm > day.MaxPPM { // not where nothing is known
				day.MaxPPM = ppm
			}
		}
		points = points[d.Points:]
		for len(rest) > 0 && rest[0].From.Before(d.End) {
			day.Airings++
			day.Latest = rest[0].From
			rest = rest[1:]
		}
	}
}

// tellWorstHour finds it among the hours of the clock of which all points are known.
func (v *Ventilation) tellWorstHour(air *airquality.Analysis) {
	const points = int(time.Hour / airquality.Step)
	times, ppm := air.Course()
	for i := 0; i+points <= len(times); i += points {
		sum := 0.0
		for _, one := range ppm[i : i+points] {
			sum += one
		}
		// NaN, where one is not known, is more than nothing.
		if mean := sum / float64(points); v.WorstHour == nil && !math.IsNaN(mean) || v.WorstHour != nil && mean > v.WorstHour.MeanPPM {
			from := time.Unix(times[i], 0)
			v.WorstHour = v.rebreathed(from, from.Add(time.Hour), mean)
		}
	}
}

func (v *Ventilation) tellOccupied(air *airquality.Analysis, spans []occupancy.Span) {
	times, ppm := air.Course()
	var sum float64
	n := 0
	for i, t := range times {
		at := time.Unix(t, 0)
		for len(spans) > 0 && !at.Before(spans[0].To) {
			spans = spans[1:]
		}
		if len(spans) > 0 && !at.Before(spans[0].From) && !math.IsNaN(ppm[i]) {
			sum += ppm[i]
			n++
		}
	}
	if time.Duration(n)*airquality.Step >= MinOccupied {
		v.Occupied = v.rebreathed(v.Period.From, v.Period.To, sum/float64(n))
	}
}

func (v *Ventilation) rebreathed(from, to time.Time, meanPPM float64) *Rebreathed {
	if v.BackgroundPPM == 0 {
		return nil
	}
	return &Rebreathed{From: from, To: to, MeanPPM: meanPPM, Fraction: ventilation.RebreathedFraction(meanPPM, v.BackgroundPPM)}
}
