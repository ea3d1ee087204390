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

// logged is how much of what a command prints goes to the log: a dump of all samples,
// asked for every second, would bury the rest.
const logged = 64 << 10

// Run runs a command and returns what it prints. The beginning goes to the log too.
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
	log := &beginning{of: s.Log, left: logged}
	cmd.Stdout = io.MultiWriter(&stdout, &both, log)
	cmd.Stderr = io.MultiWriter(&both, log)
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

// beginning passes on the first bytes of what a command writes to its two outputs.
type beginning struct {
	mu   sync.Mutex
	of   io.Writer
	left int
}

// Write never fails: what is left out is not an error.
func (b *beginning) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), b.left)
	if n == 0 {
		return len(p), nil
	}
	b.left -= n
	_, _ = b.of.Write(p[:n])
	if b.left == 0 {
		_, _ = fmt.Fprintf(b.of, "\n[what follows is left out]\n")
	}
	return len(p), nil
}

// Tail returns the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
