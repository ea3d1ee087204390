package telemetry_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// written are readings of one quantity.
type written []quantity.Reading

func (w written) Readings(_ context.Context, _ telemetry.Span, of quantity.ID, yield func(time.Time, int32) error) error {
	for _, r := range w {
		if r.Quantity != of {
			continue
		}
		if err := yield(r.Time, r.Steps); err != nil {
			return err
		}
	}
	return nil
}

func (w written) LatestReadings(context.Context, telemetry.Span) ([]quantity.Reading, error) {
	return w, nil
}

func TestReadingBuckets(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	of := func(id quantity.ID) (w written) {
		// Three values in one hour, one in the next, one on the day after.
		for _, r := range []struct {
			minute int
			steps  int32
		}{{0, 400}, {10, 500}, {20, 600}, {70, 900}, {1500, 100}} {
			w = append(w, quantity.Reading{Time: day.Add(time.Duration(r.minute) * time.Minute), Value: quantity.Value{Quantity: id, Steps: r.steps}})
		}
		return w
	}
	hour, next, tomorrow := day, day.Add(time.Hour), day.Add(24*time.Hour)
	for _, tt := range []struct {
		name string
		id   quantity.ID
		r    telemetry.Resolution
		want []telemetry.ReadingBucket
	}{
		{"raw", quantity.Pressure, telemetry.Raw, []telemetry.ReadingBucket{
			{day, 1, 400, 400, 400},
			{day.Add(10 * time.Minute), 1, 500, 500, 500},
			{day.Add(20 * time.Minute), 1, 600, 600, 600},
			{day.Add(70 * time.Minute), 1, 900, 900, 900},
			{day.Add(25 * time.Hour), 1, 100, 100, 100},
		}},
		{"mean by hour", quantity.Light, telemetry.Hour, []telemetry.ReadingBucket{
			{hour, 3, 400, 600, 500}, {next, 1, 900, 900, 900}, {day.Add(25 * time.Hour), 1, 100, 100, 100},
		}},
		{"the mean of a day is that of its hours", quantity.Light, telemetry.Day, []telemetry.ReadingBucket{
			{day, 4, 400, 900, 700}, {tomorrow, 1, 100, 100, 100},
		}},
		{"counts are added up", quantity.Motion, telemetry.Day, []telemetry.ReadingBucket{
			{day, 4, 400, 900, 2400}, {tomorrow, 1, 100, 100, 100},
		}},
		{"the peak of peaks", quantity.NoisePeak, telemetry.Day, []telemetry.ReadingBucket{
			{day, 4, 400, 900, 900}, {tomorrow, 1, 100, 100, 100},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, _ := quantity.ByID(tt.id)
			var got []telemetry.ReadingBucket
			err := telemetry.ReadingBuckets(t.Context(), of(tt.id), telemetry.Span{}, q, tt.r, func(b telemetry.ReadingBucket) error {
				got = append(got, b)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Ten times the energy for half of the time is 60 and 70 dB: 10·log10((10⁶+10⁷)/2) = 67.4.
func TestLevelsAreSummedUpByEnergy(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	w := written{
		{Time: day, Value: quantity.Value{Quantity: quantity.Noise, Steps: 600}},
		{Time: day.Add(time.Minute), Value: quantity.Value{Quantity: quantity.Noise, Steps: 700}},
	}
	q, _ := quantity.ByID(quantity.Noise)
	err := telemetry.ReadingBuckets(t.Context(), w, telemetry.Span{}, q, telemetry.TenMinutes, func(b telemetry.ReadingBucket) error {
		if got := int(b.Value + 0.5); got != 674 || b.N != 2 {
			t.Errorf("got %+v, want 674", b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
