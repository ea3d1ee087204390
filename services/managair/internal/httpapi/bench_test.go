package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// A year of 1,000 nodes, in ten organizations: node 1 measures every five
// minutes, the others as often as makes the number of samples that is asked for.
const benchSQL = `
INSERT INTO user_account (id, username) SELECT i, 'user' || i FROM generate_series(1, 10) i;
INSERT INTO organization (id, name) SELECT i, 'organization ' || i FROM generate_series(1, 10) i;
INSERT INTO membership (user_id, organization_id, role) SELECT i, i, 'O' FROM generate_series(1, 10) i;
INSERT INTO address (id, street1, zip, city) SELECT i, 'street', '12345', 'Berlin' FROM generate_series(1, 10) i;
INSERT INTO site (id, name, address_id, operator_id) SELECT i, 'site', i, i FROM generate_series(1, 10) i;
INSERT INTO room (id, site_id, name) SELECT i, (i - 1) / 100 + 1, 'room ' || i FROM generate_series(1, 1000) i;
INSERT INTO node_protocol (id, identifier) VALUES (1, 'ERS');
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'ERS', 'ERS CO2', 'Elsys', 'NDIR');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, upper(lpad(to_hex(i), 16, '0')), 'node ' || i, 1, 1, (i - 1) / 100 + 1
  FROM generate_series(1, 1000) i ORDER BY i;
INSERT INTO installation (id, node_id, room_id, from_time, is_public)
SELECT i, ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, i, '2025-01-01T00:00:00Z', true FROM generate_series(1, 1000) i;
SELECT ensure_sample_partition(month) FROM generate_series('2025-01-01T00:00:00Z'::timestamptz, '2026-02-01T00:00:00Z', '1 month') month;
`

const benchSamplesSQL = `
INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent)
SELECT n.no, t, 400 + (extract(epoch FROM t)::bigint / 300 * 7919 + n.no) % 1200, 200 + n.no % 30, 50
  FROM node n, generate_series('2025-01-01T00:00:00Z'::timestamptz, '2026-01-01T00:00:00Z',
       CASE WHEN n.no = (SELECT min(no) FROM node) THEN interval '5 minutes' ELSE make_interval(secs => $1) END) t
 WHERE n.no BETWEEN $2 AND $3`

const benchRollupSQL = `
INSERT INTO sample_hour SELECT date_trunc('hour', time, 'UTC'), node_no, count(*), sum(co2_ppm), min(co2_ppm), max(co2_ppm),
       count(temperature_decicelsius), sum(temperature_decicelsius), min(temperature_decicelsius), max(temperature_decicelsius),
       count(rel_humidity_percent), sum(rel_humidity_percent), min(rel_humidity_percent), max(rel_humidity_percent)
  FROM sample GROUP BY 1, 2;
INSERT INTO sample_day SELECT date_trunc('day', hour, 'UTC'), node_no, sum(n), sum(co2_sum), min(co2_min), max(co2_max),
       sum(temperature_n), sum(temperature_sum), min(temperature_min), max(temperature_max),
       sum(rel_humidity_n), sum(rel_humidity_sum), min(rel_humidity_min), max(rel_humidity_max)
  FROM sample_hour GROUP BY 1, 2;
UPDATE sample_rollup_state SET late_before = '2026-01-15T00:00:00Z', rolled_until = '2026-01-15T00:00:00Z';
DELETE FROM sample_late;
INSERT INTO node_status (node_no, last_contact_at, last_sample_at, last_co2_ppm, last_temperature_decicelsius, last_rel_humidity_percent, last_status)
SELECT n.no, s.time, s.time, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status
  FROM node n, LATERAL (SELECT * FROM sample WHERE node_no = n.no ORDER BY time DESC LIMIT 1) s;
`

