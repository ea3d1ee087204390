package swarm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Engine is a Docker engine of our own. The namespaces that we are in are its too.
type Engine struct {
	Shell *Shell
	Work  string // folder for its data and its log

	process *exec.Cmd
	ended   chan error
}

// Address is where the engine's swarm listens: a bridge without any port, since
// there is no other node.
const Address = "10.99.0.1"

// Start starts it, and makes it a swarm.
func (e *Engine) Start(ctx context.Context) error {
	if err := settle(ctx, e.Shell, "e2e", "node0", Address); err != nil {
		return err
	}
	// It ends by Stop, in its own time, and not with a step's context.
	e.process = exec.CommandContext(context.WithoutCancel(ctx), "dockerd", "--data-root", filepath.Join(e.Work, "docker"), "--group", "root",
		"--shutdown-timeout", "20")
	log, err := os.Create(filepath.Join(e.Work, "dockerd.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the engine has its own descriptor
	e.process.Stdout, e.process.Stderr = log, log
	if err := e.process.Start(); err != nil {
		return err
	}
	e.ended = make(chan error, 1)
	go func() { e.ended <- e.process.Wait() }()
	for {
		if _, err := e.Shell.Run(ctx, "docker", "version"); err == nil {
			break
		}
		select {
		case err := <-e.ended:
			return fmt.Errorf("dockerd ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	_, err = e.Shell.Run(ctx, "docker", "swarm", "init", "--advertise-addr", Address, "--task-history-limit", "3")
	return err
}

// Stop ends it with all containers.
func (e *Engine) Stop() {
	if e.process == nil {
		return
	}
	_ = e.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-e.ended:
		_, _ = fmt.Fprintln(e.Shell.Log, "dockerd ended:", err)
	case <-time.After(40 * time.Second):
		_ = e.process.Process.Kill()
	}
	e.process = nil
}
