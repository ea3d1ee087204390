package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// overdueCollector shows how long notifications wait, whoever delivers them.
type overdueCollector struct{ store postgres.Notifications }

var overdueDesc = prometheus.NewDesc("managair_notification_overdue_seconds",
	"For how long the notification has been due that waits for longest; 0: none is.", nil, nil)

// Describe is part of prometheus.Collector.
func (c overdueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- overdueDesc }

// Collect is part of prometheus.Collector. When the database is away, there is nothing to show.
func (c overdueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if overdue, err := c.store.Overdue(ctx, time.Now()); err == nil {
		ch <- prometheus.MustNewConstMetric(overdueDesc, prometheus.GaugeValue, overdue.Seconds())
	}
}
