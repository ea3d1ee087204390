package telemetry_test

import (
	"context"
	"testing"
	"time"

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

func (h *halfHourly) Rollup(ctx context.Context, span telemetry.Span, r telemetry.Resolution, yield func(telemetry.Bucket) error) error {
	h.rolled = true
	return h.Samples(ctx, span, func(s measurement.Sample) error {
		return yield(telemetry.Bucket{Start: s.Time.Truncate(time.Duration(r)), CO2: telemetry.Aggregate{N: 1, Sum: 400, Min: 400, Max: 400}})
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
