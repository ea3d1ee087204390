package app_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// beforeRowRules is the version of the schema before there were rules over several rows.
const beforeRowRules = 8

// brokenSQL is an inventory of that time: a node in a room of another organization, an
// organization that nobody owns, a site in a time zone that is none, and an address with
// a postal code that is none.
const brokenSQL = `
INSERT INTO user_account (id, username, is_superuser) VALUES (1, 'chef', true);
INSERT INTO organization (id, name) VALUES (1, 'Haus'), (2, 'Fremd');
INSERT INTO membership (id, user_id, organization_id, role) VALUES (1, 1, 1, 'O');
INSERT INTO address (id, street1, zip, city, created_by) VALUES (1, 'Weg 1', '!!%<>', 'Berlin', 1);
INSERT INTO site (id, name, address_id, operator_id, time_zone) VALUES (1, 'Schule', 1, 1, 'Nonsense/Zone'), (2, 'Museum', 1, 2, 'Europe/Berlin');
INSERT INTO room (id, site_id, name) VALUES (1, 1, 'Klasse'), (2, 2, 'Saal');
INSERT INTO node_protocol (id, identifier) VALUES (1, 'ELSYSERS');
INSERT INTO node_model (id, name, trade_name, manufacturer, sensor_type) VALUES (1, 'ERS', 'ERS', 'Elsys', 'NDIR');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id) VALUES
	('00000000-0000-4000-8000-000000000001', '9876B60000000001', 'Eins', 1, 1, 1);
INSERT INTO installation (id, node_id, room_id, from_time) VALUES (1, '00000000-0000-4000-8000-000000000001', 2, '2026-01-01T00:00:00Z');`

// A database that breaks the rules can be upgraded. What is broken stays readable and is
// told with what to do; what would break them anew is refused, and mending is not.
func TestUpgradeOfABrokenInventory(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg)
	t.Cleanup(func() { _ = db.Close() })
	provider, err := goose.NewProvider(goose.DialectPostgres, db, schema.Files())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), beforeRowRules); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), brokenSQL); err != nil {
		t.Fatal(err)
	}
	env := []string{"DATABASE_URL=" + url}
	run := func(args ...string) string {
		p := startWith(t, nil, env, args...)
		p.ended()
		return p.stdout.String() + p.stderr.String()
	}
	if says := run("migrate"); !strings.Contains(says, "00010") && !strings.Contains(says, "row_rules") {
		t.Errorf("migrate: %s", says)
	}
	says := run("check")
	for _, want := range []string{
		`address 1 "Weg 1": zip: A postal code consists of letters, digits, blanks and hyphens. Correct it at /admin/address/1/`,
		`site 1 "Schule": time_zone: This is not a time zone. What is meant is a name such as Europe/Berlin. Correct it at /admin/site/1/`,
		`installation 1: its node "Eins" belongs to "Haus", its room "Saal" to "Fremd"; `,
		`organization 2 "Fremd": it has no OWNER; make somebody its owner at /admin/organization/2/`,
	} {
		if !strings.Contains(says, want) {
			t.Errorf("check does not say %q:\n%s", want, says)
		}
	}
	for _, step := range []struct{ sql, refused string }{
		{"UPDATE installation SET room_id = 2, description = 'still' WHERE id = 1", ""},
		{"INSERT INTO installation (id, node_id, room_id, from_time, to_time) SELECT 2, node_id, 2, '2025-01-01', '2025-02-01' FROM installation", "installation_one_organization"},
		{"UPDATE room SET name = 'Großer Saal' WHERE id = 2", ""},
		{"UPDATE room SET site_id = 1 WHERE id = 1", ""},
		{"DELETE FROM membership WHERE id = 1", "organization_keeps_owner"},
		// What check says to do.
		{"UPDATE installation SET to_time = '2026-02-01' WHERE id = 1; DELETE FROM installation WHERE id = 1", ""},
		{"INSERT INTO membership (id, user_id, organization_id, role) VALUES (2, 1, 2, 'O')", ""},
		{"UPDATE site SET time_zone = 'Europe/Paris' WHERE id = 1; UPDATE address SET zip = '10827'", ""},
	} {
		_, err := db.ExecContext(t.Context(), step.sql)
		refused := ""
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			refused = pgErr.ConstraintName
		}
		if refused != step.refused || err != nil && refused == "" {
			t.Errorf("%s: refused by %q (%v), want %q", step.sql, refused, err, step.refused)
		}
	}
	if says := run("check"); strings.Contains(says, "/admin/") {
		t.Errorf("check, when everything is mended:\n%s", says)
	}
}
