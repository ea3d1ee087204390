package schema_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// The way back takes the marks of stuck sensors along, for yesterday's program would not
// know what they are of.
func TestMarksOfStuckSensorsGoWithTheirReason(t *testing.T) {
	t.Parallel()
	cfg, err := pgx.ParseConfig(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	for _, sql := range []string{
		"INSERT INTO organization (id, name) VALUES (1, 'School')",
		"INSERT INTO node_protocol (id, identifier) VALUES (1, 'CLAIRCHEN')",
		"INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'C1', 'Clairchen', 'Clair', 'SCD30')",
		"INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id) VALUES (gen_random_uuid(), '0000000000000001', 'A', 1, 1, 1)",
		"SELECT ensure_sample_partition('2026-11-20T10:00:00Z')",
		"UPDATE sample_rollup_state SET rolled_until = '2026-11-21T00:00:00Z', late_before = '2026-11-21T00:00:00Z'",
		`INSERT INTO sample (node_no, time, co2_ppm, status)
		 SELECT no, s.time::timestamptz, s.co2, s.status::"char" FROM node, (VALUES
		        ('2026-11-20T10:10:00Z', 800, 'E'), ('2026-11-20T12:10:00Z', 800, 'E'), ('2026-11-20T12:20:00Z', 3, 'E'), -- stuck
		        ('2026-11-20T14:10:00Z', 800, 'E')) s (time, co2, status)`, // later, at fault as it said itself
		"INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at, released_at) SELECT no, '2026-11-20T10:00:00Z', 800, '2026-11-20T11:00:00Z', '2026-11-20T14:00:00Z' FROM node",
		// Taken back: that sample is at fault as the sensor said itself, and no mark goes.
		"INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at, taken_back_at) SELECT no, '2026-11-20T14:05:00Z', 800, '2026-11-20T14:05:00Z', '2026-11-20T14:05:00Z' FROM node",
	} {
		if _, err := db.ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema.Files())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 92); err != nil {
		t.Fatal(err)
	}
	var marked, measured, late int
	err = db.QueryRowContext(t.Context(), `
		SELECT count(*) FILTER (WHERE status = 'E'), count(*) FILTER (WHERE status = 'M'), (SELECT count(*) FROM sample_late)
		  FROM sample`).Scan(&marked, &measured, &late)
	if err != nil || marked != 2 || measured != 2 || late < 2 {
		t.Errorf("%d marked, %d measured, %d hours to roll up again, %v; want 2, 2 and at least 2", marked, measured, late, err)
	}
}
