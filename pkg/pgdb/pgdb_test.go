package pgdb_test

import (
	"context"
	"crypto/rand"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/relaytest"
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
		{"of several passwords the first", "postgres://clair:two@localhost:5432/clair?sslmode=prefer", config.Env{"DB_PASSWORD": "two\none"}},
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

// The password is changed while a service runs that knows both: it notices nothing.
func TestPasswordChangesWhileConnected(t *testing.T) {
	t.Parallel()
	admin := pgtest.New(t)
	server := admin.Config().ConnConfig
	role := "changing_" + strings.ToLower(rand.Text())
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE ROLE " + role + " LOGIN PASSWORD 'old one'")
	t.Cleanup(func() { _, _ = admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE "+role) })
	settings := func(password string) pgdb.Config {
		var c pgdb.Config
		err := config.Env{
			"DB_HOST": server.Host, "DB_PORT": strconv.Itoa(int(server.Port)), "DB_NAME": server.Database, "DB_USER": role,
			"DB_SSLMODE": "disable", "DB_PASSWORD": password,
		}.Load(&c)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	both := settings("new one\nold one\n")
	pool, err := pgdb.Open(t.Context(), both, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	connects := func(when string) {
		t.Helper()
		pool.Reset()
		if err := pool.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		settled, err := both.Settled(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), settled.ConnString())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		_ = conn.Close(t.Context())
	}
	connects("before")
	exec("ALTER ROLE " + role + " PASSWORD 'new one'")
	connects("afterwards")
	exec("ALTER ROLE " + role + " PASSWORD 'another'")
	pool.Reset()
	if err := pgdb.Translate(pool.Ping(t.Context())); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "one") {
		t.Errorf("with two wrong passwords: %v", err)
	}
}

// Connections whose server is gone without a word are replaced when it is back elsewhere: a
// caller does not wait for each of them until its own time is over.
func TestConnectionsOfALostMachine(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t).Config().ConnConfig
	through := relaytest.Start(t, net.JoinHostPort(server.Host, strconv.Itoa(int(server.Port))))
	host, port, err := net.SplitHostPort(through.Address)
	if err != nil {
		t.Fatal(err)
	}
	var c pgdb.Config
	if err := (config.Env{
		"DB_HOST": host, "DB_PORT": port, "DB_NAME": server.Database, "DB_USER": server.User, "DB_SSLMODE": "disable", "DB_PASSWORD": server.Password,
	}).Load(&c); err != nil {
		t.Fatal(err)
	}
	pool, err := pgdb.Open(t.Context(), c, "test", func(pc *pgxpool.Config) {
		// Otherwise only those that were idle for a second are asked.
		pc.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	const idle = 2
	var taken []*pgxpool.Conn
	for range idle {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
	}
	for _, conn := range taken {
		conn.Release()
	}
	through.Abandon()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := pool.Exec(ctx, "SELECT 1"); err != nil {
		t.Errorf("with %d connections to a machine that is lost: %v", idle, err)
	}
}
