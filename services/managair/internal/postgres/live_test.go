package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func TestLoginsThatEndAreToldOf(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO user_account (id, username) OVERRIDING SYSTEM VALUE VALUES (1, 'a');
		INSERT INTO account_session (id, user_id, digest, csrf, created_at, last_seen_at, expires_at, address, user_agent)
		OVERRIDING SYSTEM VALUE SELECT i, 1, sha256(i::text::bytea), '', now(), now(), now() + (3 - i) * interval '1 hour', '', '' FROM generate_series(1, 3) i;
		INSERT INTO api_token (id, user_id, name, digest, scope, created_at, expires_at)
		OVERRIDING SYSTEM VALUE SELECT i, 1, 'x', sha256(i::text::bytea), 'read', now(), CASE i WHEN 1 THEN NULL ELSE now() + (3 - i) * interval '1 hour' END FROM generate_series(1, 3) i`)
	store := postgres.NewLive(pgtest.As(t, schema.Managair, pool))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	changes, stopped := make(chan live.Change, 100), make(chan error, 1)
	go func() { stopped <- store.WaitForChanges(ctx, func(what live.Change) { changes <- what }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err == nil {
			t.Error("stopped by itself")
		}
	})
	if first := []live.Change{<-changes, <-changes}; first[0] == first[1] {
		t.Fatalf("told of %v at first", first)
	}
	all := []live.Login{{Session: 1}, {Session: 2}, {Session: 3}, {Token: 1}, {Token: 2}, {Token: 3}, {Token: 4}}
	lasting := func(want ...live.Login) {
		t.Helper()
		got, err := store.LastingLogins(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lasting (-want +got):\n%s", diff)
		}
	}
	lasting(live.Login{Session: 1}, live.Login{Session: 2}, live.Login{Token: 1}, live.Login{Token: 2})
	exec(`DELETE FROM account_session WHERE id = 99`) // nobody's: no notice
	exec(`DELETE FROM account_session WHERE id = 1`)
	exec(`DELETE FROM api_token WHERE id = 1`)
	exec(`DELETE FROM membership`) // the end
	if got := []live.Change{<-changes, <-changes, <-changes}; !cmp.Equal(got, []live.Change{live.Logins, live.Logins, live.Inventory}) {
		t.Errorf("told of %v", got)
	}
	lasting(live.Login{Session: 2}, live.Login{Token: 2})
}
