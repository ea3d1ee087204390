package schema_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

func TestUpTwiceAppliesOnce(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	url := pgtest.Empty(t)
	first, err := schema.Up(t.Context(), log, url)
	if err != nil || len(first) == 0 {
		t.Fatalf("first: %v, %v", first, err)
	}
	second, err := schema.Up(t.Context(), log, url)
	if err != nil || len(second) != 0 {
		t.Errorf("second: %v, %v, want nothing", second, err)
	}
	all, err := schema.Status(t.Context(), log, url)
	if err != nil || len(all) != len(first) {
		t.Errorf("status: %v, %v, want %d", all, err, len(first))
	}
	for _, m := range all {
		if m.AppliedAt.IsZero() {
			t.Errorf("%s is pending", m.Name)
		}
	}
}

// Somebody reads one of the tables that a migration locks, and then the other one. Whom
// the server ends is open; the test goes on until it is the migration.
func TestMigrationIsBegunAgain(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	url := pgtest.Empty(t)
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		downTo(t, url, 83) // 84 locks node_fidelity, then fidelity_check
		reader, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		won := readWhileMigrating(t, reader, func() {
			_, err := schema.Up(t.Context(), log, url)
			done <- err
		})
		if err := reader.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatalf("the reader has won: %v; the migration: %v", won, err)
		}
		if won {
			return
		}
	}
	t.Error("it was always the reader")
}

