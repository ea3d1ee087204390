package sensorhealth

import "math"

// The bounds of the method. Tolerances are of the sensors: those of rooms are specified to
// 30 or 50 ppm and 3 % (SCD30, Elsys ERS CO2), so what lies within 50 ppm is no fault.
const (
	// Weeks is how far is looked back.
	Weeks = 26
	// minOthers is how many other sensors must have told something in the same nights: with
	// five the median stands when two of them are wrong.
	minOthers = 5
	// quietNights is how many nights of a week count, those on which the network was lowest;
	// minQuietNights is how many of them a sensor must have.
	quietNights, minQuietNights = 4, 2
	// offsetWeeks is of how many of the latest weeks the offset is the mean, of minWeeks at least.
	offsetWeeks, minWeeks = 6, 3
	// minDriftWeeks is how many weeks a drift needs.
	minDriftWeeks = 12

	// offsetTolerancePPM is what an offset may be that is not suspected.
	offsetTolerancePPM = 50
	// driftTolerancePPM is what a drift may come to over the time that was looked at. Rooms
	// are tighter in winter, which may look like 20 ppm in half a year.
	driftTolerancePPM = 30
	// stepTolerancePPM is what a step may be.
	stepTolerancePPM = 30
	// outdoorFloorPPM is below what outdoor air has anywhere today, by far: 430 ppm (NOAA
	// Global Monitoring Laboratory, Mauna Loa, 2025), without the tolerance of a good sensor.
	outdoorFloorPPM = 380
	// restPPM is how far a night may lie above the lowest hour of the whole week, by day or
	// night, and still be one of rest. By day outdoor air may have 30 ppm less than by night.
	restPPM = 40
	// agreePPM is how far the two lowest nights of a week may lie apart, against the network,
	// for the air to have been at rest in both: where it still falls, they lie further apart.
	agreePPM = 25

	// suspicious is the probability from which on something is suspected.
	suspicious = 0.99
	// within95 is how many standard deviations about the mean have 95 %.
	within95 = 1.96
	// floorPPM is the least scatter of a week, and roomPPM what a room adds for good: it is
	// not quite at the level of outdoors, or the sensor tells steps of 20 ppm.
	floorPPM, roomPPM = 3, 8
)

// Estimate is a figure with its uncertainty.
type Estimate struct {
	// Value, and the half of its 95 % interval. Both have the same unit.
	Value, PlusMinus float64
	// Beyond is the probability that the truth lies beyond the tolerance, at either side.
	Beyond float64
}

// Suspected reports whether that is probable enough to be told.
func (e Estimate) Suspected() bool { return e.Beyond >= suspicious }

// estimate weighs a value with a standard deviation against a tolerance.
func estimate(value, deviation, tolerance float64) Estimate {
	above := 1 - normal((tolerance-value)/deviation)
	below := normal((-tolerance - value) / deviation)
	return Estimate{Value: value, PlusMinus: within95 * deviation, Beyond: above + below}
}

// normal is the distribution function of the standard normal distribution.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// Silence is why nothing is said of a sensor against its network; "" where something is.
type Silence string

// The reasons. The words are those of the HTTP API and of the database.
const (
	// TooFewNights: of the sensor itself, since it came into this room or was calibrated.
	TooFewNights Silence = "too_few_nights"
	// TooFewSensors: fewer than minOthers others told something in the same nights.
	TooFewSensors Silence = "too_few_sensors"
	// NeverAtRest: somebody is in the room at night, or its air is not exchanged by morning.
	NeverAtRest Silence = "never_at_rest"
)

// Sensor is what the store knows of a sensor.
type Sensor struct {
	// Nights are in the order of their days, each day once.
	Nights []Night
	// Since is the first day that counts: after the latest calibration, in this room, and with this
	// organization.
	Since int
}

// Step is a jump of a sensor against its network, such as of an automatic calibration.
type Step struct {
	// Day is the first day of the week from which on it tells the new level.
	Day int
	// PPM is the new level less the old one.
	PPM Estimate
}

// Finding is what is known of the health of a sensor.
type Finding struct {
	Silence Silence
	// Weeks and Others are how much it rests on: weeks of the sensor, and other sensors in
	// the latest of them.
	Weeks, Others int
	// Offset in ppm is what the sensor tells above its network. Nil with a Silence.
	Offset *Estimate
	// DriftPPM is how many ppm the offset grows in 30 days; nil if it is not known. Its
	// Beyond is of the change over all weeks.
	Drift *Estimate
	// Step is the latest one, nil if there was none.
	Step *Step
	// ImpossibleNights is on how many of the latest fourteen nights the sensor told less than
	// outdoorFloorPPM.
	ImpossibleNights int
}

// manyImpossible is how many nights of fourteen make it persistent.
const manyImpossible = 10

// Impossible reports whether the sensor tells again and again what no air has.
func (f Finding) Impossible() bool { return f.ImpossibleNights >= manyImpossible }

// Suspected reports whether somebody should look after the sensor.
func (f Finding) Suspected() bool {
	return f.Impossible() || f.Offset != nil && f.Offset.Suspected() || f.Drift != nil && f.Drift.Suspected()
}
