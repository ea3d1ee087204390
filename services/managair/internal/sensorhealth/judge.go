package sensorhealth

import (
	"cmp"
	"math"
	"slices"
)

// week is a sensor's deviation from its network, told of seven nights.
type week struct {
	back int // weeks before the latest one
	ppm  float64
}

// track is what is known of a sensor over the weeks, the latest first.
type track struct {
	weeks []week
	// restless are weeks without a night of rest, alone those without enough other sensors.
	restless, alone int
}

// NetworkSize returns how many sensors of an organization that has so many are a network: all
// up to 2000, and of more as many in each, so that none is left with few. It is at least 1.
func NetworkSize(sensors int) int {
	const most = 2000
	networks := max(1, (sensors+most-1)/most)
	return max(1, (sensors+networks-1)/networks)
}

// Findings judges the sensors of a network by what they told up to the day, which is the last
// one of the latest week. Each finding stands where its sensor does.
func Findings(sensors []Sensor, day int) []Finding {
	// Who is at rest differs from week to week. So that the level of the network does not, each
	// sensor counts the second time without what it was above it the first time.
	tracks, _ := follow(sensors, day, make([]float64, len(sensors)))
	tracks, others := follow(sensors, day, usual(tracks))
	scale := network{scatter: typicalScatter(tracks)}
	if others > 0 {
		// The standard error of a median of as many offsets.
		scale.middle = 1.2533 * spread(tracks) / math.Sqrt(float64(others))
	}
	findings := make([]Finding, len(sensors))
	for i, s := range sensors {
		findings[i] = tracks[i].judge(day, scale)
		findings[i].Others = others
		findings[i].ImpossibleNights = impossibleNights(s, day)
	}
	return findings
}

// follow follows all sensors over the weeks, and says how many others there are in the latest.
// Each is held against the middle of all, without their offsets.
func follow(sensors []Sensor, day int, offsets []float64) (tracks []track, others int) {
	tracks = make([]track, len(sensors))
	for back := range Weeks {
		if n := addWeek(tracks, sensors, day-7*back, back, offsets); back == 0 {
			others = max(0, n-1)
		}
	}
	return tracks, others
}

// usual returns the median of the weeks of each, 0 where there are none.
func usual(tracks []track) []float64 {
	medians := make([]float64, len(tracks))
	for i, t := range tracks {
		var ppm []float64
		for _, w := range t.weeks {
			ppm = append(ppm, w.ppm)
		}
		if slices.Sort(ppm); len(ppm) > 0 {
			medians[i] = middle(ppm)
		}
	}
	return medians
}

// impossibleNights counts nights of the latest fourteen, of those that count.
func impossibleNights(s Sensor, day int) int {
	n := 0
	for _, night := range slices.Backward(s.Nights) {
		if night.Day > day {
			continue
		}
		if night.Day <= day-14 || night.Day < s.Since {
			break
		}
		if night.RestPPM < outdoorFloorPPM {
			n++
		}
	}
	return n
}

// seven is a sensor's week, night by night.
type seven struct {
	rest   [7]float64 // 0: none
	lowest float64    // hour of the week
	has    bool
}

// restOn returns the mean of the two lowest of the nights less what of gives for each, and how
// far apart these are. It is NaN when there are too few nights.
func (w *seven) restOn(nights []int, of func(k int) float64) (ppm, apart float64) {
	lowest, second, n := math.Inf(1), math.Inf(1), 0
	for _, k := range nights {
		if rest := w.rest[k]; rest > 0 {
			n++
			value := rest - of(k)
			lowest, second = min(lowest, value), min(second, max(lowest, value))
		}
	}
	if n < minQuietNights {
		return math.NaN(), 0
	}
	return (lowest + second) / 2, second - lowest
}

// weekOf returns the nights of the week that ends with the day last, without an offset.
func weekOf(nights []Night, last int, offset float64) seven {
	w := seven{lowest: math.Inf(1)}
	first, _ := slices.BinarySearchFunc(nights, last-6, func(n Night, day int) int { return cmp.Compare(n.Day, day) })
	for _, n := range nights[first:] {
		if n.Day > last {
			break
		}
		w.rest[n.Day-(last-6)] = n.RestPPM - offset
		w.lowest = min(w.lowest, n.LowestPPM-offset)
		w.has = true
	}
	return w
}