// readWhileMigrating reports whether the reader, who is asked to wait for the migration
// that waits for them, got an answer.
func readWhileMigrating(t *testing.T, reader *pgx.Conn, migrate func()) bool {
	t.Helper()
	read := func(sql string) (is bool, err error) {
		err = reader.QueryRow(t.Context(), sql).Scan(&is)
		return is, err
	}
	if _, err := reader.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := read("SELECT count(*) > 0 FROM fidelity_check"); err != nil {
		t.Fatal(err)
	}
	go migrate()
	for waits := false; !waits; {
		var err error
		if waits, err = read("SELECT count(*) > 0 FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = 'fidelity_check'::regclass AND NOT granted"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := read("SELECT count(*) > 0 FROM node_fidelity")
	if err != nil && !pgdb.IsContended(err) {
		t.Fatal(err)
	}
	return err == nil
}

// downTo takes back all migrations after one.
func downTo(t *testing.T, url string, version int64) {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	down, err := goose.NewProvider(goose.DialectPostgres, db, schema.Files())
	if err == nil {
		_, err = down.DownTo(t.Context(), version)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	url := pgtest.Empty(t)
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Fatal(err)
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	downTo(t, url, 0)
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	// Tables, sequences, indexes, and functions that no extension brought.
	const left = `
		SELECT coalesce(string_agg(name, ', '), '') FROM (
			SELECT relname::text AS name FROM pg_class
			 WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose_%'
			UNION ALL
			SELECT proname FROM pg_proc p
			 WHERE pronamespace = 'public'::regnamespace
			   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')) objects`
	var names string
	if err := db.QueryRowContext(t.Context(), left).Scan(&names); err != nil || names != "" {
		t.Errorf("left: %q, %v", names, err)
	}
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// What was archived is perhaps the only copy: going back leaves it alone, and so does coming again.
func TestDownLeavesArchivedReadings(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	log := slog.New(slog.DiscardHandler)
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	pgtest.Exec(t, db, "SELECT ensure_sample_partition('2026-10-20T10:00:00Z'), ensure_sample_partition('2026-11-20T10:00:00Z')")
	pgtest.Exec(t, db, `INSERT INTO reading (node_no, time, readings) VALUES (1, '2026-10-20T10:00:00Z', '\x0202')`)
	pgtest.Exec(t, db, "SELECT detach_sample_partition('2026-10-20T10:00:00Z')")
	const tables = `
		SELECT array_agg(relname::text ORDER BY relname) FROM pg_class
		 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^(archived_)?reading'`
	downTo(t, url, 133)
	if diff := cmp.Diff([]string{"archived_reading_y2026m10"}, pgtest.Value[[]string](t, db, tables)); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
	if n := pgtest.Value[int](t, db, "SELECT count(*) FROM archived_reading_y2026m10"); n != 1 {
		t.Errorf("%d readings are left, want 1", n)
	}
	if _, err := schema.Up(t.Context(), log, url); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"archived_reading_y2026m10", "reading", "reading_y2026m11"}, pgtest.Value[[]string](t, db, tables)); diff != "" {
		t.Errorf("forth (-want +got):\n%s", diff)
	}
}

// inventory inserts what a node needs and returns a room.
func inventory(t *testing.T, db pgx.Tx) (room int64) {
	t.Helper()
	const insert = `
		WITH o AS (INSERT INTO organization (id, name) VALUES (1, 'School') RETURNING id),
		     a AS (INSERT INTO address (street1, zip, city) VALUES ('Street 1', '12345', 'Berlin') RETURNING id),
		     s AS (INSERT INTO site (name, address_id, operator_id) SELECT 'House', a.id, o.id FROM a, o RETURNING id),
		     p AS (INSERT INTO node_protocol (id, identifier) VALUES (1, 'CLAIRCHEN') RETURNING id),
		     m AS (INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type)
		           VALUES (1, 'C1', 'Clairchen', 'Clair', 'SCD30') RETURNING id)
		INSERT INTO room (site_id, name) SELECT s.id, 'Class 1' FROM s RETURNING id`
	if err := db.QueryRow(t.Context(), insert).Scan(&room); err != nil {
		t.Fatal(err)
	}
	return room
}

const insertNode = `
	INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
	VALUES (@id, @eui64, 'Node', 1, 1, 1) RETURNING no`

func begin(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := pgtest.New(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The pool waits for its connections when it closes.
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func TestInstallationSpansTouchButDoNotOverlap(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	room := inventory(t, tx)
	node := uuid.New()
	pgtest.Exec(t, tx, insertNode, pgx.NamedArgs{"id": node, "eui64": "0000000000000001"})
	const install = `INSERT INTO installation (node_id, room_id, from_time, to_time)
		VALUES ($1, $2, to_timestamp($3), to_timestamp($4))`
	pgtest.Exec(t, tx, install, node, room, 1000, 2000)
	pgtest.Exec(t, tx, install, node, room, 2000, nil)
	for _, tt := range []struct {
		name       string
		from, to   any
		constraint string
	}{
		{"inside another", 1500, 1600, "installation_no_overlap"},
		{"into an open one", 1e9, nil, "installation_no_overlap"},
		{"ends before it starts", 500, 400, "installation_ends_after_start"},
		{"no length", 500, 500, "installation_ends_after_start"},
	} {
		sp, err := tx.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = sp.Exec(t.Context(), install, node, room, tt.from, tt.to)
		if _, got, _ := pgdb.Violation(err); got != tt.constraint {
			t.Errorf("%s: violates %q (%v), want %q", tt.name, got, err, tt.constraint)
		}
		if err := sp.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRegistrationAdoptsParkedSamples(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	inventory(t, tx)
	node, other := uuid.New(), uuid.New()
	const park = `INSERT INTO parked_sample (node_id, time, co2_ppm, received_at)
		VALUES ($1, $2, $3, $2)`
	newest := time.Date(2027, 1, 1, 0, 0, 1, 0, time.UTC)
	for i, at := range []time.Time{newest, newest.Add(-2 * time.Second), newest.Add(-60 * 24 * time.Hour)} {
		pgtest.Exec(t, tx, park, node, at, 400+i)
	}
	pgtest.Exec(t, tx, park, other, newest, 999)
	pgtest.Exec(t, tx, insertNode, pgx.NamedArgs{"id": node, "eui64": "0000000000000001"})

	rows, err := tx.Query(t.Context(), `SELECT s.co2_ppm FROM sample s JOIN node n ON n.no = s.node_no
		WHERE n.id = $1 ORDER BY s.time`, node)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil || len(got) != 3 || got[0] != 402 || got[1] != 401 || got[2] != 400 {
		t.Errorf("adopted %v, %v, want 402, 401, 400", got, err)
	}
	var left int
	var contact time.Time
	err = tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM parked_sample), last_contact_at
		FROM node_status`).Scan(&left, &contact)
	if err != nil || left != 1 || !contact.Equal(newest) {
		t.Errorf("%d parked, last contact %v, %v; want the other node's one, %v", left, contact, err, newest)
	}
}

func TestDeletedNodeRetiresItsNumber(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	inventory(t, tx)
	var no, retired int
	var before, after int64
	args := pgx.NamedArgs{"id": uuid.New(), "eui64": "0000000000000001"}
	if err := tx.QueryRow(t.Context(), insertNode, args).Scan(&no); err != nil {
		t.Fatal(err)
	}
	const epoch = "SELECT epoch FROM node_epoch"
	if err := tx.QueryRow(t.Context(), epoch).Scan(&before); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, tx, "DELETE FROM organization")
	err := tx.QueryRow(t.Context(), "SELECT no, epoch FROM retired_node, node_epoch").Scan(&retired, &after)
	if err != nil || retired != no || after <= before {
		t.Errorf("retired %d, epoch %d -> %d, %v; want %d and a higher epoch", retired, before, after, err, no)
	}
}

func TestSamplePartitionsBeyond2038(t *testing.T) {
	t.Parallel()
	tx := begin(t)
	for _, at := range []time.Time{
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), // the hour that Berlin has twice
		time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		pgtest.Exec(t, tx, "SELECT ensure_sample_partition($1)", at)
		pgtest.Exec(t, tx, "SELECT ensure_sample_partition($1)", at)
		pgtest.Exec(t, tx, "INSERT INTO sample (node_no, time, co2_ppm) VALUES (1, $1, 400)", at)
		var got time.Time
		err := tx.QueryRow(t.Context(), "SELECT time FROM sample WHERE time = $1", at).Scan(&got)
		if err != nil || !got.Equal(at) {
			t.Errorf("wrote %v, read %v, %v", at, got, err)
		}
	}
}
