package alert

import (
	"math"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// reading is what a sensor told at a time; NaN is not known.
type reading struct {
	at     int64
	values [quantities]float64
}

func read(s measurement.Sample) (r reading, ok bool) {
	if s.Status == measurement.Faulty {
		return r, false // it says nothing of the air
	}
	unknown := math.NaN()
	r = reading{s.Time.Unix(), [quantities]float64{float64(s.CO2PPM), unknown, unknown}}
	if t := s.TemperatureDecicelsius; t.Known {
		r.values[ofTemperature] = float64(t.Value) / 10 // the nearest to the tenth, as thresholds are
	}
	if h := s.RelHumidityPercent; h.Known {
		r.values[ofHumidity] = float64(h.Value)
	}
	return r, true
}

// tenths takes away what calculating leaves of figures with one decimal: 16.3 + 5 is 21.3 then.
func tenths(f float64) float64 { return math.Round(f*10) / 10 }

// window has the latest readings of a sensor in the order of their times, each time once.
type window struct{ readings []reading }

// take takes a sample, if it says something of the air.
func (w *window) take(s measurement.Sample, keep int64) {
	if r, ok := read(s); ok {
		w.put(r, keep)
	}
}

// put puts a reading in its place and returns which one that is. It is refused where there is one
// of the same time, which was first, or where it comes too late.
func (w *window) put(r reading, keep int64) (i int, ok bool) {
	n := len(w.readings)
	if n == 0 || w.readings[n-1].at < r.at {
		w.readings = append(w.readings, r)
		return n, true
	}
	i, found := slices.BinarySearchFunc(w.readings, r.at, func(r reading, at int64) int { return int(r.at - at) })
	if found || r.at < w.readings[n-1].at-keep {
		return i, false
	}
	w.readings = slices.Insert(w.readings, i, r)
	return i, true
}

// old returns how many readings are older than is kept.
func (w *window) old(keep int64) int {
	n := len(w.readings)
	if n == 0 {
		return 0
	}
	from := w.readings[n-1].at - keep
	i := 0
	for i < n && w.readings[i].at < from {
		i++
	}
	return i
}

// drop forgets the first readings.
func (w *window) drop(n int) { w.readings = slices.Delete(w.readings, 0, n) }
