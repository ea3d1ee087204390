package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func newHub(pool *pgxpool.Pool, source live.Source) *live.Hub {
	return live.New(live.Config{MaxListeners: 1000, MaxPerAccount: 1000, MaxPerPlace: 1000}, slog.New(slog.DiscardHandler), source,
		postgres.NewLive(pool), httpapi.AppendLiveSample, prometheus.NewRegistry())
}

// watched is a source that tells when it is read for the first time.
type watched struct {
	live.Source
	once    sync.Once
	reading chan struct{}
}

func (w *watched) Read(ctx context.Context, after stream.ID, count int64, wait time.Duration) ([]stream.Entry, error) {
	w.once.Do(func() { close(w.reading) })
	return w.Source.Read(ctx, after, count, wait)
}

// theatre is a server with live values: a real database, Redis, and connections.
type theatre struct {
	*world
	redis     *redis.Client
	publisher *stream.Publisher
	server    *httptest.Server
}

// newTheatre starts a server whose callers name their user id in a header.
func newTheatre(t testing.TB) *theatre {
	t.Helper()
	th := &theatre{world: newWorld(t), redis: redistest.New(t)}
	th.publisher = stream.NewPublisher(th.redis, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { th.publisher.Run(ctx) })
	// The publisher begins by saying that something may be missing; that is not what
	// these tests are about.
	for n := int64(0); n == 0; {
		var err error
		if n, err = th.redis.XLen(t.Context(), stream.Key).Result(); err != nil {
			t.Fatal(err)
		}
	}
	th.server = th.start(t, &running)
	t.Cleanup(func() { cancel(); running.Wait() })
	return th
}

// start starts one more replica of the server.
func (th *theatre) start(t testing.TB, running *sync.WaitGroup) *httptest.Server {
	t.Helper()
	source := &watched{Source: stream.Stream{Client: th.redis}, reading: make(chan struct{})}
	hub := newHub(th.pool, source)
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() { hub.Run(ctx) })
	// Whoever listens before the hub reads is told that something may be missing.
	<-source.reading
	api := httpapi.New(httpapi.Config{}, slog.New(slog.DiscardHandler), nil, httpapi.Domain{
		Inventory: postgres.NewInventory(th.pool), Telemetry: postgres.NewTelemetry(th.pool), Live: hub,
	}, time.Now)
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := strconv.ParseInt(r.Header.Get("Test-User"), 10, 64)
		handler.ServeHTTP(w, r.WithContext(access.WithCaller(r.Context(), access.Caller{UserID: user})))
	}))
	server.Config.RegisterOnShutdown(hub.Close)
	t.Cleanup(func() { cancel(); hub.Close(); server.Close() })
	return server
}

// publish commits samples of a node, and tells of them as ingestair does.
func (th *theatre) publish(t *testing.T, node string, ppm ...int) {
	t.Helper()
	var no int32
	if err := th.pool.QueryRow(t.Context(), `SELECT no FROM node WHERE id = $1`, node).Scan(&no); err != nil {
		t.Fatal(err)
	}
	for _, v := range ppm {
		s := stream.Sample{NodeNo: no, Sample: measurement.Sample{
			Time: time.Date(2026, 1, 20, 0, 0, v, 0, time.UTC), CO2PPM: v, Status: measurement.Measured, TemperatureDecicelsius: measurement.Known(-5),
		}}
		th.exec(t, `INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius) VALUES ($1, $2, $3, -5)`, no, s.Time, v)
		th.publisher.Publish(s)
	}
}

// heard is an event.
type heard struct{ name, id, data string }

// ear listens on a connection.
type ear struct {
	body   *http.Response
	lines  *bufio.Scanner
	lastID string
}

func (th *theatre) listen(t *testing.T, server *httptest.Server, user int64, path, lastID string) *ear {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Test-User", fmt.Sprint(user))
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET %s: %s %s", path, resp.Status, resp.Header.Get("Content-Type"))
	}
	return &ear{body: resp, lines: bufio.NewScanner(resp.Body), lastID: lastID}
}

