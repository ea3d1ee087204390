package redisconn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
)

func TestParse(t *testing.T) {
	t.Parallel()
	notPEM := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(notPEM, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ url, problem string }{
		{"redis://localhost:6379/0", ""},
		{"redis://user:password@localhost/3?dial_timeout=3s", ""},
		{"rediss://:password@redis.example:6380/1", ""},
		{"unix:///run/redis.sock?db=2", ""},
		{"redis-socket://:password@/run/redis.sock?db=2", ""},
		{"redis-sentinel://a:26379,b:26380,c/2?master=clair", ""},
		{"redis-sentinel://user:p%40ss@[::1]:26379?master=clair&sentinel_password=x", ""},
		{"rediss-sentinel://a?master=clair", ""},
		{"", "not a redis://"},
		{"http://localhost", "not a redis://"},
		{"redis://localhost:6379/secret", "the number of the database"},
		{"redis://local host:secret", "no URL"},
		{"redis-sentinel://a:26379/0", "master"},
		{"redis-sentinel://a/x?master=clair", "number of the database"},
		{"redis-sentinel://?master=clair", "no address"},
		{"redis-sentinel://a,,b?master=clair", "no address"},
		{"redis-sentinel://a?master=clair&db=2", `"db" is unknown`},
		{"rediss://localhost?ca=/nowhere.pem", "the parameter ca"},
		{"rediss://localhost?ca=" + notPEM, "no certificate"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			r, err := redisconn.Parse(tt.url)
			switch {
			case tt.problem == "" && err == nil:
				if err := r.Client().Close(); err != nil {
					t.Error(err)
				}
			case tt.problem == "" || err == nil || !strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "secret"):
				t.Errorf("got error %v, want %q", err, tt.problem)
			}
		})
	}
}

// A Redis that hangs keeps nobody beyond the time of their context.
func TestContextsEndWaiting(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers there
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	r, err := redisconn.Parse("redis://" + listener.Addr().String() + "/0?read_timeout=-1")
	if err != nil {
		t.Fatal(err)
	}
	client := r.Client()
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := client.Ping(ctx).Err(); err == nil {
		t.Error("nobody has answered")
	}
}

func TestAddressDoesNotShowItself(t *testing.T) {
	t.Parallel()
	var settings struct {
		Redis redisconn.Redis `env:"REDIS_URL"`
	}
	if err := (config.Env{"REDIS_URL": "redis://:hunter2@localhost"}).Load(&settings); err != nil || !settings.Redis.IsSet() {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if got := fmt.Sprintf(verb, settings); strings.Contains(got, "hunter2") || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s shows %s", verb, got)
		}
	}
	err := config.Env{"REDIS_URL": "redis://:hunter2@localhost/x"}.Load(&settings)
	if err == nil || !strings.Contains(err.Error(), "REDIS_URL: the address") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("redis-sentinel://user:password@a:26379,b/0?master=clair")
	f.Add("redis://user:password@localhost:6379/1?db=2")
	f.Fuzz(func(_ *testing.T, url string) {
		_, _ = redisconn.Parse(url)
	})
}

