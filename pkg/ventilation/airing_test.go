package ventilation_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ventilation"
)

// opening is the truth: when windows were open, and from which CO2 on.
type opening struct {
	from, to time.Time
	ppm      float64
	lowest   float64
}

// school is a week of a classroom of which windows are opened two to six times a day, for
// five to fifteen minutes, with the pupils in it or most of them outside.
func school(random *rand.Rand, every time.Duration, step int) (readings []ventilation.Reading, truth []opening) {
	co2 := 430.0
	var open time.Time
	rate := 0.3 + 0.5*random.Float64()
	volume, pupils := 150+60*random.Float64(), 10+16*random.Float64()
	wide := 4 + 6*random.Float64()
	bias := 25 * random.NormFloat64()
	for minute := range 7 * 24 * 60 {
		at := monday.Add(time.Duration(minute) * time.Minute)
		people, changes := 0.0, rate
		if weekday := at.Weekday(); weekday != time.Saturday && weekday != time.Sunday && at.Hour() >= 8 && at.Hour() < 14 {
			people = pupils
			if at.Minute() >= 50 {
				people = pupils / 4
			}
			if !at.Before(open) && random.Float64() < 0.015 {
				open = at.Add(time.Duration(5+random.IntN(11)) * time.Minute)
				truth = append(truth, opening{at, open, co2, co2})
			}
		}
		if at.Before(open) {
			changes = wide
		}
		co2 = simulate.Mix(co2, people, volume, changes, time.Minute)
		if at.Before(open) {
			truth[len(truth)-1].lowest = min(truth[len(truth)-1].lowest, co2)
		}
		if at.Sub(monday)%every == 0 {
			v := co2 + bias + 16*(random.Float64()-0.5)
			readings = append(readings, ventilation.Reading{Time: at, CO2PPM: math.Round(v/float64(step)) * float64(step)})
		}
	}
	return readings, truth
}

// Of windows that were open long enough for CO2 to fall by 200 ppm, most are found, and hardly
// any are found that were not.
func TestAiringsAgainstTheTruth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every time.Duration
		step  int
		found float64
	}{{3 * time.Minute, 20, 0.95}, {5 * time.Minute, 1, 0.95}, {10 * time.Minute, 1, 0.8}} {
		random := rand.New(rand.NewPCG(uint64(c.every), 7))
		opened, found, wrong, told := 0, 0, 0, 0
		for range 40 {
			readings, truth := school(random, c.every, c.step)
			airings := ventilation.Analyze(readings).Airings
			told += len(airings)
			overlap := func(a ventilation.Opened, o opening) bool {
				return a.From.Before(o.to.Add(c.every)) && o.from.Before(a.To)
			}
			for _, o := range truth {
				if o.ppm-o.lowest < 200 {
					continue
				}
				opened++
				for _, a := range airings {
					if overlap(a, o) {
						found++
						break
					}
				}
			}
			for _, a := range airings {
				happened := false
				for _, o := range truth {
					happened = happened || overlap(a, o)
				}
				if !happened {
					wrong++
				}
			}
		}
		t.Logf("every %v, steps of %d ppm: %d of %d openings found, %d of %d airings were none", c.every, c.step, found, opened, wrong, told)
		if float64(found) < c.found*float64(opened) || float64(wrong) > 0.01*float64(told) {
			t.Errorf("every %v: worse than is told", c.every)
		}
	}
}

// A vector by hand: 420 ppm for a day, 820 ppm, and at 12:00 windows that halve what is above
// in five minutes, twice. Then it stands still.
func TestAnAiringByHand(t *testing.T) {
	t.Parallel()
	noon := monday.Add(36 * time.Hour)
	var readings []ventilation.Reading
	for i := range 24 * 12 {
		readings = append(readings, ventilation.Reading{Time: monday.Add(time.Duration(i) * 5 * time.Minute), CO2PPM: 420})
	}
	for i, ppm := range []float64{820, 820, 820, 620, 520, 519, 518, 517} {
		readings = append(readings, ventilation.Reading{Time: noon.Add(time.Duration(i-2) * 5 * time.Minute), CO2PPM: ppm})
	}
	want := []ventilation.Opened{{From: noon, To: noon.Add(10 * time.Minute), FromPPM: 820, ToPPM: 520, PerHour: 12 * math.Ln2}}
	got := ventilation.Analyze(readings).Airings
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if h := got[0].Halving(); h.Round(time.Second) != 5*time.Minute {
		t.Errorf("halved in %v", h)
	}
}

