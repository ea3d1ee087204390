package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// engine is a Docker engine of our own. The namespaces that we are in are its too.
type engine struct {
	debian, traefik, pebble string
	monitoring              string // folder of binaries
	work                    string
	log                     *os.File
	env                     []string // of commands, beside our own

	process *exec.Cmd
	ended   chan error
}

// address is where the engine's swarm listens: a bridge without any port, since
// there is no other node.
const address = "10.99.0.1"

func (e *engine) start(ctx context.Context) error {
	if os.Getpid() > 100 {
		return errors.New("not in a process namespace of its own; start it with tools/dev/e2e.sh")
	}
	for _, command := range []string{
		"ip link set lo up",
		"ip link add node0 type bridge",
		"ip address add " + address + "/24 dev node0",
		"ip link set node0 up",
		"hostname e2e",
		// Sockets and process ids of an engine on the host stay out of sight.
		"mount -t tmpfs tmpfs /run",
	} {
		if _, err := e.run(ctx, strings.Fields(command)...); err != nil {
			return err
		}
	}
	// It ends by stop, in its own time, and not with a step's context.
	e.process = exec.CommandContext(context.WithoutCancel(ctx), "dockerd", "--data-root", filepath.Join(e.work, "docker"), "--group", "root",
		"--shutdown-timeout", "20")
	log, err := os.Create(filepath.Join(e.work, "dockerd.log"))
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
		if _, err := e.run(ctx, "docker", "version"); err == nil {
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
	_, err = e.run(ctx, "docker", "swarm", "init", "--advertise-addr", address, "--task-history-limit", "3")
	return err
}

func (e *engine) stop() {
	if e.process == nil {
		return
	}
	_ = e.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-e.ended:
		_, _ = fmt.Fprintln(e.log, "dockerd ended:", err)
	case <-time.After(40 * time.Second):
		_ = e.process.Process.Kill()
	}
	e.process = nil
}

// importImages makes the images of other projects that the stack stands on.
func (e *engine) importImages(ctx context.Context) error {
	if _, err := e.run(ctx, "docker", "import", e.debian, "clair-standin/debian"); err != nil {
		return err
	}
	folder := "tools/e2e/standins"
	for _, name := range []string{"postgres", "redis", "nginx", "mosquitto", "redis_exporter"} {
		_, err := e.run(ctx, "docker", "build", "--quiet", "--network", "none", "--tag", "clair-standin/"+name,
			"--file", filepath.Join(folder, name+".Dockerfile"), folder)
		if err != nil {
			return err
		}
	}
	if err := e.importBinary(ctx, "traefik", e.traefik); err != nil {
		return err
	}
	if err := e.importBinary(ctx, "pebble", e.pebble); err != nil {
		return err
	}
	if e.monitoring == "" {
		return nil
	}
	if err := e.importBinary(ctx, "postgres_exporter", filepath.Join(e.monitoring, "postgres_exporter")); err != nil {
		return err
	}
	_, err := e.run(ctx, "docker", "build", "--quiet", "--network", "none", "--tag", "clair-standin/prometheus",
		"--file", filepath.Join(folder, "prometheus.Dockerfile"), e.monitoring)
	return err
}

// importBinary makes an image of a static binary.
func (e *engine) importBinary(ctx context.Context, name, path string) error {
	tar := exec.CommandContext(ctx, "tar", "--create", "--directory", filepath.Dir(path),
		"--transform", "s/.*/usr\\/local\\/bin\\/"+name+"/", filepath.Base(path))
	archive, err := tar.StdoutPipe()
	if err != nil {
		return err
	}
	if err := tar.Start(); err != nil {
		return err
	}
	_, err = e.runWith(ctx, archive, nil, "docker", "import", "--change", `ENTRYPOINT ["/usr/local/bin/`+name+`"]`,
		"--change", "ENV PATH=/usr/local/bin", "-", "clair-standin/"+name)
	return errors.Join(err, tar.Wait())
}

// run runs a command and returns what it prints. All of it goes to the log too.
func (e *engine) run(ctx context.Context, command ...string) (string, error) {
	return e.runWith(ctx, nil, nil, command...)
}

func (e *engine) runWith(ctx context.Context, stdin io.Reader, env []string, command ...string) (string, error) {
	_, _ = fmt.Fprintf(e.log, "\n%s $ %s\n", time.Now().Format(time.TimeOnly), strings.Join(command, " "))
	var stdout strings.Builder
	var both lockedBuilder
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = stdin
	cmd.Env = slices.Concat(os.Environ(), e.env, env)
	cmd.Stdout = io.MultiWriter(&stdout, &both, e.log)
	cmd.Stderr = io.MultiWriter(&both, e.log)
	// A tool that is told to stop cleans up after itself.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, tail(both.String(), 25))
	}
	return stdout.String(), nil
}

// lockedBuilder takes what a command writes to its two outputs at once.
type lockedBuilder struct {
	mu sync.Mutex
	strings.Builder
}

// Write is as that of strings.Builder.
func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
