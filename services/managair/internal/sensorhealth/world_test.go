package sensorhealth_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// A simulated world, of which the truth is known: rooms that leak and are used, as in
// pkg/simulate, below the air of a town that gathers at night; and sensors that are wrong by
// a known amount. It goes hour by hour, because half a year of many rooms is needed.

// truth is how wrong a sensor is, in ppm, in a week.
type truth func(week int) float64

func constant(ppm float64) truth { return func(int) float64 { return ppm } }

type room struct {
	use          int
	leak, volume float64 // changes an hour; m³
	people       float64
	// present is the share of the people in an hour, counted from Monday 0:00.
	present func(hourOfWeek, week int) float64
	airing  float64 // probability in an hour with people
	step    float64 // ppm that the sensor tells in
	noise   float64 // ppm
	samples int     // in an hour
	wrong   truth
}

func hours(from, to int, days ...int) func(int, int) float64 {
	return func(h, _ int) float64 {
		for _, d := range days {
			if h/24 == d && h%24 >= from && h%24 < to {
				return 1
			}
		}
		return 0
	}
}

// uses are a classroom, an office, a bar, a museum, a bedroom and a gate that is always manned.
var uses = []struct {
	volume, people, airing float64
	share                  float64
	present                func(hourOfWeek, week int) float64
}{
	{180, 24, 0.3, 0.5, func(h, week int) float64 {
		if week%13 == 10 || week%13 == 11 { // holidays
			return 0
		}
		return hours(8, 15, 0, 1, 2, 3, 4)(h, week)
	}},
	{75, 3, 0.2, 0.25, hours(8, 18, 0, 1, 2, 3, 4)},
	{260, 40, 0.3, 0.08, func(h, _ int) float64 {
		switch day, hour := (h+168-4)/24%7, (h+24-4)%24; { // its days end at four
		case day == 6 || day == 0 || hour < 13 || hour >= 22:
			return 0
		default:
			return 0.7
		}
	}},
	{900, 40, 0.05, 0.1, hours(10, 18, 1, 2, 3, 4, 5, 6)},
	{40, 2, 0.1, 0.05, hours(0, 7, 0, 1, 2, 3, 4, 5, 6)},
	{60, 1, 0.15, 0.02, func(int, int) float64 { return 1 }},
}

func newRoom(r *rand.Rand) room {
	pick := r.Float64()
	kind := 0
	for kind < len(uses)-1 && pick >= uses[kind].share {
		pick -= uses[kind].share
		kind++
	}
	use := uses[kind]
	leak := 0.15 + 0.85*r.Float64()
	if r.Float64() < 0.1 {
		leak = 0.04 + 0.1*r.Float64() // a passive house without its ventilation
	}
	step := 1.0
	if r.IntN(2) == 0 {
		step = 20 // Clairchen
	}
	return room{
		use: kind, leak: leak, volume: use.volume * (0.75 + 0.5*r.Float64()), people: use.people * (0.5 + 0.5*r.Float64()),
		present: use.present, airing: use.airing, step: step, noise: 8, samples: 4 + r.IntN(8),
		wrong: good(r),
	}
}

// good is the truth of a sensor that is as good as its maker says.
func good(r *rand.Rand) truth {
	bias := max(-40, min(40, 18*r.NormFloat64()))
	drift := 0.15 * r.NormFloat64()
	return func(week int) float64 { return bias + drift*float64(week) }
}

const exhaledM3 = 0.018 // by a person in an hour, as in pkg/simulate

// live returns the nights of the rooms in so many weeks from day 0, a Monday.
func live(r *rand.Rand, rooms []room, weeks int) []sensorhealth.Sensor {
	outdoor := outdoors(r, weeks*168)
	sensors := make([]sensorhealth.Sensor, len(rooms))
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, room := range rooms {
		site := 4 * r.NormFloat64()
		co2 := outdoor[0]
		var told []sensorhealth.Hour
		for h := range weeks * 168 {
			away := r.Float64() < 0.02 // not heard of
			people, leak := 0.0, room.leak
			if share := room.present(h%168, h/168); share > 0 {
				people = math.Round(share * room.people * (0.6 + 0.4*r.Float64()))
				if r.Float64() < room.airing {
					leak = 3
				}
			}
			steady := outdoor[h] + site + people*exhaledM3*1e6/room.volume/leak
			co2 = steady + (co2-steady)*math.Exp(-leak)
			if away {
				continue
			}
			sum := 0.0
			for range room.samples {
				sum += math.Round((co2+room.wrong(h/168)+room.noise*r.NormFloat64())/room.step) * room.step
			}
			told = append(told, sensorhealth.Hour{Begin: start.Add(time.Duration(h) * time.Hour), CO2PPM: sum / float64(room.samples)})
		}
		sensors[i].Nights = sensorhealth.Nights(told, time.UTC)
	}
	return sensors
}

// outdoors is the air of a town: a slow weather, a season, and nights in which it stands still.
func outdoors(r *rand.Rand, hours int) []float64 {
	air := make([]float64, hours)
	weather, still := 0.0, 0.0
	for h := range air {
		if h%24 == 0 {
			weather = 0.7*weather + 6*r.NormFloat64()
			still = 15 * r.ExpFloat64()
		}
		season := 8 * math.Cos(2*math.Pi*float64(h)/8766)
		night := math.Max(0, math.Cos(2*math.Pi*float64(h%24-4)/24))
		air[h] = 425 + weather + season + still*night
	}
	return air
}

// lastDay is the Sunday that ends so many weeks.
func lastDay(weeks int) int { return monday + 7*weeks - 1 }

// monday is 1 January 2024, counted since 1970.
const monday = 19723
