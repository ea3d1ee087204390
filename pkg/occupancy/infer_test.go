package occupancy_test

import (
	"math"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/simulate"
)

// score counts minutes by what was said and what was true.
type score struct{ hit, wrong, missed, empty float64 }

func (s score) precision() float64 { return s.hit / (s.hit + s.wrong) }
func (s score) recall() float64    { return s.hit / (s.hit + s.missed) }

func (s *score) add(o score) {
	s.hit, s.wrong, s.missed, s.empty = s.hit+o.hit, s.wrong+o.wrong, s.missed+o.missed, s.empty+o.empty
}

// readings are those of a simulated sensor.
func readings(t *testing.T, n *simulate.Node, from, to time.Time) (all []occupancy.Reading) {
	t.Helper()
	for u := range n.Uplinks(from, to) {
		m, err := n.Decoder().Decode(&u.Uplink)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range m.Samples {
			all = append(all, occupancy.Reading{Time: s.Time, CO2PPM: s.CO2PPM})
		}
	}
	return all
}

// The simulation knows when people are there. The bounds are somewhat below what is
// reached; the log has the figures, and docs/air-quality.md tells them.
func TestInferenceAgainstTheTruth(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	first := date(t, "2026-11-16")
	kinds, all := map[string]*score{}, score{}
	for _, n := range simulate.Nodes(112, berlin)[56:] { // the figures were chosen with the others
		got := kinds[n.Room.Kind]
		if got == nil {
			got = &score{}
			kinds[n.Room.Kind] = got
		}
		series := readings(t, n, first.AddDays(-occupancy.InferenceDays).In(berlin), first.AddDays(7).In(berlin).Add(2*time.Hour))
		for i := range 7 {
			day := occupancy.Infer(first.AddDays(i), berlin, series)
			if !day.Known() {
				t.Fatalf("%s, %s: unknown", n.DeviceID(), day.Date)
			}
			one := compare(n, &day, berlin)
			got.add(one)
			all.add(one)
		}
	}
	for kind, s := range kinds {
		t.Logf("%-10s precision %.3f recall %.3f", kind, s.precision(), s.recall())
	}
	t.Logf("%-10s precision %.3f recall %.3f", "all", all.precision(), all.recall())
	if all.precision() < 0.97 || all.recall() < 0.78 {
		t.Error("worse than is told")
	}
}

func compare(n *simulate.Node, day *occupancy.Day, place *time.Location) (s score) {
	for at := day.Date.In(place); at.Before(day.Date.AddDays(1).In(place)); at = at.Add(time.Minute) {
		said := false
		for _, span := range day.Spans {
			said = said || !at.Before(span.From) && at.Before(span.To)
		}
		switch there := n.Room.People(at) > 0; {
		case said && there:
			s.hit++
		case said:
			s.wrong++
		case there:
			s.missed++
		default:
			s.empty++
		}
	}
	return s
}

// course makes readings every three minutes, in steps of 20 ppm as the coarsest sensors
// tell, of a week before a day and the day itself.
func course(day civil.Date, place *time.Location, ppm func(hours float64) float64) (all []occupancy.Reading) {
	start := day.In(place)
	for at := start.AddDate(0, 0, -occupancy.InferenceDays); at.Before(start.Add(25 * time.Hour)); at = at.Add(3 * time.Minute) {
		all = append(all, occupancy.Reading{Time: at, CO2PPM: 20 * int(math.Round(ppm(at.Sub(start).Hours())/20))})
	}
	return all
}

func TestWhatIsNotInferred(t *testing.T) {
	t.Parallel()
	berlin, day := zone(t, "Europe/Berlin"), date(t, "2026-11-18")
	hourOfDay := func(h float64) float64 { return math.Mod(h+240, 24) }
	for _, tt := range []struct {
		name string
		ppm  func(hours float64) float64
		want occupancy.How
	}{
		{"an empty room whose sensor tells steps", func(h float64) float64 { return 425 + 12*math.Sin(h) }, occupancy.Inferred},
		{"the weather outside", func(h float64) float64 { return 450 + 60*math.Sin(h/24*2*math.Pi) }, occupancy.Inferred},
		{"a tight room that stays stale for days", func(h float64) float64 { return 420 + 1600*math.Exp(-0.03*(h+100)) }, occupancy.Inferred},
		{"a closed room after lessons", func(h float64) float64 { return 420 + 1600*math.Exp(-0.35*hourOfDay(h)) }, occupancy.Inferred},
		{"a room that was never empty", func(h float64) float64 { return 1400 + 300*math.Sin(h) }, occupancy.Unknown},
	} {
		got := occupancy.Infer(day, berlin, course(day, berlin, tt.ppm))
		if got.How != tt.want {
			t.Errorf("%s: known by %s, want %s", tt.name, got.How, tt.want)
		}
		for _, s := range got.Spans {
			// The closed room jumps at midnight, as if people had been there for a moment.
			if hour := s.From.In(berlin).Hour(); hour != 23 && hour != 0 || s.To.Sub(s.From) > time.Hour {
				t.Errorf("%s: somebody is there from %s to %s", tt.name, s.From, s.To)
			}
		}
	}
	for name, series := range map[string][][]occupancy.Reading{
		"no sensor":              nil,
		"no reading":             {nil},
		"readings since the day": {course(day, berlin, func(float64) float64 { return 450 })[occupancy.InferenceDays*480:]},
		"none on the day":        {course(day, berlin, func(float64) float64 { return 450 })[:occupancy.InferenceDays*480]},
	} {
		if got := occupancy.Infer(day, berlin, series...); got.Known() || len(got.Spans) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Somebody in one of two corners is somebody in the room.
func TestInferenceOfSeveralSensors(t *testing.T) {
	t.Parallel()
	berlin, day := zone(t, "Europe/Berlin"), date(t, "2026-11-18")
	lesson := func(from, to float64) func(float64) float64 {
		return func(h float64) float64 {
			switch {
			case h < from:
				return 430
			case h < to:
				return 430 + 400*(h-from)
			default:
				return 430 + 400*(to-from)*math.Exp(-1.5*(h-to))
			}
		}
	}
	got := occupancy.Infer(day, berlin, course(day, berlin, lesson(8, 10)), course(day, berlin, lesson(13, 15)))
	if len(got.Spans) != 2 {
		t.Fatalf("got %v", shown(got.Spans))
	}
	for i, want := range []int{8, 13} {
		from := got.Spans[i].From.In(berlin)
		if late := from.Sub(day.At(civil.Clock(want*60), berlin)); late < -10*time.Minute || late > 40*time.Minute {
			t.Errorf("begins at %s, want about %d", from, want)
		}
	}
}

func BenchmarkInfer(b *testing.B) {
	place := time.UTC
	day := civil.Date{Year: 2026, Month: time.November, Day: 18}
	series := course(day, place, func(h float64) float64 { return 700 + 200*math.Sin(h) })
	for b.Loop() {
		occupancy.Infer(day, place, series)
	}
}