func (e *ear) close() { _ = e.body.Body.Close() }

// next returns the next event.
func (e *ear) next(t *testing.T) heard {
	t.Helper()
	var h heard
	for e.lines.Scan() {
		field, value, _ := strings.Cut(e.lines.Text(), ": ")
		switch {
		case field == "event":
			h.name = value
		case field == "data":
			h.data = value
		case field == "id":
			h.id, e.lastID = value, value
		case e.lines.Text() == "" && h.data != "":
			return h
		}
	}
	t.Fatalf("the stream ended after %+v: %v", h, e.lines.Err())
	return h
}

// samples reads until it has so many samples, and returns the CO2 of each.
func (e *ear) samples(t *testing.T, n int) []int {
	t.Helper()
	var all []int
	for len(all) < n {
		h := e.next(t)
		if h.name != "sample" {
			t.Fatalf("after %v: %+v", all, h)
		}
		var samples []struct {
			CO2 int `json:"co2_ppm"`
		}
		if err := json.Unmarshal([]byte(h.data), &samples); err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			all = append(all, s.CO2)
		}
	}
	return all
}

func TestLive(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	public := th.listen(t, th.server, anonymous, "live/?site=1", "")
	own := th.listen(t, th.server, inspector, "live/", "")
	if diff := cmp.Diff([]string{"ready", `{"installations":["1"]}`}, []string{public.next(t).name, `{"installations":["1"]}`}); diff != "" {
		t.Error(diff)
	}
	// Installation 2 ended long ago.
	if h := own.next(t); h.name != "ready" || h.data != `{"installations":["1"]}` {
		t.Errorf("%+v", h)
	}
	th.publish(t, node3, 300) // not theirs
	th.publish(t, node1, 401)
	for _, e := range []*ear{public, own} {
		h := e.next(t)
		const want = `[{"installation_id":"1","timestamp_s":1768867601,"co2_ppm":401,"temperature_celsius":"-0.5","rel_humidity_percent":null,"measurement_status":"M"}]`
		if h.name != "sample" || h.data != want || h.id == "" {
			t.Errorf("%+v", h)
		}
	}
	// A new installation is heard of, and its samples are heard.
	th.exec(t, `INSERT INTO installation (id, node_id, room_id, from_time, is_public) VALUES (50, $1, 2, '2026-02-01T00:00:00Z', false)`, node2)
	if h := own.next(t); h.name != "installations" || h.data != `["1","50"]` {
		t.Errorf("%+v", h)
	}
	// What is not public anymore is not heard anymore, and then not even there.
	th.exec(t, `UPDATE installation SET is_public = false WHERE id = 1`)
	if h := public.next(t); h.name != "end" || h.data != `{"reason":"gone"}` {
		t.Errorf("%+v", h)
	}
	// Neither for one who is no member anymore.
	th.exec(t, `DELETE FROM membership WHERE user_id = $1`, inspector)
	if h := own.next(t); h.name != "installations" || h.data != `[]` {
		t.Errorf("%+v", h)
	}
}

