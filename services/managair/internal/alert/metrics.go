package alert

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	leads, watches, open prometheus.Gauge
	samples              prometheus.Counter
	episodes             *prometheus.CounterVec
	failures, skipped    prometheus.Counter
	delay                prometheus.Histogram
	parts                *prometheus.HistogramVec
	swept                prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		leads:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "managair_alert_leads", Help: "1 in the process that judges rules for alerts; one of all processes should."}),
		watches:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "managair_alert_watches", Help: "Pairs of a rule and a sensor that it watches."}),
		open:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "managair_alert_episodes_open", Help: "Alerts that are open."}),
		samples:  prometheus.NewCounter(prometheus.CounterOpts{Name: "managair_alert_samples_total", Help: "Samples that were judged by rules."}),
		episodes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "managair_alert_episodes_total", Help: "Alerts that opened and closed."}, []string{"change"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "managair_alert_failures_total", Help: "How often the judging of rules was begun anew after a failure."}),
		skipped:  prometheus.NewCounter(prometheus.CounterOpts{Name: "managair_alert_skipped_total", Help: "How often an alert was passed over because it could not be written."}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "managair_alert_delay_seconds", Help: "From the publishing of samples until they were judged and what came of it was written.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 5, 10, 30},
		}),
		parts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "managair_alert_part_seconds", Help: "How long a part of the judging took, in which no sample was heard.",
			Buckets: []float64{.001, .01, .1, .5, 1, 2, 5, 10, 30},
		}, []string{"part"}),
		swept: prometheus.NewGauge(prometheus.GaugeOpts{Name: "managair_alert_swept_timestamp_seconds", Help: "When this process last looked after everything; in the leading one it should be less than two minutes ago."}),
	}
	if r != nil {
		r.MustRegister(m.leads, m.watches, m.open, m.samples, m.episodes, m.failures, m.skipped, m.delay, m.parts, m.swept)
	}
	return m
}

func (m *metrics) judged(published, now time.Time) {
	m.delay.Observe(max(0, now.Sub(published).Seconds()))
}

// timed does a part of the judging and keeps how long it took.
func (l *leader) timed(part string, do func() error) error {
	defer prometheus.NewTimer(l.metrics.parts.WithLabelValues(part)).ObserveDuration()
	return do()
}
