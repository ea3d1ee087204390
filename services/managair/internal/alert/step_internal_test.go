package alert

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// start is when the samples of tests begin.
const start = 1_768_899_600

func stale(minutes int64) *Condition {
	return &Condition{Above: true, Threshold: 1000, Clear: 900, For: 60 * minutes}
}

// course steps through samples as they are written: minute:ppm, with a minus sign before the
// value when nobody is there. It tells when the phase changes.
func course(c *Condition, text string) string {
	var s State
	var told []string
	for one := range strings.FieldsSeq(text) {
		var minute int64
		var ppm float64
		if _, err := fmt.Sscanf(one, "%d:%f", &minute, &ppm); err != nil {
			panic(err)
		}
		before := s.Phase
		s = c.Step(s, start+60*minute, math.Abs(ppm), ppm > 0)
		if s.Phase == before {
			continue
		}
		name := []string{"normal", "pending", "alerting", "recovering"}[s.Phase]
		if s.Phase == Normal && before >= Alerting {
			name = string(s.Ended)
		}
		told = append(told, fmt.Sprintf("%d:%s", minute, name))
	}
	return strings.Join(told, " ")
}

func TestSteps(t *testing.T) {
	t.Parallel()
	occupied := stale(10)
	occupied.OccupiedOnly = true
	below := &Condition{Threshold: 40, Clear: 42, For: 600}
	inclusive := stale(0)
	inclusive.Inclusive = true
	for _, test := range []struct {
		name          string
		condition     *Condition
		samples, want string
	}{
		{"good air", stale(10), "0:500 10:900 20:1000", ""},
		{"for long enough, and well again", stale(10), "0:500 5:1200 10:1300 15:1400 20:850 25:800 30:700", "5:pending 15:alerting 20:recovering 25:recovered"},
		{"not for long enough", stale(10), "0:1200 5:1300 9:950 14:1200 19:1200", "0:pending 9:normal 14:pending"},
		{"at once", stale(0), "0:1001 5:850 10:850", "0:alerting 5:recovering 10:recovered"},
		{"the threshold itself is not above", stale(0), "0:1000", ""},
		{"but where it must not be reached", inclusive, "0:1000", "0:alerting"},
		{"between the thresholds it goes on", stale(10), "0:1200 10:1200 20:950 30:950 40:1100 50:880 60:880", "0:pending 10:alerting 50:recovering 60:recovered"},
		{"a breath of fresh air is no recovery", stale(10), "0:1200 10:1200 20:850 24:1200 30:1200 40:850 50:850", "0:pending 10:alerting 20:recovering 24:alerting 40:recovering 50:recovered"},
		{"a repeated sample is none", stale(10), "0:1200 10:1200 10:850 5:400 20:1200", "0:pending 10:alerting"},
		{"nothing is known of a long silence", stale(10), "0:1200 121:1200", "0:pending"},
		{"an alert does not outlive one", stale(10), "0:1200 10:1200 131:850", "0:pending 10:alerting 131:no_data"},
		{"nobody is there", occupied, "0:-1500 10:-1500 20:-1500", ""},
		{"they come, and go", occupied, "0:-1500 10:1500 20:1500 30:-1500", "10:pending 20:alerting 30:unoccupied"},
		{"too dry", below, "0:39 5:38 10:39 20:41 30:42 40:43", "0:pending 10:alerting 30:recovering 40:recovered"},
	} {
		if got := course(test.condition, test.samples); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestWorstIsKept(t *testing.T) {
	t.Parallel()
	var s State
	c := stale(5)
	for i, ppm := range []float64{1100, 1300, 1200, 1700, 1500, math.NaN()} {
		s = c.Step(s, start+300*int64(i), ppm, true)
	}
	if !s.Open() || s.Value != 1300 || s.Worst != 1700 || s.OpenedAt != start+300 {
		t.Errorf("%+v", s)
	}
}

func sample(at int64, ppm int) measurement.Sample {
	return measurement.Sample{Time: time.Unix(at, 0), CO2PPM: ppm, Status: measurement.Measured}
}

// evaluated returns the states of a sensor's watches when samples come in this order.
func evaluated(samples []measurement.Sample) []State {
	e := newEngine(func(_, at int64) bool { return at%7200 < 5400 })
	var targets []Target
	for i, minutes := range []int64{0, 10, 30} {
		c := stale(minutes)
		c.OccupiedOnly = i == 1
		targets = append(targets, Target{RuleID: int64(i + 1), Kind: Above, NodeNo: 1, Condition: *c})
	}
	e.watchAll(targets)
	e.begin(nil, func(*watch) {})
	for _, s := range samples {
		e.put(1, s, func(*watch) {})
		if s.Time.Unix()%7 == 0 {
			e.catchUp(func(*watch) {})
		}
	}
	e.catchUp(func(*watch) {})
	states := make([]State, len(targets))
	for i := range targets {
		states[i] = e.watches[targets[i].key()].state
	}
	return states
}

// scrambled has samples in another order, none later than lateness, and some of them twice.
func scrambled(r *rand.Rand, samples []measurement.Sample) []measurement.Sample {
	var come []measurement.Sample
	waiting := append([]measurement.Sample{}, samples...)
	for len(waiting) > 0 {
		// Whatever is taken, the one that waits longest is not too late for it.
		n := 1
		for n < len(waiting) && waiting[n].Time.Unix()-waiting[0].Time.Unix() < lateness {
			n++
		}
		i := r.IntN(n)
		come = append(come, waiting[i])
		waiting = append(waiting[:i], waiting[i+1:]...)
		if r.IntN(3) == 0 {
			come = append(come, come[r.IntN(len(come))])
		}
	}
	return come
}

// The order in which samples come, and how often each does, changes nothing in the end.
func TestOrderAndRepetitionChangeNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		checkScrambled(t, r, course0(r, 40+r.IntN(200)))
	}
}

// course0 is air that wanders.
func course0(r *rand.Rand, n int) []measurement.Sample {
	at, ppm := int64(start), 600
	samples := make([]measurement.Sample, n)
	for i := range samples {
		at += 60 + r.Int64N(600)
		if r.IntN(50) == 0 {
			at += maxGap
		}
		ppm = max(400, ppm+r.IntN(301)-145)
		if ppm > 2000 {
			ppm = 600
		}
		samples[i] = sample(at, ppm)
	}
	return samples
}

func checkScrambled(t *testing.T, r *rand.Rand, samples []measurement.Sample) {
	t.Helper()
	want := evaluated(samples)
	come := scrambled(r, samples)
	got := evaluated(come)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("condition %d: %+v, want %+v, of\n%v\nas\n%v", i, got[i], want[i], samples, come)
		}
	}
}

func FuzzOrder(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint8(100))
	f.Fuzz(func(t *testing.T, a, b uint64, n uint8) {
		r := rand.New(rand.NewPCG(a, b))
		checkScrambled(t, r, course0(r, int(n)+1))
	})
}
