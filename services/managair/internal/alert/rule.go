package alert

import (
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Kind is what a rule says, as in inventory.AlertConditions.
type Kind string

// The kinds.
const (
	Above   Kind = "above"   // a quantity is higher than the threshold
	Below   Kind = "below"   // a quantity is lower than the threshold
	Profile Kind = "profile" // CO2 is beyond what is good by the profile of the room
	Silent  Kind = "silent"  // the sensor does not report
	Faulty  Kind = "faulty"  // what it measures says nothing of the air, or is suspected to be off
	Battery Kind = "battery" // its battery is low, or will soon be empty
	Swing   Kind = "swing"   // a quantity moved further than the threshold within 24 hours
)

// measured reports whether each sample is judged by itself.
func (k Kind) measured() bool { return k == Above || k == Below || k == Profile }

// The quantities.
const (
	CO2         = "co2_ppm"
	Temperature = "temperature_celsius"
	Humidity    = "rel_humidity_percent"
)

// What holds where a rule does not say it.
const (
	// defaultFor is how long a measured value has to be so: a door that is open for a moment, or
	// breath on a sensor, is no alert.
	defaultFor = 10 * time.Minute
	// BatteryDays is how far ahead the forecast end of a battery is told: time to buy one.
	BatteryDays = 28
)

// hysteresis is how far a value must come back, by quantity: the noise of sensors.
var hysteresis = map[string]float64{CO2: 100, Temperature: 0.5, Humidity: 2}

// Check returns what is wrong with how the fields of a rule hang together.
func Check(r *inventory.AlertRule) *fault.Violation {
	kind := Kind(r.Condition)
	takes := map[string]bool{
		"quantity":      kind == Above || kind == Below || kind == Swing,
		"threshold":     kind == Above || kind == Below || kind == Swing || kind == Battery,
		"hysteresis":    kind.measured(),
		"for_s":         kind.measured() || kind == Silent || kind == Faulty,
		"occupied_only": kind.measured(),
	}
	given := map[string]bool{
		"quantity": r.Quantity != nil, "threshold": r.Threshold != nil, "hysteresis": r.Hysteresis != nil,
		"for_s": r.ForS != nil, "occupied_only": r.OccupiedOnly,
	}
	for _, field := range []string{"quantity", "threshold", "hysteresis", "for_s", "occupied_only"} {
		if given[field] && !takes[field] {
			return broken(field, reason.NotOfCondition)
		}
	}
	for _, field := range []string{"quantity", "threshold"} {
		if takes[field] && !given[field] {
			return broken(field, reason.Required)
		}
	}
	if v := checkThreshold(kind, r); v != nil {
		return v
	}
	switch {
	case r.QuietFrom == nil && r.QuietTo != nil:
		return broken("quiet_from", reason.Required)
	case r.QuietFrom != nil && r.QuietTo == nil:
		return broken("quiet_to", reason.Required)
	}
	return nil
}

// checkThreshold refuses what no value of the quantity ever crosses.
func checkThreshold(kind Kind, r *inventory.AlertRule) *fault.Violation {
	if r.Threshold == nil {
		return nil
	}
	low, high := 0.0, 100.0
	switch {
	case kind == Battery || kind == Swing && *r.Quantity != CO2:
		low = 1
	case *r.Quantity == CO2:
		low, high = 1, 10_000
	case *r.Quantity == Temperature:
		low, high = -50, 100
	}
	switch threshold := number(r.Threshold); {
	case threshold < low:
		return broken("threshold", reason.MinValue, low)
	case threshold > high:
		return broken("threshold", reason.MaxValue, high)
	}
	return nil
}

func broken(field string, why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Field: field, Reason: why, Args: args}
}

// number reads a decimal that rules have checked.
func number(d *inventory.Decimal) float64 {
	f, _ := strconv.ParseFloat(*d, 64)
	return f
}
