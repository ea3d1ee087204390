package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/pkg/schema/tomorrow"
)

// lines returns the rows of a query as texts.
func lines(t *testing.T, s *world, sql string, args ...any) []string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), "SELECT q::text FROM ("+sql+") q ORDER BY 1", args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const rawBy = `
	SELECT date_trunc('%s', time, 'UTC'), node_no, count(*),
	       sum(co2_ppm), min(co2_ppm), max(co2_ppm),
	       count(temperature_decicelsius), coalesce(sum(temperature_decicelsius), 0), min(temperature_decicelsius), max(temperature_decicelsius),
	       count(rel_humidity_percent), coalesce(sum(rel_humidity_percent), 0), min(rel_humidity_percent), max(rel_humidity_percent)
	  FROM sample WHERE node_no = $1 AND time >= $2 AND time < $3 GROUP BY 1, 2`

// checkRollups compares what readers are told with the samples themselves.
func checkRollups(t *testing.T, s *world, when string, no int, from, to time.Time) {
	t.Helper()
	raw := pgtest.Value[int64](t, s.pool, "SELECT count(*) FROM sample WHERE node_no = $1 AND time >= $2 AND time < $3", no, from, to)
	if got := pgtest.Value[int64](t, s.pool, "SELECT sample_count($1, $2, $3)", no, from, to); got != raw {
		t.Fatalf("%s: %d samples of node %d in [%v, %v), sample_count says %d", when, raw, no, from, to, got)
	}
	for unit, length := range map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour} {
		from, to := from.Truncate(length), to.Truncate(length).Add(length)
		want := lines(t, s, fmt.Sprintf(rawBy, unit), no, from, to)
		got := lines(t, s, "SELECT * FROM sample_"+unit+"s($1, $2, $3)", no, from, to)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %ss of node %d (-samples +told):\n%s", when, unit, no, diff)
		}
	}
}

// TestRollupsAreExact writes samples of recent and past hours between all steps
// of the job, and compares after each.
func TestRollupsAreExact(t *testing.T) {
	t.Parallel()
	t.Run("today", func(t *testing.T) {
		t.Parallel()
		testRollupsAreExact(t, newStore(t))
	})
	t.Run("on the schema of tomorrow", func(t *testing.T) {
		t.Parallel()
		s := newStore(t)
		pgtest.Exec(t, s.pool, tomorrow.SQL)
		testRollupsAreExact(t, s)
	})
}

func testRollupsAreExact(t *testing.T, s *world) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	const span = 6 * 24 * time.Hour
	now := pgtest.Value[time.Time](t, s.pool, "SELECT now()").UTC()
	begin := now.Add(-span).Truncate(time.Hour)
	// As if the schema had been made at the begin.
	pgtest.Exec(t, s.pool, "UPDATE sample_rollup_state SET rolled_until = $1, late_before = $1", begin)
	for n := 1; n <= 2; n++ {
		nodetest.Register(t, s.pool, nodetest.ID(n), lorawan.EUI64(n))
	}
	at := func() time.Time {
		return begin.Add(-12 * time.Hour).Add(time.Duration(random.Int64N(int64(span + 12*time.Hour)))).Truncate(time.Second)
	}
	nos := map[int]int{}
	for n := 1; n <= 2; n++ {
		nos[n] = pgtest.Value[int](t, s.pool, "SELECT no FROM node WHERE id = $1", nodetest.ID(n))
	}
	for step := range 120 {
		var samples []sample
		for range random.IntN(12) {
			samples = append(samples, sample{1 + random.IntN(3), at(), 400 + random.IntN(1000)})
		}
		if len(samples) > 0 {
			keep(t, s, samples...)
		}
		var err error
		switch random.IntN(4) {
		case 0:
			_, err = s.rollUpLate(t.Context())
		case 1:
			err = s.advance(t.Context(), span-time.Duration(step)*span/120)
		case 2:
			pgtest.Exec(t, s.pool, "SELECT note_late_hours(array_agg(node_no), array_agg(time)) FROM sample WHERE node_no = $1", nos[1])
		}
		if err != nil {
			t.Fatal(err)
		}
		if step == 60 { // adopts what was parked
			nodetest.Register(t, s.pool, nodetest.ID(3), 3)
			nos[3] = pgtest.Value[int](t, s.pool, "SELECT no FROM node WHERE id = $1", nodetest.ID(3))
		}
		if step == 90 { // and some are removed
			pgtest.Exec(t, s.pool, `
				WITH gone AS (DELETE FROM sample WHERE node_no = $1 AND co2_ppm < 900 RETURNING node_no, time)
				SELECT note_late_hours(array_agg(node_no), array_agg(time)) FROM gone`, nos[2])
		}
		from, to := at(), at()
		if from.After(to) {
			from, to = to, from
		}
		checkRollups(t, s, fmt.Sprint("step ", step), nos[1+random.IntN(len(nos))], from, to)
	}
	for {
		more, err := s.RollUp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Transactions of other tests, in whatever database, hold the bound up.
		behind := pgtest.Value[bool](t, s.pool, "SELECT rolled_until < now() - interval '2 hours' FROM sample_rollup_state")
		if !more && !behind && pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample_late WHERE hour < (SELECT rolled_until FROM sample_rollup_state)") == 0 {
			break
		}
	}
	for _, no := range nos {
		checkRollups(t, s, "in the end", no, begin.Add(-24*time.Hour), now.Add(time.Hour))
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample_hour"); n < 50 {
		t.Errorf("only %d hours are rolled up", n)
	}
	all := pgtest.Value[int64](t, s.pool, "SELECT count(*) FROM sample WHERE node_no = $1", nos[1])
	if got := pgtest.Value[int64](t, s.pool, "SELECT sample_count($1, NULL, NULL)", nos[1]); got != all {
		t.Errorf("without bounds sample_count says %d, there are %d", got, all)
	}
}

// TestRollupWaitsForWriters: a transaction that began to write before the bound
// was raised does not know that its sample is late; the job waits for it.
func TestRollupWaitsForWriters(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	now := pgtest.Value[time.Time](t, s.pool, "SELECT now()").UTC()
	begin := now.Add(-5 * time.Hour).Truncate(time.Hour)
	pgtest.Exec(t, s.pool, "UPDATE sample_rollup_state SET rolled_until = $1, late_before = $1", begin)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	no := pgtest.Value[int](t, s.pool, "SELECT no FROM node WHERE id = $1", nodetest.ID(1))
	keep(t, s, sample{1, begin.Add(time.Minute), 400})

	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "INSERT INTO sample (node_no, time, co2_ppm) VALUES ($1, $2, 400)", no, begin.Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.RollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if until := pgtest.Value[time.Time](t, s.pool, "SELECT rolled_until FROM sample_rollup_state"); !until.Equal(begin) {
		t.Errorf("rolled up until %v although a writer is about", until)
	}
	checkRollups(t, s, "while the writer is about", no, begin, now)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkRollups(t, s, "after its commit", no, begin, now)
	// Transactions of other databases on the same server are waited for, too.
	for pgtest.Value[time.Time](t, s.pool, "SELECT rolled_until FROM sample_rollup_state").Before(begin.Add(4 * time.Hour)) {
		if _, err := s.RollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	checkRollups(t, s, "when it is rolled up", no, begin, now)
	if n := pgtest.Value[int](t, s.pool, "SELECT n FROM sample_hour WHERE node_no = $1 AND hour = $2", no, begin); n != 2 {
		t.Errorf("the hour has %d samples, want 2", n)
	}
}
