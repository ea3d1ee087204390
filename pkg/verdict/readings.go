package verdict

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
)

// Readings gathers what the sensors of a room measured: the course of the air, and what can
// be said of the worst of them.
type Readings struct {
	air   *airquality.Analysis
	worst Sensor
	n     int
}

// Read begins to gather the readings of a period.
func Read(p airquality.Period) *Readings { return &Readings{air: airquality.Begin(p)} }

// Sensor takes the readings of the next installation.
func (r *Readings) Sensor(s Sensor) *Reading {
	return &Reading{all: r, sensor: s, series: r.air.Installation()}
}

// End returns the course of the air, and the worst of the sensors that measured; of none,
// one of which nothing is known.
func (r *Readings) End() (*airquality.Analysis, Sensor) {
	r.air.End()
	return r.air, r.worst
}

// Reading is what one installation measured.
type Reading struct {
	all      *Readings
	sensor   Sensor
	series   *airquality.Series
	distance gaps
}

// Add takes a sample that is not faulty: what a sensor itself calls so says nothing of the
// air. It must not be earlier than the one before.
func (r *Reading) Add(s airquality.Sample) {
	r.distance.add(s.Time)
	r.series.Add(s)
}

// End says that there are no more, and returns the usual time between them: 0 when there is
// none. A sensor without one has measured nothing that a verdict could rest on.
func (r *Reading) End() time.Duration {
	r.series.End()
	r.sensor.Interval = r.distance.median()
	if r.sensor.Interval == 0 {
		return 0
	}
	if r.all.n == 0 {
		r.all.worst = r.sensor
	}
	r.all.worst = Worst(r.all.worst, r.sensor)
	r.all.n++
	return r.sensor.Interval
}

// gaps counts how far the samples of a series are apart.
type gaps struct {
	last   time.Time
	counts [361]int // in steps of ten seconds, up to an hour and beyond
	n      int
}

const gapStep = 10 * time.Second

func (g *gaps) add(t time.Time) {
	if !g.last.IsZero() && t.After(g.last) {
		steps := (t.Sub(g.last) + gapStep - 1) / gapStep
		g.counts[min(int(steps), len(g.counts)-1)]++
		g.n++
	}
	g.last = t
}

// median is the usual distance, rounded up; 0 when there is none.
func (g *gaps) median() time.Duration {
	sum := 0
	for i, n := range g.counts {
		if sum += n; n > 0 && 2*sum >= g.n {
			return time.Duration(i) * gapStep
		}
	}
	return 0
}

// CountKnown counts the days of which it is known when people were there, or that nobody
// was, from the first one of a period on: the day before is among them for its night.
func CountKnown(days []occupancy.Day, p airquality.Period) int {
	first, n := civil.DateOf(p.From), 0
	for i := range days {
		if days[i].Known() && days[i].Date.Compare(first) >= 0 {
			n++
		}
	}
	return n
}