func TestWhatIsUsual(t *testing.T) {
	t.Parallel()
	var decays []ventilation.Decay
	if _, ok := ventilation.Usual(decays, ventilation.Closed); ok || ventilation.UsualHalving(nil) != 0 {
		t.Error("nothing is usual where nothing was")
	}
	add := func(kind ventilation.Kind, rates ...float64) {
		for _, r := range rates {
			decays = append(decays, ventilation.Decay{PerHour: r, Low: 0.9 * r, High: 1.1 * r, Kind: kind})
		}
	}
	add(ventilation.Closed, 0.5, 0.3, 0.4)
	add(ventilation.Airing, 9, 1, 2, 3, 4, 5, 6, 7, 8)
	approx := cmpopts.EquateApprox(1e-12, 0)
	few, _ := ventilation.Usual(decays, ventilation.Closed)
	if diff := cmp.Diff(ventilation.Rate{PerHour: 0.4, Low: 0.27, High: 0.55, Count: 3}, few, approx); diff != "" {
		t.Errorf("of three (-want +got):\n%s", diff)
	}
	// 9/2 ± 1.96 · 3/2 = 1.56 and 7.44: the first and the ninth of nine, counted from 1 as 1 and 8+1.
	many, _ := ventilation.Usual(decays, ventilation.Airing)
	if diff := cmp.Diff(ventilation.Rate{PerHour: 5, Low: 0.9, High: 9.9, Count: 9}, many, approx); diff != "" {
		t.Errorf("of nine (-want +got):\n%s", diff)
	}
	if h := ventilation.UsualHalving([]ventilation.Opened{{PerHour: 6 * math.Ln2}, {PerHour: 3 * math.Ln2}}); h != 15*time.Minute {
		t.Errorf("half of it in %v", h)
	}
}

func TestSensorsOfOneRoomTogether(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return monday.Add(time.Duration(minute) * time.Minute) }
	decay := func(from, to int, rate, half float64) ventilation.Decay {
		return ventilation.Decay{From: at(from), To: at(to), PerHour: rate, Low: rate - half, High: rate + half}
	}
	window := ventilation.Result{
		BackgroundPPM: 410,
		Airings:       []ventilation.Opened{{From: at(0), To: at(9), FromPPM: 1500, ToPPM: 700}},
		Decays:        []ventilation.Decay{decay(0, 9, 6, 0.3), decay(100, 200, 0.5, 0.1)},
		Abstained:     []ventilation.Abstained{{From: at(300), To: at(330), Why: ventilation.Bent}},
	}
	door := ventilation.Result{
		BackgroundPPM: 430,
		Airings:       []ventilation.Opened{{From: at(3), To: at(12), FromPPM: 1300, ToPPM: 800}, {From: at(50), To: at(60), FromPPM: 1000, ToPPM: 700}},
		Decays:        []ventilation.Decay{decay(110, 190, 0.45, 0.02)},
		Abstained:     []ventilation.Abstained{{From: at(3), To: at(12), Why: ventilation.Bent}, {From: at(310), To: at(320), Why: ventilation.Vague}},
	}
	want := ventilation.Result{
		BackgroundPPM: 410,
		Airings:       []ventilation.Opened{window.Airings[0], door.Airings[1]},
		Decays:        []ventilation.Decay{window.Decays[0], door.Decays[0]},
		Abstained:     []ventilation.Abstained{window.Abstained[0]},
	}
	if diff := cmp.Diff(want, ventilation.Together(window, door)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A month of a classroom, by the interval of its sensor.
func BenchmarkAnalyze(b *testing.B) {
	for _, every := range []time.Duration{time.Minute, 3 * time.Minute, 10 * time.Minute} {
		random := rand.New(rand.NewPCG(uint64(every), 7))
		var month []ventilation.Reading
		for week := range 4 {
			readings, _ := school(random, every, 1)
			for _, r := range readings {
				month = append(month, ventilation.Reading{Time: r.Time.AddDate(0, 0, 7*week), CO2PPM: r.CO2PPM})
			}
		}
		b.Run(every.String(), func(b *testing.B) {
			for b.Loop() {
				ventilation.Analyze(month)
			}
		})
	}
}
