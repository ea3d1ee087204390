package roomair_test

import (
	"context"
	"log/slog"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// classroom is a room of one sensor that measures every three minutes: 420 ppm, and from
// 8 to 14 h on weekdays as much as lesson says. Its timetable is known.
type classroom struct {
	telemetry.Store
	lesson  func(time.Time) int
	unknown bool        // the timetable is not
	public  bool        // the caller is no member
	decided *civil.Date // until then nothing is known for good
}

var berlin = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return loc
}()

func (c classroom) AirRoom(context.Context, access.Caller, int64) (roomair.Room, error) {
	return roomair.Room{Judged: inventory.Judged{Zone: berlin.String()}, Member: !c.public, Installations: []roomair.Installation{
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

func (c classroom) SiteTimetable(context.Context, int64) (timetable.Timetable, error) {
	if c.unknown {
		return timetable.Timetable{}, nil
	}
	lessons := []occupancy.Hours{{From: 8 * 60, To: 14 * 60}}
	return timetable.Timetable{Weekly: &occupancy.Weekly{1: lessons, 2: lessons, 3: lessons, 4: lessons, 5: lessons}}, nil
}

func (c classroom) Room(ctx context.Context, id int64) (timetable.Room, error) {
	room, err := c.AirRoom(ctx, access.Caller{}, id)
	return timetable.Room{Installations: []telemetry.Span{room.Installations[0].Span}}, err
}

func (c classroom) Decided(context.Context, int64, civil.Date, civil.Date) ([]timetable.Kept, error) {
	return nil, nil
}

func (c classroom) Progress(context.Context, int64) (timetable.Undecided, error) {
	return timetable.Undecided{Room: 1, Site: 1, TimeZone: berlin.String(), DecidedUntil: c.decided}, nil
}

func (c classroom) judge(t testing.TB, by string, now time.Time) roomair.Judgement {
	t.Helper()
	service := roomair.Service{Rooms: c, Samples: c, Occupancy: timetable.Past{Store: c, Samples: c}, Log: slog.New(slog.DiscardHandler)}
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
	// What was decided to be unknown stays so; what is not decided yet is as it will be.
	until := civil.Date{Year: 2026, Month: time.November, Day: 30}
	rising.decided = &until
	if j = rising.judge(t, "", december); j.NotJudged != verdict.NoOccupiedTime {
		t.Errorf("decided to be unknown: %+v", j.Result)
	}
	good.decided = &until
	good.decided.Day = 15
	if j = good.judge(t, "", december); j.Occupied.Time != 11*6*time.Hour || j.Occupied.Hows[0] != occupancy.Timetable {
		t.Errorf("decided half: %+v", j.Occupied)
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
