package fidelity

import "time"

// Fault is what is wrong with a node that reports. The words are those of the HTTP API
// and of the database.
type Fault string

// The faults.
const (
	// NoFault is that of a node against which nothing is known.
	NoFault Fault = ""
	// Implausible is the fault of a node whose newest sample is measurement.Faulty.
	Implausible Fault = "implausible"
	// Frozen is the fault of a node that has told one and the same CO2 for days. From when
	// on it is stuck, its samples are measurement.Faulty.
	Frozen Fault = "frozen"
)

// The air of a room never stands still: whatever is above that of outdoors is thinned by
// what leaks in. Even a passive house (0.6 changes an hour at 50 Pa, criteria of the Passive
// House Institute; a twentieth of that without, by the usual rule of thumb) loses nine
// tenths of it in three days: exp(-0.03 * 72) is 0.12. Only at rest, in a closed and
// empty room at about the level of outdoors, may a sensor that tells steps of 20 ppm
// (Clairchen), or nothing below a floor of its own, say the same for as long as nobody
// comes: a weekend and a day off, or all the holidays.
const (
	// FrozenAfter and FrozenAtRestAfter are whole days in UTC, yesterday the last of them,
	// with one value of CO2 only, which is that of all samples since.
	FrozenAfter       = 3 * 24 * time.Hour
	FrozenAtRestAfter = 7 * 24 * time.Hour
	// StuckAtRestAfter is from when on such a sensor is known to be at fault, and no longer
	// one to look after: in eight weeks somebody comes in. The longest holidays of German
	// schools are of six and a half. Away from rest, Frozen is Stuck.
	StuckAtRestAfter = 56 * 24 * time.Hour
	// RestCO2PPM is the most that is taken for air at rest: outdoor air has some 430 ppm
	// (NOAA Global Monitoring Laboratory, Mauna Loa, 2025), and sensors are right to 50 ppm
	// and 3 %.
	RestCO2PPM = 500
	// FrozenSamples is how many samples each of these days must have at least.
	FrozenSamples = 12
)
