// Package stacktest runs the whole stack for a test: the services as binaries, on
// a real PostgreSQL, Redis, and a Mosquitto with TLS and passwords.
package stacktest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
)

// Patience bounds every wait for something that must happen.
const Patience = 2 * time.Minute

// pause is between two looks at something that must happen.
const pause = 10 * time.Millisecond

// publisher is the MQTT user that plays the network server.
const publisher = "network-server"

// Stack is a running stack with its servers.
type Stack struct {
	*stack.Stack

	Postgres *server.Postgres
	Redis    *server.Redis
	// RedisUsers are those of a deployed stack.
	RedisUsers RedisUsers
	Broker     *server.Mosquitto
	// DatabaseURL is the connection string of the database's owner.
	DatabaseURL string

	passwords map[string]string
}

// Options are choices for a Stack.
type Options struct {
	// Durable makes commits survive a crash of the machine, as measurements want it.
	Durable bool
	// PostgresSettings are further settings of the database server, name=value.
	PostgresSettings []string
	// BrokerConfig are further lines of mosquitto.conf.
	BrokerConfig []string
	// Change may alter what the stack runs on; nil changes nothing.
	Change func(*stack.Options)
}

// Start starts a stack that ends with the test, and demands that it ends well.
// Without the servers' programs the test skips, or fails with CLAIR_TEST_REQUIRE.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	bin := binaries(t)
	dir, remove, err := server.TempDir(o.Durable)
	check(t, err)
	t.Cleanup(remove)

	s := &Stack{passwords: map[string]string{
		stack.MQTTUser(stack.ClairchenApplication): "clairchen's key",
		stack.MQTTUser(stack.ERSApplication):       "ers' key",
		stack.MQTTUser(stack.LoRaWANApplication):   "lorawan's key",
		publisher:                                  "publisher's key",
	}}
	s.Postgres, err = server.NewPostgres(server.PostgresOptions{Dir: filepath.Join(dir, "postgres"), Durable: o.Durable, Settings: o.PostgresSettings})
	check(t, err)
	s.RedisUsers = newRedisUsers(t)
	s.Redis, err = server.NewRedis(server.RedisOptions{Dir: filepath.Join(dir, "redis"), Durable: true, ACL: s.RedisUsers.acl})
	check(t, err)
	s.Broker, err = server.NewMosquitto(server.MosquittoOptions{
		Dir: filepath.Join(dir, "mosquitto"), TLS: true, Users: s.passwords, Config: o.BrokerConfig,
	})
	check(t, err)
	for _, srv := range []*server.Server{&s.Postgres.Server, &s.Redis.Server, &s.Broker.Server} {
		run(t, srv)
	}
	s.DatabaseURL, err = s.Postgres.Database(t.Context(), "clair", "secret")
	check(t, err)

	logs := filepath.Join(dir, "log")
	check(t, os.Mkdir(logs, 0o700))
	options := stack.Options{
		Bin: bin, LogDir: logs, MediaDir: t.TempDir(), DatabaseURL: s.DatabaseURL, RedisURLs: s.RedisUsers.urls(s.Redis),
		MQTT: stack.MQTT{URL: s.Broker.URL(), CAFile: s.Broker.CAFile(), Passwords: s.passwords},
	}
	if o.Change != nil {
		o.Change(&options)
	}
	s.Stack, err = stack.New(t.Context(), options)
	check(t, err)
	t.Cleanup(func() {
		s.RedisUsers.checkRefused(t, s.Redis)
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			s.tellLogs(t, logs)
		}
	})
	check(t, s.Start(t.Context()))
	return s
}

// check ends the test for an error, and skips it for a program that is not here.
func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, server.ErrNotInstalled) && os.Getenv("CLAIR_TEST_REQUIRE") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

func run(t testing.TB, s *server.Server) {
	t.Helper()
	check(t, s.Start(t.Context()))
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func (*Stack) tellLogs(t testing.TB, dir string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			content = []byte(err.Error())
		}
		t.Logf("%s:\n%s", filepath.Base(name), content)
	}
}

// repository returns the root of the repository that the test belongs to.
func repository(t testing.TB) string {
	t.Helper()
	root, err := os.Getwd()
	check(t, err)
	for {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			return root
		}
		above := filepath.Dir(root)
		if above == root {
			t.Fatal("no go.work above the test")
		}
		root = above
	}
}

// binaries returns the folder named by CLAIR_TEST_BIN, or builds what is needed.
func binaries(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("CLAIR_TEST_BIN"); bin != "" {
		return bin
	}
	root := repository(t)
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), filepath.Join(root, "tools/dev/build.sh"), "-o", bin,
		"./services/managair", "./services/ingestair", "./services/clairchen-forwarder", "./services/ers-forwarder", "./services/lorawan-forwarder")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// Load loads an organization into the empty database.
func (s *Stack) Load(t testing.TB, o *inventory.Organization) inventory.IDs {
	t.Helper()
	content, ids, err := inventory.Fixture(o)
	check(t, err)
	file := filepath.Join(t.TempDir(), "fixture.json")
	check(t, os.WriteFile(file, content, 0o600))
	check(t, s.Manage(t.Context(), "loaddata", file))
	return ids
}

// NetworkServer returns an MQTT client that may publish what The Things Stack does.
func (s *Stack) NetworkServer(t testing.TB) mqtt.Client {
	t.Helper()
	ca, err := os.ReadFile(s.Broker.CAFile())
	check(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(s.Broker.URL()).
		SetTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}).
		SetUsername(publisher).SetPassword(s.passwords[publisher]))
	settle(t, client.Connect())
	t.Cleanup(func() { client.Disconnect(0) })
	return client
}

// Publish publishes an uplink until the broker has it: a broker that is being stopped
// may take the connection along. As QoS 1 allows, it may then arrive twice. Any
// goroutine may call it.
func Publish(t testing.TB, client mqtt.Client, topic string, uplink []byte) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		token := client.Publish(topic, 1, false, uplink)
		if token.WaitTimeout(time.Until(deadline)) && token.Error() == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("the broker does not take an uplink: %v", token.Error())
			return
		}
		time.Sleep(pause)
	}
}

func settle(t testing.TB, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(Patience) {
		t.Fatal("the broker does not answer")
	}
	check(t, token.Error())
}

// Get asks managair, as nobody in particular, for a JSON:API document.
func (s *Stack) Get(t testing.TB, path string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, http.NoBody)
	check(t, err)
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, body
}

// Eventually waits until what is wanted comes out, and fails the test when it does
// not in good time.
func Eventually(t testing.TB, what, want string, got func() string) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		last := got()
		if last == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %s, want %s", what, last, want)
		}
		time.Sleep(pause) // between two looks, not instead of one
	}
}
