package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// fidelityCollector shows what the latest check counted, whichever process made it.
type fidelityCollector struct{ store postgres.Fidelity }

var (
	nodesDesc  = prometheus.NewDesc("managair_nodes", "Nodes by fidelity, as of the latest check.", []string{"fidelity"}, nil)
	faultyDesc = prometheus.NewDesc("managair_nodes_faulty", "Nodes whose measurements say nothing of the air (implausible or frozen), as of the latest check.", nil, nil)
	checkDesc  = prometheus.NewDesc("managair_nodes_checked_timestamp_seconds", "When the nodes were checked last; it should be a minute ago.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (c fidelityCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- nodesDesc
	ch <- faultyDesc
	ch <- checkDesc
}

// Collect is part of prometheus.Collector. When the database is away, there is
// nothing to show.
func (c fidelityCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	sum, err := c.store.Latest(ctx)
	if err != nil || sum.CheckedAt.IsZero() {
		return
	}
	for state, n := range map[string]int{"unknown": sum.Unknown, "alive": sum.Alive, "missing": sum.Missing, "dead": sum.Dead} {
		ch <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(faultyDesc, prometheus.GaugeValue, float64(sum.Faulty))
	ch <- prometheus.MustNewConstMetric(checkDesc, prometheus.GaugeValue, float64(sum.CheckedAt.Unix()))
}
