package postgres

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// TestPurge: the samples of a deleted node go after a while, and no others.
func TestPurge(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	keep(t, s, sample{1, noon, 400}, sample{2, noon, 400}, sample{2, noon.Add(time.Minute), 400})
	pgtest.Exec(t, s.pool, "DELETE FROM node WHERE id = $1", nodetest.ID(1))
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	keep(t, s, sample{1, noon, 400})

	if more, err := s.Purge(t.Context(), time.Hour); err != nil || more {
		t.Errorf("a number that was retired just now is purged: %v, %v", more, err)
	}
	for more := true; more; {
		var err error
		if more, err = s.Purge(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample WHERE node_no NOT IN (SELECT no FROM node)"); n != 0 {
		t.Errorf("%d samples of the deleted node are left", n)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample"); n != 3 {
		t.Errorf("%d samples are there after the purge, want 3", n)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM retired_node"); n != 0 {
		t.Errorf("%d numbers wait to be purged", n)
	}
}

// TestCompact: the index of the running month shrinks in the night when it has many
// gaps, and that of a month that is over when it has some; never twice in a row.
// What an interrupted rebuild left is removed. As the owner, and as the ingestair where the
// server lets it.
func TestCompact(t *testing.T) {
	t.Parallel()
	t.Run("owner", func(t *testing.T) {
		t.Parallel()
		s := newStore(t)
		testCompact(t, &world{New(s.pool), s.pool}, true)
	})
	t.Run("ingestair", func(t *testing.T) {
		t.Parallel()
		s := newStore(t)
		testCompact(t, s, pgtest.Value[bool](t, s.pool, "SELECT current_setting('server_version_num')::integer >= 170000"))
	})
}

func testCompact(t *testing.T, s *world, may bool) {
	t.Helper()
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	keep(t, s, sample{1, noon.Add(-time.Minute), 402}) // makes the partition
	const nodes = 10
	rounds := 0
	add := func(more int) {
		pgtest.Exec(t, s.pool, `
			INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent)
			SELECT no + i, $1::timestamptz + round * interval '1 second', 402, 200, 50
			  FROM node, generate_series($2::integer, $3) round, generate_series(0, $4) i
			 ORDER BY round, i`, noon, rounds, rounds+more-1, nodes-1)
		rounds += more
		pgtest.Exec(t, s.pool, "ANALYZE sample")
	}
	perRow := func() int64 {
		return pgtest.Value[int64](t, s.pool, "SELECT pg_relation_size('sample_y2025m03_pkey')") / int64(nodes*rounds)
	}
	compact := func(what string, now time.Time, want bool) {
		t.Helper()
		before := perRow()
		if _, err := s.Compact(t.Context(), now); err != nil {
			t.Error(err)
		}
		want = want && may
		if after := perRow(); after < before != want || want && after > 38 {
			t.Errorf("%s: the index had %d bytes for a row and has %d; rebuilt is %v", what, before, after, want)
		}
	}
	night, over := time.Date(2025, 3, 20, 2, 30, 0, 0, time.UTC), noon.AddDate(0, 1, 0)
	add(3000)
	compact("by day", noon.AddDate(0, 0, 6), false)
	compact("in the night", night, true)
	compact("in the night, again", night, false)
	add(150)
	compact("in the night, a little larger", night, false)
	compact("in the next month", over, true)
	compact("in the next month, again", over, false)
	pgtest.Exec(t, s.pool, "CREATE INDEX sample_y2025m03_pkey_ccnew ON sample_y2025m03 (time)")
	pgtest.Exec(t, s.pool, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sample_y2025m03_pkey_ccnew'::regclass")
	compact("with what is left of a rebuild", over, false)
	if left := pgtest.Value[*string](t, s.pool, "SELECT to_regclass('sample_y2025m03_pkey_ccnew')::text"); may != (left == nil) {
		t.Errorf("of an interrupted rebuild %v is left", left)
	}
	if got := keep(t, s, sample{1, noon.Add(-time.Minute), 402}, sample{1, noon.Add(-time.Minute), 401}); got[0] != keeping.Duplicate || got[1] != keeping.Conflict {
		t.Errorf("afterwards: %v", got)
	}
}

// TestForget: what was kept aside goes after its time, and not before.
func TestForget(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	keep(t, s, sample{1, noon, 400})
	f := &keeping.Flush{}
	for i := range 5 {
		f.Rejected = append(f.Rejected, keeping.RejectedRow{
			NodeID: nodetest.ID(1), Sample: measurement.Sample{CO2PPM: i}, Fault: &fault.Violation{Reason: reason.TooOld},
		})
	}
	for range 2 { // a sample that comes again is kept aside once
		if err := s.Keep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM rejected_sample"); n != 5 {
		t.Errorf("%d rejected samples are kept, want 5", n)
	}
	if err := s.KeepUndecoded(t.Context(), []ingest.UndecodedUplink{{Meta: keeping.Metadata{DevEUI: 7}, Reason: "why"}}); err != nil {
		t.Fatal(err)
	}
	nodetest.Register(t, s.pool, nodetest.ID(9), 9)
	pgtest.Exec(t, s.pool, `INSERT INTO node_radio_day (node_no, day, last_at, f_cnt, missing, uplinks, expected, received, rssi_dbm, snr_10_db, spreading_factor, gateways)
		SELECT no, current_date - n, now(), 1, '', 1, 1, 0, 0, 0, 0, 0 FROM node, generate_series(0, 100) n`)
	count := func() (n [5]int) {
		for i, table := range []string{"parked_sample", "heard_device", "rejected_sample", "undecoded_uplink", "node_radio_day"} {
			n[i] = pgtest.Value[int](t, s.pool, "SELECT count(*) FROM "+table)
		}
		return n
	}
	day := 24 * time.Hour
	retention := ingest.Retention{Parked: 3 * day, Rejected: 2 * day, MaxRejected: 4, Undecoded: day}
	for _, step := range []struct {
		after time.Duration
		want  [5]int
	}{
		{0, [5]int{1, 1, 4, 1, 91}},
		{day + time.Hour, [5]int{1, 1, 4, 0, 90}},
		{2*day + time.Hour, [5]int{1, 1, 0, 0, 89}},
		{3*day + time.Hour, [5]int{0, 0, 0, 0, 88}},
	} {
		if err := s.Forget(t.Context(), time.Now().Add(step.after), retention); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != step.want {
			t.Errorf("after %v there are (parked, heard, rejected, undecoded, days of radio) %v, want %v", step.after, got, step.want)
		}
	}
}