// TestSentinels: the primary dies, the sentinels promote its replica, and a client
// and the tasks of asynq go on there.
func TestSentinels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	primary, replica := freePort(t), freePort(t)
	auth := []string{"--requirepass", "secret", "--masterauth", "secret"}
	killPrimary := startRedis(t, primary, append(auth, "--dir", subDir(t, dir, "primary"))...)
	startRedis(t, replica, append(auth, "--dir", subDir(t, dir, "replica"), "--replicaof", "127.0.0.1", primary, "--repl-diskless-sync-delay", "0")...)
	var sentinels []string
	for i := range 3 {
		port := freePort(t)
		file := filepath.Join(subDir(t, dir, fmt.Sprint("sentinel", i)), "sentinel.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, `
requirepass watching
sentinel sentinel-pass watching
sentinel monitor clair 127.0.0.1 %s 2
sentinel auth-pass clair secret
sentinel down-after-milliseconds clair 500
sentinel failover-timeout clair 3000
`, primary), 0o600); err != nil {
			t.Fatal(err)
		}
		startRedis(t, port, file, "--sentinel")
		sentinels = append(sentinels, "127.0.0.1:"+port)
	}
	// Ready when each sentinel knows the others and the replica.
	for _, address := range sentinels {
		s := redis.NewSentinelClient(&redis.Options{Addr: address, Password: "watching"})
		eventually(t, func(ctx context.Context) error {
			master, err := s.Master(ctx, "clair").Result()
			if err == nil && (master["num-other-sentinels"] != "2" || master["num-slaves"] != "1") {
				err = fmt.Errorf("the sentinel knows %s others and %s replicas", master["num-other-sentinels"], master["num-slaves"])
			}
			if err != nil {
				return err
			}
			replicas, err := s.Replicas(ctx, "clair").Result()
			if err == nil && (len(replicas) != 1 || replicas[0]["master-link-status"] != "ok") {
				err = errors.New("the replica does not follow")
			}
			return err
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	r, err := redisconn.Parse("redis-sentinel://:secret@" + strings.Join(sentinels, ",") + "/3?master=clair&sentinel_password=watching")
	if err != nil {
		t.Fatal(err)
	}
	client := r.Client()
	t.Cleanup(func() { _ = client.Close() })
	tasks := asynq.NewClient(r)
	t.Cleanup(func() { _ = tasks.Close() })
	enqueue := func(id string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := tasks.EnqueueContext(ctx, asynq.NewTask("test", nil), asynq.TaskID(id))
			if errors.Is(err, asynq.ErrTaskIDConflict) {
				return nil
			}
			return err
		}
	}
	eventually(t, enqueue("before"))
	eventually(t, func(ctx context.Context) error {
		if err := client.Set(ctx, "key", "before", 0).Err(); err != nil {
			return err
		}
		n, err := client.Do(ctx, "WAIT", 1, 1000).Int()
		if err == nil && n != 1 {
			err = errors.New("not replicated")
		}
		return err
	})
	killPrimary()
	eventually(t, func(ctx context.Context) error { return client.Set(ctx, "after", "after", 0).Err() })
	if v, err := client.Get(t.Context(), "key").Result(); err != nil || v != "before" {
		t.Errorf("what was replicated is %q, %v", v, err)
	}
	eventually(t, enqueue("after"))
	inspector := asynq.NewInspector(r)
	t.Cleanup(func() { _ = inspector.Close() })
	info, err := inspector.GetQueueInfo("default")
	if err != nil || info.Pending != 2 {
		t.Errorf("tasks: %+v, %v", info, err)
	}
}

// TestTLS: a server with a certificate of its own is reached when ca names it, and
// not otherwise.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate, key := certify(t, dir)
	port := freePort(t)
	startRedis(t, "0", "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key,
		"--tls-auth-clients", "no", "--dir", dir)
	parse := func(url string) redis.UniversalClient {
		t.Helper()
		r, err := redisconn.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		client := r.Client()
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	client := parse("rediss://127.0.0.1:" + port + "/0?ca=" + certificate)
	eventually(t, func(ctx context.Context) error { return client.Ping(ctx).Err() })
	if err := parse("rediss://127.0.0.1:" + port + "/0").Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the system's authorities: %v", err)
	}
}

// eventually tries until it works.
func eventually(t *testing.T, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond): // between two tries
		}
	}
}

// startRedis starts a server on 127.0.0.1 and returns what kills it.
func startRedis(t *testing.T, port string, args ...string) (kill func()) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CLAIR_TEST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var options []string
	if len(args) > 0 && !strings.HasPrefix(args[0], "--") { // a file comes first
		options, args = args[:1], args[1:]
	}
	options = append(append(options, args...), "--port", port, "--bind", "127.0.0.1", "--save", "")
	cmd := exec.CommandContext(t.Context(), path, options...)
	var output strings.Builder
	cmd.Stdout = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed
		close(ended)
	}()
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	return kill
}

func subDir(t *testing.T, parent, name string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// certify makes a certificate for 127.0.0.1 that is its own authority.
func certify(t *testing.T, dir string) (certificateFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
}

func TestKeeps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no bound of memory", "", []string{"--maxmemory-policy", "allkeys-lru"}},
		{"what is too much is refused", "", []string{"--maxmemory", "64mb"}},
		{"tasks make room", "allkeys-lru; set noeviction", []string{"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"}},
		{"what ends by itself makes room", "", []string{"--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"}},
		{"who may not ask", "", []string{"--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", "--user", "default", "on", "nopass", "+@all", "-info"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			kill := startRedis(t, port, tt.args...)
			r, err := redisconn.Parse("redis://127.0.0.1:" + port)
			if err != nil {
				t.Fatal(err)
			}
			client := r.Client()
			t.Cleanup(func() { _ = client.Close() })
			eventually(t, func(ctx context.Context) error { return client.Ping(ctx).Err() })
			err = redisconn.Keeps(t.Context(), client)
			if said := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(said, tt.want) && tt.want != "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			kill()
			if err := redisconn.Keeps(t.Context(), client); err == nil {
				t.Error("a server that is gone keeps everything")
			}
		})
	}
}
