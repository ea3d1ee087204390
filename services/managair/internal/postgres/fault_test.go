package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// days gives a node as many whole days before fidelityBegin, each with n samples from low
// to high ppm.
func (h house) days(t testing.TB, no int32, days, n, low, high int) {
	t.Helper()
	h.exec(t, `INSERT INTO sample_day (day, node_no, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT $5::timestamptz - make_interval(days => i), $1, $3, 0, $4, $6, 0, 0, 0, 0 FROM generate_series(1, $2::integer) i
		    ON CONFLICT (node_no, day) DO UPDATE SET n = excluded.n, co2_min = excluded.co2_min, co2_max = excluded.co2_max`,
		no, days, n, low, fidelityBegin, high)
}

// newest notes the newest sample of a node.
func (h house) newest(t testing.TB, no int32, at time.Time, ppm int, status string) {
	t.Helper()
	h.exec(t, `INSERT INTO node_status (node_no, last_contact_at, last_sample_at, last_co2_ppm, last_status) VALUES ($1, $2, $2, $3, $4::text::"char")
		ON CONFLICT (node_no) DO UPDATE SET last_contact_at = $2, last_sample_at = $2, last_co2_ppm = $3, last_status = $4::text::"char"`, no, at, ppm, status)
}

type faultRow struct {
	Fault fidelity.Fault
	Since time.Time
}

func (h house) faults(t testing.TB) (nodes map[inventory.NodeID]faultRow) {
	t.Helper()
	rows, _ := h.Query(t.Context(), `SELECT n.id, coalesce(f.fault, ''), coalesce(f.fault_since, '0001-01-01T00:00:00Z')
		FROM node n LEFT JOIN node_fidelity f ON f.node_no = n.no`)
	nodes = map[inventory.NodeID]faultRow{}
	var id inventory.NodeID
	var row faultRow
	if _, err := pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &row.Fault, &row.Since}, func() error {
		row.Since = row.Since.UTC()
		nodes[id] = row
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return nodes
}

func TestTheCheckFindsFaults(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	now := clock(1)
	before := func(days int) time.Time { return fidelityBegin.AddDate(0, 0, -days) }
	cases := []struct {
		name string
		set  func(no int32)
		want faultRow
	}{
		{"air that lives", func(no int32) { h.days(t, no, 9, 48, 430, 1800); h.newest(t, no, now, 700, "M") }, faultRow{}},
		{"never sent", func(int32) {}, faultRow{}},
		{"no air", func(no int32) { h.days(t, no, 9, 48, 430, 1800); h.newest(t, no, now, 0, "E") }, faultRow{fidelity.Implausible, now}},
		{"stale air for three days", func(no int32) { h.days(t, no, 3, 48, 800, 800); h.newest(t, no, now, 800, "M") }, faultRow{fidelity.Frozen, before(3)}},
		{"for two days", func(no int32) {
			h.days(t, no, 9, 48, 430, 1800)
			h.days(t, no, 2, 48, 800, 800)
			h.newest(t, no, now, 800, "M")
		}, faultRow{}},
		{"and moving again", func(no int32) { h.days(t, no, 3, 48, 800, 800); h.newest(t, no, now, 801, "M") }, faultRow{}},
		{"with few samples", func(no int32) { h.days(t, no, 3, 11, 800, 800); h.newest(t, no, now, 800, "M") }, faultRow{}},
		{"one long ago", func(no int32) {
			h.days(t, no, 9, 48, 430, 1800)
			h.days(t, no, 1, 48, 800, 800)
			h.newest(t, no, now, 800, "M")
		}, faultRow{}},
		{"silent since", func(no int32) { h.newest(t, no, before(1), 0, "E") }, faultRow{}},
		{"at rest for six days", func(no int32) { h.days(t, no, 6, 48, 420, 420); h.newest(t, no, now, 420, "M") }, faultRow{}},
		{"stale air for a month", func(no int32) {
			h.days(t, no, 40, 48, 430, 1800)
			h.days(t, no, 30, 48, 800, 800)
			h.newest(t, no, now, 800, "M")
		}, faultRow{fidelity.Frozen, before(30)}},
		{"at rest for seven days", func(no int32) { h.days(t, no, 7, 48, 420, 420); h.newest(t, no, now, 420, "M") }, faultRow{fidelity.Frozen, before(7)}},
	}
	want, names := map[inventory.NodeID]faultRow{}, map[inventory.NodeID]string{}
	var first int32
	for i, c := range cases {
		id, no := h.node(t, i)
		if c.want.Fault == fidelity.Implausible {
			first = no
		}
		c.set(no)
		want[id], names[id] = c.want, c.name
	}
	sum, err := postgres.Fidelity{Pool: h.as}.Check(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Faulty != 4 {
		t.Errorf("counted %d faulty nodes, want 4", sum.Faulty)
	}
	for id, got := range h.faults(t) {
		if diff := cmp.Diff(want[id], got); diff != "" {
			t.Errorf("%s, want(-) got(+):\n%s", names[id], diff)
		}
	}
	// It lasts as long as it lasts, and began when it began.
	h.newest(t, first, clock(2), 12, "E")
	if _, err := (postgres.Fidelity{Pool: h.as}).Check(t.Context(), clock(2)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, h.faults(t)); diff != "" {
		t.Errorf("an hour later, want(-) got(+):\n%s", diff)
	}
	h.newest(t, first, clock(3), 600, "M")
	if sum, err = (postgres.Fidelity{Pool: h.as}).Check(t.Context(), clock(3)); err != nil || sum.Faulty != 3 || sum.Alive != len(cases)-2 {
		t.Errorf("after it was mended: %+v, %v", sum, err)
	}
}
