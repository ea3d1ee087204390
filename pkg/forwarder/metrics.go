package forwarder

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// Values of the label result of forwarder_uplinks_total.
const (
	resultDecoded     = "decoded"
	resultUndecodable = "undecodable"
	resultEmpty       = "empty"
	resultDropped     = "dropped"
	resultPartial     = "partial"
	resultSimulated   = "simulated"
	resultForeign     = "foreign"
)

// Values of the label result of forwarder_configuration_downlinks_total.
const (
	downlinkQueued    = "queued"
	downlinkSent      = "sent"
	downlinkUnqueued  = "unqueued"
	downlinkResting   = "resting"
	downlinkForbidden = "forbidden"
	downlinkFailed    = "failed"
)

type metrics struct {
	uplinks       *prometheus.CounterVec
	undecodable   *prometheus.CounterVec
	decoded       *prometheus.CounterVec
	events        *prometheus.CounterVec
	margin        prometheus.Histogram
	webhook       *prometheus.CounterVec
	clockOffset   prometheus.Gauge
	clockDisputes *prometheus.CounterVec
	samples       *prometheus.CounterVec
	readings      *prometheus.CounterVec
	deliveries    *prometheus.CounterVec
	delivery      prometheus.Histogram
	delay         prometheus.Histogram
	spooled       prometheus.Counter
	batches       *prometheus.GaugeVec
	sweeps        *prometheus.CounterVec
	sweepUntil    prometheus.Gauge
	downlinks     *prometheus.CounterVec
	keyRights     *prometheus.GaugeVec
	rightsAsked   *prometheus.CounterVec
	connected     prometheus.Gauge
	lastUplink    prometheus.Gauge
}

func newMetrics(r prometheus.Registerer, waiting func() int) *metrics {
	m := &metrics{
		uplinks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_uplinks_total",
			Help: "Uplinks received, by source (mqtt, webhook, storage) and result (decoded, partial: samples, and a rest that could not be read, undecodable: kept with its bytes, empty: no measurements in it, which counts as contact, simulated: made up at the network server, not stored, foreign: of another application than ours, not stored, dropped: no room).",
		}, []string{"source", "result"}),
		undecodable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_undecodable_total",
			Help: "Uplinks that could not be decoded, by reason (envelope, f_port, data_rate, format, content, decoder: nobody has said how uplinks of the device are read).",
		}, []string{"reason"}),
		decoded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_decoded_total",
			Help: "Uplinks that a service for all kinds of sensors has read, by the way on which (normalized: the network server's normalized_payload, mapping: what the network server has decoded, codec: the bytes).",
		}, []string{"by"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_events_total",
			Help: "Messages of the network server that are no uplinks, by their kind (join_accept, downlink_queued, location_solved ...).",
		}, []string{"kind"}),
		margin: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "forwarder_downlink_margin_db",
			Help: "By how much devices hear downlinks better than they need to, as they have told ChirpStack (status events); below 0 they may miss settings.",
			// It is told in 6 bits with a sign.
			Buckets: []float64{-20, -10, -5, 0, 5, 10, 20, 31},
		}),
		webhook: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_webhook_requests_total",
			Help: "Requests to the webhook, by the code of the answer (204: done, 401: wrong secret, 403: of another application, 404: wrong path, 503: not stored).",
		}, []string{"code"}),
		clockOffset: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forwarder_clock_offset_seconds",
			Help: "How far our clock is ahead of the network server's, as the latest uplink over MQTT tells; its way is in it.",
		}),
		clockDisputes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_clock_disputes_total",
			Help: "Uplinks of which the network server's clock is minutes ahead of ours, by whose is believed (theirs: the samples wait until their time has come; ours: a gateway says the same).",
		}, []string{"believed"}),
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_samples_total",
			Help: "Samples that the ingestair answered for, by source (mqtt, webhook, storage; redis: they waited there) and outcome (stored, duplicate, conflict, rejected, parked). Those that storage had stored were missed by the others.",
		}, []string{"source", "outcome"}),
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_readings_total",
			Help: "Readings (values of quantities beside those of samples) by outcome (those of samples, and untaken: the ingestair is of yesterday and knows none).",
		}, []string{"outcome"}),
		spooled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "forwarder_spooled_uplinks_total", Help: "Uplinks handed over to Redis because the ingestair was away.",
		}),
		batches: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forwarder_redis_batches", Help: "Batches of uplinks on Redis, by state (waiting; archived: invalid or tried for too long, for an operator to look at).",
		}, []string{"state"}),
		sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_storage_searches_total", Help: "Searches of the Storage Integration for missed uplinks, by result (ok, failed, absent: the network server has none).",
		}, []string{"result"}),
		sweepUntil: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "forwarder_storage_complete_timestamp_seconds", Help: "Until when everything in the Storage Integration is known to be stored.",
		}),
		downlinks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_configuration_downlinks_total",
			Help: "Downlinks that tell nodes their settings, by result (queued: the network server says that it has queued it; sent: the broker has it, where it is not told what is queued; unqueued: it did not say so; resting: not sent, since one before was not queued; forbidden: not sent, since our key may not; failed: not sent).",
		}, []string{"result"}),
		keyRights: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forwarder_key_right", Help: "1 while our API key has a right that we need, 0 when it lacks it or is not valid.",
		}, []string{"right"}),
		rightsAsked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forwarder_rights_questions_total",
			Help: "Questions what our API key may do, by result (ok, missing: it lacks a right, refused: it is not valid, failed: no answer).",
		}, []string{"result"}),
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
	r.MustRegister(m.uplinks, m.undecodable, m.decoded, m.events, m.margin, m.webhook, m.clockOffset, m.clockDisputes, m.samples, m.readings, m.deliveries, m.delivery, m.delay, m.connected, m.lastUplink,
		m.spooled, m.batches, m.sweeps, m.sweepUntil, m.downlinks, m.keyRights, m.rightsAsked,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "forwarder_waiting_uplinks", Help: "Uplinks in memory that wait for delivery.",
		}, func() float64 { return float64(waiting()) }))
	m.begin()
	return m
}

