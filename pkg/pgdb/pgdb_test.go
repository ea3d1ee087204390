package pgdb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
)

func TestConnString(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		env        config.Env
	}{
		{"defaults", "postgres://clair@localhost:5432/clair?sslmode=prefer", nil},
		{"a password with signs", "postgres://u:p%40ss%2F@db:5433/d?sslmode=disable", config.Env{
			"DB_HOST": "db", "DB_PORT": "5433", "DB_NAME": "d", "DB_USER": "u", "DB_PASSWORD": "p@ss/", "DB_SSLMODE": "disable",
		}},
		{"a socket", "postgres://clair@/clair?host=%2Frun%2Fpostgresql&port=5432&sslmode=prefer", config.Env{"DB_HOST": "/run/postgresql"}},
		{"a URL wins", "postgres://x@y/z", config.Env{"DATABASE_URL": "postgres://x@y/z", "DB_HOST": "db"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c pgdb.Config
			if err := tt.env.Load(&c); err != nil {
				t.Fatal(err)
			}
			if got := c.ConnString(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	exec := func(sql string) error {
		_, err := pool.Exec(t.Context(), sql)
		return pgdb.Translate(err)
	}
	for _, tt := range []struct {
		name, sql string
		want      fault.Kind
	}{
		{"killed by the administrator", "SELECT pg_terminate_backend(pg_backend_pid())", fault.Unavailable},
		{"a standby", "DO $$ BEGIN SET LOCAL transaction_read_only = on; CREATE TABLE x (); END $$", fault.Unavailable},
		{"a mistake of ours", "SELECT nonsense", fault.Internal},
		{"a violation", "INSERT INTO organization (name) VALUES ('')", fault.Internal},
	} {
		if err := exec(tt.sql); fault.KindOf(err) != tt.want || err == nil {
			t.Errorf("%s: %v is %v, want %v", tt.name, err, fault.KindOf(err), tt.want)
		}
	}
	code, constraint, ok := pgdb.Violation(exec("INSERT INTO organization (name) VALUES ('')"))
	if !ok || code != pgdb.CheckViolation || constraint != "organization_name_length" {
		t.Errorf("got %s %s %v", code, constraint, ok)
	}
	for _, text := range []string{"a\x00b", "a\xffb"} {
		if _, err := pool.Exec(t.Context(), "SELECT $1::text", text); fault.KindOf(pgdb.Translate(err)) != fault.Invalid {
			t.Errorf("text %q: %v", text, err)
		}
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT 1 WHERE false").Scan(&n); fault.KindOf(pgdb.Translate(err)) != fault.NotFound {
		t.Errorf("no rows: %v", err)
	}
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	pool, err := pgdb.Open(t.Context(), pgdb.Config{URL: config.NewSecret("postgres://x:hunter2@127.0.0.1:1/x"), MaxConns: 1}, "test")
	if err != nil {
		t.Fatalf("a database that is away keeps the service from starting: %v", err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = pgdb.Translate(pool.Ping(ctx))
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v shows the password", err)
	}
}
