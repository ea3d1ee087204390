// Package measurement says what a sample is: one measurement of a node at one
// point in time, its units, and which values are plausible.
package measurement

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// Sample is one measurement. Its key is its node and its time.
type Sample struct {
	// Time is in UTC and in whole seconds.
	Time time.Time
	// CO2PPM is the CO2 concentration in ppm.
	CO2PPM int
	// TemperatureDecicelsius is the air temperature in tenths of a degree Celsius.
	TemperatureDecicelsius Reading
	// RelHumidityPercent is the relative humidity in percent.
	RelHumidityPercent Reading
	Status             Status
}

// Reading is a value that a sensor may not have.
type Reading struct {
	Value int
	Known bool
}

// Known returns a Reading with a value.
func Known(v int) Reading { return Reading{Value: v, Known: true} }

// Status tells how a sample came about. The letters are those of the HTTP API
// and of the database.
type Status byte

// The statuses.
const (
	Measured Status = 'M' // the sensor measured it
	Repeated Status = 'R' // the sensor repeated an earlier value
	Faulty   Status = 'E' // the sensor is at fault, as it says itself or as its value says
)

// MaxAhead is how far a sample may be ahead of our clock.
const MaxAhead = 5 * time.Minute

// Earliest is the time before which no sample can be.
var Earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Fault is a broken rule: which field of the ingestion contract, and why.
type Fault struct {
	Reason Reason
	Field  string
	Detail string
}

// Error returns the field and the detail.
func (f *Fault) Error() string { return f.Field + ": " + f.Detail }

// Reason is the kind of a Fault.
type Reason string

// The reasons.
const (
	OutOfRange Reason = "out_of_range"
	InFuture   Reason = "in_future"
	TooOld     Reason = "too_old"
)

// Check returns the first rule that the sample breaks, or nil. It asks for what a
// sample cannot be kept without; what Judge settles breaks no rule.
func (s Sample) Check(now time.Time) *Fault {
	switch {
	case s.CO2PPM < MinCO2PPM || s.CO2PPM > MaxCO2PPM:
		return &Fault{OutOfRange, "co2_ppm", fmt.Sprintf("%d is outside %d..%d", s.CO2PPM, MinCO2PPM, MaxCO2PPM)}
	case s.Time.Before(Earliest):
		return &Fault{TooOld, "time_s", fmt.Sprintf("%s is before %s", s.Time.UTC().Format(time.RFC3339), Earliest.Format(time.RFC3339))}
	case s.Time.After(now.Add(MaxAhead)):
		return &Fault{InFuture, "time_s", fmt.Sprintf("%s is %v ahead of the server's clock, at most %v are allowed",
			s.Time.UTC().Format(time.RFC3339), s.Time.Sub(now).Round(time.Second), MaxAhead)}
	}
	return nil
}

// NodeID returns the UUID of a LoRaWAN node: the first 16 bytes of
// SHA-256(protocol || device EUI), the device EUI as eight bytes in printed
// order. No version and variant bits are set. The scheme is the predecessor's
// (clair-ttn, types.py), so nodes keep their ids.
func NodeID(protocol string, eui lorawan.EUI64) uuid.UUID {
	raw := eui.Bytes()
	digest := sha256.Sum256(append([]byte(protocol), raw[:]...))
	return uuid.UUID(digest[:16])
}
