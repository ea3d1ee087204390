package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func TestClearExpiredLeavesWhatIsValid(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	now := time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)
	_, err := pool.Exec(t.Context(), "INSERT INTO user_account (id, username) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.Exec(t.Context(), "INSERT INTO user_introduction VALUES (1, 2, $1), (1, 3, $2)", now, now.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pool.Exec(t.Context(), "INSERT INTO account_attempt VALUES ('old', 1, $1), ('new', 1, $2)", now, now.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	n, err := postgres.NewIdentity(pgtest.As(t, schema.Managair, pool)).ClearExpired(t.Context(), now)
	if n != 2 || err != nil {
		t.Errorf("cleared %d, %v; want 2", n, err)
	}
	rows, err := pool.Query(t.Context(), "SELECT user_id::text FROM user_introduction UNION ALL SELECT key FROM account_attempt")
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"3", "new"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
