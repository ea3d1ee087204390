package forwarder

import (
	"github.com/prometheus/client_golang/prometheus"

	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// Values of the label result of forwarder_uplinks_total.
const (
	resultDecoded     = "decoded"
	resultUndecodable = "undecodable"
	resultEmpty       = "empty"
	resultDropped     = "dropped"
)

type metrics struct {
	uplinks     *prometheus.CounterVec
	undecodable *prometheus.CounterVec
	samples     *prometheus.CounterVec
	deliveries  *prometheus.CounterVec
	delivery    prometheus.Histogram
	delay       prometheus.Histogram
	connected   prometheus.Gauge
	lastUplink  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, waiting func() int) *metrics {
	m := &metrics{
		uplinks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_uplinks_total",
			Help: "Uplinks received, by source (mqtt, webhook, storage) and result (decoded, undecodable: kept with its bytes, empty: no measurements in it, dropped: no room).",
		}, []string{"source", "result"}),
		undecodable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_undecodable_total",
			Help: "Uplinks that could not be decoded, by reason (envelope, f_port, data_rate, format, content).",
		}, []string{"reason"}),
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_samples_total",
			Help: "Samples that the ingestair answered for, by outcome (stored, duplicate, conflict, rejected, parked).",
		}, []string{"outcome"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_deliveries_total",
			Help: "Attempts to deliver a batch, by result (ok, invalid, unauthenticated, unavailable ...).",
		}, []string{"result"}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "forwarder_delivery_duration_seconds", Help: "Duration of the deliveries that succeeded.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "forwarder_uplink_delay_seconds", Help: "Time from the arrival of an uplink at the forwarder until it was stored.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 12),
		}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forwarder_mqtt_connected", Help: "1 while the forwarder is subscribed at the broker.",
		}),
		lastUplink: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forwarder_last_stored_timestamp_seconds", Help: "When the last uplink was stored.",
		}),
	}
	r.MustRegister(m.uplinks, m.undecodable, m.samples, m.deliveries, m.delivery, m.delay, m.connected, m.lastUplink,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "forwarder_waiting_uplinks", Help: "Uplinks in memory that wait for delivery.",
		}, func() float64 { return float64(waiting()) }))
	return m
}

// outcomeNames has the label values of ingestv1.Outcome.
var outcomeNames = map[ingestv1.Outcome]string{
	ingestv1.Outcome_OUTCOME_STORED:    "stored",
	ingestv1.Outcome_OUTCOME_DUPLICATE: "duplicate",
	ingestv1.Outcome_OUTCOME_CONFLICT:  "conflict",
	ingestv1.Outcome_OUTCOME_REJECTED:  "rejected",
	ingestv1.Outcome_OUTCOME_PARKED:    "parked",
}
