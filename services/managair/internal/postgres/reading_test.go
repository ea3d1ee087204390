package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// measuring has a node 1 with months, from noon on.
func measuring(t *testing.T) (*pgxpool.Pool, *postgres.Telemetry, telemetry.Span) {
	t.Helper()
	pool := pgtest.New(t)
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	pgtest.Exec(t, pool, "SELECT ensure_sample_partition($1)", noon)
	return pool, postgres.NewTelemetry(pgtest.As(t, schema.Managair, pool)), telemetry.Span{NodeNo: 1, From: noon, To: noon.AddDate(0, 0, 3)}
}

func pack(values ...quantity.Value) []byte { return quantity.AppendPacked(nil, values) }

// A second has one temperature, though a better codec told it among the readings, too.
func TestReadingsOfBothTables(t *testing.T) {
	t.Parallel()
	pool, store, span := measuring(t)
	const (
		sample  = "INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, status) VALUES (1, $1, 400, $2, 'M')"
		reading = "INSERT INTO reading (node_no, time, readings) VALUES (1, $1, $2)"
	)
	at := func(minute int) time.Time { return span.From.Add(time.Duration(minute) * time.Minute) }
	for minute, decicelsius := range []any{210, nil, 212, 213} {
		pgtest.Exec(t, pool, sample, at(minute), decicelsius)
	}
	for minute, values := range map[int][]quantity.Value{
		0: {{Quantity: quantity.Temperature, Steps: 999}}, 1: {{Quantity: quantity.Temperature, Steps: 211}}, 2: {{Quantity: quantity.Light, Steps: 7}},
		4: {{Quantity: quantity.Temperature, Steps: 214}, {Quantity: quantity.Light, Steps: 7}},
	} {
		pgtest.Exec(t, pool, reading, at(minute), pack(values...))
	}
	var got []string
	err := store.Readings(t.Context(), span, quantity.Temperature, func(at time.Time, steps int32) error {
		got = append(got, fmt.Sprint(at.Format("15:04 "), steps))
		return nil
	})
	if diff := cmp.Diff([]string{"12:00 210", "12:01 211", "12:02 212", "12:03 213", "12:04 214"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What a node of each minute tells once a day is among its newest values.
func TestLatestReadingsOfADay(t *testing.T) {
	t.Parallel()
	pool, store, span := measuring(t)
	const insert = "INSERT INTO reading (node_no, time, readings) SELECT 1, $1::timestamptz + i * interval '1 minute', $2 FROM generate_series($3::integer, $4) i"
	pgtest.Exec(t, pool, insert, span.From, pack(quantity.Value{Quantity: quantity.BatteryLevel, Steps: 80}), 0, 0)
	pgtest.Exec(t, pool, insert, span.From, pack(quantity.Value{Quantity: quantity.Light, Steps: 7}), 1, 1440)
	got, err := store.LatestReadings(t.Context(), span)
	want := []quantity.Reading{
		{Time: span.From.AddDate(0, 0, 1), Value: quantity.Value{Quantity: quantity.Light, Steps: 7}},
		{Time: span.From, Value: quantity.Value{Quantity: quantity.BatteryLevel, Steps: 80}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Who takes a month out of sight locks the tables one after the other; who reads from both must
// not hold the second one and wait for the first.
func TestReadingsLetMonthsGo(t *testing.T) {
	t.Parallel()
	pool, store, span := measuring(t)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	pgtest.Exec(t, tx, "LOCK TABLE sample IN ACCESS EXCLUSIVE MODE")
	read := make(chan error, 1)
	go func() {
		read <- store.Readings(t.Context(), span, quantity.Temperature, func(time.Time, int32) error { return nil })
	}()
	const waiting = `
		SELECT count(*) FROM pg_locks
		 WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = 'sample'::regclass AND NOT granted`
	for pgtest.Value[int](t, tx, waiting) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if n := pgtest.Value[int](t, tx, "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = 'reading'::regclass AND granted AND pid <> pg_backend_pid()"); n != 0 {
		t.Errorf("the reader holds %d locks of readings while it waits for samples", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}
