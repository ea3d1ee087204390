package sensorhealth_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

func format(e sensorhealth.Estimate) string {
	return fmt.Sprintf("%.1f ± %.1f (%.3f)", e.Value, e.PlusMinus, e.Beyond)
}

func TestNightsAreThoseOfTheLocalClock(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string, ppm float64) sensorhealth.Hour {
		begin, err := time.ParseInLocation("2006-01-02 15", text, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return sensorhealth.Hour{Begin: begin.UTC(), CO2PPM: ppm}
	}
	got := sensorhealth.Nights([]sensorhealth.Hour{
		// 0 and 6 o'clock are no hours of the night, but one is the lowest of the day.
		at("2024-01-01 00", 500), at("2024-01-01 01", 480), at("2024-01-01 02", 470), at("2024-01-01 05", 440), at("2024-01-01 06", 420),
		at("2024-01-02 01", 480), at("2024-01-02 02", 470), at("2024-01-02 12", 430), // two hours are no night
		// In summer it is two hours ahead of UTC.
		at("2024-07-01 01", 450), at("2024-07-01 02", 451), at("2024-07-01 03", 452),
	}, berlin)
	want := []sensorhealth.Night{
		{Day: 19723, RestPPM: 455, LowestPPM: 420},
		{Day: 19905, RestPPM: 450.5, LowestPPM: 450},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nights (-want +got):\n%s", diff)
	}
}

// quiet returns the nights of sensors that each tell outdoor air, and what they are off by,
// and a little noise of which nothing is random.
func quiet(weeks int, off ...truth) []sensorhealth.Sensor {
	sensors := make([]sensorhealth.Sensor, len(off))
	for i, wrong := range off {
		for day := range 7 * weeks {
			ppm := 430 + 8*math.Sin(float64(day)/3) + wrong(day/7) + float64((day*7+i*3)%5-2)
			sensors[i].Nights = append(sensors[i].Nights, sensorhealth.Night{Day: monday + day, RestPPM: ppm, LowestPPM: ppm - 3})
		}
	}
	return sensors
}

