package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// The check runs at clock(hours) after this.
var fidelityBegin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func clock(hours float64) time.Time {
	return fidelityBegin.Add(time.Duration(hours * float64(time.Hour)))
}

// contact notes that a node was heard of.
func (h house) contact(t testing.TB, no int32, at time.Time) {
	t.Helper()
	h.exec(t, `INSERT INTO node_status (node_no, last_contact_at) VALUES ($1, $2)
		ON CONFLICT (node_no) DO UPDATE SET last_contact_at = excluded.last_contact_at`, no, at)
}

// outages returns the outages of a node as text, in hours: from noticed dead to.
func (h house) outages(t testing.TB, no int32) []string {
	t.Helper()
	hours := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return fmt.Sprint(at.Sub(fidelityBegin).Hours())
	}
	rows, _ := h.Query(t.Context(), `SELECT from_time, noticed_at, dead_at, to_time FROM node_outage WHERE node_no = $1 ORDER BY from_time`, no)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var from, noticed, dead, to *time.Time
		err := row.Scan(&from, &noticed, &dead, &to)
		return hours(from) + " " + hours(noticed) + " " + hours(dead) + " " + hours(to), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (h house) states(t testing.TB) map[int32]string {
	t.Helper()
	rows, _ := h.Query(t.Context(), `SELECT node_no, fidelity::text FROM node_fidelity`)
	states := map[int32]string{}
	var no int32
	var state string
	if _, err := pgx.ForEachRow(rows, []any{&no, &state}, func() error { states[no] = state; return nil }); err != nil {
		t.Fatal(err)
	}
	return states
}

