package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func TestPartitionsAreMadeAhead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	m := postgres.Maintenance{Pool: h.Pool}
	for range 2 { // the second time there is nothing to do
		// The last day of a month, with a shorter one ahead.
		if err := m.EnsurePartitions(t.Context(), time.Date(2037, 12, 31, 23, 59, 59, 0, time.UTC), 2); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := h.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relname LIKE 'sample\_y%' AND relkind = 'r' ORDER BY 1`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"sample_y2037m12", "sample_y2038m01", "sample_y2038m02"}, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func TestSamplesOfDeletedNodesArePurged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	m := postgres.Maintenance{Pool: h.Pool}
	begin := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	gone, goneNo := h.node(t, 1)
	_, stayingNo := h.node(t, 2)
	for _, no := range []int32{goneNo, stayingNo} {
		h.samples(t, no, begin, begin.Add(25*time.Hour), 700) // 300
	}
	h.exec(t, `DELETE FROM node WHERE id = $1`, gone)

	if n, more, err := m.PurgeRetired(t.Context(), time.Now().Add(-time.Hour), 1000); n != 0 || more || err != nil {
		t.Errorf("a node deleted just now was purged: %d, %v, %v", n, more, err)
	}
	type step struct {
		Deleted int64
		More    bool
	}
	var steps []step
	for range 5 {
		n, more, err := m.PurgeRetired(t.Context(), time.Now().Add(time.Hour), 120)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step{n, more})
	}
	if diff := cmp.Diff([]step{{120, true}, {120, true}, {60, true}, {0, false}, {0, false}}, steps); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if n := h.count(t, `SELECT count(*) FROM sample WHERE node_no = $1`, stayingNo); n != 300 {
		t.Errorf("the other node has %d samples left", n)
	}
	if n := h.count(t, `SELECT count(*) FROM retired_node`); n != 0 {
		t.Errorf("%d retired nodes are still remembered", n)
	}
}
