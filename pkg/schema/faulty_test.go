package schema_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// A faulty sensor's samples are kept, and are in no count, sum, minimum or maximum.
func TestFaultySamplesSayNothingOfTheAir(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	hour := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	pgtest.Exec(t, tx, "SELECT ensure_sample_partition($1)", hour)
	pgtest.Exec(t, tx, "UPDATE sample_rollup_state SET rolled_until = $1, late_before = $1", hour)
	for i, s := range []struct {
		co2    int
		status string
	}{{0, "E"}, {800, "M"}, {9000, "E"}, {600, "R"}} {
		pgtest.Exec(t, tx, "INSERT INTO sample (node_no, time, co2_ppm, status) VALUES (1, $1, $2, $3)", hour.Add(time.Duration(i)*time.Minute), s.co2, s.status)
	}
	pgtest.Exec(t, tx, "INSERT INTO sample (node_no, time, co2_ppm, status) VALUES (1, $1, 0, 'E')", hour.Add(time.Hour))
	var hours, n, sum, least, most, counted, kept int
	err := tx.QueryRow(t.Context(), `
		SELECT count(*), sum(n), sum(co2_sum), min(co2_min), max(co2_max),
		       sample_count(1, $1, $2), (SELECT count(*) FROM sample WHERE node_no = 1)
		  FROM sample_hours(1, $1, $2)`, hour, hour.Add(2*time.Hour)).Scan(&hours, &n, &sum, &least, &most, &counted, &kept)
	if err != nil || hours != 1 || n != 2 || sum != 1400 || least != 600 || most != 800 || counted != 2 || kept != 5 {
		t.Errorf("%d hours, n %d, sum %d, %d..%d, counted %d, kept %d, %v; want 1, 2, 1400, 600..800, 2, 5", hours, n, sum, least, most, counted, kept, err)
	}
}

// Samples that came before are judged once, and what they were rolled up into is done again.
func TestUpgradeMarksFaultySamples(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	url := pgtest.Empty(t)
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema.Files(), goose.WithAllowOutofOrder(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 30); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SELECT ensure_sample_partition('2026-11-20T10:00:00Z')",
		"UPDATE sample_rollup_state SET rolled_until = '2026-11-21T00:00:00Z', late_before = '2026-11-21T00:00:00Z'",
		"INSERT INTO sample (node_no, time, co2_ppm) VALUES (1, '2026-11-20T10:10:00Z', 0), (1, '2026-11-20T10:20:00Z', 800), (1, '2026-11-20T11:20:00Z', 800)",
		"INSERT INTO sample_hour SELECT * FROM sample_hours_raw(1, '2026-11-20T10:00:00Z', '2026-11-20T12:00:00Z')",
	} {
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Fatal(err)
	}
	var marked, least, counted, late int
	err = db.QueryRowContext(t.Context(), `
		SELECT (SELECT count(*) FROM sample WHERE status = 'E'), min(co2_min), sample_count(1, '2026-11-20T10:00:00Z', '2026-11-20T12:00:00Z'), (SELECT count(*) FROM sample_late)
		  FROM sample_hours(1, '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z')`).Scan(&marked, &least, &counted, &late)
	if err != nil || marked != 1 || least != 800 || counted != 2 || late != 1 {
		t.Errorf("marked %d, least %d, counted %d, late hours %d, %v; want 1, 800, 2, 1", marked, least, counted, late, err)
	}
}
