package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// The log tells who came in and who tried to, and forgets the names of the deleted.
func TestAuditLogOfPeople(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := postgres.NewIdentity(pgtest.As(t, schema.Managair, pool))
	now := time.Now()
	user, err := store.CreateUser(t.Context(), identity.NewUser{
		User: identity.User{Username: "vera-v", Email: "vera@schule.example", FirstName: "Vera", LastName: "Vogel", Active: true, JoinedAt: now},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := access.WithCaller(t.Context(), access.Caller{UserID: user.ID})
	if _, err := store.AddEmail(ctx, user.ID, "vera@home.example"); err != nil {
		t.Fatal(err)
	}
	_, digest := identity.NewSecret()
	if _, err := store.CreateToken(ctx, digest, identity.Token{UserID: user.ID, Name: "script", Scope: identity.ScopeRead, CreatedAt: now}, 50); err != nil {
		t.Fatal(err)
	}
	_, digest = identity.NewSecret()
	if _, err := store.CreateSession(ctx, digest, identity.Session{UserID: user.ID, CreatedAt: now, ExpiresAt: now.Add(time.Hour), Address: "203.0.113.7"}); err != nil {
		t.Fatal(err)
	}
	if err := store.NoteWrongPassword(ctx, user.ID, "203.0.113.8"); err != nil {
		t.Fatal(err)
	}
	logged := func() string {
		t.Helper()
		var all string
		err := pool.QueryRow(t.Context(), "SELECT string_agg(concat_ws(' ', actor_name, subject, action, changes), E'\n' ORDER BY id) FROM audit_log").Scan(&all)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	personal := []string{"vera-v", "vera@schule.example", "vera@home.example", "Vogel", "203.0.113.7", "203.0.113.8"}
	for _, want := range append(personal, "api_token create", "user_account log_in", "user_account wrong_password") {
		if got := logged(); !strings.Contains(got, want) {
			t.Errorf("the log does not tell %q:\n%s", want, got)
		}
	}
	if _, err := store.DeleteUser(ctx, user.ID); err != nil {
		t.Fatal(err)
	}
	for _, gone := range personal {
		if got := logged(); strings.Contains(got, gone) {
			t.Errorf("after the deletion the log has %q:\n%s", gone, got)
		}
	}
	if got := logged(); !strings.Contains(got, "user_account delete") || !strings.Contains(got, "api_token delete") {
		t.Errorf("the log does not tell of the deletion:\n%s", got)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE audit_log SET at = at - interval '30 days'"); err != nil {
		t.Fatal(err)
	}
	if n, err := store.ClearAudit(t.Context(), now.AddDate(0, 0, -20)); err != nil || n == 0 {
		t.Errorf("%d rows of the log cleared: %v", n, err)
	}
}
