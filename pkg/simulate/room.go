package simulate

import (
	"math"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Room is a simulated room and the habits of those who use it.
type Room struct {
	// Kind is "classroom", "office", "bar" or "museum".
	Kind string
	// VolumeM3 is the air in the room.
	VolumeM3 float64
	// Capacity is how many people are in it at its fullest.
	Capacity int

	habit habit
	seed  uint64
	place *time.Location
}

// habit is the use of a kind of room.
type habit struct {
	kind     string
	volumeM3 float64
	capacity int
	// presence is the share of the capacity that is there at an hour of a weekday.
	presence func(day time.Weekday, hour float64) float64
	// airing is the probability that the windows are open during ten minutes.
	airing func(hour, co2 float64) float64
}

var habits = [...]habit{
	{
		"classroom", 180, 26,
		func(day time.Weekday, hour float64) float64 {
			if day == time.Saturday || day == time.Sunday || hour < 8 || hour >= 15.5 {
				return 0
			}
			if lunch := hour >= 12 && hour < 12.75; lunch {
				return 0.1
			}
			if _, inHour := math.Modf(hour); inHour > 0.8 {
				return 0.3 // a break before each full hour
			}
			if hour >= 13.5 {
				return 0.6
			}
			return 1
		},
		func(hour, _ float64) float64 {
			if _, inHour := math.Modf(hour); inHour > 0.8 {
				return 0.7
			}
			return 0.05
		},
	},
	{
		"office", 75, 4,
		func(day time.Weekday, hour float64) float64 {
			if day == time.Saturday || day == time.Sunday || hour < 7.5 || hour >= 18.5 {
				return 0
			}
			if lunch := hour >= 12.2 && hour < 13.1; lunch {
				return 0.25
			}
			return min(1, (hour-7.5)/1.5, (18.5-hour)/2)
		},
		func(_, co2 float64) float64 {
			if co2 > 1100 {
				return 0.5
			}
			return 0.04
		},
	},
	{
		"bar", 260, 55,
		func(day time.Weekday, hour float64) float64 {
			if hour < 4 {
				hour += 24 // the night belongs to the day before
				day = (day + 6) % 7
			}
			if day == time.Sunday || day == time.Monday || hour < 17 || hour >= 26 {
				return 0
			}
			crowd := 0.45
			if day == time.Friday || day == time.Saturday {
				crowd = 1
			}
			return crowd * min(1, (hour-17)/4, (26-hour)/1.5)
		},
		func(_, co2 float64) float64 {
			if co2 > 1500 {
				return 0.6
			}
			return 0.25
		},
	},
	{
		"museum", 900, 60,
		func(day time.Weekday, hour float64) float64 {
			if day == time.Monday || hour < 10 || hour >= 18 {
				return 0
			}
			crowd := 0.4
			if day == time.Saturday || day == time.Sunday {
				crowd = 0.9
			}
			return crowd * math.Sin(math.Pi*(hour-10)/8)
		},
		func(_, _ float64) float64 { return 0.02 },
	},
}

func newRoom(i int, seed uint64, place *time.Location) Room {
	h := habits[i%len(habits)]
	spread := 0.75 + 0.5*noise(seed, -1)
	return Room{
		Kind: h.kind, VolumeM3: math.Round(h.volumeM3 * spread), Capacity: max(1, int(float64(h.capacity)*spread)),
		habit: h, seed: seed, place: place,
	}
}

const (
	outdoorCO2 = 420 // ppm
	// Exhaled by one person at rest (DIN EN 16798-1), in m³ an hour.
	exhaledCO2 = 0.018
	// Air changes an hour: through joints, and with open windows.
	closedWindows, openWindows = 0.45, 5
	step                       = time.Minute
	// A simulated day begins when even bars are empty. Each begins afresh, so that a
	// day can be computed without those before it.
	dayBegins = 4 * time.Hour
)

// air is the state of a room's air, moving on in time.
type air struct {
	room *Room
	day  time.Time // its beginning
	now  time.Time
	co2  float64
}

func (r *Room) air() *air { return &air{room: r} }

// at returns what a sensor measures at a time. Going back begins the day again.
func (a *air) at(t time.Time) measurement.Sample {
	local := t.In(a.room.place).Add(-dayBegins)
	day := time.Date(local.Year(), local.Month(), local.Day(), int(dayBegins/time.Hour), 0, 0, 0, a.room.place)
	if !day.Equal(a.day) || t.Before(a.now) {
		a.day, a.now = day, day
		a.co2 = outdoorCO2 + 60*noise(a.room.seed, day.Unix())
	}
	for !a.now.Add(step).After(t) {
		a.move()
	}
	people := a.room.people(a.now)
	grain := func(n int64) float64 { return noise(a.room.seed+uint64(n), t.Unix()) - 0.5 }
	hour := hourOf(t.In(a.room.place))
	// Warmer in the afternoon and with people in it; they also make it moist.
	share := people / float64(a.room.Capacity)
	temperature := 20.4 + 1.1*math.Sin((hour-9)/24*2*math.Pi) + 2.2*share + 0.3*grain(1)
	humidity := 38 + 8*noise(a.room.seed, day.Unix()+1) + 9*share + 2*grain(2)
	return measurement.Sample{
		Time:                   t,
		CO2PPM:                 int(math.Round(max(a.co2+16*grain(3), outdoorCO2-20))),
		TemperatureDecicelsius: measurement.Known(int(math.Round(10 * temperature))),
		RelHumidityPercent:     measurement.Known(int(math.Round(humidity))),
		Status:                 measurement.Measured,
	}
}

// move goes one step ahead: the mass balance of a well mixed room.
func (a *air) move() {
	people, airChanges := a.room.use(a.now, a.co2)
	a.co2 = Mix(a.co2, people, a.room.VolumeM3, airChanges, step)
	a.now = a.now.Add(step)
}

// Mix is the mass balance of a well mixed room: from its CO2 in ppm, the people in it, its
// volume in m³ and its air changes an hour, its CO2 a short while later. The shorter the
// while, the better; a minute is good.
func Mix(co2PPM, people, volumeM3, airChanges float64, while time.Duration) float64 {
	hours := while.Hours()
	co2PPM += people * exhaledCO2 * 1e6 / volumeM3 * hours
	return outdoorCO2 + (co2PPM-outdoorCO2)*math.Exp(-airChanges*hours)
}

// People returns how many people are in the room: the truth behind what its sensor
// measures.
func (r *Room) People(t time.Time) int { return int(r.people(t)) }

func (r *Room) people(t time.Time) float64 {
	local := t.In(r.place)
	today := 0.7 + 0.3*noise(r.seed, t.Add(-dayBegins).Unix()/86400)
	people := r.habit.presence(local.Weekday(), hourOf(local)) * today * float64(r.Capacity)
	return math.Round(people * (0.9 + 0.2*noise(r.seed, t.Unix()/600)))
}

// use returns how many people are in the room, and the air changes an hour.
func (r *Room) use(t time.Time, co2 float64) (people, airChanges float64) {
	people = r.people(t)
	airChanges = closedWindows
	if people > 0 && noise(r.seed+7, t.Unix()/600) < r.habit.airing(hourOf(t.In(r.place)), co2) {
		airChanges = openWindows
	}
	return people, airChanges
}

func hourOf(t time.Time) float64 {
	return float64(t.Hour()) + float64(t.Minute())/60 + float64(t.Second())/3600
}
