package postgres_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// tells has a node tell the same CO2 every half hour from one time to another, both included.
func (h house) tells(t testing.TB, no int32, from, to float64, ppm int) {
	t.Helper()
	h.exec(t, `SELECT ensure_sample_partition(m) FROM generate_series($1::timestamptz, $2::timestamptz, '1 day') m`, clock(from), clock(to))
	h.exec(t, `INSERT INTO sample (node_no, time, co2_ppm) SELECT $1, s, $2 FROM generate_series($3::timestamptz, $4::timestamptz, '30 minutes') s`,
		no, ppm, clock(from), clock(to))
}

// rollUp leaves the roll-ups of a node as the ingestair does once it has no more to do.
func (h house) rollUp(t testing.TB, no int32, until float64) {
	t.Helper()
	h.exec(t, `UPDATE sample_rollup_state SET rolled_until = $1, late_before = $1`, clock(until))
	for _, table := range []string{"sample_late", "sample_day", "sample_hour"} {
		h.exec(t, `DELETE FROM `+table+` WHERE node_no = $1`, no)
	}
	h.exec(t, `INSERT INTO sample_hour SELECT * FROM sample_hours_raw($1, '2026-01-01Z', $2)`, no, clock(until))
	h.exec(t, `INSERT INTO sample_day (day, node_no, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT date_trunc('day', hour, 'UTC'), node_no, sum(n), sum(co2_sum), min(co2_min), max(co2_max), 0, 0, 0, 0 FROM sample_hour WHERE node_no = $1 GROUP BY 1, 2`, no)
}

// steady has a node tell the same CO2 for whole days before fidelityBegin and until clock(1).
func (h house) steady(t testing.TB, no int32, days, ppm int) {
	t.Helper()
	h.tells(t, no, float64(-24*days), 1, ppm)
	h.rollUp(t, no, 0)
	h.newest(t, no, clock(1), ppm, "M")
}

type stuckState struct {
	marked, kept int
	last         string
	fault        fidelity.Fault
}

