package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What cannot be asked is not well. A docker that answers some questions only stands for a
// node that goes away meanwhile.
func TestNobodyIsWellWhoCannotBeAsked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, docker, want string }{
		{"the swarm", "exit 1", "the swarm does not say which services there are"},
		{"the tasks of a service", `case "$*" in
			*" service ls "*) echo clair_node ;;
			*" service ps "*) exit 1 ;;
			*Replicated*) echo global ;;
			*TaskTemplate*) echo image ;;
		esac`, "clair_node cannot be asked for its tasks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+tt.docker+"\n"), 0o700); err != nil { //nolint:gosec // it is a program
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `
				. tools/lib/stack.sh
				CONTEXT=node CLAIR_STACK=clair
				declare -A UPDATES=()
				wait_until_healthy 0`, "tool")
			cmd.Dir = "../.."
			cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=/home/operator", "LC_ALL=C.UTF-8"}
			said, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 4 || !strings.Contains(string(said), tt.want) {
				t.Errorf("exit code %d, %v, want 4 and %q: %s", code, err, tt.want, said)
			}
		})
	}
}

// A tool says where it ended, though the program that failed does not: docker ends with 255 and
// nothing when the engine goes away while it waits.
func TestNoToolEndsWithoutAWord(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("docker", `#!/bin/sh
		case "$*" in
			*" service ls "*) echo clair_node ;;
			*" info "*) echo true ;;
			*) exit 255 ;;
		esac`, 0o700)
	write("test.env", "DOCKER_CONTEXT=default\nCLAIR_DOMAIN=clair.example\nCLAIR_VERSION=test\nDOCKER_STACK_DEPLOY_ARGS='-c compose/docker-compose.yml'\n", 0o600)
	run := func(script string) (said string, code int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Dir = "../.."
		cmd.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "HOME=" + folder, "LC_ALL=C.UTF-8", "CLAIR_SECRETS=" + folder, "ENV=" + filepath.Join(folder, "test.env")}
		output, err := cmd.CombinedOutput()
		t.Logf("%s: %v\n%s", script, err, output)
		return string(output), cmd.ProcessState.ExitCode()
	}
	if _, code := run(`tools/create-secrets.sh "$ENV"`); code != 0 {
		t.Fatal("no secrets")
	}
	for _, tt := range []struct {
		name, script string
		want         []string
	}{
		{"a rotation", `tools/rotate-secret.sh "$ENV" -y ingest_token`, []string{"deploy-stack: tools/lib/stack.sh, line ", " ended with 255: docker", "UPDATES[$service]=$(update_state"}},
		{"a command in a container", `set -euo pipefail; . tools/lib/stack.sh; run_in node/id -- psql`, []string{"it is not known how a command in the container id ended: psql"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said, code := run(tt.script)
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said", want)
				}
			}
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
		})
	}
}
