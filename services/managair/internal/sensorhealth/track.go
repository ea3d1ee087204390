package sensorhealth

import "math"

// judge says what the weeks of a sensor tell, without what they do not.
func (t track) judge(day int, scale network) Finding {
	var f Finding
	weeks := t.weeks
	if step, at := findStep(weeks, day, scale); step != nil {
		f.Step = step
		weeks = weeks[:at] // what was before is of another level
	}
	f.Weeks = len(weeks)
	recent := 0
	for _, w := range weeks {
		if w.back < offsetWeeks {
			recent++
		}
	}
	if recent < minWeeks {
		switch {
		case t.restless > 0 && t.restless >= t.alone:
			f.Silence = NeverAtRest
		case t.alone > 0:
			f.Silence = TooFewSensors
		default:
			f.Silence = TooFewNights
		}
		return f
	}
	offset, deviation := mean(weeks[:recent], scale)
	if len(weeks) >= minDriftWeeks {
		line := fit(weeks, scale)
		span := float64(weeks[len(weeks)-1].back - weeks[0].back)
		drift := estimate(line.slope*span, line.slopeDeviation*span, driftTolerancePPM)
		drift.Value, drift.PlusMinus = line.slope*30/7, within95*line.slopeDeviation*30/7
		f.Drift = &drift
		// The mean of some weeks is behind a sensor that moves.
		if drift.Suspected() {
			offset, deviation = line.now, line.nowDeviation
		}
	}
	e := estimate(offset, math.Sqrt(deviation*deviation+roomPPM*roomPPM+scale.middle*scale.middle), offsetTolerancePPM)
	f.Offset = &e
	return f
}

// mean returns the mean of weeks, and its standard error.
func mean(weeks []week, scale network) (value, deviation float64) {
	for _, w := range weeks {
		value += w.ppm
	}
	n := float64(len(weeks))
	value /= n
	return value, scatterAbout(weeks, scale, func(week) float64 { return value }, 1) / math.Sqrt(n)
}

// scatterAbout is the standard deviation of weeks about a model with so many parameters. It
// is at least the network's.
func scatterAbout(weeks []week, scale network, model func(week) float64, parameters int) float64 {
	sum := 0.0
	for _, w := range weeks {
		sum += (w.ppm - model(w)) * (w.ppm - model(w))
	}
	if freedom := len(weeks) - parameters; freedom > 0 {
		return max(scale.scatter, math.Sqrt(sum/float64(freedom)))
	}
	return scale.scatter
}

// line is a straight one through weeks.
type line struct {
	slope, slopeDeviation float64 // ppm in a week
	now, nowDeviation     float64 // ppm in the latest week
}

// fit fits a line by least squares.
func fit(weeks []week, scale network) line {
	n := float64(len(weeks))
	var sx, sy float64
	for _, w := range weeks {
		sx -= float64(w.back)
		sy += w.ppm
	}
	mx, my := sx/n, sy/n
	var sxx, sxy float64
	for _, w := range weeks {
		x := -float64(w.back) - mx
		sxx += x * x
		sxy += x * (w.ppm - my)
	}
	slope := sxy / sxx
	at := func(w week) float64 { return my + slope*(-float64(w.back)-mx) }
	scatter := scatterAbout(weeks, scale, at, 2)
	last := -float64(weeks[0].back) - mx
	return line{
		slope: slope, slopeDeviation: scatter / math.Sqrt(sxx),
		now: at(weeks[0]), nowDeviation: scatter * math.Sqrt(1/n+last*last/sxx),
	}
}

// How many weeks a step needs before and after it, and how many are looked at.
const (
	stepBefore, stepAfter = 3, 2
	stepWindow            = 6
)

// findStep returns the latest step of the weeks, and how many of them are since.
func findStep(weeks []week, day int, scale network) (*Step, int) {
	for at := stepAfter; at <= len(weeks)-stepBefore; at++ {
		step, ok := stepAt(weeks, at, scale)
		if !ok {
			continue
		}
		// A neighbour may be the better place.
		for at+1 <= len(weeks)-stepBefore {
			next, ok := stepAt(weeks, at+1, scale)
			if !ok || math.Abs(next.Value) <= math.Abs(step.Value) {
				break
			}
			step, at = next, at+1
		}
		return &Step{Day: day - 7*weeks[at-1].back - 6, PPM: step}, at
	}
	return nil, 0
}

// stepAt weighs a step between the weeks before and after. It is none when a straight line
// through them fits better.
func stepAt(weeks []week, at int, scale network) (Estimate, bool) {
	after, before := weeks[max(0, at-stepWindow):at], weeks[at:min(len(weeks), at+stepWindow)]
	now, nowDeviation := mean(after, scale)
	old, oldDeviation := mean(before, scale)
	step := estimate(now-old, math.Hypot(nowDeviation, oldDeviation), stepTolerancePPM)
	if !step.Suspected() {
		return step, false
	}
	both := weeks[max(0, at-stepWindow):min(len(weeks), at+stepWindow)]
	straight := fit(both, scale)
	var errLine, errStep float64
	for k, w := range both {
		level := old
		if k < len(after) {
			level = now
		}
		onLine := straight.now - straight.slope*float64(w.back-both[0].back)
		errLine += (w.ppm - onLine) * (w.ppm - onLine)
		errStep += (w.ppm - level) * (w.ppm - level)
	}
	return step, errStep < errLine
}
