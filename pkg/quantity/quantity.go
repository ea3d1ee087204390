// Package quantity is the catalogue of what sensors measure beside the CO2 of a sample:
// what each quantity is called, its unit, in which steps it is kept, what of it can be
// true, and how values are summed up over a stretch of time. It also says how the values
// of one node and second are packed into the bytes that are stored.
//
// A quantity is known by its number on the wire and in the database. Numbers are never
// used twice: what was measured stays what it was.
package quantity

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// ID is the number of a quantity. 0 is none.
type ID uint16

// The quantities.
const (
	Temperature         ID = 1
	RelHumidity         ID = 2
	Pressure            ID = 3
	Light               ID = 4
	Motion              ID = 5
	People              ID = 6
	TVOC                ID = 7
	VOCIndex            ID = 8
	NOxIndex            ID = 9
	PM1                 ID = 10
	PM2p5               ID = 11
	PM4                 ID = 12
	PM10                ID = 13
	Radon               ID = 14
	NO2                 ID = 15
	O3                  ID = 16
	HCHO                ID = 17
	CO                  ID = 18
	Noise               ID = 19
	NoisePeak           ID = 20
	BatteryVoltage      ID = 21
	BatteryLevel        ID = 22
	ExternalTemperature ID = 23
)

// Averaging is how the values of a stretch of time become one.
type Averaging uint8

// How values are summed up. There is none for angles: no quantity is one.
const (
	Mean Averaging = iota + 1
	// Sum is for what was counted since the value before.
	Sum
	// Max is for peaks.
	Max
	// Energy is the mean of levels in decibel: that of their energies, as the equivalent
	// continuous level (ISO 1996-1) has it.
	Energy
)

// String returns how it is called in the API.
func (a Averaging) String() string {
	return [...]string{"", "mean", "sum", "max", "energy"}[a]
}

// Quantity is one entry of the catalogue.
type Quantity struct {
	ID ID
	// Name is what programs call it, with its unit.
	Name string
	// Unit is what people read behind a value; empty for what is counted.
	Unit string
	// Decimals is how many digits after the point are kept: values are whole numbers of
	// steps of 10 to the power of -Decimals.
	Decimals int
	// Min and Max are the ends of the range, both included, in steps.
	Min, Max int32
	// How values are summed up.
	How Averaging
	// MembersOnly keeps it from the public, also where the air of a room is public: it tells when
	// people are in the room (whoever wants to break in would like to know), or it is a matter of
	// those who look after the sensor.
	MembersOnly bool
}

// Catalogue has all quantities, by number.
//
// Where a range is from:
//   - Temperature and humidity: those of a sample (package measurement).
//   - Pressure: Bosch BME280 data sheet, 300 to 1100 hPa.
//   - Light: two bytes of lux at Elsys; Vishay VEML7700 data sheet, up to 140 klx; full sun
//     has some 120 klx.
//   - Motion: counted since the message before; a byte at Elsys (vendor/elsys/elsys.js), two
//     elsewhere.
//   - TVOC: two bytes of ppb at Elsys; Sensirion SGP30 data sheet, 0 to 60,000 ppb.
//   - Indices of VOC and NOx: Sensirion SGP40 data sheet 1.0, table 1, 0 to 500; that of NOx is
//     of the same scale.
//   - Fine dust: Sensirion SPS30 data sheet, 0 to 1,000 µg/m³.
//   - Formaldehyde: Sensirion SFA30 data sheet, 0 to 1,000 ppb.
//   - Radon, NO2, O3, CO, noise, people: no one sensor's range; wide enough for what rooms and
//     streets can have, narrow enough for codes of 16 bits to stand out. Noise: silence of a
//     chamber for measurements to a jet engine.
//   - External temperature: Maxim DS18B20 data sheet, -55 to 125 °C.
//
// The data sheets of SGP30, SPS30, SFA30 and DS18B20 were not at hand when this was written:
// look their ranges up before a value near an end is decided by them.
var Catalogue = []Quantity{
	{Temperature, "temperature_celsius", "°C", 1, -400, 850, Mean, false},
	{RelHumidity, "rel_humidity_percent", "%", 0, 0, 100, Mean, false},
	{Pressure, "pressure_hpa", "hPa", 1, 3000, 11000, Mean, false},
	{Light, "light_lux", "lx", 0, 0, 200_000, Mean, true},
	{Motion, "motion_count", "", 0, 0, math.MaxUint16, Sum, true},
	{People, "people_count", "", 0, 0, 10_000, Mean, true},
	{TVOC, "tvoc_ppb", "ppb", 0, 0, 60_000, Mean, false},
	{VOCIndex, "voc_index", "", 0, 0, 500, Mean, false},
	{NOxIndex, "nox_index", "", 0, 0, 500, Mean, false},
	{PM1, "pm1_ugm3", "µg/m³", 1, 0, 10_000, Mean, false},
	{PM2p5, "pm2_5_ugm3", "µg/m³", 1, 0, 10_000, Mean, false},
	{PM4, "pm4_ugm3", "µg/m³", 1, 0, 10_000, Mean, false},
	{PM10, "pm10_ugm3", "µg/m³", 1, 0, 10_000, Mean, false},
	{Radon, "radon_bqm3", "Bq/m³", 0, 0, 60_000, Mean, false},
	{NO2, "no2_ppb", "ppb", 1, 0, 200_000, Mean, false},
	{O3, "o3_ppb", "ppb", 1, 0, 200_000, Mean, false},
	{HCHO, "hcho_ppb", "ppb", 1, 0, 10_000, Mean, false},
	{CO, "co_ppm", "ppm", 1, 0, 10_000, Mean, false},
	{Noise, "noise_dba", "dB(A)", 1, 0, 1400, Energy, true},
	{NoisePeak, "noise_peak_dba", "dB(A)", 1, 0, 1400, Max, true},
	{BatteryVoltage, "battery_millivolts", "mV", 0, 0, 60_000, Mean, true},
	{BatteryLevel, "battery_percent", "%", 0, 0, 100, Mean, true},
	{ExternalTemperature, "external_temperature_celsius", "°C", 1, -550, 1250, Mean, false},
}

