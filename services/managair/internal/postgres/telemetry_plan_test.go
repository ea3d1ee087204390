package postgres_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// grownWorld is how an installation grows: six nodes for two years, and three hundred
// more since this month. Statistics are as autovacuum leaves them.
const grownWorld = `
SELECT ensure_sample_partition(month) FROM generate_series('2024-02-01T00:00:00Z'::timestamptz, '2026-02-01T00:00:00Z', '1 month') month;
UPDATE sample_rollup_state SET rolled_until = '2026-02-02T07:00:00Z', late_before = '2026-02-02T07:00:00Z';
INSERT INTO sample (node_no, time, co2_ppm)
SELECT no, t, 700 FROM generate_series(1, 6) no, generate_series('2024-02-01T00:00:00Z'::timestamptz, '2026-02-01T00:00:00Z', '30 minutes') t
UNION ALL
SELECT no, t, 700 FROM generate_series(7, 306) no, generate_series('2026-02-02T00:00:00Z'::timestamptz, '2026-02-02T10:00:00Z', '30 minutes') t;
INSERT INTO sample_hour
SELECT h.* FROM node, sample_hours_raw(no, '2024-02-01T00:00:00Z', '2026-02-02T07:00:00Z') h;
INSERT INTO sample_day
SELECT date_trunc('day', hour, 'UTC'), node_no, sum(n), sum(co2_sum), min(co2_min), max(co2_max), 0, 0, NULL, NULL, 0, 0, NULL, NULL
  FROM sample_hour GROUP BY 1, 2;
`

// A list of nodes reads a few pages of each, also of those who were not there in months
// that have few nodes.
func TestListsReadLittleWhateverIsInOldMonths(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), withNodes(306, grownWorld)); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "VACUUM (ANALYZE) sample, sample_hour, sample_day, sample_total, sample_late"); err != nil {
		t.Fatal(err)
	}
	const nodes = 300
	args := pgx.NamedArgs{"nodes": make([]int32, nodes), "froms": make([]time.Time, nodes), "tos": make([]time.Time, nodes), "first": false}
	for i := range nodes {
		args["nodes"].([]int32)[i] = int32(i + 7)
		args["froms"].([]time.Time)[i] = time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
		args["tos"].([]time.Time)[i] = time.Date(2026, 2, 2, 10, 0, 0, 0, time.UTC)
	}
	for _, begin := range []time.Time{time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)} {
		for i := range nodes {
			args["froms"].([]time.Time)[i] = begin
		}
		buffers, _ := buffersOf(t, pool, postgres.Summaries, args)
		// A page or three in the index of each month that can have a newest sample, and as
		// many of each roll-up.
		const most = 40 * nodes
		t.Logf("from %v: %d buffers for each node", begin.UTC(), buffers/nodes)
		if buffers > most {
			t.Errorf("from %v: %d buffers, want at most %d", begin.UTC(), buffers, most)
		}
	}
}

// buffersOf returns how many pages a query reads, and how many rows it finds.
func buffersOf(t *testing.T, pool *pgxpool.Pool, query string, args ...any) (buffers, rows int) {
	t.Helper()
	var told []byte
	if err := pool.QueryRow(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+query, args...).Scan(&told); err != nil {
		t.Fatal(err)
	}
	var plans []struct {
		Plan struct {
			Rows int `json:"Actual Rows"`
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
		Execution float64 `json:"Execution Time"`
	}
	if err := json.Unmarshal(told, &plans); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %.1f ms in the database", plans[0].Plan.Rows, plans[0].Execution)
	return plans[0].Plan.Hit + plans[0].Plan.Read, plans[0].Plan.Rows
}

// Thirteen months of hours, of which the climate of a room and a series by days are made, are
// read from the key alone: hours came hour by hour, so that each row is on a page of its own.
func TestThirteenMonthsOfHoursReadLittle(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const nodes = 20
	if _, err := pool.Exec(t.Context(), withNodes(nodes, `
		UPDATE sample_rollup_state SET rolled_until = '2026-02-01T00:00:00Z', late_before = '2026-02-01T00:00:00Z';
		INSERT INTO sample_hour
		SELECT hour, no, 20, 14000, 600, 800, 20, 4300, 210, 220, 20, 1000, 48, 52
		  FROM generate_series('2025-01-01T00:00:00Z'::timestamptz, '2026-01-31T23:00:00Z', '1 hour') hour, generate_series(1, 20) no
		 ORDER BY hour, no`)); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "VACUUM (ANALYZE) sample_hour"); err != nil {
		t.Fatal(err)
	}
	from, stop := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	query, args := postgres.RollupQuery(7, from, stop, stop)
	buffers, rows := buffersOf(t, pool, query, args...)
	t.Logf("%d hours: %d buffers", rows, buffers)
	if want := int(stop.Sub(from).Hours()); rows != want {
		t.Fatalf("%d hours, want %d", rows, want)
	}
	// Some 90 bytes an hour, in pages of 8 KiB that are at least half full.
	if most := rows * 90 * 2 / 8192; buffers > most {
		t.Errorf("%d buffers for %d hours, want at most %d", buffers, rows, most)
	}
}