// benchWorld fills a database with CLAIR_BENCH_SAMPLES samples (default 10 million).
func benchWorld(b *testing.B) (pool *pgxpool.Pool, handler, cached http.Handler) {
	b.Helper()
	var err error
	samples := benchsize.Of(10_000_000, 110_000)
	if text := os.Getenv("CLAIR_BENCH_SAMPLES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		samples = n
	}
	pool = pgtest.New(b)
	exec := func(sql string, args ...any) {
		if _, err := pool.Exec(b.Context(), sql, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(benchSQL)
	for first := 1; first <= 1000; first += 100 {
		exec(benchSamplesSQL, 365*86400*999/float64(max(samples-105_121, 1)), first, first+99)
	}
	exec(benchRollupSQL)
	exec("VACUUM ANALYZE")
	api := httpapi.New(httpapi.Config{}, slog.New(slog.DiscardHandler), nil, httpapi.Domain{
		Inventory: postgres.NewInventory(pool), Telemetry: postgres.NewTelemetry(pool),
	}, time.Now)
	if handler, err = api.Handler(); err != nil {
		b.Fatal(err)
	}
	// As it is served: lists may be two seconds old.
	served := httpapi.New(httpapi.Config{LongReads: 3}, slog.New(slog.DiscardHandler), nil, httpapi.Domain{
		Inventory: postgres.NewInventory(pool),
		Telemetry: &telemetry.Cached{Store: postgres.NewTelemetry(pool), For: 2 * time.Second, Now: time.Now},
	}, time.Now)
	if cached, err = served.Handler(); err != nil {
		b.Fatal(err)
	}
	return pool, handler, cached
}

// discard is a client that reads everything at once.
type discard struct {
	header http.Header
	n      int
	status int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	d.n += len(p)
	return len(p), nil
}

func benchGet(b *testing.B, handler http.Handler, path string) {
	b.Helper()
	ctx := access.WithCaller(context.Background(), access.Caller{UserID: 1})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	b.ReportAllocs()
	d := &discard{}
	for b.Loop() {
		d = &discard{header: http.Header{}, status: http.StatusOK}
		handler.ServeHTTP(d, r)
		if d.status != http.StatusOK {
			b.Fatalf("GET %s: %d", path, d.status)
		}
	}
	b.ReportMetric(float64(d.n), "bytes/answer")
}

// trivial answers with the bytes that handler answers with: what no handler can beat.
func trivial(b *testing.B, handler http.Handler, path string) http.Handler {
	b.Helper()
	r := httptest.NewRequestWithContext(access.WithCaller(b.Context(), access.Caller{UserID: 1}), http.MethodGet, path, http.NoBody)
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

func BenchmarkAPI(b *testing.B) {
	pool, handler, cached := benchWorld(b)
	const (
		raw    = "/api/v1/installations/1/?include_timeseries=1&filter[from]=1735689600&filter[to]=1767225600"
		points = raw + "&max_points=2000"
		hours  = raw + "&resolution=1h"
		days   = raw + "&resolution=1d"
		nodes  = "/api/v1/nodes/?filter[organization]=1"
		room   = "/api/v1/rooms/1/"
	)
	const (
		rawSQL = `SELECT time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status FROM sample
			WHERE node_no = (SELECT min(no) FROM node) AND time BETWEEN '2025-01-01T00:00:00Z' AND '2026-01-01T00:00:00Z' ORDER BY time`
		hoursSQL = `SELECT * FROM sample_hour WHERE node_no = (SELECT min(no) FROM node) AND hour >= '2025-01-01T00:00:00Z'
			AND hour < '2026-01-01T00:00:00Z' ORDER BY hour`
		daysSQL = `SELECT * FROM sample_day WHERE node_no = (SELECT min(no) FROM node) AND day >= '2025-01-01T00:00:00Z'
			AND day < '2026-01-01T00:00:00Z' ORDER BY day`
		nodesSQL = `SELECT n.id, n.eui64, n.alias, n.description, n.protocol_id, n.model_id, n.owner_id, s.*
			FROM node n JOIN node_status s ON s.node_no = n.no WHERE n.owner_id = 1 ORDER BY n.eui64`
		roomSQL = `SELECT id, site_id, name, description, size_sqm, height_m, max_occupancy FROM room WHERE id = 1`
	)
	// Each figure right beside its floors, because the machine's mood changes.
	for _, test := range []struct {
		name, path, sql string
		handler         http.Handler
	}{
		{"series_raw", raw, rawSQL, handler},
		{"series_2000_points", points, rawSQL, handler},
		{"series_1h", hours, hoursSQL, handler},
		{"series_1d", days, daysSQL, handler},
		{"list_100_nodes", nodes, nodesSQL, cached},
		{"list_100_nodes_new", nodes, nodesSQL, handler},
		{"room", room, roomSQL, handler},
	} {
		b.Run(test.name+"/floor_pgx", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				benchRows(b, pool, test.sql)
			}
		})
		b.Run(test.name+"/api", func(b *testing.B) { benchGet(b, test.handler, test.path) })
		b.Run(test.name+"/floor_bytes", func(b *testing.B) { benchGet(b, trivial(b, test.handler, test.path), test.path) })
	}
	for _, test := range []struct{ name, path string }{{"list_100_nodes", nodes}, {"room", room}, {"series_2000_points", points}} {
		b.Run("clients_32/"+test.name+"/api", func(b *testing.B) { benchClients(b, cached, test.path) })
		b.Run("clients_32/"+test.name+"/floor_bytes", func(b *testing.B) { benchClients(b, trivial(b, handler, test.path), test.path) })
	}
	b.Run("clients_32/room_beside_charts/api", func(b *testing.B) {
		defer pull(b, cached, points)()
		benchClients(b, cached, room)
	})
}

// pull asks for path as 32 clients at once, until stop is called.
func pull(b *testing.B, handler http.Handler, path string) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(access.WithCaller(context.Background(), access.Caller{UserID: 1}))
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for ctx.Err() == nil {
				handler.ServeHTTP(&discard{header: http.Header{}}, httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// benchRows reads rows as bare as the driver can.
func benchRows(b *testing.B, pool *pgxpool.Pool, sql string) {
	b.Helper()
	rows, err := pool.Query(b.Context(), sql)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n += len(rows.RawValues())
	}
	if rows.Err() != nil || n == 0 {
		b.Fatal(rows.Err(), n)
	}
}

// benchClients asks over real connections, as 32 clients at once.
func benchClients(b *testing.B, handler http.Handler, path string) {
	b.Helper()
	const clients = 32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(access.WithCaller(r.Context(), access.Caller{UserID: 1})))
	}))
	b.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	work := make(chan struct{}, clients)
	durations := make([][]time.Duration, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for range work {
				start := time.Now()
				r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+path, http.NoBody)
				if err != nil {
					b.Error(err)
					return
				}
				answer, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, answer.Body)
				if closed := answer.Body.Close(); err != nil || closed != nil || answer.StatusCode != http.StatusOK {
					b.Error(answer.Status, err, closed)
					return
				}
				durations[i] = append(durations[i], time.Since(start))
			}
		})
	}
	start := time.Now()
	n := 0
	for b.Loop() {
		work <- struct{}{}
		n++
	}
	close(work)
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(durations...)
	slices.Sort(all)
	b.ReportMetric(float64(n)/elapsed.Seconds(), "requests/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}
