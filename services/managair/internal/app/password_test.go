package app_test

import (
	"context"
	"io"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/app"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// Whoever sets a password, what was opened with the old one ends, the log of changes
// has it, and its owner is told.
func TestNewPasswordsHaveTheSameConsequences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	pool, err := pgxpool.New(t.Context(), w.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	for _, name := range []string{"chef", "vera"} {
		w.env["SUPERUSER_PASSWORD"] = password
		if err := app.Run(t.Context(), io.Discard, w.env, "createsuperuser", "--noinput", "--username="+name, "--email="+name+"@schule.example"); err != nil {
			t.Fatal(err)
		}
	}
	vera, err := postgres.NewIdentity(pool).UserByName(t.Context(), "vera")
	if err != nil {
		t.Fatal(err)
	}
	logIn := func(name, password string) {
		w.browser.Jar, _ = cookiejar.New(nil)
		if page := w.post("/accounts/login/", url.Values{"login": {name}, "password": {password}, "next": {"/accounts/"}}); !strings.Contains(page, name) {
			t.Fatalf("%s is not logged in:\n%s", name, page)
		}
	}
	old := password
	ways := []struct {
		name, password string
		set            func(fresh string)
	}{
		{"the person", "Posaune-1-rot", func(fresh string) {
			logIn("vera", old)
			w.post("/accounts/password/change/", url.Values{"oldpassword": {old}, "password1": {fresh}, "password2": {fresh}})
		}},
		{"a key by mail", "Posaune-2-rot", func(fresh string) {
			w.post("/accounts/password/reset/", url.Values{"email": {"vera@schule.example"}})
			mails := mailsOf(t, pool)
			path := strings.TrimPrefix(link.FindString(mails[len(mails)-1]), w.base)
			w.post(path, url.Values{"password1": {fresh}, "password2": {fresh}})
		}},
		{"an administrator", "Posaune-3-rot", func(fresh string) {
			logIn("chef", password)
			w.post("/admin/user_account/2/password/", url.Values{"password": {fresh}})
		}},
		{"an operator", "Posaune-4-rot", func(fresh string) {
			p := startWith(t, strings.NewReader(fresh+"\n"), []string{"DATABASE_URL=" + w.env["DATABASE_URL"]}, "changepassword", "vera")
			if code := p.ended(); code != 0 {
				t.Fatalf("changepassword: %d %s", code, p.stderr.String())
			}
		}},
	}
	for _, way := range ways {
		openEverything(t, pool, vera.ID)
		if _, err := pool.Exec(t.Context(), "DELETE FROM outgoing_mail"); err != nil {
			t.Fatal(err)
		}
		var last int64
		if err := pool.QueryRow(t.Context(), "SELECT coalesce(max(id), 0) FROM audit_log").Scan(&last); err != nil {
			t.Fatal(err)
		}
		way.set(way.password)
		var open, logged int
		err := pool.QueryRow(t.Context(), `
			SELECT (SELECT count(*) FROM account_session WHERE user_id = $1 AND address = 'elsewhere')
			     + (SELECT count(*) FROM api_token WHERE user_id = $1)
			     + (SELECT count(*) FROM account_key WHERE user_id = $1),
			       (SELECT count(*) FROM audit_log WHERE id > $2 AND subject = 'user_account' AND subject_id = $1::text AND changes ? 'password_hash')`,
			vera.ID, last).Scan(&open, &logged)
		if err != nil {
			t.Fatal(err)
		}
		if open != 0 || logged != 1 {
			t.Errorf("%s: %d sessions, tokens and keys are left, the log of changes has %d lines, want 0 and 1", way.name, open, logged)
		}
		told := slices.ContainsFunc(mailsOf(t, pool), regexp.MustCompile(`^vera@schule.example Ihr Passwort bei Clair wurde geändert`).MatchString)
		if !told {
			t.Errorf("%s: nobody is told: %q", way.name, mailsOf(t, pool))
		}
		old = way.password
		logIn("vera", old)
	}
}

// openEverything opens what ends with a password.
func openEverything(t *testing.T, pool *pgxpool.Pool, userID int64) {
	t.Helper()
	store, now := postgres.NewIdentity(pool), time.Now()
	later := now.Add(time.Hour)
	for _, open := range []func(context.Context, identity.Digest) error{
		func(ctx context.Context, d identity.Digest) error {
			_, err := store.CreateSession(ctx, d, identity.Session{UserID: userID, CreatedAt: now, LastSeenAt: now, ExpiresAt: later, Address: "elsewhere"})
			return err
		},
		func(ctx context.Context, d identity.Digest) error {
			_, err := store.CreateToken(ctx, d, identity.Token{UserID: userID, Name: "script", Scope: identity.ScopeRead, CreatedAt: now}, 50)
			return err
		},
		func(ctx context.Context, d identity.Digest) error {
			return store.CreateKey(ctx, d, identity.ResetPassword, userID, nil, later)
		},
	} {
		_, digest := identity.NewSecret()
		if err := open(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
	}
}

// mailsOf returns the mails that wait, each as address, subject and text.
func mailsOf(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT concat_ws(' ', recipient, subject, text) FROM outgoing_mail ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	mails, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return mails
}