// byName has the places in the catalogue.
var byName = func() map[string]int {
	m := make(map[string]int, len(Catalogue))
	for i := range Catalogue {
		m[Catalogue[i].Name] = i
	}
	return m
}()

// ByID returns a quantity, false when the catalogue has no such number.
func ByID(id ID) (Quantity, bool) {
	if id == 0 || int(id) > len(Catalogue) {
		return Quantity{}, false
	}
	return Catalogue[id-1], true
}

// ByName returns a quantity, false when the catalogue has no such name.
func ByName(name string) (Quantity, bool) {
	i, ok := byName[name]
	if !ok {
		return Quantity{}, false
	}
	return Catalogue[i], true
}

// Value is a value of a quantity, in its steps.
type Value struct {
	Quantity ID
	Steps    int32
}

// Reading is a value at one point in time. Its key is its node, its time and its quantity.
type Reading struct {
	// Time is in UTC and in whole seconds.
	Time time.Time
	Value
}

// Check returns the first rule that the reading breaks, or nil.
func (r Reading) Check(now time.Time) *fault.Violation {
	if v := measurement.CheckTime(r.Time, now); v != nil {
		return v
	}
	return r.Value.Check()
}

// Check returns the rule that a value breaks, or nil.
func (v Value) Check() *fault.Violation {
	q, ok := ByID(v.Quantity)
	switch {
	case !ok:
		return &fault.Violation{Reason: reason.OutOfRange, Field: "quantity", Detail: fmt.Sprintf("there is no quantity %d", v.Quantity)}
	case v.Steps < q.Min || v.Steps > q.Max:
		return &fault.Violation{
			Reason: reason.OutOfRange, Field: q.Name,
			Detail: fmt.Sprintf("%s is outside of %s to %s", q.Append(nil, int(v.Steps)), q.Append(nil, int(q.Min)), q.Append(nil, int(q.Max))),
		}
	}
	return nil
}

// Append appends a number of steps as a decimal number in the quantity's unit.
func (q Quantity) Append(dst []byte, steps int) []byte {
	if q.Decimals == 0 {
		return strconv.AppendInt(dst, int64(steps), 10)
	}
	return strconv.AppendFloat(dst, float64(steps)/math.Pow10(q.Decimals), 'f', q.Decimals, 64)
}

// Round returns a value in the quantity's unit as a number of steps, false when it is no
// number that could be one.
func (q Quantity) Round(v float64) (int32, bool) {
	steps := math.Round(v * math.Pow10(q.Decimals))
	if !(steps >= math.MinInt32 && steps <= math.MaxInt32) { // nor NaN
		return 0, false
	}
	return int32(steps), true
}