// held is a week of all sensors, held against those that count.
type held struct {
	own      []float64 // deviation of each in ppm, NaN: too few nights
	told     []float64 // of those that count, sorted
	restless []bool
}

// hold holds all weeks against those that count.
func hold(weeks []seven, count func(i int) bool) held {
	var levels [7][]float64
	for i := range weeks {
		for k, rest := range weeks[i].rest {
			if rest > 0 && count(i) {
				levels[k] = append(levels[k], rest)
			}
		}
	}
	nights := quietest(levels)
	h := held{own: make([]float64, len(weeks)), restless: make([]bool, len(weeks))}
	for i := range weeks {
		own, apart := weeks[i].restOn(nights, func(k int) float64 { return middle(levels[k]) })
		low, _ := weeks[i].restOn(nights, func(int) float64 { return 0 })
		h.own[i] = own
		// At rest two nights agree. And by day it is not much lower, or it is by night that
		// somebody is in.
		h.restless[i] = apart > agreePPM || low > weeks[i].lowest+restPPM
		if !math.IsNaN(own) && count(i) {
			h.told = append(h.told, own)
		}
	}
	slices.Sort(h.told)
	return h
}

// addWeek adds a week to the tracks of those sensors that have enough of it, and returns
// how many sensors were held against.
func addWeek(tracks []track, sensors []Sensor, last, back int, offsets []float64) int {
	weeks := make([]seven, len(sensors))
	for i, s := range sensors {
		weeks[i] = weekOf(s.Nights, last, offsets[i])
	}
	// First it is found out who is at rest, then those alone are the network.
	restless := hold(weeks, func(int) bool { return true }).restless
	network := hold(weeks, func(i int) bool { return !restless[i] })
	for i, s := range sensors {
		t := &tracks[i]
		others := len(network.told)
		if !restless[i] {
			others--
		}
		switch {
		case !weeks[i].has || last-6 < s.Since:
		case others < minOthers:
			t.alone++
		case math.IsNaN(network.own[i]):
		case restless[i] || network.restless[i]:
			t.restless++
		default:
			// The lowest of some nights is low for all alike, which their middle takes away.
			t.weeks = append(t.weeks, week{back: back, ppm: offsets[i] + network.own[i] - middle(network.told)})
		}
	}
	return len(network.told)
}

// quietest returns the nights on which the network was lowest, and sorts the levels.
func quietest(levels [7][]float64) []int {
	var nights []int
	for k := range levels {
		slices.Sort(levels[k])
		if len(levels[k]) > minOthers {
			nights = append(nights, k)
		}
	}
	slices.SortFunc(nights, func(a, b int) int { return cmp.Compare(middle(levels[a]), middle(levels[b])) })
	return nights[:min(len(nights), quietNights)]
}

// middle is the median of sorted values.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// network is what the weeks of all sensors tell of one another's uncertainty, in ppm.
type network struct {
	scatter float64 // standard deviation of a week
	middle  float64 // standard error of the level that all are held against
}

// typicalScatter is the standard deviation of a week about its neighbours in the middle of
// the network: one sensor's few weeks do not tell it by themselves.
func typicalScatter(tracks []track) float64 {
	var jumps []float64
	for _, t := range tracks {
		for k := 1; k < len(t.weeks); k++ {
			jumps = append(jumps, math.Abs(t.weeks[k].ppm-t.weeks[k-1].ppm))
		}
	}
	if len(jumps) == 0 {
		return floorPPM
	}
	slices.Sort(jumps)
	// The median of |x-y| is 0.6745·√2 standard deviations.
	return max(floorPPM, middle(jumps)/(0.6745*math.Sqrt2))
}

// spread is the standard deviation of the offsets of a network, as its middle has it.
func spread(tracks []track) float64 {
	var offsets []float64
	for _, t := range tracks {
		if len(t.weeks) > 0 {
			offsets = append(offsets, math.Abs(t.weeks[0].ppm))
		}
	}
	if len(offsets) == 0 {
		return 0
	}
	slices.Sort(offsets)
	return middle(offsets) / 0.6745
}
