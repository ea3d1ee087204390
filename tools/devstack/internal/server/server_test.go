package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// dir returns a folder that the servers' user can reach, which t.TempDir is not.
func dir(t *testing.T) string {
	t.Helper()
	dir, remove, err := server.TempDir(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return filepath.Join(dir, "data")
}

// start starts a server, and skips the test when there is no such program here.
func start(t *testing.T, s *server.Server, err error) {
	t.Helper()
	if errors.Is(err, server.ErrNotInstalled) && os.Getenv("CLAIR_TEST_REQUIRE") == "" {
		t.Skip(err)
	}
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestPostgresKeepsCommitsWhenKilled(t *testing.T) {
	t.Parallel()
	pg, err := server.NewPostgres(server.PostgresOptions{Dir: dir(t)})
	start(t, &pg.Server, err)
	url := pg.URL("postgres")
	if got, want := query(t, pg.SocketURL("postgres"), "SELECT lower('ÄÖÜ')"), "äöü"; got != want {
		t.Errorf("lower('ÄÖÜ') = %q, want %q", got, want)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'here' AS what"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())

	pg.Kill()
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := query(t, url, "SELECT what FROM kept"), "here"; got != want {
		t.Errorf("after the restart: %q, want %q", got, want)
	}
}

func TestPostgresFindsItsDataAgain(t *testing.T) {
	t.Parallel()
	d := dir(t)
	first, err := server.NewPostgres(server.PostgresOptions{Dir: d})
	start(t, &first.Server, err)
	id := query(t, first.URL("postgres"), "SELECT system_identifier::text FROM pg_control_system()")
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := server.NewPostgres(server.PostgresOptions{Dir: d})
	start(t, &second.Server, err)
	if got := query(t, second.URL("postgres"), "SELECT system_identifier::text FROM pg_control_system()"); got != id {
		t.Errorf("cluster = %s, want %s", got, id)
	}
}

// TestDurablePostgresIsTheDeployedOne: measurements are about the settings that
// operators get.
func TestDurablePostgresIsTheDeployedOne(t *testing.T) {
	t.Parallel()
	pg, err := server.NewPostgres(server.PostgresOptions{Dir: dir(t), Durable: true})
	start(t, &pg.Server, err)
	compose, err := os.ReadFile("../../../../compose/docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	// The value, or the default of the variable that it comes from.
	settings := regexp.MustCompile(`(?m)^ *- -c(\w+)=(?:\$\{\w+:-)?([^}\n]+)}?$`).FindAllStringSubmatch(string(compose), -1)
	compared := 0
	for _, s := range settings {
		name, want := s[1], s[2]
		if name == "max_connections" || name == "log_min_duration_statement" || strings.HasPrefix(name, "tcp_") {
			continue // about other things than speed
		}
		compared++
		if got := query(t, pg.URL("postgres"), "SELECT current_setting('"+name+"')"); got != want {
			t.Errorf("%s = %s, deployed is %s", name, got, want)
		}
	}
	if compared < 3 {
		t.Errorf("only %d settings of the deployed stack were found", compared)
	}
}

func TestPostgresMakesADatabaseOnce(t *testing.T) {
	t.Parallel()
	pg, err := server.NewPostgres(server.PostgresOptions{Dir: dir(t)})
	start(t, &pg.Server, err)
	for range 2 {
		url, err := pg.Database(t.Context(), "clair", "it's secret")
		if err != nil {
			t.Fatal(err)
		}
		const who = `SELECT format('%s of %s, superuser: %s', current_user, current_database(), usesuper)
			FROM pg_user WHERE usename = current_user`
		if got, want := query(t, url, who), "clair of clair, superuser: f"; got != want {
			t.Errorf("connected as %q, want %q", got, want)
		}
	}
}

func TestRedisAnswersOnlyWhenRunning(t *testing.T) {
	t.Parallel()
	redis, err := server.NewRedis(server.RedisOptions{Dir: dir(t), Durable: true})
	start(t, &redis.Server, err)
	port := redis.Port
	redis.Kill()
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if redis.Port != port {
		t.Errorf("port = %d after a restart, want %d", redis.Port, port)
	}
}

func TestMosquittoAsksForThePassword(t *testing.T) {
	t.Parallel()
	broker, err := server.NewMosquitto(server.MosquittoOptions{
		Dir: dir(t), TLS: true, Users: map[string]string{"app@ttn": "secret"},
	})
	start(t, &broker.Server, err)
	ca, err := os.ReadFile(broker.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)

	for name, test := range map[string]struct {
		password string
		roots    *x509.CertPool
		welcome  bool
	}{
		"right password":    {"secret", roots, true},
		"wrong password":    {"guess", roots, false},
		"unknown authority": {"secret", x509.NewCertPool(), false},
	} {
		t.Run(name, func(t *testing.T) {
			client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker.URL()).
				SetTLSConfig(&tls.Config{RootCAs: test.roots, MinVersion: tls.VersionTLS12}).
				SetUsername("app@ttn").SetPassword(test.password))
			token := client.Connect()
			if !token.WaitTimeout(30 * time.Second) {
				t.Fatal("no answer")
			}
			defer client.Disconnect(0)
			if welcome := token.Error() == nil; welcome != test.welcome {
				t.Errorf("connect: %v, want welcome = %t", token.Error(), test.welcome)
			}
		})
	}
}
