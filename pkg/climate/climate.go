// Package climate judges the temperature and the relative humidity of rooms in which things
// are kept: museums, archives, churches. It is pure: hours come in, a verdict goes out.
//
// The rule is a Band: what the air may be at any time, and how far it may move within a day.
// How much is known, and since when, is told with every verdict, because norms that judge a
// room against its own past need more than a year of it (HistoryNeeded).
//
// It leaves to others which sensors are in a room. The trap: relative humidity is one of a
// temperature. A sensor beside a heater tells less than there is.
package climate

import (
	"math"
	"slices"
	"time"
)

// Hour is what a sensor told in an hour: means. Nil is what it does not measure.
type Hour struct {
	Begin              time.Time
	TemperatureCelsius *float64
	RelHumidityPercent *float64
}

// Band is a rule. Bounds are included.
type Band struct {
	// Name is that of the rule, in documents and in the database; Source says where it stands.
	Name, Source string
	// LowPercent and HighPercent bound the relative humidity.
	LowPercent, HighPercent float64
	// LowCelsius and HighCelsius bound the temperature.
	LowCelsius, HighCelsius float64
	// SwingPercent is how far the relative humidity of an hour may lie from the mean of the 24
	// hours that end with it.
	SwingPercent float64
}

// Bizot is what museums that lend things to one another agree on: a stable relative humidity
// of 40 to 60 % and a stable temperature of 16 to 25 °C, with fluctuations of no more than
// ±10 % relative humidity in 24 hours. That these are meant about the mean of the day is our
// reading; the protocol says no more.
var Bizot = Band{
	Name:       "bizot",
	Source:     "Bizot Green Protocol, refreshed 2023 (as quoted by the American Institute for Conservation, Sustainability Committee, 13 March 2024)",
	LowPercent: 40, HighPercent: 60, LowCelsius: 16, HighCelsius: 25, SwingPercent: 10,
}

// What a verdict needs. That it does is no norm's, but ours.
const (
	// CoverageNeeded is the share of the hours of a period that must be known.
	CoverageNeeded = 0.75
	// swingHours is how many of 24 hours their mean needs.
	swingHours = 18
	// HistoryNeeded is how many months EN 15757 asks for, with a value an hour, before a room
	// can be judged against its own past (Heritage Science 11 (2023), s40494-023-00888-6).
	HistoryNeeded = 13
)

// Outcome is what a verdict says.
type Outcome string

// The outcomes. The words are those of the HTTP API.
const (
	// NotJudged: too little is known.
	NotJudged Outcome = "not_judged"
	// Held: no hour was outside.
	Held Outcome = "held"
	// Exceeded: some were.
	Exceeded Outcome = "exceeded"
)

// Kind is what was outside.
type Kind string

// The kinds. The words are those of the HTTP API.
const (
	TooDry   Kind = "too_dry"
	TooHumid Kind = "too_humid"
	TooCold  Kind = "too_cold"
	TooWarm  Kind = "too_warm"
	// Unsteady: the relative humidity swings by more than it may.
	Unsteady Kind = "unsteady"
)

// Exceedance is a time in which hour after hour was outside in the same way.
type Exceedance struct {
	Kind Kind
	// From and To are the begin of the first hour and the end of the last one.
	From, To time.Time
	// Extreme is the value farthest outside: °C or %; of Unsteady the distance in %.
	Extreme float64
}

// Verdict is what a period was like.
type Verdict struct {
	Outcome Outcome
	// Hours are those of the period, Known those of which both quantities are known.
	Hours, Known int
	// Outside is how many hours were outside, by kind; an hour may be of several.
	Outside map[Kind]int
	// Inside is how many of the known hours were outside in no way.
	Inside int
	// Exceedances are in the order of their begins.
	Exceedances []Exceedance
}

// Judge judges a period by the hours of one place. Hours beyond the period count for the 24
// hours before its first one alone; they may be in any order, each once.
func Judge(band Band, hours []Hour, from, to time.Time) Verdict {
	hours = slices.Clone(hours)
	slices.SortFunc(hours, func(a, b Hour) int { return a.Begin.Compare(b.Begin) })
	v := Verdict{Hours: int(to.Sub(from) / time.Hour), Outside: map[Kind]int{}}
	open := map[Kind]int{} // the latest of each kind, as a place in Exceedances
	for i, h := range hours {
		if h.Begin.Before(from) || !h.Begin.Before(to) || h.TemperatureCelsius == nil || h.RelHumidityPercent == nil {
			continue
		}
		v.Known++
		outside := band.outside(hours, i)
		if len(outside) == 0 {
			v.Inside++
		}
		for _, o := range outside {
			v.Outside[o.Kind]++
			if at, ok := open[o.Kind]; ok && v.Exceedances[at].To.Equal(h.Begin) {
				e := &v.Exceedances[at]
				e.To, e.Extreme = o.To, farther(o.Kind, e.Extreme, o.Extreme)
				continue
			}
			open[o.Kind] = len(v.Exceedances)
			v.Exceedances = append(v.Exceedances, o)
		}
	}
	switch {
	case v.Hours <= 0 || float64(v.Known) < CoverageNeeded*float64(v.Hours):
		v.Outcome = NotJudged
	case v.Inside == v.Known:
		v.Outcome = Held
	default:
		v.Outcome = Exceeded
	}
	return v
}

// outside returns the ways in which an hour is outside.
func (b Band) outside(hours []Hour, i int) []Exceedance {
	var all []Exceedance
	h := hours[i]
	add := func(k Kind, value float64) {
		all = append(all, Exceedance{Kind: k, From: h.Begin, To: h.Begin.Add(time.Hour), Extreme: value})
	}
	if rh := *h.RelHumidityPercent; rh < b.LowPercent {
		add(TooDry, rh)
	} else if rh > b.HighPercent {
		add(TooHumid, rh)
	}
	if t := *h.TemperatureCelsius; t < b.LowCelsius {
		add(TooCold, t)
	} else if t > b.HighCelsius {
		add(TooWarm, t)
	}
	if mean, ok := dayMean(hours, i); ok {
		if swing := math.Abs(*h.RelHumidityPercent - mean); swing > b.SwingPercent {
			add(Unsteady, swing)
		}
	}
	return all
}

// dayMean is the mean relative humidity of the 24 hours that end with an hour; ok is false
// when too few of them are known.
func dayMean(hours []Hour, i int) (mean float64, ok bool) {
	n, sum := 0, 0.0
	for _, h := range slices.Backward(hours[:i+1]) {
		if hours[i].Begin.Sub(h.Begin) >= 24*time.Hour {
			break
		}
		if h.RelHumidityPercent != nil {
			n++
			sum += *h.RelHumidityPercent
		}
	}
	if n < swingHours {
		return 0, false
	}
	return sum / float64(n), true
}

// farther is the value that is farther outside.
func farther(k Kind, a, b float64) float64 {
	if k == TooDry || k == TooCold {
		return min(a, b)
	}
	return max(a, b)
}

// Enough reports whether from the first hour to a time there are as many months as judging
// a room against its own past needs, and how many whole months there are.
func Enough(first, now time.Time) (months int, enough bool) {
	for !first.AddDate(0, months+1, 0).After(now) {
		months++
	}
	return months, months >= HistoryNeeded
}
