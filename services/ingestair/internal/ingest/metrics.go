package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Metrics counts what happens to samples.
type Metrics struct {
	samples       [keeping.NumOutcomes]prometheus.Counter
	flushes       *prometheus.CounterVec
	flushDuration prometheus.Histogram
	flushSamples  prometheus.Histogram
	undecoded     prometheus.Counter
	foreign       prometheus.Counter
	implausible   [len(quantities)]prometheus.Counter
	readings      [keeping.NumOutcomes]prometheus.Counter
	// implausibleReadings has a counter for each quantity of the catalogue.
	implausibleReadings map[quantity.ID]prometheus.Counter
}

// quantities are those that are judged, as they stand in metrics.
var quantities = [...]struct {
	of   measurement.Quantities
	name string
}{
	{measurement.CO2, "co2_ppm"},
	{measurement.Temperature, "temperature_decicelsius"},
	{measurement.RelHumidity, "rel_humidity_percent"},
}

// judgements counts implausible values by quantity.
type judgements [len(quantities)]int

func (n *judgements) add(implausible measurement.Quantities) {
	if implausible == 0 {
		return
	}
	for i, q := range quantities {
		if implausible.Has(q.of) {
			n[i]++
		}
	}
}

func (m *Metrics) judged(implausible judgements) {
	for i, n := range implausible {
		if n > 0 {
			m.implausible[i].Add(float64(n))
		}
	}
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	samples := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ingestair_samples_total", Help: "Samples by what became of them.",
	}, []string{"outcome"})
	m := &Metrics{
		flushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ingestair_flushes_total", Help: "Transactions that wrote samples, by result: ok or error.",
		}, []string{"result"}),
		flushDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ingestair_flush_duration_seconds", Help: "Time from the begin of a transaction to its commit.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
		flushSamples: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ingestair_flush_samples", Help: "Samples in a transaction.",
			Buckets: []float64{1, 3, 10, 30, 100, 300, 1000, 3000, 10000},
		}),
		undecoded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ingestair_undecoded_uplinks_total", Help: "Uplinks kept without being decoded, repeated ones included.",
		}),
	}
	m.foreign = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "ingestair_foreign_samples_total", Help: "Samples that came with the token of an organization whose node it was not; nothing of them is kept.",
	})
	implausible := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ingestair_implausible_values_total",
		Help: "Values that a sensor cannot have meant, repeated ones included, by quantity: CO2 that no air has (kept, and marked as faulty), temperature and humidity out of range (unknown; the CO2 beside them is kept).",
	}, []string{"quantity"})
	readings := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ingestair_readings_total", Help: "Readings (values of quantities beside those of samples) by what became of them.",
	}, []string{"outcome"})
	implausibleReadings := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ingestair_implausible_readings_total",
		Help: "Readings out of range, repeated ones included, by quantity; unknown is one that the catalogue does not have. They are kept aside.",
	}, []string{"quantity"})
	r.MustRegister(samples, m.flushes, m.flushDuration, m.flushSamples, m.undecoded, m.foreign, implausible, readings, implausibleReadings)
	m.implausibleReadings = map[quantity.ID]prometheus.Counter{0: implausibleReadings.WithLabelValues("unknown")}
	for _, q := range quantity.Catalogue {
		m.implausibleReadings[q.ID] = implausibleReadings.WithLabelValues(q.Name)
	}
	for i, q := range quantities {
		m.implausible[i] = implausible.WithLabelValues(q.name)
	}
	for o := keeping.Stored; o < keeping.NumOutcomes; o++ {
		m.samples[o] = samples.WithLabelValues(o.String())
		m.readings[o] = readings.WithLabelValues(o.String())
	}
	// From 0 on: Prometheus would not see the first failure as an increase.
	for _, result := range []string{"ok", "error"} {
		m.flushes.WithLabelValues(result)
	}
	return m
}

func (m *Metrics) counted(outcomes []keeping.Outcome) { count(&m.samples, outcomes) }

func (m *Metrics) countedReadings(outcomes []keeping.Outcome) { count(&m.readings, outcomes) }

// judgedReadings counts the readings that were rejected for their value.
func (m *Metrics) judgedReadings(readings []quantity.Reading, rejections []Rejection) {
	for _, r := range rejections {
		if r.Fault.Reason != reason.OutOfRange {
			continue
		}
		id := readings[r.Sample].Quantity
		if m.implausibleReadings[id] == nil {
			id = 0
		}
		m.implausibleReadings[id].Inc()
	}
}

func count(counters *[keeping.NumOutcomes]prometheus.Counter, outcomes []keeping.Outcome) {
	var n [keeping.NumOutcomes]int
	for _, o := range outcomes {
		n[o]++
	}
	for o := keeping.Stored; o < keeping.NumOutcomes; o++ {
		if n[o] > 0 {
			counters[o].Add(float64(n[o]))
		}
	}
}

func (m *Metrics) flushed(d time.Duration, samples int, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.flushes.WithLabelValues(result).Inc()
	m.flushDuration.Observe(d.Seconds())
	m.flushSamples.Observe(float64(samples))
}
