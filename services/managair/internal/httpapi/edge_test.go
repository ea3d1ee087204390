package httpapi_test

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

func TestSeriesIsCompressed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/installations/1/timeseries.csv"
	plain := w.get(t, anonymous, path).body
	for encoding, decode := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		// Long enough to be worth it.
		got := w.do(t, request{path: "/api/v1/installations/1/?include_timeseries=1", header: map[string]string{"Accept-Encoding": encoding}})
		if got.header.Get("Content-Encoding") != encoding {
			t.Errorf("Content-Encoding %q, want %q", got.header.Get("Content-Encoding"), encoding)
			continue
		}
		r, err := decode(strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if want := w.get(t, anonymous, "/api/v1/installations/1/?include_timeseries=1").body; string(body) != want {
			t.Errorf("%s: %s, want %s", encoding, body, want)
		}
	}
	if lines := strings.Count(plain, "\r\n"); lines != 11 {
		t.Errorf("%d lines, want the header and 10 samples:\n%s", lines, plain)
	}
}

func TestSeriesIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"/api/v1/installations/1/?include_timeseries=1", "/api/v1/installations/1/timeseries/",
		"/api/v1/installations/1/timeseries.csv", "/api/v1/installations/1/timeseries/?resolution=1h",
	} {
		etag := w.get(t, anonymous, path).header.Get("ETag")
		again := request{path: path, header: map[string]string{"If-None-Match": etag}}
		if got := w.do(t, again); got.status != http.StatusNotModified || got.body != "" {
			t.Errorf("GET %s with %s: %d %s, want 304", path, etag, got.status, got.body)
		}
		_, err := w.pool.Exec(t.Context(), `
			INSERT INTO sample (node_no, time, co2_ppm) SELECT no, (SELECT max(time) FROM sample) + interval '1 minute', 600
			  FROM node WHERE id = $1`, node1)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.do(t, again); got.status != http.StatusOK {
			t.Errorf("GET %s after a new sample: %d, want 200", path, got.status)
		}
	}
}

// edgeWorld has an API of its own configuration, whose stores are never asked.
func edgeWorld(t *testing.T, cfg httpapi.Config) *world {
	t.Helper()
	api := httpapi.New(cfg, slog.New(slog.NewTextHandler(testLog{t}, nil)), nil, httpapi.Domain{Telemetry: postgres.NewTelemetry(nil)}, func() time.Time { return worldNow })
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return &world{api: api, handler: handler}
}

func TestClientThatAsksTooOftenIsHeldBack(t *testing.T) {
	t.Parallel()
	w := edgeWorld(t, httpapi.Config{RateLimit: 1, RateBurst: 2})
	ask := request{path: "/api/v1/nirgends/"}
	for range 2 {
		if got := w.do(t, ask); got.status != http.StatusNotFound {
			t.Fatalf("%d, want 404", got.status)
		}
	}
	got := w.do(t, ask)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, `"code":"throttled"`) {
		t.Errorf("%d %v %s, want 429", got.status, got.header, got.body)
	}
	if got := got.header.Get("RateLimit"); got != `"client";r=0;t=1` {
		t.Errorf("RateLimit: %s", got)
	}
	ask.user = owner
	if got := w.do(t, ask); got.status != http.StatusNotFound {
		t.Errorf("another client: %d, want 404", got.status)
	}
}

func TestOtherOriginsReadAsConfigured(t *testing.T) {
	t.Parallel()
	ask := request{path: "/api/v1/nirgends/", header: map[string]string{"Origin": "https://museum.example"}}
	open := edgeWorld(t, httpapi.Config{CORSOrigins: []string{"*"}}).do(t, ask)
	if open.header.Get("Access-Control-Allow-Origin") != "*" || open.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("open to all: headers %v", open.header)
	}
	if got := edgeWorld(t, httpapi.Config{CORSOrigins: []string{"none"}}).do(t, ask); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("other origins may read although none shall")
	}
	w := edgeWorld(t, httpapi.Config{CORSOrigins: []string{"https://museum.example"}})
	got := w.do(t, ask)
	if got.header.Get("Access-Control-Allow-Origin") != "https://museum.example" || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("headers %v", got.header)
	}
	ask.header["Origin"] = "https://elsewhere.example"
	if got := w.do(t, ask); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin that is not configured may read")
	}
	preflight := request{method: http.MethodOptions, path: "/api/v1/rooms/", header: map[string]string{
		"Origin": "https://museum.example", "Access-Control-Request-Method": "POST",
	}}
	if got := w.do(t, preflight); got.header.Get("Access-Control-Allow-Methods") != "" {
		t.Error("another origin may write")
	}
}

