package verdict

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/profile"
)

// Sensor is what its maker, or its codec, says of a sensor. What is not known is 0.
type Sensor struct {
	// RangePPM is the highest value that it can tell.
	RangePPM int
	// ResolutionPPM is the step between the values that it tells.
	ResolutionPPM int
	// AccuracyPPM and AccuracyPercent are its largest error: ppm, and a share of the value.
	AccuracyPPM, AccuracyPercent float64
	// Interval is the time between its measurements.
	Interval time.Duration
}

// AccuracyKnown reports whether anything is known of how wrong it may be.
func (s Sensor) AccuracyKnown() bool { return s.AccuracyPPM > 0 || s.AccuracyPercent > 0 }

// ErrorPPM returns how wrong it may be at a value.
func (s Sensor) ErrorPPM(ppm float64) float64 { return s.AccuracyPPM + ppm*s.AccuracyPercent/100 }

// Worst returns what can be said of two sensors in a room, whose highest value counts:
// in each respect what is said of the worse one, and nothing where nothing is known of
// one of them.
func Worst(a, b Sensor) Sensor {
	worst := Sensor{RangePPM: min(a.RangePPM, b.RangePPM)}
	if a.ResolutionPPM > 0 && b.ResolutionPPM > 0 {
		worst.ResolutionPPM = max(a.ResolutionPPM, b.ResolutionPPM)
	}
	if a.AccuracyKnown() && b.AccuracyKnown() {
		worst.AccuracyPPM = max(a.AccuracyPPM, b.AccuracyPPM)
		worst.AccuracyPercent = max(a.AccuracyPercent, b.AccuracyPercent)
	}
	if a.Interval > 0 && b.Interval > 0 {
		worst.Interval = max(a.Interval, b.Interval)
	}
	return worst
}

// FitnessVerdict says whether a sensor may judge by a profile.
type FitnessVerdict string

// The verdicts.
const (
	Fit     FitnessVerdict = "fit"
	Unfit   FitnessVerdict = "unfit"
	Unknown FitnessVerdict = "unknown" // in some respect nothing is known of it
)

// Shortcoming is a respect in which a sensor falls short, or of which nothing is known.
type Shortcoming string

// The respects.
const (
	Range      Shortcoming = "range"
	Resolution Shortcoming = "resolution"
	Interval   Shortcoming = "interval"
	Accuracy   Shortcoming = "accuracy"
)

// Fitness is whether a sensor may judge by a profile, and if not, why.
type Fitness struct {
	Verdict FitnessVerdict
	// Short are the respects in which it falls short, Missing those of which nothing is
	// known.
	Short, Missing []Shortcoming
}

func (s Sensor) fitness(p *profile.Profile) Fitness {
	n := p.Needs
	var f Fitness
	ask := func(what Shortcoming, needed, known, met bool) {
		switch {
		case !needed:
		case !known:
			f.Missing = append(f.Missing, what)
		case !met:
			f.Short = append(f.Short, what)
		}
	}
	ask(Range, n.RangePPM > 0, s.RangePPM > 0, s.RangePPM >= n.RangePPM)
	ask(Resolution, n.ResolutionPPM > 0, s.ResolutionPPM > 0, s.ResolutionPPM <= n.ResolutionPPM)
	ask(Interval, n.IntervalS > 0, s.Interval > 0, s.Interval <= n.Interval())
	// The error is the largest at the end of the range that is needed, or at 0.
	ask(Accuracy, n.AccuracyPPM > 0 || n.AccuracyPercent > 0, s.AccuracyKnown(), s.AccuracyPPM <= n.AccuracyPPM &&
		s.ErrorPPM(float64(n.RangePPM)) <= n.AccuracyPPM+float64(n.RangePPM)*n.AccuracyPercent/100)
	switch {
	case len(f.Short) > 0:
		f.Verdict = Unfit
	case len(f.Missing) > 0:
		f.Verdict = Unknown
	default:
		f.Verdict = Fit
	}
	return f
}