func TestLiveGoesOnWithoutGapAndDouble(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	var running sync.WaitGroup
	second := th.start(t, &running)
	var want, got []int
	e := th.listen(t, th.server, anonymous, "rooms/1/live", "")
	if h := e.next(t); h.name != "ready" {
		t.Fatalf("%+v", h)
	}
	ppm := 400
	publish := func(n int) {
		for range n {
			ppm++
			th.publish(t, node1, ppm)
			want = append(want, ppm)
		}
	}
	for round := range 6 {
		publish(20)
		got = append(got, e.samples(t, 20)...)
		last := e.lastID
		e.close()
		publish(30) // while nobody listens
		server := th.server
		if round%2 == 0 {
			server = second // another replica
		}
		e = th.listen(t, server, anonymous, "rooms/1/live", last)
		if h := e.next(t); h.name != "ready" {
			t.Fatalf("%+v", h)
		}
		got = append(got, e.samples(t, 30)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	// A GET has the same.
	rows := th.get(t, anonymous, "/api/v1/installations/1/?include_timeseries=1&filter[from]=1768867200&filter[to]=1769000000").body
	if n := strings.Count(rows, `"co2_ppm"`); n-1 != len(want) { // and the latest one
		t.Errorf("GET has %d samples, the stream had %d", n-1, len(want))
	}
}

func TestLiveTooLateForWhatWasMissed(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	e := th.listen(t, th.server, anonymous, "installations/1/live", "")
	e.next(t)
	th.publish(t, node1, 500)
	e.samples(t, 1)
	last := e.lastID
	e.close()
	witness := th.listen(t, th.server, anonymous, "installations/1/live", last)
	witness.next(t)
	th.publish(t, node1, 501, 502)
	witness.samples(t, 2)
	if err := th.redis.XTrimMaxLen(t.Context(), stream.Key, 1).Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{last, "nonsense", "1-1"} {
		e = th.listen(t, th.server, anonymous, "installations/1/live", id)
		if ready, reset := e.next(t), e.next(t); ready.name != "ready" || reset.name != "reset" || reset.id == "" {
			t.Errorf("%s: %+v, %+v", id, ready, reset)
		}
		e.close()
	}
}

func TestLiveEndsWithTheServer(t *testing.T) {
	t.Parallel()
	th := newTheatre(t)
	e := th.listen(t, th.server, owner, "organizations/1/live", "")
	e.next(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- th.server.Config.Shutdown(ctx) }()
	if h := e.next(t); h.name != "end" || h.data != `{"reason":"restart"}` {
		t.Errorf("%+v", h)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestLiveBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]int{
		"live?site=eins":       400,
		"live?site=1&room=1":   200,
		"live?room=1,3&site=2": 200, // what one may not see is left out
		"live?room=2,3":        404,
		"live?room=1,":         400,
		"live?room=" + strings.Repeat("1,", 100) + "1": 400,
		"live?filter[node]=1":                          400,
		"live?foo=1":                                   400,
		"live":                                         401,
		"live?site=2":                                  404,
		"live?filter[room]=4711":                       404,
		"sites/eins/live":                              404,
		"installations/3/live":                         404,
		"sites/1/live?last_event_id=":                  200,
		"sites/1/live?recent_s=60":                     200,
		"sites/1/live?recent_s=61":                     400,
		"sites/1/live?recent_s=-1":                     400,
		"sites/1/live?recent_s=18446744074":            400, // as nanoseconds in 64 bits it would be less than a second
	} {
		if got := w.do(t, request{path: "/api/v1/" + path}); got.status != want {
			t.Errorf("GET %s: %d, want %d: %s", path, got.status, want, got.body)
		}
	}
	if got := w.do(t, request{method: http.MethodPost, path: "/api/v1/live", user: owner}); got.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got.status)
	}
}

// A page that opens fetches what there is, and is told of what comes then. Nothing may
// be missing between the two: a sample whose second has begun is there, although its time
// is rounded up to the second's end.
func TestListsHaveTheSampleOfTheSecondThatHasBegun(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, worldNow.Add(879*time.Millisecond))
	w.exec(t, `INSERT INTO sample (node_no, time, co2_ppm) SELECT no, $1, 1234 FROM node`, worldNow.Add(time.Second))
	for _, path := range []string{"installations/?filter[room]=1", "installations/1/", "nodes/?filter[organization]=1", "nodes/" + node1 + "/"} {
		attempt{request: get(owner, "/api/v1/"+path), status: http.StatusOK, contains: `"co2_ppm":1234`}.check(t, w)
	}
}
