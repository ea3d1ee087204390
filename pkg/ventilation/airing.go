package ventilation

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Opened is a time in which the air was changed faster than through closed windows: an
// airing, whoever was there. Its rate is that of the CO2; where people stayed, who add
// some, the air was changed faster.
type Opened struct {
	From, To time.Time
	// FromPPM and ToPPM are the first and last reading.
	FromPPM, ToPPM float64
	// PerHour is how fast what is above the background became less: ln of the fold, by hours.
	PerHour float64
}

// Halving is how long half of what was above the background took to leave.
func (o Opened) Halving() time.Duration {
	return time.Duration(math.Ln2 / o.PerHour * float64(time.Hour))
}

// floorPPM is how far above the background readings are taken to be at the least: nearer to
// it, noise would make rates.
const floorPPM = RisePPM / 2

// openings returns the airings of a fall: the stretch that exceeds AiringPerHour by most,
// when it leads down by DropPPM, and those before and after it.
func openings(fall []Reading, background float64) []Opened {
	if !drops(fall) {
		return nil
	}
	above := func(r Reading) float64 { return max(floorPPM, r.CO2PPM-background) }
	var best, sum float64
	from, to, begin := 0, 0, 0
	for i := 1; i < len(fall); i++ {
		sum += math.Log(above(fall[i-1])/above(fall[i])) - AiringPerHour*fall[i].Time.Sub(fall[i-1].Time).Hours()
		if sum <= 0 {
			sum, begin = 0, i
		}
		if sum > best {
			best, from, to = sum, begin, i
		}
	}
	if best == 0 {
		return nil
	}
	all := openings(fall[:from+1], background)
	first, last := fall[from], fall[to]
	if first.CO2PPM-last.CO2PPM >= DropPPM && last.Time.After(first.Time) {
		all = append(all, Opened{
			From: first.Time, To: last.Time, FromPPM: first.CO2PPM, ToPPM: last.CO2PPM,
			PerHour: math.Log(above(first)/above(last)) / last.Time.Sub(first.Time).Hours(),
		})
	}
	return append(all, openings(fall[to:], background)...)
}

// drops reports whether a part of a fall may lead down by DropPPM.
func drops(part []Reading) bool {
	if len(part) < 2 {
		return false
	}
	low, high := part[0].CO2PPM, part[0].CO2PPM
	for _, r := range part {
		low, high = min(low, r.CO2PPM), max(high, r.CO2PPM)
	}
	return high-low >= DropPPM
}

// Together makes one result of those of several sensors in one room. Of airings, and of falls,
// that overlap it has one: the airing that led farthest, the rate that is known best, and
// that nothing is known only when no sensor knows. The background is the lowest.
func Together(results ...Result) (all Result) {
	if len(results) == 1 {
		return results[0]
	}
	for i := range results {
		r := &results[i]
		if i == 0 || r.BackgroundPPM < all.BackgroundPPM {
			all.BackgroundPPM = r.BackgroundPPM
		}
		all.Airings = append(all.Airings, r.Airings...)
		all.Decays = append(all.Decays, r.Decays...)
		all.Abstained = append(all.Abstained, r.Abstained...)
	}
	all.Airings = apart(all.Airings, func(o Opened) (time.Time, time.Time, float64) { return o.From, o.To, o.ToPPM - o.FromPPM })
	all.Decays = apart(all.Decays, func(d Decay) (time.Time, time.Time, float64) { return d.From, d.To, (d.High - d.Low) / d.PerHour })
	all.Abstained = slices.DeleteFunc(all.Abstained, func(a Abstained) bool {
		return slices.ContainsFunc(all.Decays, func(d Decay) bool { return a.From.Before(d.To) && d.From.Before(a.To) })
	})
	all.Abstained = apart(all.Abstained, func(a Abstained) (time.Time, time.Time, float64) { return a.From, a.To, 0 })
	return all
}

// apart returns, in ascending order, spans of which none overlaps another: of those that do
// the one of the least cost.
func apart[T any](all []T, span func(T) (from, to time.Time, cost float64)) []T {
	slices.SortStableFunc(all, func(a, b T) int {
		aFrom, _, aCost := span(a)
		bFrom, _, bCost := span(b)
		return cmp.Or(cmp.Compare(aCost, bCost), aFrom.Compare(bFrom))
	})
	var kept []T
	for _, one := range all {
		from, to, _ := span(one)
		if !slices.ContainsFunc(kept, func(other T) bool {
			begin, end, _ := span(other)
			return from.Before(end) && begin.Before(to)
		}) {
			kept = append(kept, one)
		}
	}
	slices.SortFunc(kept, func(a, b T) int {
		aFrom, _, _ := span(a)
		bFrom, _, _ := span(b)
		return aFrom.Compare(bFrom)
	})
	return kept
}

// Rate is what is usual of a kind.
type Rate struct {
	// PerHour is the median of the rates, between Low and High with a confidence of 95 %.
	PerHour, Low, High float64
	Count              int
}

// fewRates is up to how many rates the interval of their median is that of all.
const fewRates = 6

// Usual returns what is usual of a kind; ok is false when there is none. The interval is that of
// the median by ranks, n/2 ± 1.96 √n/2 (Conover, Practical Nonparametric Statistics, 1999), of
// the lower ends and of the upper ones, so that how well each rate is known is in it.
func Usual(decays []Decay, kind Kind) (usual Rate, ok bool) {
	var rates, lows, highs []float64
	for _, d := range decays {
		if d.Kind == kind {
			rates, lows, highs = append(rates, d.PerHour), append(lows, d.Low), append(highs, d.High)
		}
	}
	n := len(rates)
	if n == 0 {
		return Rate{}, false
	}
	slices.Sort(rates)
	slices.Sort(lows)
	slices.Sort(highs)
	low, high := 0, n-1
	if n >= fewRates {
		half := 1.96 * math.Sqrt(float64(n)) / 2
		low = max(0, int(math.Floor(float64(n)/2-half))-1)
		high = min(n-1, int(math.Ceil(float64(n)/2+half)))
	}
	return Rate{PerHour: median(rates), Low: lows[low], High: highs[high], Count: n}, true
}

// UsualHalving is the median of what airings took to let half of the used air out, 0 without airings.
func UsualHalving(airings []Opened) time.Duration {
	minutes := make([]float64, len(airings))
	for i, o := range airings {
		minutes[i] = o.Halving().Minutes()
	}
	if len(minutes) == 0 {
		return 0
	}
	slices.Sort(minutes)
	return time.Duration(median(minutes) * float64(time.Minute))
}

// median is that of ascending values.
func median(values []float64) float64 {
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
