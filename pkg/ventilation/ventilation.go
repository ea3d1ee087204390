// Package ventilation tells from CO2 how fast the air of a room is changed: from how it
// falls when nobody adds any (the decay method of ASTM E741 and D6245; Batterman 2017,
// IJERPH 14:145), and what of it others have breathed.
//
// The way:
//
//  1. The background is the sensor's own: the lowest hundredth of what it says in the
//     days around. What it is wrong by is in both and cancels.
//  2. Falls are found between turning points; of one that has two rates, as when windows
//     are shut on the way, each part counts.
//  3. Through ln(C − background) of the points that are far enough above it goes a
//     straight line by weighted regression: its slope is the air changes per hour.
//  4. It abstains (Abstained says why) when the line bends, because then people are there
//     or windows move; when it has too few points; when the rate is faster than the
//     interval of the sensor can tell; and when its interval of confidence is wide.
//  5. Whether windows were opened (Opened) needs no straight line: what is above the background
//     falls faster than through closed ones.
//
// The trap: a rate is that of the hour in which it was found. In the evening systems are
// off and windows shut: it is not the rate of the lesson.
package ventilation

import (
	"slices"
	"time"
)

const (
	// RisePPM is how far above the background points must be to count.
	RisePPM = 120
	// DropPPM is how far a fall must lead.
	DropPPM = 150
	// MinPoints is the least number of points of a rate.
	MinPoints = 3
	// MaxRatePerHour is the fastest rate that is told of whatever sensor.
	MaxRatePerHour = 10
	// AiringPerHour is from where a fall is called airing. Closed windows give some 0.1 to
	// 0.8 changes an hour; whoever has a ventilation system that does more should not read
	// anything into the word.
	AiringPerHour = 1.5
	// MaxHalfWidth is how wide the interval of confidence may be, as a share of the rate, to
	// either side.
	MaxHalfWidth = 0.2
	// MaxGap is how far readings of one fall may be apart.
	MaxGap = 30 * time.Minute

	// minFold is how many times what is above the background must become less.
	minFold = 2
	// leaving is how many readings at the begin of a fall may be of people on their way
	// out, and of windows on their way open.
	leaving = 3

	// turnPPM is how far CO2 must rise to end a fall: three steps of the coarsest sensor.
	turnPPM = 60
	// backgroundShare is the quantile of means of calm readings that is the background, and
	// backgroundErrorPPM how wrong it may be beside the sensor's bias: noise, and air that
	// was not quite that of outdoors.
	backgroundShare    = 0.01
	calm               = 5
	backgroundErrorPPM = 20
	// maxStep is the largest part of a change of air between two readings: faster rates
	// leave too few points. It gives 8 an hour at five minutes and 4 at ten.
	maxStep = 0.7
	// noisePPM is the standard deviation that every sensor is granted (uniform noise of
	// ± 8 ppm, and steps of 20 ppm).
	noisePPM = 8
	// maxBend is the t value of the quadratic term from which a line is bent.
	maxBend = 3
	// maxFit is how far the residuals may exceed the noise.
	maxFit = 2.5
)

// Reading is what a sensor measured at one time.
type Reading struct {
	Time   time.Time
	CO2PPM float64
}

// Kind tells rates apart.
type Kind string

// The kinds.
const (
	Closed Kind = "closed_windows"
	Airing Kind = "airing"
)

// Decay is a fall of CO2 whose rate is known.
type Decay struct {
	From, To time.Time
	// FromPPM and ToPPM are the first and last reading.
	FromPPM, ToPPM float64
	// PerHour is the air changes per hour, between Low and High with a confidence of 95 %.
	PerHour, Low, High float64
	Points             int
	Kind               Kind
}

// Why says why a fall has no rate.
type Why string

// The reasons.
const (
	TooFewPoints Why = "too_few_points"
	Bent         Why = "bent"     // people are there, or windows move
	TooFast      Why = "too_fast" // for the interval of the sensor
	Vague        Why = "vague"    // the interval of confidence is wide
	Short        Why = "short"    // it ends before half of the CO2 is gone
)

// Abstained is a fall without a rate.
type Abstained struct {
	From, To time.Time
	Why      Why
}

// Result is what is known of a series.
type Result struct {
	// BackgroundPPM is the sensor's own.
	BackgroundPPM float64
	// Airings are found whoever is there; Decays are falls of which the rate is known.
	Airings   []Opened
	Decays    []Decay
	Abstained []Abstained
}