func TestAnswersCarrySecurityHeaders(t *testing.T) {
	t.Parallel()
	got := edgeWorld(t, httpapi.Config{}).do(t, request{path: "/api/v1/nirgends/"})
	for name, want := range map[string]string{
		"X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
}

// What somebody sees who is logged in is not for whoever asks the same cache next.
func TestOwnAnswersAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, caller := range []request{{user: owner}, {token: "read-1"}, {session: "session-1"}, {}} {
		public := caller.user == 0 && caller.token == "" && caller.session == ""
		caller.path = "/api/v1/rooms/"
		got := w.do(t, caller)
		if kept := got.header.Get("Cache-Control") == ""; got.status != http.StatusOK || kept != public {
			t.Errorf("%+v: %d, Cache-Control %q", caller, got.status, got.header.Get("Cache-Control"))
		}
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := doc("Room", `"attributes":{"name":"`+strings.Repeat("x", 300<<10)+`"}`)
	if got := w.do(t, post(owner, "/api/v1/rooms/", body)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d, want 413: %.200s", got.status, got.body)
	}
}

// slowStore has long series; reading one lasts until somebody goes on.
type slowStore struct {
	telemetry.Store
	first   time.Time
	reading chan struct{} // somebody begins to read
	goOn    chan struct{}
}

func (s slowStore) Summaries(_ context.Context, spans []telemetry.Span, _ bool) ([]telemetry.Summary, error) {
	all := make([]telemetry.Summary, len(spans))
	for i := range all {
		all[i] = telemetry.Summary{Count: 1_000_000, First: &s.first, Latest: &measurement.Sample{Time: worldNow, Status: measurement.Measured}}
	}
	return all, nil
}

func (s slowStore) Samples(ctx context.Context, _ telemetry.Span, _ func(measurement.Sample) error) error {
	s.reading <- struct{}{}
	select {
	case <-s.goOn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slowWorld has long series only, which began so long ago; one is read at once for charts, and one for downloads.
func slowWorld(t *testing.T, since time.Duration) (*world, slowStore) {
	t.Helper()
	pool := newWorld(t).pool
	store := slowStore{first: worldNow.Add(-since), reading: make(chan struct{}), goOn: make(chan struct{})}
	api := httpapi.New(httpapi.Config{LongReads: 1}, slog.New(slog.NewTextHandler(testLog{t}, nil)), nil,
		httpapi.Domain{
			Inventory: postgres.NewInventory(pool), Telemetry: store,
			AirQuality: roomair.Service{Rooms: postgres.AirQuality{Pool: pool}, Samples: store, Occupancy: timetable.Past{Store: postgres.Timetables{Pool: pool}, Samples: store}, Log: slog.New(slog.DiscardHandler)},
		}, func() time.Time { return worldNow })
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return &world{api: api, handler: handler}, store
}

// While long series are read, further ones wait, charts not for downloads, and
// nothing else for them.
func TestLongSeriesWaitForEachOther(t *testing.T) {
	t.Parallel()
	w, store := slowWorld(t, 365*24*time.Hour)
	var asked sync.WaitGroup
	for _, path := range []string{
		"/api/v1/installations/1/timeseries/?max_points=10", "/api/v1/installations/1/timeseries/?max_points=10&resolution=10m",
		"/api/v1/installations/1/timeseries.csv", "/api/v1/installations/1/?include_timeseries=1",
	} {
		asked.Go(func() { w.get(t, anonymous, path) })
	}
	<-store.reading // a chart
	<-store.reading // and a download
	for range 10 {
		w.get(t, anonymous, "/api/v1/rooms/1/")
		w.get(t, anonymous, "/api/v1/installations/1/")
	}
	select {
	case <-store.reading:
		t.Error("a third long series is read")
	default:
	}
	store.goOn <- struct{}{}
	store.goOn <- struct{}{}
	<-store.reading
	<-store.reading
	close(store.goOn)
	asked.Wait()
}

// Verdicts read a month, as charts do, and wait for their turn, too.
func TestVerdictsWaitForCharts(t *testing.T) {
	t.Parallel()
	w, store := slowWorld(t, 365*24*time.Hour)
	var asked sync.WaitGroup
	asked.Go(func() { w.get(t, anonymous, "/api/v1/installations/1/timeseries/?max_points=10") })
	<-store.reading
	for _, path := range []string{"/api/v1/rooms/1/verdicts/", "/api/v1/rooms/1/airquality/", "/api/v1/rooms/1/ventilation/"} {
		asked.Go(func() { w.get(t, anonymous, path) })
	}
	for range 10 {
		w.get(t, anonymous, "/api/v1/rooms/1/")
	}
	select {
	case <-store.reading:
		t.Error("a verdict reads beside the chart")
	default:
	}
	close(store.goOn)
	<-store.reading
	<-store.reading
	done := make(chan struct{})
	go func() {
		asked.Wait()
		close(done)
	}()
	for over := false; !over; {
		select {
		case <-store.reading: // of a second sensor
		case <-done:
			over = true
		}
	}
}

// Buckets of ten minutes are the figures of a chart when they are as few as its points may be, and do not
// wait while the same client takes its time for a download. More of them are a download themselves.
func TestFiguresOfAChartDoNotWaitForDownloads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		since  time.Duration
		beside string
	}{
		{"as many as points", (telemetry.MaxPoints - 1) * 10 * time.Minute, "timeseries.csv"},
		{"one more", telemetry.MaxPoints * 10 * time.Minute, "timeseries/?max_points=10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, store := slowWorld(t, c.since)
			var asked sync.WaitGroup
			answered := make(chan struct{}, 2)
			for _, path := range []string{c.beside, "timeseries/?resolution=10m"} {
				asked.Go(func() {
					w.get(t, anonymous, "/api/v1/installations/1/"+path)
					answered <- struct{}{}
				})
			}
			for range 2 {
				select {
				case <-store.reading:
				case <-answered: // too long ago
					t.Error("one waits for the other")
				}
			}
			close(store.goOn)
			asked.Wait()
		})
	}
}
