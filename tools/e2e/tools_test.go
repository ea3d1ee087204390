package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Each tool tells what it does, wherever it is called from, and does nothing else.
func TestToolsTellWhatTheyDo(t *testing.T) {
	t.Parallel()
	tools, err := filepath.Glob("../*.sh")
	if err != nil || len(tools) == 0 {
		t.Fatalf("no tools: %v", err)
	}
	for _, tool := range tools {
		name := filepath.Base(tool)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "./"+name, "--help")
			cmd.Dir = ".."
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			// What it is for, in a sentence.
			if text := string(out); len(text) < 40 || !strings.Contains(text, ".") || strings.Contains(text, "set -euo") {
				t.Errorf("%q", text)
			}
		})
	}
}
