package stack

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// Metrics are the values of one service, by series as they are exposed, for example
// `ingestair_samples_total{outcome="stored"}`.
type Metrics map[string]float64

// ReadMetrics asks a running service for its metrics.
func ReadMetrics(ctx context.Context, service *server.Server) (Metrics, error) {
	m, err := readMetrics(ctx, service)
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", service.Name(), err)
	}
	return m, nil
}

func readMetrics(ctx context.Context, service *server.Server) (Metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, MetricsURL(service), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	m := Metrics{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		series, value, ok := cutLast(lines.Text(), ' ')
		if !ok || strings.HasPrefix(series, "#") {
			continue
		}
		if m[series], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, err
		}
	}
	return m, lines.Err()
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// MetricsURL is where a running service shows its metrics.
func MetricsURL(service *server.Server) string { return "http://" + service.Address() + "/metrics" }

// Sum adds up the series of a metric.
func (m Metrics) Sum(metric string) float64 {
	var sum float64
	for series, value := range m {
		if series == metric || strings.HasPrefix(series, metric+"{") {
			sum += value
		}
	}
	return sum
}
