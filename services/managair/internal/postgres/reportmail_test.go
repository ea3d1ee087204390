package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
)

// What waits is found by its index: how much waits, and how much of it is not wanted any more, is no matter.
func TestTakingAReportReadsLittle(t *testing.T) {
	t.Parallel()
	h, _ := school(t)
	now := time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	// Of each site one in six is no member any more.
	const readers, gone = 3000, 500
	h.exec(t, `INSERT INTO site (id, name, address_id, operator_id) VALUES (2, 'Store', 1, 1)`)
	h.exec(t, `INSERT INTO user_account (id, username, email, password_hash) SELECT 1000 + i, 'u' || i, 'u' || i || '@example.org', '' FROM generate_series(1, $1::integer) i`, readers)
	h.exec(t, `INSERT INTO membership (user_id, organization_id, role) SELECT 1000 + i, 1, 'I' FROM generate_series($1::integer + 1, $2::integer) i`, gone, readers)
	h.exec(t, `INSERT INTO report_subscription (user_id, site_id, language, weekly_since, leave_key)
		SELECT 1000 + i, 1 + i % 2, 'de', '2026-03-05', repeat('k', 26) FROM generate_series(1, $1::integer) i`, readers)
	store := postgres.ReportMails{Pool: h.as}
	if n, err := reportmail.Plan(t.Context(), store, now); err != nil || n != readers {
		t.Fatal(n, err)
	}
	h.exec(t, "ANALYZE report_mail, report_subscription, membership, user_account")

	take := func() (reportmail.Mail, bool) {
		t.Helper()
		m, ok, err := store.Take(t.Context(), 7, now, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return m, ok
	}
	skipped := func() int {
		t.Helper()
		return h.count(t, "SELECT count(*) FROM report_mail WHERE state = 'skipped' AND why = 'not_wanted' AND attempts = 0 AND ended_at = $1", now)
	}
	// What is not wanted is noted in parts, and only what comes before what is.
	for n := 100; n <= 200; n += 100 {
		if _, ok := take(); ok || skipped() != n {
			t.Errorf("%v, %d skipped, want %d", ok, skipped(), n)
		}
	}
	for range 20 {
		if m, ok := take(); !ok || m.SiteID != 1 || m.UserID <= 1000+gone || m.Attempts != 1 {
			t.Fatalf("%v %+v", ok, m)
		}
	}
	if got := skipped(); got != gone/2 {
		t.Errorf("%d skipped, want %d", got, gone/2)
	}
	// What was changed just now stands in the index until something has cleaned it, and would be counted.
	h.exec(t, "VACUUM report_mail")
	buffers, rows := buffersOf(t, h.Pool, postgres.TakeReport, pgx.NamedArgs{"holder": int64(8), "now": now, "until": now.Add(time.Hour)})
	t.Logf("%d pages", buffers)
	if rows != 1 || buffers > 200 {
		t.Errorf("%d rows, %d pages", rows, buffers)
	}
}