func (h house) stuckState(t testing.TB, id inventory.NodeID, no int32) (s stuckState) {
	t.Helper()
	err := h.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE status = 'E'), count(*), (SELECT last_status::text FROM node_status WHERE node_no = $1)
		  FROM sample WHERE node_no = $1`, no).Scan(&s.marked, &s.kept, &s.last)
	if err != nil {
		t.Fatal(err)
	}
	s.fault = h.faults(t)[id].Fault
	return s
}

func (h house) check(t testing.TB, hours float64) {
	t.Helper()
	if _, err := (postgres.Fidelity{Pool: h.as}).Check(t.Context(), clock(hours)); err != nil {
		t.Fatal(err)
	}
}

// What a stuck sensor tells is kept, and is in no verdict, mean or extreme: neither what it
// has told since it is stuck, nor what comes.
func TestAStuckSensorSaysNothingOfTheAir(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	id, no := h.node(t, 0)
	h.tells(t, no, -4*24-1, -4*24-1, 650)
	h.steady(t, no, 4, 800)
	h.check(t, 1)
	// Four days and an hour, and the one before that says something else.
	if got, want := h.stuckState(t, id, no), (stuckState{marked: 4*48 + 3, kept: 4*48 + 4, last: "E", fault: fidelity.Frozen}); got != want {
		t.Errorf("found: %+v, want %+v", got, want)
	}
	span := telemetry.Span{NodeNo: no, From: fidelityBegin.AddDate(0, 0, -9), To: clock(9)}
	sums, err := postgres.NewTelemetry(h.as).Summaries(t.Context(), []telemetry.Span{span}, true)
	if err != nil || sums[0].Count != 1 || sums[0].Latest == nil || sums[0].Latest.Status != measurement.Faulty {
		t.Errorf("summary %+v, %v; want one that counts, and the latest at fault", sums, err)
	}
	var buckets []telemetry.Bucket
	err = telemetry.Buckets(t.Context(), postgres.NewTelemetry(h.as), span, telemetry.Day, func(b telemetry.Bucket) error {
		buckets = append(buckets, b)
		return nil
	})
	if err != nil || len(buckets) != 1 || buckets[0].CO2 != (telemetry.Aggregate{N: 1, Sum: 650, Min: 650, Max: 650, KnownS: 3600, Weighted: 3600 * 650}) {
		t.Errorf("days: %+v, %v; want only the sample of 650 ppm", buckets, err)
	}

	// It goes on: one that the ingestair did not know to mark.
	h.tells(t, no, 2, 2, 800)
	h.newest(t, no, clock(2), 800, "M")
	h.check(t, 2)
	if got, want := h.stuckState(t, id, no), (stuckState{marked: 4*48 + 4, kept: 4*48 + 5, last: "E", fault: fidelity.Frozen}); got != want {
		t.Errorf("later: %+v, want %+v", got, want)
	}
	// Silent, nothing is known of it; it comes back as it was.
	h.exec(t, `UPDATE node_status SET last_contact_at = $2 WHERE node_no = $1`, no, clock(2))
	h.check(t, 9)
	if got := h.stuckState(t, id, no).fault; got != fidelity.NoFault {
		t.Errorf("silent: fault %q", got)
	}
	h.newest(t, no, clock(10), 800, "E")
	h.check(t, 10)
	if got := h.stuckState(t, id, no).fault; got != fidelity.Frozen {
		t.Errorf("back: fault %q", got)
	}
	// It moves again.
	h.tells(t, no, 11, 11, 801)
	h.newest(t, no, clock(11), 801, "M")
	h.check(t, 11)
	if got := h.stuckState(t, id, no); got.fault != fidelity.NoFault || got.last != "M" {
		t.Errorf("moving: %+v", got)
	}
	h.newest(t, no, clock(12), 800, "M")
	h.check(t, 12)
	if got := h.stuckState(t, id, no); got.fault != fidelity.NoFault || got.last != "M" {
		t.Errorf("the old value, once it has moved: %+v", got)
	}
}

// In a closed and empty room a sensor may well say the same for all the holidays.
func TestAQuietRoomIsNotAFaultySensor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		days, ppm int
		marked    bool
		fault     fidelity.Fault
	}{
		"long weekend":                  {4, 420, false, fidelity.NoFault},
		"summer holidays":               {45, 400, false, fidelity.Frozen}, // to look after
		"steps of 20 ppm":               {45, 500, false, fidelity.Frozen},
		"longer than anybody stays out": {60, 400, true, fidelity.Frozen},
		"used air for two days":         {2, 520, false, fidelity.NoFault},
		"used air for three":            {3, 520, true, fidelity.Frozen},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.New(t))
			id, no := h.node(t, 0)
			h.steady(t, no, tt.days, tt.ppm)
			h.check(t, 1)
			got := h.stuckState(t, id, no)
			if want := map[bool]int{true: tt.days*48 + 3}[tt.marked]; got.marked != want || got.fault != tt.fault {
				t.Errorf("%d of %d marked, fault %q; want %d, %q", got.marked, got.kept, got.fault, want, tt.fault)
			}
		})
	}
}

// A pen that does not know yet of a stuck sensor may write late samples of it.
func TestLateSamplesOfAStuckSensorAreFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	id, no := h.node(t, 0)
	h.steady(t, no, 4, 800)
	h.check(t, 1)
	want := h.stuckState(t, id, no)
	h.tells(t, no, -50.25, -50.25, 800)
	h.check(t, 1.1)
	want.kept, want.marked = want.kept+1, want.marked+1
	if got := h.stuckState(t, id, no); got != want || want.fault != fidelity.Frozen {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// What a sensor has told today, or late yesterday, counts, whatever it tells now.
func TestASensorThatMovedIsNotStuck(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		days, ppm  int
		moved      float64
		rolledUpTo float64
	}{
		"this morning":                       {4, 800, 0.75, 0},
		"this morning, at rest":              {8, 420, 0.75, 0},
		"yesterday, which is not rolled up":  {4, 800, -0.75, -2},
		"yesterday, at rest, not rolled up":  {8, 420, -0.75, -2},
		"this morning, after eight weeks":    {60, 420, 0.25, 0},
		"this morning, in an hour that ends": {4, 800, 0.75, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.New(t))
			id, no := h.node(t, 0)
			h.steady(t, no, tt.days, tt.ppm)
			h.tells(t, no, tt.moved, tt.moved, 650)
			h.rollUp(t, no, tt.rolledUpTo)
			h.check(t, 1)
			if got := h.stuckState(t, id, no); got.marked != 0 || got.fault != fidelity.NoFault || got.last != "M" {
				t.Errorf("moved, and found stuck: %+v", got)
			}
		})
	}
}

// No air is no value: a sensor that warms up after a restart tells some, and stays stuck.
func TestAnImplausibleSampleDoesNotReleaseAStuckSensor(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	id, no := h.node(t, 0)
	h.steady(t, no, 4, 800)
	h.check(t, 1)
	want := h.stuckState(t, id, no)
	if want.fault != fidelity.Frozen {
		t.Fatalf("not found: %+v", want)
	}
	h.newest(t, no, clock(2), 0, "E")
	h.check(t, 2)
	h.newest(t, no, clock(3), 800, "M")
	h.check(t, 3)
	if got := h.stuckState(t, id, no); got != want {
		t.Errorf("after a restart: %+v, want %+v", got, want)
	}
	h.newest(t, no, clock(4), 801, "M")
	h.check(t, 4)
	if got := h.stuckState(t, id, no); got.fault != fidelity.NoFault || got.last != "M" {
		t.Errorf("moving: %+v", got)
	}
}

// A sensor that sticks again is found again, as soon as one that sticks for the first time.
func TestASensorSticksAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ppm, moved int // at once, and the value that it tells once before
		since      int // day
		marked     int
	}{
		"at another value": {ppm: 900, moved: 900, since: 6, marked: 5*48 + 4*48 + 1},
		"at the same":      {ppm: 800, moved: 810, since: 7, marked: 5*48 + 3*48 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.New(t))
			id, no := h.node(t, 0)
			h.tells(t, no, 0, 23.5, 610)
			h.tells(t, no, 24, 6*24-0.5, 800)
			h.rollUp(t, no, 5*24)
			h.newest(t, no, clock(5*24), 800, "M")
			h.check(t, 5*24+0.25)
			if got := h.stuckState(t, id, no); got.fault != fidelity.Frozen || got.marked != 5*48 {
				t.Fatalf("for the first time: %+v", got)
			}
			h.tells(t, no, 6*24, 6*24, tt.moved)
			h.newest(t, no, clock(6*24), tt.moved, "M")
			h.check(t, 6*24+0.25)
			if got := h.stuckState(t, id, no); got.fault != fidelity.NoFault {
				t.Fatalf("moving: %+v", got)
			}
			h.tells(t, no, 6*24+0.5, 10*24, tt.ppm)
			h.rollUp(t, no, 10*24)
			h.newest(t, no, clock(10*24), tt.ppm, "M")
			h.check(t, 10*24+0.25)
			if got, want := h.stuckState(t, id, no), (stuckState{marked: tt.marked, kept: 10*48 + 1, last: "E", fault: fidelity.Frozen}); got != want {
				t.Errorf("again: %+v, want %+v", got, want)
			}
			if since := h.faults(t)[id].Since; !since.Equal(clock(float64(24 * tt.since))) {
				t.Errorf("again since %v, want day %d", since, tt.since)
			}
		})
	}
}

// An administrator may know that a sensor tells the same rightly: that counts again, at once
// and as long as it lasts. What sticks after it is found again.
func TestAMarkIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	id, no := h.node(t, 0)
	h.steady(t, no, 4, 800)
	h.check(t, 1)
	if got := h.stuckState(t, id, no); got.fault != fidelity.Frozen || got.marked != got.kept {
		t.Fatalf("not found: %+v", got)
	}
	h.exec(t, "DELETE FROM sample_late")
	h.exec(t, "INSERT INTO user_account (id, username, password_hash, is_superuser, is_staff) VALUES (99, 'root', '', true, true)")
	root := access.Caller{UserID: 99, Superuser: true}
	marks, _ := backoffice.Find("stuck_sensor")
	store := postgres.Backoffice{Pool: h.as}
	rows, n, err := store.List(t.Context(), root, marks, backoffice.Query{Page: 1, Size: 10, Filters: map[string]string{"node_id": id.String()}})
	if err != nil || n != 1 {
		t.Fatalf("%d marks, %v", n, err)
	}
	ctx := access.WithCaller(t.Context(), root)
	if n, err := store.Act(ctx, root, marks, "take_back", []string{rows[0].ID}); n != 1 || err != nil {
		t.Fatalf("taken back: %d, %v", n, err)
	}
	var late, logged int
	if err := h.QueryRow(t.Context(), `SELECT (SELECT count(DISTINCT hour) FROM sample_late WHERE node_no = $1),
		(SELECT count(*) FROM audit_log WHERE subject = 'stuck_sensor' AND actor_name = 'root' AND changes ? 'taken_back_at')`, no).Scan(&late, &logged); err != nil || late != 4*24 || logged != 1 {
		t.Errorf("%d hours to roll up again, %d in the log, %v; want %d, 1", late, logged, err, 4*24)
	}

	// An older worker, after the code went back, marks all anew: it is taken back again.
	h.exec(t, "UPDATE sample SET status = 'E' WHERE node_no = $1 AND co2_ppm = 800", no)
	if n, err := store.Act(ctx, root, marks, "take_back", []string{rows[0].ID}); n != 1 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	if got := h.stuckState(t, id, no); got.marked != 0 {
		t.Errorf("taken back again: %+v, want none marked", got)
	}

	// A pen that had not heard of it marks one more; nothing else does.
	h.tells(t, no, 2, 2, 800)
	h.exec(t, "UPDATE sample SET status = 'E' WHERE node_no = $1 AND time = $2", no, clock(2))
	h.exec(t, "UPDATE stuck_sensor SET taken_back_at = $1", clock(2))
	h.newest(t, no, clock(2), 800, "E")
	h.check(t, 2)
	good := stuckState{kept: 4*48 + 4, last: "M"}
	if got := h.stuckState(t, id, no); got != good {
		t.Errorf("taken back: %+v, want %+v", got, good)
	}
	h.tells(t, no, 2.5, 9*24, 800)
	h.rollUp(t, no, 9*24)
	h.newest(t, no, clock(9*24), 800, "M")
	h.check(t, 9*24)
	if got := h.stuckState(t, id, no); got.marked != 0 || got.fault != fidelity.NoFault {
		t.Errorf("while it lasts: %+v", got)
	}

	h.tells(t, no, 9*24+0.5, 9*24+0.5, 805)
	h.newest(t, no, clock(9*24+0.5), 805, "M")
	h.check(t, 9*24+0.5)
	h.tells(t, no, 9*24+1, 13*24, 800)
	h.rollUp(t, no, 13*24)
	h.newest(t, no, clock(13*24), 800, "M")
	h.check(t, 13*24)
	if got := h.stuckState(t, id, no); got.marked != 3*48+1 || got.fault != fidelity.Frozen {
		t.Errorf("stuck anew: %+v, want %d marked", got, 3*48+1)
	}
}

// The operator is not asked to look after a sensor at rest of which an administrator knows.
func TestAMarkAtRestIsTakenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	id, no := h.node(t, 0)
	h.steady(t, no, 60, 420)
	h.check(t, 1)
	if got := h.stuckState(t, id, no); got.fault != fidelity.Frozen || got.marked == 0 {
		t.Fatalf("not found: %+v", got)
	}
	h.exec(t, "UPDATE stuck_sensor SET taken_back_at = $1", clock(1))
	h.check(t, 1.1)
	if got, want := h.stuckState(t, id, no), (stuckState{kept: 60*48 + 3, last: "M"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	h.rollUp(t, no, 0)
	h.check(t, 1.2)
	if got := h.stuckState(t, id, no); got.fault != fidelity.NoFault {
		t.Errorf("rolled up again: %+v", got)
	}
}

// The check, who takes marks back, and the ingestair lock rows of several sensors: all in the
// order of the sensors' numbers, or they end in each other's arms.
func TestTheCheckLocksSensorsInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, table string
		told        int // ppm, now
	}{
		{"those that move again", "stuck_sensor", 900},
		{"those that go on", "node_status", 800},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.New(t))
			_, first := h.node(t, 1)
			_, second := h.node(t, 2)
			// A table without an order is read from its beginning.
			for _, no := range []int32{second, first} {
				h.newest(t, no, clock(1), test.told, "M")
				h.exec(t, `INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at) VALUES ($1, $2, 800, $3)`, no, clock(-9), clock(0))
			}
			hold, err := h.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lock := "SELECT FROM " + test.table + " WHERE node_no = $1 FOR UPDATE"
			if _, err := hold.Exec(t.Context(), lock, first); err != nil {
				t.Fatal(err)
			}
			checked := make(chan error, 1)
			go func() {
				_, err := (postgres.Fidelity{Pool: h.as}).Check(t.Context(), clock(1))
				checked <- err
			}()
			for h.count(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`) == 0 {
				if len(checked) > 0 {
					t.Fatalf("the check does not wait: %v", <-checked)
				}
			}
			if _, err := h.Exec(t.Context(), lock+" NOWAIT", second); err != nil {
				t.Errorf("the check waits for the first sensor and holds the second: %v", err)
			}
			if err := hold.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-checked; err != nil {
				t.Error(err)
			}
		})
	}
}
