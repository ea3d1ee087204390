package soak

import (
	"context"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// TestFailOver: the primary is killed under load, and its synchronous standby
// promoted. The ingestair, whose DATABASE_URL names both, goes on by itself, and
// nothing that was acknowledged is lost.
func TestFailOver(t *testing.T) {
	t.Parallel()
	s := newSystem(t, server.Replicated()...)
	standby, err := server.NewPostgres(server.PostgresOptions{
		Dir: filepath.Join(s.dir, "standby"), StandbyOf: s.postgres, Settings: append(server.Replicated(), "hot_standby=on"),
	})
	check(t, err)
	check(t, standby.Start(t.Context()))
	t.Cleanup(func() { check(t, standby.Stop(context.Background())) })
	primary := superuser(t, s.postgres)
	pgtest.Exec(t, primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	pgtest.Exec(t, primary, "SELECT pg_reload_conf()")
	await(t, primary, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')")

	single, err := url.Parse(s.databaseURL)
	check(t, err)
	both := *single
	both.Host = s.postgres.Address() + "," + standby.Address()
	both.RawQuery += "&target_session_attrs=read-write"
	s.databaseURL = both.String()
	s.serve(t)
	for n := range nodes - unknown {
		s.register(t, n)
	}
	load := s.startLoad(t)
	load.pass(t, 300)
	s.postgres.Kill()
	// Meanwhile nobody takes writes, and callers are told so.
	pgtest.Exec(t, superuser(t, standby), "SELECT pg_promote()")
	load.pass(t, 300)
	s.check(t, load.stop())
}

func superuser(t *testing.T, p *server.Postgres) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.URL("postgres"))
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// await asks until the answer is true.
func await(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		var yes bool
		check(t, conn.QueryRow(t.Context(), sql).Scan(&yes))
		if yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never true: %s", sql)
		}
		time.Sleep(10 * time.Millisecond) // between two looks, not instead of one
	}
}
