package stacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

// RedisUsers are the users that a deployed stack has at Redis: made by the tool that
// makes them for operators, with the same rights.
type RedisUsers struct {
	acl       []byte
	passwords map[string]string
}

func newRedisUsers(t testing.TB) RedisUsers {
	t.Helper()
	root := repository(t)
	dir := t.TempDir()
	environment := filepath.Join(dir, "test.env")
	check(t, os.WriteFile(environment, fmt.Appendf(nil,
		"DOCKER_CONTEXT=default\nCLAIR_DOMAIN=clair.test\nDOCKER_STACK_DEPLOY_ARGS=none\nCLAIR_SECRETS=%q\n", dir), 0o600))
	create := exec.CommandContext(t.Context(), filepath.Join(root, "tools/create-secrets.sh"), environment)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create-secrets.sh: %v\n%s", err, out)
	}
	u := RedisUsers{passwords: map[string]string{}}
	var err error
	u.acl, err = os.ReadFile(filepath.Join(dir, "redis_acl"))
	check(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "redis_*"))
	check(t, err)
	for _, file := range files {
		if user := strings.TrimPrefix(filepath.Base(file), "redis_"); user != "acl" {
			u.passwords[user] = password(t, file)
		}
	}
	return u
}

// password reads what a service is given: an address, for the exporter a list, or
// for people the password alone.
func password(t testing.TB, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	check(t, err)
	var list map[string]string
	if json.Unmarshal(content, &list) == nil {
		return list["redis://exporter@redis:6379"]
	}
	u, err := url.Parse(string(content))
	check(t, err)
	if u.User == nil {
		return string(content) // the operator's
	}
	p, _ := u.User.Password()
	return p
}

// StartRedis starts a Redis alone, with the users of a deployed stack.
func StartRedis(t testing.TB) (*server.Redis, RedisUsers) {
	t.Helper()
	dir, remove, err := server.TempDir(false)
	check(t, err)
	t.Cleanup(remove)
	users := newRedisUsers(t)
	r, err := server.NewRedis(server.RedisOptions{Dir: filepath.Join(dir, "redis"), Durable: true, ACL: users.acl})
	check(t, err)
	run(t, &r.Server)
	return r, users
}

// Client returns a connection of a user.
func (u RedisUsers) Client(t testing.TB, r *server.Redis, user string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Address(), Username: user, Password: u.passwords[user], DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// urls are what the services are given of a Redis that runs.
func (u RedisUsers) urls(r *server.Redis) map[string]string {
	all := map[string]string{}
	for user, password := range u.passwords {
		all[user] = (&url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: r.Address(), Path: "/0"}).String()
	}
	return all
}

// checkRefused demands that no service was refused anything: it may all that it wants.
func (u RedisUsers) checkRefused(t testing.TB, r *server.Redis) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Address(), Username: "default", Password: u.passwords["default"]})
	defer func() { _ = client.Close() }()
	refused, err := client.ACLLog(context.Background(), 20).Result()
	if err != nil {
		return // it has been stopped by the test
	}
	for _, entry := range refused {
		t.Errorf("Redis refused %s: %s %s (%s)", entry.Username, entry.Reason, entry.Object, entry.Context)
	}
}
