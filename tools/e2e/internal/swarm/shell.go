// Package swarm has Docker engines of our own, one or several, in namespaces that end
// with this program.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Shell runs commands and logs them.
type Shell struct {
	Log io.Writer
	Env []string // of the commands, beside our own
}

// Run runs a command and returns what it prints. All of it goes to the log too.
func (s *Shell) Run(ctx context.Context, command ...string) (string, error) {
	return s.RunWith(ctx, nil, nil, command...)
}

// RunWith is Run with standard input and with more variables.
func (s *Shell) RunWith(ctx context.Context, stdin io.Reader, env []string, command ...string) (string, error) {
	_, _ = fmt.Fprintf(s.Log, "\n%s $ %s\n", time.Now().Format(time.TimeOnly), strings.Join(command, " "))
	var stdout strings.Builder
	var both LockedBuilder
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = stdin
	cmd.Env = slices.Concat(os.Environ(), s.Env, env)
	cmd.Stdout = io.MultiWriter(&stdout, &both, s.Log)
	cmd.Stderr = io.MultiWriter(&both, s.Log)
	// A tool that is told to stop cleans up after itself.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, Tail(both.String(), 25))
	}
	return stdout.String(), nil
}

// Docker runs docker and returns what it prints, without space around it.
func (s *Shell) Docker(ctx context.Context, args ...string) (string, error) {
	out, err := s.Run(ctx, append([]string{"docker"}, args...)...)
	return strings.TrimSpace(out), err
}

// Build builds an image of a Dockerfile that needs no files beside it.
func (s *Shell) Build(ctx context.Context, name, dockerfile string) error {
	_, err := s.RunWith(ctx, strings.NewReader(dockerfile), nil, "docker", "build", "--quiet", "--tag", name, "-")
	return err
}

// ExitCode returns that of a command; -1 when it could not be run.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// LockedBuilder takes what a command writes to its two outputs at once.
type LockedBuilder struct {
	mu      sync.Mutex
	builder strings.Builder
}

// Write is as that of strings.Builder.
func (b *LockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.builder.Write(p)
}

// String returns what has been written so far.
func (b *LockedBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.builder.String()
}

// Tail returns the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
