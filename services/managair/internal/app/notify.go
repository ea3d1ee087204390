package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/courier"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// writers make texts of what is told, by subject. Each subject adds its own.
func writers() map[string]notify.Writer {
	return map[string]notify.Writer{"alert": alert.Write, "channel": notify.Write}
}

// deliveryMetrics counts what channels are told.
type deliveryMetrics struct {
	tries    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newDeliveryMetrics(r prometheus.Registerer) *deliveryMetrics {
	m := &deliveryMetrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "managair_notification_tries_total",
			Help: "Tries to deliver notifications, by kind of channel and outcome: delivered, failed (tried again), refused.",
		}, []string{"kind", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "managair_notification_try_duration_seconds",
			Help:    "How long tries to deliver notifications take.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 8),
		}, []string{"kind"}),
	}
	for _, kind := range notify.Kinds {
		for _, outcome := range []string{notify.OutcomeDelivered, notify.OutcomeFailed, notify.OutcomeRefused} {
			m.tries.WithLabelValues(string(kind), outcome)
		}
	}
	r.MustRegister(m.tries, m.duration)
	return m
}

// Delivered is part of notify.Observer.
func (m *deliveryMetrics) Delivered(kind notify.Kind, outcome string, took time.Duration) {
	m.tries.WithLabelValues(string(kind), outcome).Inc()
	m.duration.WithLabelValues(string(kind)).Observe(took.Seconds())
}

// backlogCollector shows what waits to be delivered, whichever worker does it.
type backlogCollector struct{ store postgres.Notifications }

var (
	waitingDesc = prometheus.NewDesc("managair_notifications_waiting", "Notifications that wait to be delivered, those of receivers that fail included.", nil, nil)
	dueDesc     = prometheus.NewDesc("managair_notifications_overdue",
		"Notifications that could be delivered now: they are not put off, nor is their receiver left alone.", nil, nil)
	deadDesc = prometheus.NewDesc("managair_notifications_dead", "Notifications that were given up in the last day.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (c backlogCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc, dueDesc, deadDesc} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector. When the database is away, there is nothing to show.
func (c backlogCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b, err := c.store.Backlog(ctx, time.Now())
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(b.Waiting))
	ch <- prometheus.MustNewConstMetric(dueDesc, prometheus.GaugeValue, float64(b.Overdue))
	ch <- prometheus.MustNewConstMetric(deadDesc, prometheus.GaugeValue, float64(b.Dead))
}

// callRules are whom notifications may be sent to.
func callRules(cfg notify.Config) (outbound.Rules, error) {
	private, err := outbound.Networks(cfg.PrivateNetworks)
	return outbound.Rules{Patience: notify.SendTime, AnyPort: true, Private: private, KeepAlive: true}, err
}

// channels are what people do with ways to be told something.
func channels(pool *pgxpool.Pool, cfg notify.Config, limit int) (notify.Service, error) {
	rules, err := callRules(cfg)
	return notify.Service{Store: postgres.Notifications{Pool: pool, Limit: limit}, Private: len(cfg.PrivateNetworks) > 0, Leads: rules.Leads}, err
}

// dispatcher delivers notifications.
func dispatcher(log *slog.Logger, pool *pgxpool.Pool, cfg notify.Config, atOnce int, letters mail.Deliverer, publicURL string, r prometheus.Registerer) (*notify.Dispatcher, error) {
	rules, err := callRules(cfg)
	if err != nil {
		return nil, err
	}
	r.MustRegister(backlogCollector{postgres.Notifications{Pool: pool}})
	client := outbound.NewClient(rules)
	return &notify.Dispatcher{
		Outbox: postgres.Notifications{Pool: pool}, Writers: writers(), PublicURL: publicURL, Log: log, Observer: newDeliveryMetrics(r), Now: time.Now,
		AtOnce: atOnce,
		Senders: courier.Senders(client, letters, func(err error) {
			log.Warn("the mail of a notification was not taken", "err", err)
		}),
	}, nil
}

func deliverNotifications(d *notify.Dispatcher) lifecycle.Part {
	return lifecycle.Part{Name: "notifications", Run: func(ctx context.Context, ready func()) error {
		ready()
		d.Run(ctx)
		return nil
	}}
}

func addNotifications(tasks *worker.Tasks, log *slog.Logger, store postgres.Notifications, kept time.Duration) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "notification:clear-old", Every: time.Hour,
		Summary: "Deletes notifications from the log that ended longer ago than NOTIFICATION_RETENTION.",
	}, func(ctx context.Context) error {
		n, err := store.Forget(ctx, time.Now().Add(-kept))
		if n > 0 {
			log.InfoContext(ctx, "old notifications deleted from the log", "count", n)
		}
		return err
	})
}
