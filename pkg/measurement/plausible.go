package measurement

import "math"

// What can be kept, both ends included.
const (
	// CO2 as its column has it. Below is not kept as a sample; above is kept as the most.
	MinCO2PPM, MaxCO2PPM = 0, math.MaxInt16
	// Temperatures that the sensors in use are made for (Sensirion SHT3x and SCD30, ELSYS
	// ERS: -40 to 85 degrees): a sunny window sill has more than 40.
	MinTemperatureDecicelsius, MaxTemperatureDecicelsius = -400, 850
	MinRelHumidityPercent, MaxRelHumidityPercent         = 0, 100
)

// LeastCO2PPM is the least CO2 that air can have. Outdoor air has had more than 400 ppm
// all the year since 2016 (NOAA Global Monitoring Laboratory, Mauna Loa), and had 280
// before there was industry; rooms have more. Sensors of rooms are right to 30 ppm and
// 3 % (Sensirion SCD30) or 50 ppm and 3 % (Senseair), which leaves 350. What is below 300
// is not drift but a fault: warm-up, a dead sensor, a code.
const LeastCO2PPM = 300

// GreatestCO2PPM is the most that sensors of rooms measure (Sensirion SCD30: right up to
// 10,000 ppm; SCD41: up to 5,000). What is above is a fault, such as a code of 16 bits, or so
// much CO2 that nobody may be there (TRGS 900: 5,000 ppm at work, twice that for minutes):
// in any case no measurement, and never good air.
const GreatestCO2PPM = 10000

// Quantities is a set of quantities that a sensor measures.
type Quantities uint8

// The quantities.
const (
	CO2 Quantities = 1 << iota
	Temperature
	RelHumidity
)

// Has reports whether all of q are in the set.
func (s Quantities) Has(q Quantities) bool { return s&q == q }

// Judge settles what a sensor cannot have meant, and returns the quantities that it
// concerns. Temperature and humidity out of range, such as error codes, become unknown:
// they never cost the CO2 beside them. CO2 that no air has, or no sensor can measure, makes
// the sample Faulty: it is kept as it was measured, as far as its column goes, and no verdict
// and no mean take it in.
func (s *Sample) Judge() (implausible Quantities) {
	if s.TemperatureDecicelsius.outside(MinTemperatureDecicelsius, MaxTemperatureDecicelsius) {
		s.TemperatureDecicelsius = Reading{}
		implausible |= Temperature
	}
	if s.RelHumidityPercent.outside(MinRelHumidityPercent, MaxRelHumidityPercent) {
		s.RelHumidityPercent = Reading{}
		implausible |= RelHumidity
	}
	if s.CO2PPM < LeastCO2PPM || s.CO2PPM > GreatestCO2PPM {
		s.CO2PPM = min(s.CO2PPM, MaxCO2PPM)
		s.Status = Faulty
		implausible |= CO2
	}
	return implausible
}

func (r Reading) outside(low, high int) bool { return r.Known && (r.Value < low || r.Value > high) }
