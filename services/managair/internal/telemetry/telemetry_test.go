package telemetry_test

import (
	"context"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// halfHourly has a sample each half hour, and their roll-ups.
type halfHourly struct {
	telemetry.Store
	rolled bool
}

func (h *halfHourly) Samples(_ context.Context, span telemetry.Span, yield func(measurement.Sample) error) error {
	for t := span.From.Truncate(30 * time.Minute); !t.After(span.To); t = t.Add(30 * time.Minute) {
		if err := yield(measurement.Sample{Time: t, CO2PPM: 400, Status: measurement.Measured}); err != nil {
			return err
		}
	}
	return nil
}

func (h *halfHourly) Rollup(ctx context.Context, span telemetry.Span, yield func(telemetry.Bucket) error) error {
	h.rolled = true
	return h.Samples(ctx, span, func(s measurement.Sample) error {
		return yield(telemetry.Bucket{Start: s.Time.Truncate(time.Hour), CO2: telemetry.Aggregate{N: 1, Sum: 400, Min: 400, Max: 400}})
	})
}

// Days begin by the clocks of the place all through the span, not only where it ends: those of Lord Howe
// are half an hour off in winter.
func TestLocalDays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		zone   string
		from   string
		to     string
		rolled bool
	}{
		{"Europe/Berlin", "2025-01-01T00:00:00Z", "2026-01-31T00:00:00Z", true},
		{"Asia/Kathmandu", "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z", false},
		{"Australia/Lord_Howe", "2025-01-01T00:00:00Z", "2026-01-31T00:00:00Z", false},
		{"Australia/Lord_Howe", "2025-06-01T00:00:00Z", "2026-01-31T00:00:00Z", false},
		{"Australia/Lord_Howe", "2025-11-01T00:00:00Z", "2026-01-31T00:00:00Z", true},
		{"Europe/Berlin", "2040-12-01T00:00:00Z", "2041-01-31T00:00:00Z", true},
		// Clocks skip midnight there when summer begins.
		{"America/Havana", "2026-02-01T05:00:00Z", "2026-04-30T00:00:00Z", true},
		{"America/Santiago", "2026-08-01T04:00:00Z", "2026-10-31T00:00:00Z", true},
		{"UTC", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z", true},
	} {
		t.Run(test.zone+" "+test.from, func(t *testing.T) {
			t.Parallel()
			place, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			from, _ := time.Parse(time.RFC3339, test.from)
			to, _ := time.Parse(time.RFC3339, test.to)
			want := map[time.Time]int{}
			for at := from.In(place); !at.After(to); at = at.Add(30 * time.Minute) {
				begin := at // of its day: the first moment of that date
				for before := at; before.Day() == at.Day(); before = before.Add(-15 * time.Minute) {
					begin = before
				}
				want[begin]++
			}
			store := &halfHourly{}
			days := 0
			err = telemetry.LocalDays(t.Context(), store, telemetry.Span{From: from, To: to}, place, func(b telemetry.Bucket) error {
				days++
				if b.CO2.N != want[b.Start] {
					t.Errorf("%v has %d samples, want %d", b.Start, b.CO2.N, want[b.Start])
				}
				if full := civil.DateOf(b.Start).AddDays(1).In(place).Sub(b.Start); b.CO2.N == int(full/(30*time.Minute)) && b.CO2.KnownS != int(full.Seconds()) {
					t.Errorf("%v is known for %d s, and lasts %v", b.Start, b.CO2.KnownS, full)
				}
				return nil
			})
			if err != nil || days != len(want) {
				t.Errorf("%d days, want %d; %v", days, len(want), err)
			}
			if store.rolled != test.rolled {
				t.Errorf("made of roll-ups: %v", store.rolled)
			}
		})
	}
}

// series is a node's samples, rolled up or not.
type series struct {
	telemetry.Store
	samples []measurement.Sample
}

func (s *series) Rollup(_ context.Context, _ telemetry.Span, yield func(telemetry.Bucket) error) error {
	for _, m := range s.samples {
		one := telemetry.Aggregate{N: 1, Sum: m.CO2PPM, Min: m.CO2PPM, Max: m.CO2PPM}
		if err := yield(telemetry.Bucket{Start: m.Time.Truncate(time.Hour), CO2: one}); err != nil {
			return err
		}
	}
	return nil
}

// A day of which three hours are known counts for three hours, however many samples they have.
func TestADayIsTheMeanOfItsKnownHours(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	store := &series{}
	for minute := range 60 { // a busy hour
		store.samples = append(store.samples, measurement.Sample{Time: midnight.Add(time.Duration(minute) * time.Minute), CO2PPM: 2000})
	}
	for _, hour := range []int{5, 22} { // and two quiet ones
		store.samples = append(store.samples, measurement.Sample{Time: midnight.Add(time.Duration(hour) * time.Hour), CO2PPM: 500})
	}
	span := telemetry.Span{From: midnight, To: midnight.AddDate(0, 0, 1)}
	var days []telemetry.Bucket
	err := telemetry.Buckets(t.Context(), store, span, telemetry.Day, func(b telemetry.Bucket) error {
		days = append(days, b)
		return nil
	})
	if err != nil || len(days) != 1 {
		t.Fatalf("%v, %v", days, err)
	}
	if co2 := days[0].CO2; co2.Mean() != 1000 || co2.KnownS != 3*3600 || co2.N != 62 || co2.Max != 2000 {
		t.Errorf("mean %d, known for %d s, %d samples", co2.Mean(), co2.KnownS, co2.N)
	}
	if days[0].Temperature != (telemetry.Aggregate{}) {
		t.Errorf("nothing is known of its temperature: %+v", days[0].Temperature)
	}
}
