package roomair_test

import (
	"context"
	"log/slog"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// classroom is a room of one sensor that measures every three minutes: 420 ppm, and from
// 8 to 14 h on weekdays as much as lesson says. Its timetable is known.
type classroom struct {
	telemetry.Store
	lesson  func(time.Time) int
	unknown bool // the timetable is not
	public  bool // the caller is no member
}

var berlin = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return loc
}()

func (c classroom) AirRoom(context.Context, access.Caller, int64) (roomair.Room, error) {
	return roomair.Room{TimeZone: berlin.String(), Profile: profile.Default, Member: !c.public, Installations: []roomair.Installation{
		{Span: telemetry.Span{NodeNo: 1, From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, Protocol: clairchen.Protocol},
	}}, nil
}

func (c classroom) Samples(_ context.Context, span telemetry.Span, yield func(measurement.Sample) error) error {
	for t := span.From; t.Before(span.To); t = t.Add(3 * time.Minute) {
		sample := measurement.Sample{Time: t, CO2PPM: 420, Status: measurement.Measured}
		if local := t.In(berlin); local.Weekday() != time.Saturday && local.Weekday() != time.Sunday && local.Hour() >= 8 && local.Hour() < 14 {
			sample.CO2PPM = c.lesson(local)
		}
		if err := yield(sample); err != nil {
			return err
		}
	}
	return nil
}

func (c classroom) Decided(_ context.Context, _ int64, from, to occupancy.Date) (days []timetable.Kept, err error) {
	for d := from; d.Compare(to) <= 0; d = d.AddDays(1) {
		day := occupancy.Day{Date: d, How: occupancy.Timetable}
		switch {
		case c.unknown:
			day.How = occupancy.Unknown
		case d.Weekday() != time.Saturday && d.Weekday() != time.Sunday:
			day.Spans = []occupancy.Span{{From: d.At(8*60, berlin), To: d.At(14*60, berlin), How: occupancy.Timetable}}
		}
		days = append(days, timetable.Kept{Day: day})
	}
	return days, nil
}

func (c classroom) judge(t testing.TB, by string, now time.Time) roomair.Judgement {
	t.Helper()
	service := roomair.Service{Rooms: c, Samples: c, Occupancy: c, Log: slog.New(slog.DiscardHandler)}
	november := func(loc *time.Location) airquality.Period { return airquality.Month(2026, time.November, loc) }
	j, err := service.Verdict(t.Context(), access.Caller{}, 1, november, by, now)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

var december = time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)

func TestMedalIsForGoodAirOverOccupiedTime(t *testing.T) {
	t.Parallel()
	constant := func(ppm int) func(time.Time) int { return func(time.Time) int { return ppm } }
	good := classroom{lesson: constant(800)}
	j := good.judge(t, "", december)
	if !j.Medal || j.Level != "harmless" || j.Occupied.Time != 21*6*time.Hour || j.Fitness.Verdict != verdict.Fit || j.Worst != "harmless" {
		t.Errorf("800 ppm: %+v", j.Result)
	}
	// The medal is always that of the default profile.
	if j = good.judge(t, "fr-evaluation", december); !j.Medal || j.Level != "to-improve" || j.Good {
		t.Errorf("by the French: %+v", j.Result)
	}
	if j = good.judge(t, "", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)); j.Medal || !j.Good {
		t.Errorf("a month that is not over has no medal: %v %v", j.Medal, j.Good)
	}
	good.public = true
	if j = good.judge(t, "", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)); j.NotJudged != verdict.NotOver || j.Occupied.Time != 0 {
		t.Errorf("the running month is not for the public: %+v", j.Result)
	}
	if j = good.judge(t, "", december); !j.Medal {
		t.Errorf("one that is over is: %+v", j.Result)
	}
	// 960 ± 59 ppm may be above 1000.
	doubtful := classroom{lesson: constant(960)}
	if j = doubtful.judge(t, "", december); j.Medal || !j.Good || j.Worst != "conspicuous" {
		t.Errorf("960 ppm: medal %v, %+v", j.Medal, j.Result)
	}
	stale := classroom{lesson: constant(1490)}
	if j = stale.judge(t, "clair-2020", december); j.Medal || !j.Good {
		t.Errorf("the medal of 2020 is for comparison: %v %v", j.Medal, j.Good)
	}
	// Steps are no people: the air tells nothing, and nothing is judged.
	nobody := classroom{lesson: constant(420), unknown: true}
	if j = nobody.judge(t, "", december); j.Medal || j.NotJudged != verdict.NoOccupiedTime {
		t.Errorf("nobody: %+v", j.Result)
	}
	rising := classroom{unknown: true, lesson: func(local time.Time) int { return 420 + 2*(60*(local.Hour()-8)+local.Minute()) }}
	if j = rising.judge(t, "", december); j.Level != "conspicuous" || len(j.Occupied.Hows) != 1 || j.Occupied.Hows[0] != occupancy.Inferred {
		t.Errorf("inferred: %+v", j.Result)
	}
}

// BenchmarkVerdict judges a month of three-minute samples from the store on, with the
// timetable known and with the air asked for it.
func BenchmarkVerdict(b *testing.B) {
	for name, unknown := range map[string]bool{"timetable": false, "inferred": true} {
		b.Run(name, func(b *testing.B) {
			room := classroom{unknown: unknown, lesson: func(local time.Time) int { return 420 + 2*(60*(local.Hour()-8)+local.Minute()) }}
			b.ReportAllocs()
			for b.Loop() {
				if j := room.judge(b, "en-16798", december); !j.Judged() {
					b.Fatal(j.NotJudged)
				}
			}
		})
	}
}