// Analyze finds the falls in the ascending readings of one sensor and their rates. The
// readings should have some days, with hours in which the room was empty and aired: they
// are the background.
func Analyze(readings []Reading) Result {
	if len(readings) < MinPoints {
		return Result{}
	}
	r := Result{BackgroundPPM: background(readings)}
	for _, fall := range falls(readings) {
		r.Airings = append(r.Airings, openings(fall, r.BackgroundPPM)...)
		r.judge(fall, interval(fall), true)
	}
	return r
}

// background is the low quantile of means of some readings that follow each other: single
// ones are the lower, the more they waver.
func background(readings []Reading) float64 {
	n := min(calm, len(readings))
	means := make([]float64, 0, len(readings))
	sum := 0.0
	for i, one := range readings {
		sum += one.CO2PPM
		if i >= n {
			sum -= readings[i-n].CO2PPM
		}
		if i >= n-1 {
			means = append(means, sum/float64(n))
		}
	}
	slices.Sort(means)
	return means[int(backgroundShare*float64(len(means)))]
}

// falls returns the stretches between a turning point and the next one below it.
func falls(readings []Reading) [][]Reading {
	var found [][]Reading
	high, low := 0, 0
	end := func() {
		if readings[high].CO2PPM-readings[low].CO2PPM >= DropPPM {
			found = append(found, readings[high:low+1])
		}
	}
	for i := 1; i < len(readings); i++ {
		v := readings[i].CO2PPM
		switch {
		case readings[i].Time.Sub(readings[i-1].Time) > MaxGap, v >= readings[low].CO2PPM+turnPPM, v >= readings[high].CO2PPM:
			end()
			high, low = i, i
		case v < readings[low].CO2PPM:
			low = i
		}
	}
	end()
	return found
}

// interval is the usual time between readings.
func interval(readings []Reading) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(readings); i++ {
		gaps = append(gaps, readings[i].Time.Sub(readings[i-1].Time))
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// judge adds the rate of a fall, or of both of its parts, or why there is none.
func (r *Result) judge(fall []Reading, every time.Duration, whole bool) {
	above := fall
	for i, one := range fall {
		if one.CO2PPM < r.BackgroundPPM+RisePPM {
			above = fall[:i]
			break
		}
	}
	abstain := func(why Why) {
		r.Abstained = append(r.Abstained, Abstained{fall[0].Time, fall[len(fall)-1].Time, why})
	}
	if len(above) < MinPoints {
		abstain(TooFewPoints)
		return
	}
	l := fit(above, r.BackgroundPPM)
	bent := isBent(above, r.BackgroundPPM)
	for skip := 1; bent && skip <= leaving && len(above)-skip >= MinPoints; skip++ {
		if rest := above[skip:]; !isBent(rest, r.BackgroundPPM) {
			above, l, bent = rest, fit(rest, r.BackgroundPPM), false
		}
	}
	if bent {
		if at, ok := split(above, r.BackgroundPPM); whole && ok {
			r.judge(above[:at+1], every, false)
			r.judge(above[at:], every, false)
			return
		}
		abstain(Bent)
		return
	}
	if above[0].CO2PPM-r.BackgroundPPM < minFold*(above[len(above)-1].CO2PPM-r.BackgroundPPM) {
		abstain(Short)
		return
	}
	half := l.halfWidth(above, r.BackgroundPPM)
	switch rate := -l.slope; {
	case rate <= 0 || half > MaxHalfWidth*rate:
		abstain(Vague)
	case rate > MaxPerHour(every):
		abstain(TooFast)
	default:
		d := Decay{
			From: above[0].Time, To: above[len(above)-1].Time, FromPPM: above[0].CO2PPM, ToPPM: above[len(above)-1].CO2PPM,
			PerHour: rate, Low: rate - half, High: rate + half, Points: len(above), Kind: Closed,
		}
		if rate >= AiringPerHour {
			d.Kind = Airing
		}
		r.Decays = append(r.Decays, d)
	}
}

// MaxPerHour is the fastest rate that readings so far apart can tell.
func MaxPerHour(every time.Duration) float64 {
	return min(MaxRatePerHour, maxStep/every.Hours())
}

// RebreathedFraction is how much of the air others have breathed before, 0 to 1
// (Rudnick and Milton 2003): exhaled air has 38,000 ppm more CO2 than what was inhaled. Of
// 60 breaths at 0.0167, one is somebody else's.
func RebreathedFraction(co2PPM, backgroundPPM float64) float64 {
	const exhaledPPM = 38_000
	return min(1, max(0, co2PPM-backgroundPPM)/exhaledPPM)
}
