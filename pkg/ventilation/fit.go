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
	points := pointsOf(readings, background)
	n := len(points)
	var w, wt, wy float64
	for _, p := range points {
		w, wt, wy = w+p.weight, wt+p.weight*p.t, wy+p.weight*p.y
	}
	meanT, meanY := wt/w, wy/w
	var stt, sty, sqq, sqt, sqy, wq float64
	for _, p := range points {
		wq += p.weight * (p.t - meanT) * (p.t - meanT)
	}
	meanQ := wq / w
	for _, p := range points {
		dt, dy := p.t-meanT, p.y-meanY
		q := dt*dt - meanQ
		stt += p.weight * dt * dt
		sty += p.weight * dt * dy
		sqq += p.weight * q * q
		sqt += p.weight * q * dt
		sqy += p.weight * q * dy
	}
	l := line{slope: sty / stt}
	for _, p := range points {
		d := p.y - meanY - l.slope*(p.t-meanT)
		l.misfit += p.weight * d * d
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

// point is a reading as the line is put through it.
type point struct {
	t      float64 // hours since the first one
	y      float64 // the logarithm
	weight float64
}

func pointsOf(readings []Reading, background float64) []point {
	points := make([]point, len(readings))
	for i, r := range readings {
		above := r.CO2PPM - background
		points[i] = point{r.Time.Sub(readings[0].Time).Hours(), math.Log(above), above * above}
	}
	return points
}

// sums are what the misfit of a line needs of the points that were added.
type sums struct{ w, t, y, tt, ty, yy float64 }

func (s *sums) add(p point) {
	s.w += p.weight
	s.t += p.weight * p.t
	s.y += p.weight * p.y
	s.tt += p.weight * p.t * p.t
	s.ty += p.weight * p.t * p.y
	s.yy += p.weight * p.y * p.y
}

// misfit is that of fit, of whose points these are the sums.
func (s *sums) misfit() float64 {
	stt, sty, syy := s.tt-s.t*s.t/s.w, s.ty-s.t*s.y/s.w, s.yy-s.y*s.y/s.w
	if stt <= 0 {
		return max(0, syy)
	}
	return max(0, syy-sty*sty/stt)
}

// split returns where a fall is best cut in two, and whether each part then has points
// enough. What a cut leaves comes from sums, for there are as many cuts as points.
func split(readings []Reading, background float64) (at int, ok bool) {
	points := pointsOf(readings, background)
	n := len(points)
	// So near to 0, sums of squares lose nothing.
	for i, y := 0, points[n/2].y; i < n; i++ {
		points[i].y -= y
	}
	before := make([]float64, n) // the misfit of points up to this one, it included
	var left, right sums
	for i, p := range points {
		left.add(p)
		before[i] = left.misfit()
	}
	best := math.Inf(1)
	for i := n - 1; i >= MinPoints-1; i-- {
		right.add(points[i])
		if i > n-MinPoints {
			continue
		}
		if sum := before[i] + right.misfit(); sum < best {
			best, at = sum, i
		}
	}
	return at, !math.IsInf(best, 1)
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
