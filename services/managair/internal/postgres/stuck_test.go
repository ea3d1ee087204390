package postgres_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// steady has a node tell the same CO2 every half hour for whole days before fidelityBegin
// and until clock(1), rolled up as the ingestair does.
func (h house) steady(t testing.TB, no int32, days, ppm int) {
	t.Helper()
	h.exec(t, `SELECT ensure_sample_partition(m) FROM generate_series($1::timestamptz - make_interval(days => $2), $1::timestamptz, '1 day') m`, fidelityBegin, days)
	h.exec(t, `INSERT INTO sample (node_no, time, co2_ppm)
		SELECT $1, s, $3 FROM generate_series($4::timestamptz - make_interval(days => $2::integer), $4::timestamptz + interval '1 hour', '30 minutes') s`, no, days, ppm, fidelityBegin)
	h.exec(t, `INSERT INTO sample_hour SELECT * FROM sample_hours_raw($1, $2, $3)`, no, fidelityBegin.AddDate(0, 0, -days), fidelityBegin)
	h.days(t, no, days, 48, ppm, ppm)
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
	h.steady(t, no, 4, 800)
	h.exec(t, `INSERT INTO sample (node_no, time, co2_ppm) VALUES ($1, $2, 650)`, no, clock(0.75))
	h.exec(t, `UPDATE sample_rollup_state SET rolled_until = $1, late_before = $1`, fidelityBegin)
	h.check(t, 1)
	// Four days and an hour, and the one that says something else.
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
	if err != nil || len(buckets) != 1 || buckets[0].CO2 != (telemetry.Aggregate{N: 1, Sum: 650, Min: 650, Max: 650}) {
		t.Errorf("days: %+v, %v; want only the sample of 650 ppm", buckets, err)
	}

	// It goes on: one that the ingestair did not know to mark.
	h.exec(t, `INSERT INTO sample (node_no, time, co2_ppm) VALUES ($1, $2, 800)`, no, clock(2))
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