// begin lets all counters begin with 0: what appears with its first event has not
// increased, as Prometheus sees it, so no alert would tell of the first uplink that
// is dropped.
func (m *metrics) begin() {
	sources := []string{"redis"}
	for _, source := range []ingestv1.Source{ingestv1.Source_SOURCE_MQTT, ingestv1.Source_SOURCE_WEBHOOK, ingestv1.Source_SOURCE_STORAGE} {
		name := sourceName(source)
		sources = append(sources, name)
		for _, result := range []string{resultDecoded, resultPartial, resultUndecodable, resultEmpty, resultSimulated, resultForeign, resultDropped} {
			m.uplinks.WithLabelValues(name, result)
		}
	}
	m.readings.WithLabelValues(untaken)
	for number := range ingestv1.Outcome_name {
		if outcome := ingestv1.Outcome(number); outcome != ingestv1.Outcome_OUTCOME_UNSPECIFIED {
			m.readings.WithLabelValues(ingestclient.OutcomeName(outcome))
		}
	}
	for _, source := range sources {
		for number := range ingestv1.Outcome_name {
			if outcome := ingestv1.Outcome(number); outcome != ingestv1.Outcome_OUTCOME_UNSPECIFIED {
				m.samples.WithLabelValues(source, ingestclient.OutcomeName(outcome))
			}
		}
	}
	for _, reason := range []codec.Reason{codec.BadEnvelope, codec.BadPort, codec.BadDataRate, codec.BadFormat, codec.BadContent, codec.NoDecoder} {
		m.undecodable.WithLabelValues(string(reason))
	}
	for _, way := range codec.Ways {
		m.decoded.WithLabelValues(way)
	}
	for _, result := range []string{"ok", fault.Invalid.String(), fault.Unauthenticated.String(), fault.Unavailable.String(), fault.Exhausted.String()} {
		m.deliveries.WithLabelValues(result)
	}
	for _, code := range []string{"204", "400", "401", "404", "503"} {
		m.webhook.WithLabelValues(code)
	}
	for _, result := range []string{downlinkQueued, downlinkSent, downlinkUnqueued, downlinkResting, downlinkForbidden, downlinkFailed} {
		m.downlinks.WithLabelValues(result)
	}
	for _, result := range []string{"ok", "missing", "refused", "failed"} {
		m.rightsAsked.WithLabelValues(result)
	}
	for _, result := range []string{"ok", "failed", "absent"} {
		m.sweeps.WithLabelValues(result)
	}
}
