package roomair_test

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Lessons of 900 ppm, in which at 10:00 windows are opened that halve what is above 420 ppm in six
// minutes, for a quarter of an hour: 21 school days have as many airings, and who is no member
// learns of them, and not of what people breathed.
func TestVentilationOfLessons(t *testing.T) {
	t.Parallel()
	c := classroom{lesson: func(local time.Time) int {
		if minutes := local.Hour()*60 + local.Minute() - 600; minutes >= 0 && minutes <= 15 {
			return 420 + int(480*math.Pow(0.5, float64(minutes)/6))
		}
		return 900
	}}
	tell := func() roomair.Ventilation {
		service := roomair.Service{Rooms: c, Samples: c, Occupancy: timetable.Past{Store: c, Samples: c}, Log: slog.New(slog.DiscardHandler)}
		november := func(loc *time.Location) airquality.Period { return airquality.Month(2026, time.November, loc) }
		v, err := service.Ventilation(t.Context(), access.Caller{}, 1, november, december)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := tell()
	windows := 0
	for _, d := range v.Days {
		if d.Airings > 0 && d.Known != 24*time.Hour {
			t.Errorf("%s: %v known", d.Start, d.Known)
		}
		windows += d.Airings
	}
	// At 14:00 the classroom falls to 420 ppm between two samples, which looks like an airing.
	if len(v.Airings) != 2*21 || windows != 2*21 || v.BackgroundPPM != 420 || v.Airings[0].From.In(berlin).Format("15:04") != "10:00" {
		t.Errorf("%d airings, on %d days; background %v, first %v", len(v.Airings), windows, v.BackgroundPPM, v.Airings[0])
	}
	if v.WorstHour == nil || math.Abs(v.WorstHour.Fraction-480.0/38_000) > 1e-9 || v.WorstHour.From.In(berlin).Hour() != 8 {
		t.Errorf("worst hour: %+v", v.WorstHour)
	}
	if v.Occupied == nil || v.Occupied.Fraction >= v.WorstHour.Fraction || v.Occupied.Fraction < 0.9*v.WorstHour.Fraction {
		t.Errorf("occupied: %+v", v.Occupied)
	}
	c.public = true
	if v = tell(); v.Occupied != nil || len(v.Airings) != 2*21 {
		t.Errorf("to the public: %d airings, occupied %+v", len(v.Airings), v.Occupied)
	}
}
