package live

import "github.com/prometheus/client_golang/prometheus"

// Registerer takes the hub's metrics.
type Registerer = prometheus.Registerer

type metrics struct {
	dropped prometheus.Counter
	delay   prometheus.Histogram
}

func newMetrics(r Registerer, h *Hub) *metrics {
	m := &metrics{
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "managair_live_dropped_total",
			Help: "Live listeners that were dropped because they did not read fast enough.",
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "managair_live_delay_seconds",
			Help:    "From publishing a batch (Redis's clock) to handing it to the listeners' queues.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
	}
	r.MustRegister(m.dropped, m.delay,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "managair_live_listeners",
			Help: "Listeners to live values that are connected.",
		}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return float64(h.count)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "managair_live_topics",
			Help: "Different things that are listened to: a target as one user sees it.",
		}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return float64(len(h.topics))
		}))
	return m
}
