package swarm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

// Machine is a node of the swarm, as far as namespaces can make one: own network,
// host name, processes, mounts, and a Docker engine as its first process. When that
// is killed, everything on the node is gone as if the power was, but for the disk.
type Machine struct {
	Name    string
	Address string
	folder  string // its disk
	cgroup  string // above those of its containers
	shell   *Shell

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
func (m *Machine) socket() string { return filepath.Join(m.folder, "docker.sock") }

// Start starts the node, also again after Kill, and waits until its engine answers.
func (m *Machine) Start(ctx context.Context) error {
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(m.folder+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the engine has its own descriptor
	// It ends by Kill, and not with a step's context.
	m.process = exec.CommandContext(context.WithoutCancel(ctx), "bash", "-c", boot, "boot", m.Name, m.Address,
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
		gone(fmt.Errorf("the engine of %s ended: %w", m.Name, process.Wait()))
		close(ended)
	}(m.process, m.ended)
	_, err = m.shell.Run(ctx, "ip", "link", "add", m.cable(), "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.process.Process.Pid))
	if err != nil {
		return err
	}
	if err := m.PlugIn(ctx); err != nil {
		return err
	}
	return play.Until(ctx, func() error {
		_, err := m.shell.Run(ctx, "docker", "--host", "unix://"+m.socket(), "version")
		return err
	})
}

// cable is our end of the node's connection to the network.
func (m *Machine) cable() string { return "to-" + m.Name }

// PlugIn connects the node with the others.
func (m *Machine) PlugIn(ctx context.Context) error {
	_, err := m.shell.Run(ctx, "ip", "link", "set", m.cable(), "master", lan, "up")
	return err
}

// CutOff lets nothing come from or to the node any more, without it being told.
func (m *Machine) CutOff(ctx context.Context) error {
	_, err := m.shell.Run(ctx, "ip", "link", "set", m.cable(), "nomaster")
	return err
}

// Kill ends everything on the node at once.
func (m *Machine) Kill() error {
	if m.process == nil {
		return nil
	}
	if err := m.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-m.ended:
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%s did not end", m.Name)
	}
	m.process = nil
	return nil
}

// each does something for all nodes at the same time.
func each(machines []*Machine, do func(*Machine) error) error {
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
