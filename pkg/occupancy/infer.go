package occupancy

import (
	"math"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// Reading is what a sensor measured at one time.
type Reading struct {
	Time   time.Time
	CO2PPM int
}

// The figures of the inference. They are on the careful side: time that is called
// occupied shall be so, and some that was occupied is missed. The test against package
// simulate says how well that goes.
const (
	// InferenceDays is how many days before a day are looked at, too: in them lie the
	// room's baseline, and how fast its air goes stale and fresh again.
	InferenceDays = 7
	// InferenceMargin is how long beyond both ends readings are of use.
	InferenceMargin = reach
	// BaselineShare is the quantile of all points that is taken for the level to which the
	// air of a room falls back.
	BaselineShare = 0.05

	// grid is the distance of the points at which is decided, reach how far around a
	// point readings are taken into its line, and minReadings how many of them it takes.
	grid        = 10 * time.Minute
	reach       = 25 * time.Minute
	minReadings = 3
	// minKnown of points it takes to know the baseline. A room whose baseline is above maxBaselinePPM was
	// never empty and aired, or its sensor is wrong: of it nothing is told.
	minKnown       = 3 * 24 * time.Hour
	maxBaselinePPM = 800
	// minRisePPM is how far above the baseline somebody is there at all. It is four
	// steps of the coarsest sensors, which tell steps of 20 ppm.
	minRisePPM = 80
	// minSourcePPMPerHour is what people must add to the air. A person at rest exhales
	// some 18 l CO2 an hour (DIN EN 16798-1), which is 60 ppm an hour in 300 m³; lines
	// through noise and steps of 20 ppm are right to some 12 ppm an hour.
	minSourcePPMPerHour = 60
	// decayRisePPM is above the baseline where falling air tells how fast it falls.
	// Half of the usual rate is taken for what the empty room loses at least, and no more
	// than maxChangesPerHour; it takes minDecay of points.
	decayRisePPM      = 200
	maxChangesPerHour = 0.3
	minDecay          = time.Hour
	// minStay is the shortest stay, and maxBreak the longest break that is none: windows
	// are open then.
	minStay  = 30 * time.Minute
	maxBreak = 50 * time.Minute
	// maxUnknown is how much of a day may be without readings.
	maxUnknown = 6 * time.Hour
)

// point is the straight line through the readings around a time.
type point struct {
	level float64 // ppm; NaN where there is no line
	slope float64 // ppm per hour
}

// Infer tells from the readings of a room's sensors, one ascending series for each, when
// the air of a day was used by people, and Unknown where the readings do not tell. They
// should reach from InferenceDays before the day until InferenceMargin after it. A span
// ends with the day; what goes on belongs to the next.
//
// Air that people breathe gains CO2; an empty room only loses it. So the question at each
// point is whether more came in than went out: the slope of the line through the readings
// around it, and what the room loses at least, which is learned from how its air falls
// otherwise. High CO2 alone says nothing: after lessons a closed room stays stale for
// hours.
func Infer(date civil.Date, zone *time.Location, series ...[]Reading) Day {
	day := Day{Date: date, How: Unknown}
	from, to := date.In(zone), date.AddDays(1).In(zone)
	points := int(to.Sub(from) / grid)
	occupied := make([]bool, points)
	for _, readings := range series {
		mark, ok := inferOne(readings, from, points)
		if !ok {
			continue
		}
		day.How = Inferred
		for i, there := range mark {
			occupied[i] = occupied[i] || there
		}
	}
	if day.How == Inferred {
		day.Spans = stays(occupied, from)
	}
	return day
}

// inferOne tells for the points of a day whether people are there, and whether the
// readings of the sensor say so at all.
func inferOne(readings []Reading, from time.Time, points int) (occupied []bool, ok bool) {
	const before = int(InferenceDays * 24 * time.Hour / grid)
	all := lines(readings, from.Add(-time.Duration(before)*grid), before+points)
	base, ok := baseline(all)
	today := all[before:]
	unknown := 0
	for _, p := range today {
		if math.IsNaN(p.level) {
			unknown++
		}
	}
	if !ok || time.Duration(unknown)*grid > maxUnknown {
		return nil, false
	}
	changes := leastChanges(all, base)
	occupied = make([]bool, points)
	for i, p := range today {
		rise := p.level - base // comparisons with NaN are false
		occupied[i] = rise >= minRisePPM && p.slope+changes*rise >= minSourcePPMPerHour
	}
	return occupied, true
}

// lines puts a line through the readings around each of n points, the first of which is
// in the middle of the grid's first step.
func lines(readings []Reading, from time.Time, n int) []point {
	points := make([]point, n)
	first, end := 0, 0
	for i := range points {
		at := from.Add(time.Duration(i)*grid + grid/2)
		for first < len(readings) && readings[first].Time.Before(at.Add(-reach)) {
			first++
		}
		end = max(end, first)
		for end < len(readings) && !readings[end].Time.After(at.Add(reach)) {
			end++
		}
		points[i] = line(readings[first:end], at)
	}
	return points
}

// line is the regression through readings at a time. There is none unless there are
// readings on both sides.
func line(readings []Reading, at time.Time) point {
	none := point{level: math.NaN(), slope: math.NaN()}
	if len(readings) < minReadings || !readings[0].Time.Before(at) || !readings[len(readings)-1].Time.After(at) {
		return none
	}
	n := float64(len(readings))
	var sumT, sumC, sumTT, sumTC float64
	for _, r := range readings {
		t, c := r.Time.Sub(at).Hours(), float64(r.CO2PPM)
		sumT, sumC, sumTT, sumTC = sumT+t, sumC+c, sumTT+t*t, sumTC+t*c
	}
	spread := n*sumTT - sumT*sumT
	if spread <= 0 {
		return none
	}
	slope := (n*sumTC - sumT*sumC) / spread
	return point{level: (sumC - slope*sumT) / n, slope: slope}
}

// baseline is the level to which the room's air falls back.
func baseline(points []point) (ppm float64, ok bool) {
	levels := make([]float64, 0, len(points))
	for _, p := range points {
		if !math.IsNaN(p.level) {
			levels = append(levels, p.level)
		}
	}
	if time.Duration(len(levels))*grid < minKnown {
		return 0, false
	}
	ppm = Rest(levels)
	return ppm, ppm <= maxBaselinePPM
}

// Rest is the level in ppm to which the air falls back, of levels of which there is one at
// least and all are known. It sorts them.
func Rest(levels []float64) float64 {
	slices.Sort(levels)
	return levels[int(BaselineShare*float64(len(levels)))]
}

// leastChanges is how often an hour the room's air is changed at least. Whoever is there
// makes it look less, and that is on the careful side.
func leastChanges(points []point, base float64) float64 {
	var rates []float64
	for _, p := range points {
		if rise := p.level - base; rise >= decayRisePPM && p.slope < 0 {
			rates = append(rates, -p.slope/rise)
		}
	}
	if time.Duration(len(rates))*grid < minDecay {
		return 0
	}
	slices.Sort(rates)
	return min(rates[len(rates)/2]/2, maxChangesPerHour)
}

// stays makes spans of marked points, over short breaks, and without short stays.
func stays(occupied []bool, from time.Time) []Span {
	var spans []Span
	for i, there := range occupied {
		if !there {
			continue
		}
		at := from.Add(time.Duration(i) * grid)
		if last := len(spans) - 1; last >= 0 && at.Sub(spans[last].To) <= maxBreak {
			spans[last].To = at.Add(grid)
			continue
		}
		spans = append(spans, Span{From: at, To: at.Add(grid), How: Inferred})
	}
	return slices.DeleteFunc(spans, func(s Span) bool { return s.To.Sub(s.From) < minStay })
}