func TestTheCheckJudgesBySilence(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	store := postgres.Fidelity{Pool: h.as}
	now := clock(100)
	const never = -1
	want, count := map[int32]string{}, map[fidelity.State]int{}
	for n, c := range []struct {
		silence  time.Duration
		interval time.Duration // 0: the default, an hour
		want     fidelity.State
	}{
		{never, 0, fidelity.Unknown},
		{never, 5 * time.Minute, fidelity.Unknown},
		{0, 0, fidelity.Alive},
		{-time.Hour, 0, fidelity.Alive}, // by a clock ahead of ours
		{2 * time.Hour, 0, fidelity.Alive},
		{2*time.Hour + time.Second, 0, fidelity.Missing},
		{4 * time.Hour, 0, fidelity.Missing},
		{4*time.Hour + time.Second, 0, fidelity.Dead},
		{10 * time.Minute, 5 * time.Minute, fidelity.Alive},
		{11 * time.Minute, 5 * time.Minute, fidelity.Missing},
		{20 * time.Minute, 5 * time.Minute, fidelity.Missing},
		{21 * time.Minute, 5 * time.Minute, fidelity.Dead},
		{24 * time.Hour, 24 * time.Hour, fidelity.Alive},
	} {
		_, no := h.node(t, n)
		if c.interval > 0 {
			h.exec(t, `UPDATE node SET expected_interval_s = $2 WHERE no = $1`, no, int(c.interval/time.Second))
		}
		if c.silence != never {
			h.contact(t, no, now.Add(-c.silence))
		}
		want[no] = string(rune(c.want))
		count[c.want]++
	}
	got, err := store.Check(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	summary := fidelity.Summary{
		CheckedAt: now, Unknown: count[fidelity.Unknown], Alive: count[fidelity.Alive], Missing: count[fidelity.Missing], Dead: count[fidelity.Dead],
	}
	if diff := cmp.Diff(summary, got); diff != "" {
		t.Errorf("summary, want(-) got(+):\n%s", diff)
	}
	if diff := cmp.Diff(want, h.states(t)); diff != "" {
		t.Errorf("states, want(-) got(+):\n%s", diff)
	}
	// A check whose clock is late, or that is repeated, changes nothing.
	for _, again := range []time.Time{now, now.Add(-10 * time.Hour)} {
		if sum, err := store.Check(t.Context(), again); !cmp.Equal(sum, summary) || err != nil {
			t.Errorf("at %v: %+v, %v", again, sum, err)
		}
	}
	if latest, err := store.Latest(t.Context()); !cmp.Equal(latest, summary) || err != nil {
		t.Errorf("latest: %+v, %v", latest, err)
	}
}

func TestNodesThatNeverReportedDoNotStopTheCheck(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	h.node(t, 1)
	_, second := h.node(t, 2)
	h.contact(t, second, clock(1))
	got, err := postgres.Fidelity{Pool: h.as}.Check(t.Context(), clock(1))
	if want := (fidelity.Summary{CheckedAt: clock(1), Unknown: 1, Alive: 1}); !cmp.Equal(got, want) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOutagesAreRemembered(t *testing.T) {
	t.Parallel()
	type step struct {
		contact float64 // hours; the node's latest contact at the check; 0 leaves it
		check   float64
		sql     string // run before the check
	}
	cases := []struct {
		name  string
		steps []step
		want  []string // from noticed dead to
	}{
		{"a node that reports has none", []step{{1, 1, ""}, {2, 2, ""}, {3, 4.5, ""}}, nil},
		{"one that never reported has none", []step{{0, 1, ""}, {0, 9, ""}}, nil},
		{"missing", []step{{1, 2, ""}, {0, 3.5, ""}, {0, 4, ""}}, []string{"1 3.5 - -"}},
		{"missing, then dead", []step{{1, 2, ""}, {0, 3.5, ""}, {0, 6, ""}, {0, 7, ""}}, []string{"1 3.5 6 -"}},
		{"dead at the first look", []step{{1, 6, ""}}, []string{"1 6 6 -"}},
		{"back again", []step{{1, 2, ""}, {0, 3.5, ""}, {4, 4, ""}, {5, 5, ""}}, []string{"1 3.5 - 4"}},
		{"silent twice", []step{{1, 3.5, ""}, {4, 4, ""}, {0, 6.5, ""}, {7, 7, ""}}, []string{"1 3.5 - 4", "4 6.5 - 7"}},
		{"it came back and fell silent while nobody checked", []step{{1, 3.5, ""}, {10, 13, ""}}, []string{"1 3.5 - 10", "10 13 - -"}},
		{"late news of a contact make it shorter", []step{{1, 3.5, ""}, {1.5, 4, ""}}, []string{"1.5 3.5 - -"}},
		{"late news say that there was none", []step{{1, 3.5, ""}, {3, 4, ""}}, []string{"1 3.5 - 3"}},
		{"not dead after all", []step{{1, 6, ""}, {2.5, 6.25, ""}}, []string{"2.5 6 - -"}},
		{"patience undoes it", []step{{1, 3.5, ""}, {0, 4, "UPDATE node SET expected_interval_s = 86400"}}, nil},
	}
	// One database, and one node at a time: a check looks at all nodes.
	h := newHouse(t, pgtest.New(t))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h.exec(t, `DELETE FROM node`)
			h.exec(t, `UPDATE fidelity_check SET checked_at = NULL`)
			_, no := h.node(t, 1)
			for _, s := range c.steps {
				if s.contact > 0 {
					h.contact(t, no, clock(s.contact))
				}
				if s.sql != "" {
					h.exec(t, s.sql)
				}
				for moment := range 2 { // the second one, a moment later, finds nothing to do
					at := clock(s.check).Add(time.Duration(moment) * time.Millisecond)
					if _, err := (postgres.Fidelity{Pool: h.as}).Check(t.Context(), at); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(c.want, h.outages(t, no), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

// BenchmarkFidelityCheck checks 100,000 nodes: at first all are new, then a
// hundredth changes each time. The floor is one pass over the status of all nodes.
func BenchmarkFidelityCheck(b *testing.B) {
	nodes := benchsize.Of(100_000, 1_000)
	h := newHouse(b, pgtest.New(b))
	store := postgres.Fidelity{Pool: h.as}
	h.exec(b, `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT gen_random_uuid(), lpad(upper(to_hex(n)), 16, '0'), 'Node', 1, 1, 1 FROM generate_series(1, $1) AS n`, nodes)
	h.exec(b, `INSERT INTO node_status (node_no, last_contact_at)
		SELECT no, $1::timestamptz - make_interval(secs => no % 18000) FROM node`, clock(0))
	h.exec(b, `VACUUM ANALYZE`)
	at := clock(0)
	check := func(b *testing.B) {
		b.Helper()
		at = at.Add(time.Minute)
		sum, err := store.Check(b.Context(), at)
		if err != nil || sum.Alive+sum.Missing+sum.Dead != nodes {
			b.Fatal(sum, err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			h.exec(b, `TRUNCATE node_fidelity, node_outage`)
			b.StartTimer()
			check(b)
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			check(b)
		}
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			h.count(b, `SELECT count(s.last_contact_at) FROM node n LEFT JOIN node_status s ON s.node_no = n.no`)
		}
	})
}