func TestJudgedByHand(t *testing.T) {
	t.Parallel()
	good := []truth{constant(0), constant(10), constant(-10), constant(5), constant(-5), constant(2)}
	judge := func(weeks int, off ...truth) []sensorhealth.Finding {
		return sensorhealth.Findings(quiet(weeks, off...), lastDay(weeks))
	}
	near := func(t *testing.T, name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 4 {
			t.Errorf("%s is %.1f, want about %.1f", name, got, want)
		}
	}
	t.Run("an offset of 120 ppm", func(t *testing.T) {
		t.Parallel()
		f := judge(20, append(good, constant(120))...)
		near(t, "offset", f[6].Offset.Value, 119)
		if !f[6].Suspected() || f[0].Suspected() || f[6].Others != 6 || f[6].Weeks != 20 || f[6].Step != nil {
			t.Errorf("%+v", f[6])
		}
	})
	t.Run("a drift of 12 ppm in 30 days", func(t *testing.T) {
		t.Parallel()
		f := judge(20, append(good, func(week int) float64 { return 2.8 * float64(week) })...)
		near(t, "drift in 30 days", f[6].Drift.Value, 12)
		near(t, "offset now", f[6].Offset.Value, 2.8*19-1)
		if !f[6].Drift.Suspected() || f[6].Step != nil {
			t.Errorf("%+v", f[6])
		}
	})
	t.Run("an automatic calibration 60 ppm down", func(t *testing.T) {
		t.Parallel()
		f := judge(20, append(good, func(week int) float64 {
			if week < 12 {
				return 60
			}
			return 0
		})...)[6]
		if f.Step == nil || f.Step.Day != monday+7*12 || f.Weeks != 8 || f.Suspected() {
			t.Fatalf("%+v", f)
		}
		near(t, "step", f.Step.PPM.Value, -60)
		near(t, "offset since", f.Offset.Value, 0)
	})
	t.Run("below what air has", func(t *testing.T) {
		t.Parallel()
		if f := judge(3, constant(-70))[0]; !f.Impossible() || !f.Suspected() || f.Silence != sensorhealth.TooFewSensors || f.Offset != nil {
			t.Errorf("%+v", f)
		}
	})
	t.Run("too few others", func(t *testing.T) {
		t.Parallel()
		if f := judge(20, append(good[:4:4], constant(120))...)[4]; f.Silence != sensorhealth.TooFewSensors || f.Offset != nil || f.Suspected() {
			t.Errorf("%+v", f)
		}
	})
	t.Run("too few nights", func(t *testing.T) {
		t.Parallel()
		if f := judge(2, append(good, constant(120))...)[6]; f.Silence != sensorhealth.TooFewNights || f.Offset != nil {
			t.Errorf("%+v", f)
		}
	})
	t.Run("nor what was below before", func(t *testing.T) {
		t.Parallel()
		sensors := quiet(3, constant(-70))
		sensors[0].Since = lastDay(3) - 2
		if f := sensorhealth.Findings(sensors, lastDay(3))[0]; f.ImpossibleNights != 3 {
			t.Errorf("%d nights are impossible, want those since", f.ImpossibleNights)
		}
	})
	t.Run("nothing before a calibration counts", func(t *testing.T) {
		t.Parallel()
		sensors := quiet(20, append(good, func(week int) float64 {
			if week < 18 {
				return 120
			}
			return 0
		})...)
		sensors[6].Since = monday + 7*18
		if f := sensorhealth.Findings(sensors, lastDay(20))[6]; f.Silence != sensorhealth.TooFewNights || f.Weeks != 2 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("a bedroom", func(t *testing.T) {
		t.Parallel()
		sensors := quiet(20, append(good, constant(400))...)
		for k := range sensors[6].Nights {
			sensors[6].Nights[k].LowestPPM = 450 // by day it is empty
		}
		if f := sensorhealth.Findings(sensors, lastDay(20))[6]; f.Silence != sensorhealth.NeverAtRest {
			t.Errorf("%+v", f)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		if f := sensorhealth.Findings(nil, monday); len(f) != 0 {
			t.Errorf("%+v", f)
		}
		if f := sensorhealth.Findings(make([]sensorhealth.Sensor, 9), monday); f[0].Silence != sensorhealth.TooFewNights {
			t.Errorf("%+v", f[0])
		}
	})
}

func TestBattery(t *testing.T) {
	t.Parallel()
	line := func(days int, percent func(day int) float64) (charges []sensorhealth.Charge) {
		for day := range days {
			charges = append(charges, sensorhealth.Charge{Day: monday + day, Percent: int(math.Round(percent(day)))})
		}
		return charges
	}
	tenth := func(day int) float64 { return 100 - 0.1*float64(day) }
	for _, tt := range []struct {
		name    string
		charges []sensorhealth.Charge
		silence sensorhealth.BatterySilence
		empty   int // days after the first
	}{
		{"a tenth of a percent a day", line(200, tenth), "", 1000},
		{"changed lately", append(line(200, func(day int) float64 { return 100 - 0.4*float64(day) }), sensorhealth.Charge{Day: monday + 200, Percent: 100}), sensorhealth.TooFewDays, 0},
		{"does not fall", line(200, func(int) float64 { return 97 }), sensorhealth.NoFall, 0},
		{"not long enough", line(20, tenth), sensorhealth.TooFewDays, 0},
		{"tells none", nil, sensorhealth.NoPercent, 0},
		{"empty already", line(100, func(day int) float64 { return max(0, 60-float64(day)) }), "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := sensorhealth.ForecastBattery(tt.charges)
			if b.Silence != tt.silence {
				t.Fatalf("%+v, want silence %q", b, tt.silence)
			}
			if tt.empty == 0 {
				return
			}
			if got := b.EmptyDay - monday; math.Abs(float64(got-tt.empty)) > 20 {
				t.Errorf("empty after %d days, want about %d", got, tt.empty)
			}
			if b.EarliestDay >= b.EmptyDay || b.LatestDay <= b.EmptyDay {
				t.Errorf("%+v is no interval", b)
			}
		})
	}
}

// TestBatteryInterval: of batteries that fall as they like, nine of ten are empty within the interval.
func TestBatteryInterval(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(18, 6))
	within, told := 0, 0
	for range 300 {
		fall := 0.05 + 0.2*r.Float64()
		cold := 1.5 * r.NormFloat64()
		var charges []sensorhealth.Charge
		for day := range 150 {
			cold = 0.9*cold + 0.65*r.NormFloat64() // the weather
			charges = append(charges, sensorhealth.Charge{Day: day, Percent: int(math.Round(min(100, 95-fall*float64(day)+cold)))})
		}
		b := sensorhealth.ForecastBattery(charges)
		if b.Silence != "" {
			continue
		}
		told++
		if is := int(95 / fall); b.EarliestDay <= is && (b.LatestDay == 0 || is <= b.LatestDay) {
			within++
		}
	}
	t.Logf("%d of %d told, within the interval %d", told, 300, within)
	if told < 250 || 10*within < 9*told {
		t.Errorf("%d told, within the interval %d", told, within)
	}
}

func TestNoNetworkIsLeftWithFew(t *testing.T) {
	t.Parallel()
	for sensors, want := range map[int]int{0: 1, 1: 1, 2000: 2000, 2001: 1001, 2003: 1002, 4001: 1334} {
		if got := sensorhealth.NetworkSize(sensors); got != want {
			t.Errorf("of %d sensors %d are a network, want %d", sensors, got, want)
		}
	}
}
