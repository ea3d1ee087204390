package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each tool tells what it does, wherever it is called from, and does nothing else.
func TestToolsTellWhatTheyDo(t *testing.T) {
	t.Parallel()
	operators, err := filepath.Glob("../*.sh")
	if err != nil || len(operators) == 0 {
		t.Fatalf("no tools for operators: %v", err)
	}
	developers, err := filepath.Glob("../dev/*.sh")
	if err != nil || len(developers) == 0 {
		t.Fatalf("no tools for developers: %v", err)
	}
	for _, tool := range slices.Concat(operators, developers) {
		t.Run(filepath.Base(tool), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "./"+filepath.Base(tool), "--help")
			cmd.Dir = filepath.Dir(tool)
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
