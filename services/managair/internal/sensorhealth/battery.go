package sensorhealth

import (
	"math"
	"slices"
)

// What a forecast of a battery needs.
const (
	// BatteryDays is how far is looked back, minBatteryDays how far apart the first and the
	// last reading must be, minBatteryFall by how many percent it must have fallen between.
	BatteryDays    = 365
	minBatteryDays = 30
	minBatteryFall = 5
	// batteryChanged is a rise in percent that only a new or charged battery makes; cold ones
	// recover by less.
	batteryChanged = 15
	// batteryHorizonDays is how far ahead a date is told: ten years.
	batteryHorizonDays = 3650
)

// Charge is what a node told of its battery on a day.
type Charge struct {
	Day, Percent int
}

// BatterySilence is why there is no forecast; "" where there is one.
type BatterySilence string

// The reasons. The words are those of the HTTP API and of the database.
const (
	// NoPercent: the node, or its network, tells none. Volts alone do not tell it: a lithium
	// cell keeps its voltage until shortly before its end.
	NoPercent BatterySilence = "no_percent"
	// TooFewDays: of readings, since the battery was changed.
	TooFewDays BatterySilence = "too_few_days"
	// NoFall: it has not fallen by enough to tell how fast.
	NoFall BatterySilence = "no_fall"
)

// Battery is when a battery will be empty.
type Battery struct {
	Silence BatterySilence
	// Days is how far apart the first and the last reading are.
	Days int
	// EmptyDay is the most probable day, the others the bounds of 95 %. LatestDay is 0 when
	// there is none within ten years.
	EmptyDay, EarliestDay, LatestDay int
}

// ForecastBattery says when the battery will be empty by the straight line through its
// charges, which are in the order of their days.
func ForecastBattery(charges []Charge) Battery {
	if len(charges) == 0 {
		return Battery{Silence: NoPercent}
	}
	for k, c := range slices.Backward(charges[1:]) {
		if c.Percent >= charges[k].Percent+batteryChanged {
			charges = charges[k+1:]
			break
		}
	}
	first, last := charges[0], charges[len(charges)-1]
	b := Battery{Days: last.Day - first.Day}
	if b.Days < minBatteryDays || len(charges) < minBatteryDays/2 {
		b.Silence = TooFewDays
		return b
	}
	n, mx, my := float64(len(charges)), 0.0, 0.0
	for _, c := range charges {
		mx += float64(c.Day-last.Day) / n
		my += float64(c.Percent) / n
	}
	var sxx, sxy, rest float64
	for _, c := range charges {
		x := float64(c.Day-last.Day) - mx
		sxx += x * x
		sxy += x * (float64(c.Percent) - my)
	}
	slope := sxy / sxx
	for _, c := range charges {
		off := float64(c.Percent) - my - slope*(float64(c.Day-last.Day)-mx)
		rest += off * off
	}
	if -slope*float64(b.Days) < minBatteryFall {
		b.Silence = NoFall
		return b
	}
	// Readings of days on end are off together: an interval of independent ones would be too
	// narrow. As many count as there are weeks.
	weeks := max(1, float64(b.Days)/7)
	scatter := math.Sqrt(rest/(n-2)) + 1 // percent; whole ones are told
	deviation := scatter / math.Sqrt(sxx*weeks/n)
	empty := func(slope float64) int {
		if slope >= 0 {
			return 0
		}
		days := mx - my/slope
		if days > batteryHorizonDays {
			return 0
		}
		return last.Day + max(0, int(math.Round(days)))
	}
	b.EmptyDay, b.EarliestDay, b.LatestDay = empty(slope), empty(slope-within95*deviation), empty(slope+within95*deviation)
	if b.EmptyDay == 0 {
		b.Silence = NoFall
	}
	return b
}
