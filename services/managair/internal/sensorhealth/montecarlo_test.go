package sensorhealth_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

var networks = flag.Int("networks", 40, "simulated networks of the test of false alarms, of 20 sensors and half a year each")

const members = 20

// TestFalseAlarms: of 1,000 months of sensors that are as good as their makers say, fewer
// than one has an alarm, however often one looks in a month.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	months, alarms, steps := 0, 0, 0
	silent := map[sensorhealth.Silence]int{}
	for seed := range uint64(*networks) {
		r := rand.New(rand.NewPCG(seed, 18))
		rooms := make([]room, members)
		for i := range rooms {
			rooms[i] = newRoom(r)
		}
		sensors := live(r, rooms, sensorhealth.Weeks)
		for month := 1; month*4 < sensorhealth.Weeks; month++ {
			alarmed, stepped := map[int]bool{}, map[int]bool{}
			for week := month*4 + 1; week <= min(month*4+4, sensorhealth.Weeks); week++ {
				for i, f := range sensorhealth.Findings(sensors, lastDay(week)) {
					silent[f.Silence]++
					alarmed[i] = alarmed[i] || isFalse(f, rooms[i].wrong(week-1))
					stepped[i] = stepped[i] || f.Step != nil
					if isFalse(f, rooms[i].wrong(week-1)) {
						t.Logf("network %d week %d sensor %d use %d leak %.2f: %s", seed, week, i, rooms[i].use, rooms[i].leak, tell(f, rooms[i].wrong(week-1)))
					}
				}
			}
			months += members
			for i := range sensors {
				if alarmed[i] {
					alarms++
				}
				if stepped[i] {
					steps++
				}
			}
		}
	}
	judged := silent[""]
	t.Logf("%d sensor-months: %d alarms, %d told of a step; judgements %d, silences %v", months, alarms, steps, judged, silent)
	if float64(alarms) > math.Max(1, float64(months)/1000) {
		t.Errorf("%d false alarms in %d sensor-months", alarms, months)
	}
	if float64(steps) > math.Max(1, float64(months)/1000) {
		t.Errorf("%d steps that were none in %d sensor-months", steps, months)
	}
}

// TestFound: what is wrong is found, by how much to 10 ppm, and the interval holds.
func TestFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		wrong truth
	}{
		{"100 ppm too much", constant(100)},
		{"90 ppm too little", constant(-90)},
		{"200 ppm too much", constant(200)},
		{"drifts up by 4 ppm a week", func(week int) float64 { return 4 * float64(week) }},
		{"drifts down by 5 ppm a week", func(week int) float64 { return -5 * float64(week) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var errs, own []float64
			within, found, silent, n := 0, 0, 0, 0
			for seed := range uint64(max(6, *networks/20)) {
				r := rand.New(rand.NewPCG(seed, 1806))
				rooms := make([]room, members)
				for i := range rooms {
					rooms[i] = newRoom(r)
				}
				for i := range 3 { // of twenty are wrong
					rooms[i].wrong = tt.wrong
				}
				findings := sensorhealth.Findings(live(r, rooms, sensorhealth.Weeks), lastDay(sensorhealth.Weeks))
				var network []float64
				for _, room := range rooms {
					network = append(network, room.wrong(sensorhealth.Weeks-1))
				}
				slices.Sort(network)
				middle := (network[members/2-1] + network[members/2]) / 2
				for i := range 3 {
					f, is := findings[i], tt.wrong(sensorhealth.Weeks-1)
					n++
					if f.Silence != "" {
						silent++
						continue
					}
					if f.Suspected() {
						found++
					}
					errs = append(errs, math.Abs(f.Offset.Value-is))
					own = append(own, math.Abs(f.Offset.Value-(is-middle)))
					if math.Abs(f.Offset.Value-is) <= f.Offset.PlusMinus {
						within++
					}
				}
			}
			slices.Sort(errs)
			slices.Sort(own)
			t.Logf("%d sensors, %d not judged, %d found; error against the network: median %.1f, 90th percentile %.1f ppm; against the truth %.1f, %.1f; interval holds for %d",
				n, silent, found, own[len(own)/2], own[len(own)*9/10], errs[len(errs)/2], errs[len(errs)*9/10], within)
			near := 0
			for _, e := range own {
				if e <= 10 {
					near++
				}
			}
			t.Logf("%d of %d within 10 ppm", near, len(own))
			if judged := n - silent; 100*found < 90*judged {
				t.Errorf("%d of %d were not found", judged-found, judged)
			}
			if m := own[len(own)/2]; m > 8 {
				t.Errorf("median of the error %.1f ppm, want at most 8", m)
			}
			if 100*near < 75*len(own) {
				t.Errorf("%d of %d are within 10 ppm, want three quarters", near, len(own))
			}
			if 100*within < 85*len(errs) {
				t.Errorf("the interval of 95 %% holds for %d of %d", within, len(errs))
			}
		})
	}
}

// isFalse: a sensor that is 30 ppm too low does tell what no air has, though its maker allows it.
func isFalse(f sensorhealth.Finding, is float64) bool {
	return f.Suspected() && (!f.Impossible() || is > -30)
}

func tell(f sensorhealth.Finding, is float64) (text string) {
	text = string(f.Silence)
	add := func(name string, e *sensorhealth.Estimate) {
		if e != nil {
			text += " " + name + " " + format(*e)
		}
	}
	add("offset", f.Offset)
	add("drift", f.Drift)
	if f.Step != nil {
		add("step", &f.Step.PPM)
	}
	return text + ", is " + format(sensorhealth.Estimate{Value: is})
}
