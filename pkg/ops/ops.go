// Package ops serves what operators ask a process: metrics, health, profiles. It
// listens on a port of its own that is not published.
//
//	GET /metrics       Prometheus
//	GET /healthz       200 once started; the container's health check
//	GET /readyz        200 when everything it depends on answers, else 503 and the reason;
//	                   the header Clair-Version has the commit of the binary
//	GET /debug/pprof/  profiles
//
// /healthz does not look at dependencies on purpose: restarting a service
// because its database is away makes things worse.
package ops

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// VersionHeader is the header of /readyz that tells the version.
const VersionHeader = "Clair-Version"

// Version is the commit that the binary was built from. Package lifecycle, into which
// the build writes it, sets it before anything runs.
var Version = "development"

// Config is what the environment says about the operations port.
type Config struct {
	Address string `env:"OPS_ADDRESS" envDefault:":9090" desc:"address of metrics, health and profiles; do not publish it"`
}

// HealthURL is where a process on the same machine reads the health.
func (c Config) HealthURL() (string, error) {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return "", fmt.Errorf("OPS_ADDRESS: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/healthz", nil
}

// Ops gathers the metrics and checks of one process.
type Ops struct {
	// Registry takes the metrics. Those of Go and of the process are in it.
	Registry *prometheus.Registry

	started atomic.Bool
	mu      sync.Mutex
	checks  []check
}

type check struct {
	name string
	ask  func(context.Context) error
}

// New returns an Ops without checks.
func New() *Ops {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &Ops{Registry: r}
}

// AddCheck adds a dependency to /readyz. ask returns nil when it answers; it
// gets two seconds.
func (o *Ops) AddCheck(name string, ask func(context.Context) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checks = append(o.checks, check{name, ask})
}

// SetStarted makes /healthz answer 200.
func (o *Ops) SetStarted() { o.started.Store(true) }

// Server returns the HTTP server of the operations port.
func (o *Ops) Server(log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		Registry: o.Registry,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelError),
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !o.started.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", o.ready)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
}

func (o *Ops) ready(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	checks := slices.Clone(o.checks)
	o.mu.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	results := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { results[i] = c.ask(ctx) })
	}
	wg.Wait()
	w.Header().Set(VersionHeader, Version)
	if !o.started.Load() || slices.ContainsFunc(results, func(err error) bool { return err != nil }) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for i, c := range checks {
		answer := "ok"
		if results[i] != nil {
			// One line each, for those who read it again.
			answer = strings.Join(strings.Fields(results[i].Error()), " ")
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", c.name, answer)
	}
}
