package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The users of Redis follow their passwords also where an optional service, which nobody has
// made a password for, is not deployed. One that is deployed and has none is told of elsewhere,
// and changes nothing.
func TestUsersOfOptionalServices(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name string) string { return filepath.Join(folder, name) }
	environment := func(files string) {
		t.Helper()
		text := "DOCKER_CONTEXT=default\nCLAIR_DOMAIN=clair.example\nCLAIR_VERSION=test\nCLAIR_SECRETS=" + folder + "\nDOCKER_STACK_DEPLOY_ARGS='" + files + "'\n"
		if err := os.WriteFile(file("test.env"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(script string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script, "tool", file("test.env"))
		cmd.Dir = "../.."
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "LC_ALL=C.UTF-8"}
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, output)
		}
	}
	acl := func() string {
		t.Helper()
		run(`. tools/lib/stack.sh; options "$@"; write_redis_acl`)
		content, err := os.ReadFile(file("redis_acl"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	const base, optional = "-c compose/docker-compose.yml", "-c compose/docker-compose.yml -c compose/docker-compose.lorawan.yml"
	environment(base)
	run(`tools/create-secrets.sh "$@"`)
	if got := acl(); !strings.Contains(got, "\nuser lorawan_forwarder on #") {
		t.Errorf("with its password it has a user: %s", got)
	}
	for _, name := range []string{"redis_lorawan_forwarder", "redis_exporter"} {
		if err := os.Remove(file(name)); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func(password string) (digest string) {
		t.Helper()
		if err := os.WriteFile(file("redis_worker"), []byte("redis://worker:"+password+"@redis:6379/0"), 0o600); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("#%x", sha256.Sum256([]byte(password)))
	}
	digest := rotate("another")
	if got := acl(); !strings.Contains(got, "user worker on "+digest) || strings.Contains(got, "user lorawan_forwarder") || strings.Contains(got, "user exporter") {
		t.Errorf("without: %s", got)
	}
	environment(optional)
	before := acl()
	if digest = rotate("a third"); strings.Contains(acl(), digest) || acl() != before {
		t.Error("a user whose service is deployed is left out")
	}
}
