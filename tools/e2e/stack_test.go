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
