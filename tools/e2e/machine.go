package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lanAddress is ours in the network that the nodes are in.
const lanAddress = "10.99.0.254"

// machine is a node of the swarm, as far as namespaces can make one: own network,
// host name, processes, mounts, and a Docker engine as its first process. When that
// is killed, everything on the node is gone as if the power was, but for the disk.
type machine struct {
	name    string
	address string
	folder  string // its disk
	cgroup  string // above those of its containers
	run     func(ctx context.Context, command ...string) (string, error)

	process *exec.Cmd
	ended   chan struct{}
}

// boot makes a node of new namespaces. It waits for the interface, which can be
// given to it only when there is a process.
const boot = `set -eu
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
hostname "$1"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
ip address add "$2/24" dev eth0
ip link set eth0 up
shift 2
exec dockerd "$@"`

// socket is where the engine listens for those outside of the node.
func (m *machine) socket() string { return filepath.Join(m.folder, "docker.sock") }

// start starts the node, also again after kill, and waits until its engine answers.
func (m *machine) start(ctx context.Context) error {
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(m.folder+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the engine has its own descriptor
	// It ends by kill, and not with a step's context.
	m.process = exec.CommandContext(context.WithoutCancel(ctx), "bash", "-c", boot, "boot", m.name, m.address,
		"--data-root", filepath.Join(m.folder, "docker"), "--group", "root", "--cgroup-parent", m.cgroup,
		"--host", "unix:///var/run/docker.sock", "--host", "unix://"+m.socket())
	m.process.Stdout, m.process.Stderr = log, log
	m.process.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS,
		Setpgid:    true, // Ctrl-C is for us
	}
	if err := m.process.Start(); err != nil {
		return err
	}
	m.ended = make(chan struct{})
	ctx, gone := context.WithCancelCause(ctx)
	go func(process *exec.Cmd, ended chan<- struct{}) {
		gone(fmt.Errorf("the engine of %s ended: %w", m.name, process.Wait()))
		close(ended)
	}(m.process, m.ended)
	_, err = m.run(ctx, "ip", "link", "add", m.cable(), "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.process.Process.Pid))
	if err != nil {
		return err
	}
	if err := m.plugIn(ctx); err != nil {
		return err
	}
	return until(ctx, func() error {
		_, err := m.run(ctx, "docker", "--host", "unix://"+m.socket(), "version")
		return err
	})
}

// cable is our end of the node's connection to the network.
func (m *machine) cable() string { return "to-" + m.name }

func (m *machine) plugIn(ctx context.Context) error {
	_, err := m.run(ctx, "ip", "link", "set", m.cable(), "master", "lan", "up")
	return err
}

// cutOff lets nothing come from or to the node any more, without it being told.
func (m *machine) cutOff(ctx context.Context) error {
	_, err := m.run(ctx, "ip", "link", "set", m.cable(), "nomaster")
	return err
}

// kill ends everything on the node at once.
func (m *machine) kill() error {
	if m.process == nil {
		return nil
	}
	if err := m.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-m.ended:
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%s did not end", m.name)
	}
	m.process = nil
	return nil
}

// makeNetwork makes the network of the nodes, and our own place in it.
func makeNetwork(ctx context.Context, run func(ctx context.Context, command ...string) (string, error)) error {
	if os.Getpid() > 100 {
		return errors.New("not in a process namespace of its own; start it with tools/dev/e2e.sh")
	}
	for _, command := range []string{
		"ip link set lo up",
		"ip link add lan type bridge",
		"ip address add " + lanAddress + "/24 dev lan",
		"ip link set lan up",
		"hostname client",
		// Sockets and process ids of an engine on the host stay out of sight.
		"mount -t tmpfs tmpfs /run",
	} {
		if _, err := run(ctx, strings.Fields(command)...); err != nil {
			return err
		}
	}
	return nil
}

// copyImages brings all images of one engine to others.
func (s *stage) copyImages(ctx context.Context, from *machine, to []*machine) error {
	names, err := s.engine.run(ctx, "docker", "--host", "unix://"+from.socket(), "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
	if err != nil {
		return err
	}
	archive := filepath.Join(s.work, "all-images.tar")
	_, err = s.engine.run(ctx, append([]string{"docker", "--host", "unix://" + from.socket(), "image", "save", "--output", archive}, strings.Fields(names)...)...)
	if err != nil {
		return err
	}
	err = each(to, func(m *machine) error {
		_, err := s.engine.run(ctx, "docker", "--host", "unix://"+m.socket(), "load", "--quiet", "--input", archive)
		return err
	})
	return errors.Join(err, os.Remove(archive))
}

// each does something for all nodes at the same time.
func each(machines []*machine, do func(*machine) error) error {
	errs := make(chan error, len(machines))
	for _, m := range machines {
		go func() { errs <- do(m) }()
	}
	var all error
	for range machines {
		all = errors.Join(all, <-errs)
	}
	return all
}
