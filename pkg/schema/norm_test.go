package schema_test

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// Organizations that were judged by the norm that held everywhere keep it; what somebody chose
// stays, and who has no site yet gets the norm of the country.
func TestOrganizationsKeepTheNormThatTheyHad(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	downTo(t, url, 121)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	pgtest.Exec(t, conn, "INSERT INTO organization (id, name, verdict_profile) VALUES (1, 'School', NULL), (2, 'Chose', 'be'), (3, 'New', NULL)")
	pgtest.Exec(t, conn, "INSERT INTO address (id, street1, zip, city) VALUES (1, 'Damrak 1', '1012', 'Amsterdam'), (2, 'Damrak 2', '1012', 'Amsterdam')")
	pgtest.Exec(t, conn, "INSERT INTO site (id, name, operator_id, address_id, time_zone) VALUES (1, 'A', 1, 1, 'Europe/Amsterdam'), (2, 'B', 2, 2, 'Europe/Amsterdam')")
	const norms = "SELECT string_agg(coalesce(verdict_profile, 'none'), ' ' ORDER BY id) FROM organization"
	for _, step := range []string{"up", "down and up"} {
		if step != "up" {
			downTo(t, url, 121)
		}
		if _, err := schema.Up(t.Context(), slog.New(slog.DiscardHandler), url); err != nil {
			t.Fatal(err)
		}
		if got := pgtest.Value[string](t, conn, norms); got != "de-uba be none" {
			t.Errorf("%s: %s", step, got)
		}
	}
	var own *string
	if err := conn.QueryRow(t.Context(), "SELECT verdict_profile FROM site WHERE id = 1").Scan(&own); err != nil || own != nil {
		t.Errorf("the site: %v, %v", own, err)
	}
}
