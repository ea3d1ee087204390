package ventilation

import "math"

// line is a weighted regression of ln(C − background) over hours.
type line struct {
	slope float64 // per hour
	// misfit is the weighted sum of squared residuals: in units of ppm², since the weight of
	// a point is the square of how far it is above the background.
	misfit float64
	// slopeError is the standard error of the slope at the noise that was found, and no
	// less than noisePPM.
	slopeError float64
	// bend is the t value of a quadratic term, 0 where there are too few points for one.
	bend float64
}

// fit puts the line through readings that are above the background. The error of a
// reading is the same at all concentrations, so that of its logarithm falls with the
// concentration: hence the weights.
func fit(readings []Reading, background float64) line {
	n := len(readings)
	var w, wt, wy float64
	for _, r := range readings {
		t, y, weight := point(readings, r, background)
		w, wt, wy = w+weight, wt+weight*t, wy+weight*y
	}
	meanT, meanY := wt/w, wy/w
	var stt, sty, sqq, sqt, sqy, wq float64
	for _, r := range readings {
		t, _, weight := point(readings, r, background)
		wq += weight * (t - meanT) * (t - meanT)
	}
	meanQ := wq / w
	for _, r := range readings {
		t, y, weight := point(readings, r, background)
		dt, dy := t-meanT, y-meanY
		q := dt*dt - meanQ
		stt += weight * dt * dt
		sty += weight * dt * dy
		sqq += weight * q * q
		sqt += weight * q * dt
		sqy += weight * q * dy
	}
	l := line{slope: sty / stt}
	for _, r := range readings {
		t, y, weight := point(readings, r, background)
		d := y - meanY - l.slope*(t-meanT)
		l.misfit += weight * d * d
	}
	variance := math.Max(noisePPM*noisePPM, l.misfit/float64(max(n-2, 1)))
	l.slopeError = math.Sqrt(variance / stt)
	if rest := sqq - sqt*sqt/stt; n > MinPoints && rest > 0 {
		quadratic := (sqy - sqt*sty/stt) / rest
		left := math.Max(0, l.misfit-quadratic*quadratic*rest)
		sigma := math.Max(noisePPM, math.Sqrt(left/float64(n-3)))
		l.bend = quadratic * math.Sqrt(rest) / sigma
	}
	return l
}

// point returns hours since the first reading, the logarithm, and its weight.
func point(readings []Reading, r Reading, background float64) (t, y, weight float64) {
	above := r.CO2PPM - background
	return r.Time.Sub(readings[0].Time).Hours(), math.Log(above), above * above
}

// isBent reports whether the points are no straight line, whatever the background may be
// within its error.
func isBent(readings []Reading, background float64) bool {
	for _, off := range []float64{0, -backgroundErrorPPM, backgroundErrorPPM} {
		l := fit(readings, background+off)
		if math.Abs(l.bend) <= maxBend && l.misfit <= float64(len(readings))*maxFit*maxFit*noisePPM*noisePPM {
			return false
		}
	}
	return true
}

// halfWidth is that of the interval of confidence (95 %): of the line, and of a
// background that is off by backgroundErrorPPM.
func (l line) halfWidth(readings []Reading, background float64) float64 {
	off := math.Max(
		math.Abs(fit(readings, background-backgroundErrorPPM).slope-l.slope),
		math.Abs(fit(readings, background+backgroundErrorPPM).slope-l.slope),
	)
	return math.Hypot(student(len(readings)-2)*l.slopeError, off)
}

// student is the two-sided 95 % quantile of Student's t distribution. The error of the
// slope is never less than the noise that is granted, so that of few points need not be
// larger than for a handful.
func student(freedom int) float64 {
	quantiles := [...]float64{3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23}
	switch {
	case freedom < 3:
		return quantiles[3]
	case freedom < len(quantiles):
		return quantiles[freedom]
	default:
		return 2.1
	}
}
