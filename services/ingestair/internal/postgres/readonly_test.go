package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/postgres"
)

// A database that was left read-only after a failover answers, and takes nothing.
func TestReadOnlyDatabaseIsNotReady(t *testing.T) {
	t.Parallel()
	for setting, ready := range map[string]bool{"off": true, "on": false} {
		cfg, err := pgxpool.ParseConfig(pgtest.URL(t))
		if err != nil {
			t.Fatal(err)
		}
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = setting
		pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		if err := postgres.New(pool).Ping(t.Context()); (err == nil) != ready {
			t.Errorf("read-only %s: %v", setting, err)
		}
	}
}
