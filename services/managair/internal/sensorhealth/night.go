package sensorhealth

import (
	"cmp"
	"slices"
	"time"
)

// nightFrom and nightTo are the hours of the local clock that are looked at: before the
// first of them most rooms have been empty for long, and after the last one people come.
const (
	nightFrom = 1
	nightTo   = 6
	// nightHours is how many of these hours a night must have at least.
	nightHours = 3
)

// Hour is the mean of an hour.
type Hour struct {
	Begin  time.Time
	CO2PPM float64
}

// Night is what a sensor told in a night.
type Night struct {
	// Day is the local day that the night leads into, counted since 1970.
	Day int
	// RestPPM is the mean of the two lowest hours of the night.
	RestPPM float64
	// LowestPPM is the lowest hour of the whole day, that of the night or another.
	LowestPPM float64
}

// dayOf returns the number of the local day of a time.
func dayOf(t time.Time, loc *time.Location) int {
	y, m, d := t.In(loc).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Nights makes nights of the hours of a sensor by the clocks of loc. A day of whose night
// there are fewer than three hours is left out.
func Nights(hours []Hour, loc *time.Location) []Night {
	type day struct {
		night  []float64
		lowest float64
	}
	days := map[int]*day{}
	for _, h := range hours {
		no := dayOf(h.Begin, loc)
		d := days[no]
		if d == nil {
			d = &day{lowest: h.CO2PPM}
			days[no] = d
		}
		d.lowest = min(d.lowest, h.CO2PPM)
		if clock := h.Begin.In(loc).Hour(); clock >= nightFrom && clock < nightTo {
			d.night = append(d.night, h.CO2PPM)
		}
	}
	var nights []Night
	for no, d := range days {
		if len(d.night) < nightHours {
			continue
		}
		slices.Sort(d.night)
		nights = append(nights, Night{Day: no, RestPPM: (d.night[0] + d.night[1]) / 2, LowestPPM: d.lowest})
	}
	slices.SortFunc(nights, func(a, b Night) int { return cmp.Compare(a.Day, b.Day) })
	return nights
}
