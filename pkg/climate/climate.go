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

// Text is something that people read.
type Text struct {
	DE string `json:"de"`
	EN string `json:"en"`
}

// In returns the text in a language, in English where there is none.
func (t Text) In(lang string) string {
	if lang == "de" {
		return t.DE
	}
	return t.EN
}

// Band is a rule. Bounds are included.
type Band struct {
	// ID is that of documents and of the database, Name what people read; Source says where
	// the rule stands.
	ID     string
	Name   Text
	Source string
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
	ID:         "bizot",
	Name:       Text{DE: "Bizot Green Protocol", EN: "Bizot Green Protocol"},
	Source:     "Bizot Green Protocol, refreshed 2023 (as quoted by the American Institute for Conservation, Sustainability Committee, 13 March 2024)",
	LowPercent: 40, HighPercent: 60, LowCelsius: 16, HighCelsius: 25, SwingPercent: 10,
}

// None stands where a band could: nothing is kept here that asks for one, whatever holds for
// the rooms around.
const None = "none"

// Bands are those that there are.
func Bands() []Band { return []Band{Bizot} }

// Find returns the band of an id.
func Find(id string) (Band, bool) {
	for _, b := range Bands() {
		if b.ID == id {
			return b, true
		}
	}
	return Band{}, false
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

// Judge judges a period by the hours of one room, a series for each of its sensors. An hour is
// outside when it is so at one of them: things hang in the bad corner, too. How far the
// humidity moves is asked of each sensor by itself, for two are never quite alike. Hours
// beyond the period count for the 24 hours before its first one alone; those of a series may
// be in any order, each once.
func Judge(band Band, from, to time.Time, series ...[]Hour) Verdict {
	v := Verdict{Hours: int(to.Sub(from) / time.Hour), Outside: map[Kind]int{}}
	open := map[Kind]int{} // the latest of each kind, as a place in Exceedances
	for _, h := range judged(band, from, to, series) {
		v.Known++
		if len(h.outside) == 0 {
			v.Inside++
		}
		for _, o := range h.outside {
			v.Outside[o.Kind]++
			if at, ok := open[o.Kind]; ok && v.Exceedances[at].To.Equal(h.begin) {
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

// judgedHour is an hour of which both quantities are known, and how it was outside.
type judgedHour struct {
	begin   time.Time
	outside []Exceedance
}

// judged returns the known hours of a period, ascending, the worst of all sensors in each.
func judged(band Band, from, to time.Time, series [][]Hour) []judgedHour {
	var all []judgedHour
	for _, hours := range series {
		hours = slices.Clone(hours)
		slices.SortFunc(hours, func(a, b Hour) int { return a.Begin.Compare(b.Begin) })
		for i, h := range hours {
			if !h.Begin.Before(from) && h.Begin.Before(to) && h.TemperatureCelsius != nil && h.RelHumidityPercent != nil {
				all = append(all, judgedHour{h.Begin, band.outside(hours, i)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b judgedHour) int { return a.begin.Compare(b.begin) })
	together := all[:0]
	for _, h := range all {
		last := len(together) - 1
		if last < 0 || !together[last].begin.Equal(h.begin) {
			together = append(together, h)
			continue
		}
		for _, o := range h.outside {
			same := slices.IndexFunc(together[last].outside, func(e Exceedance) bool { return e.Kind == o.Kind })
			if same < 0 {
				together[last].outside = append(together[last].outside, o)
			} else {
				e := &together[last].outside[same]
				e.Extreme = farther(o.Kind, e.Extreme, o.Extreme)
			}
		}
	}
	return together
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

// History is what is known of the past of a room, as far back as judging it against that
// would need.
type History struct {
	// First is the first hour of which both quantities are known, zero when there is none.
	// No more than HistoryNeeded months are looked at.
	First time.Time
	// Months are whole ones from First on, Percent is the share of the hours since First that
	// are known.
	Months  int
	Percent float64
	// Enough: there are as many months as EN 15757 asks for, and of them as much as a verdict
	// needs.
	Enough bool
}

// Past returns what is known of a room at a time.
func Past(now time.Time, series ...[]Hour) History {
	known := map[int64]struct{}{}
	var h History
	for _, hours := range series {
		for _, one := range hours {
			if one.TemperatureCelsius == nil || one.RelHumidityPercent == nil || !one.Begin.Before(now) {
				continue
			}
			known[one.Begin.Unix()] = struct{}{}
			if h.First.IsZero() || one.Begin.Before(h.First) {
				h.First = one.Begin
			}
		}
	}
	if h.First.IsZero() {
		return h
	}
	h.Months = months(h.First, now)
	h.Percent = 100 * min(1, float64(len(known))/math.Ceil(now.Sub(h.First).Hours()))
	h.Enough = h.Months >= HistoryNeeded && h.Percent >= 100*CoverageNeeded
	return h
}

// months is how many whole months there are from a time to another.
func months(first, now time.Time) (n int) {
	for !first.AddDate(0, n+1, 0).After(now) {
		n++
	}
	return n
}
