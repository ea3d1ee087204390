package schema_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// More CO2 than sensors measure is kept, and goes back and forth with the schema: the old
// one has the most that it takes, of a faulty sensor still.
func TestMoreCO2ThanSensorsMeasure(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	ask := func(sql string) (rows []string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		found, _ := conn.Query(t.Context(), sql)
		if rows, err = pgx.CollectRows(found, pgx.RowTo[string]); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return rows
	}
	ask("SELECT ensure_sample_partition('2026-11-20T10:00:00Z')::text")
	ask(`INSERT INTO sample (node_no, time, co2_ppm, status) VALUES
		(1, '2026-11-20T10:00:00Z', 10000, 'M'), (1, '2026-11-20T10:01:00Z', 10001, 'E'), (1, '2026-11-20T10:02:00Z', 32767, 'E')`)
	ask(`INSERT INTO parked_sample (node_id, time, co2_ppm, status) VALUES (gen_random_uuid(), '2026-11-20T10:00:00Z', 32767, 'E')`)
	const all = `SELECT co2_ppm || ' ' || status::text FROM (
		SELECT co2_ppm, status, time, 1 AS at FROM sample UNION ALL SELECT co2_ppm, status, time, 2 FROM parked_sample) s ORDER BY at, time`
	wantRows(t, "kept", ask(all), "10000 M", "10001 E", "32767 E", "32767 E")
	downTo(t, url, 94)
	wantRows(t, "back", ask(all), "10000 M", "10000 E", "10000 E", "10000 E")
	if _, err := schema.Up(t.Context(), slog.New(slog.DiscardHandler), url); err != nil {
		t.Fatal(err)
	}
	const rules = `SELECT conrelid::regclass::text || ' ' || conname::text || ' ' || convalidated FROM pg_constraint WHERE contype = 'c' AND conname LIKE '%co2%' ORDER BY 1`
	wantRows(t, "forth", ask(rules), "parked_sample parked_sample_co2_ppm_kept true", "sample sample_co2_ppm_kept true", "sample_y2026m11 sample_co2_ppm_kept true")
}

// A backup reads all samples for a long time: a migration that waits for it keeps nobody else
// from them, and goes on when it is done.
func TestMigrationsLetOthersPassABackup(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	downTo(t, url, 94)
	backup, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backup.Close(context.WithoutCancel(t.Context())) }()
	ingest, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ingest.Close(context.WithoutCancel(t.Context())) }()
	pgtest.Exec(t, ingest, "SELECT ensure_sample_partition('2026-11-20T10:00:00Z')")
	pgtest.Exec(t, ingest, "SET statement_timeout = '6s'")
	pgtest.Exec(t, backup, "BEGIN")
	pgtest.Exec(t, backup, "LOCK TABLE sample IN ACCESS SHARE MODE")
	migrated := make(chan error, 1)
	go func() {
		_, err := schema.Up(t.Context(), slog.New(slog.DiscardHandler), url)
		migrated <- err
	}()
	const waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = 'sample'::regclass AND NOT granted)"
	for !pgtest.Value[bool](t, backup, waiting) {
		select {
		case err := <-migrated:
			t.Fatalf("migrated beside a backup: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	pgtest.Exec(t, ingest, "INSERT INTO sample (node_no, time, co2_ppm) VALUES (1, '2026-11-20T10:00:00Z', 600)")
	pgtest.Exec(t, backup, "COMMIT")
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

func wantRows(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
