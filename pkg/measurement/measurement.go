// Package measurement says what a sample is: one measurement of a node at one
// point in time, its units, and which values are plausible.
package measurement

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/reason"
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
const MaxAhead = lorawan.MaxAhead

// Earliest is the time before which no sample can be.
var Earliest = lorawan.Earliest

// Check returns the first rule that the sample breaks, or nil. It asks for what a
// sample cannot be kept without; what Judge settles breaks no rule.
func (s Sample) Check(now time.Time) *fault.Violation {
	if s.CO2PPM < MinCO2PPM {
		return &fault.Violation{Reason: reason.OutOfRange, Field: "co2_ppm", Detail: fmt.Sprintf("%d is less than %d", s.CO2PPM, MinCO2PPM)}
	}
	return CheckTime(s.Time, now)
}

// CheckTime returns the rule that the time of a measurement breaks, or nil.
func CheckTime(at, now time.Time) *fault.Violation {
	switch {
	case at.Before(Earliest):
		return &fault.Violation{Reason: reason.TooOld, Field: "time_s", Detail: fmt.Sprintf("%s is before %s", at.UTC().Format(time.RFC3339), Earliest.Format(time.RFC3339))}
	case at.After(now.Add(MaxAhead)):
		return &fault.Violation{Reason: reason.InFuture, Field: "time_s", Detail: fmt.Sprintf("%s is %v ahead of the server's clock, at most %v are allowed",
			at.UTC().Format(time.RFC3339), at.Sub(now).Round(time.Second), MaxAhead)}
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
