package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

// Cluster is a swarm of several nodes, all of them managers.
type Cluster struct {
	Machines []*Machine
	shell    *Shell
	work     string
}

// NewCluster returns a cluster of n nodes, whose disks are folders in work. Their
// containers are in control groups below cgroup.
func NewCluster(shell *Shell, work, cgroup string, n int) *Cluster {
	c := &Cluster{shell: shell, work: work}
	for i := range n {
		name := fmt.Sprintf("node%d", i+1)
		c.Machines = append(c.Machines, &Machine{
			Name: name, Address: fmt.Sprintf("10.99.0.%d", i+1), folder: filepath.Join(work, name),
			cgroup: "/" + cgroup + "/" + name, shell: shell,
		})
	}
	return c
}

// Form starts the nodes and makes a swarm of them, which the first founds. Each has a
// Docker context of its name, as an operator would have them by ssh.
func (c *Cluster) Form(ctx context.Context) error {
	if err := settle(ctx, c.shell, "client", lan, LANAddress); err != nil {
		return err
	}
	if err := each(c.Machines, func(m *Machine) error { return m.Start(ctx) }); err != nil {
		return err
	}
	for _, m := range c.Machines {
		if _, err := c.shell.RunWith(ctx, nil, []string{"DOCKER_CONTEXT="}, "docker", "context", "create", m.Name, "--docker", "host=unix://"+m.socket()); err != nil {
			return err
		}
	}
	founder := c.Machines[0]
	if _, err := c.On(ctx, founder, "swarm", "init", "--advertise-addr", founder.Address, "--task-history-limit", "3"); err != nil {
		return err
	}
	token, err := c.On(ctx, founder, "swarm", "join-token", "--quiet", "manager")
	if err != nil {
		return err
	}
	// One after the other: each changes the quorum.
	for _, m := range c.Machines[1:] {
		if _, err := c.On(ctx, m, "swarm", "join", "--advertise-addr", m.Address, "--token", token, founder.Address); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends all nodes.
func (c *Cluster) Kill() error { return each(c.Machines, (*Machine).Kill) }

// On runs docker at a certain node.
func (c *Cluster) On(ctx context.Context, m *Machine, args ...string) (string, error) {
	return c.shell.Docker(ctx, append([]string{"--context", m.Name}, args...)...)
}

// nodeState is what the swarm says of a node.
type nodeState struct {
	Hostname, Status, Availability, ManagerStatus string
}

// states asks a node for the states of all, by name.
func (c *Cluster) states(ctx context.Context, asked *Machine) (map[string]nodeState, error) {
	out, err := c.On(ctx, asked, "node", "ls", "--format", "{{json .}}")
	if err != nil {
		return nil, err
	}
	states := map[string]nodeState{}
	for line := range strings.Lines(out) {
		var s nodeState
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, err
		}
		states[s.Hostname] = s
	}
	return states, nil
}

// Status returns what a node says of another one: Ready, Down.
func (c *Cluster) Status(ctx context.Context, asked, of *Machine) (string, error) {
	states, err := c.states(ctx, asked)
	return states[of.Name].Status, err
}

// AllWell returns an error that says which node is not a ready manager.
func (c *Cluster) AllWell(ctx context.Context, asked *Machine) error {
	states, err := c.states(ctx, asked)
	if err != nil {
		return err
	}
	for _, m := range c.Machines {
		if s := states[m.Name]; s.Status != "Ready" || (s.ManagerStatus != "Leader" && s.ManagerStatus != "Reachable") {
			return fmt.Errorf("%s is %s, as a manager %q", m.Name, s.Status, s.ManagerStatus)
		}
	}
	return nil
}

// Leader returns the node that leads, as another one says.
func (c *Cluster) Leader(ctx context.Context, asked *Machine) (*Machine, error) {
	states, err := c.states(ctx, asked)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Machines {
		if states[m.Name].ManagerStatus == "Leader" {
			return m, nil
		}
	}
	return nil, errors.New("nobody leads")
}

// LeadWithout makes sure that a node does not lead, as it may on a busy machine, and
// returns the one that does.
func (c *Cluster) LeadWithout(ctx context.Context, avoided, asked *Machine) (found *Machine, err error) {
	found, err = c.Leader(ctx, asked)
	if err != nil || found != avoided {
		return found, err
	}
	if _, err := c.On(ctx, asked, "node", "demote", avoided.Name); err != nil {
		return nil, err
	}
	err = play.Until(ctx, func() (err error) {
		found, err = c.Leader(ctx, asked)
		if err == nil && found == avoided {
			err = fmt.Errorf("%s still leads", avoided.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// The swarm itself changes the node's record meanwhile, and refuses ours then as
	// "out of sequence".
	err = play.Until(ctx, func() error {
		_, err := c.On(ctx, asked, "node", "promote", avoided.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, play.Until(ctx, func() error { return c.AllWell(ctx, avoided) })
}

// CopyImages brings all images of one node to the others.
func (c *Cluster) CopyImages(ctx context.Context, from *Machine) error {
	host := func(m *Machine, command ...string) []string {
		return append([]string{"docker", "--host", "unix://" + m.socket()}, command...)
	}
	names, err := c.shell.Run(ctx, host(from, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}")...)
	if err != nil {
		return err
	}
	archive := filepath.Join(c.work, "all-images.tar")
	if _, err := c.shell.Run(ctx, append(host(from, "image", "save", "--output", archive), strings.Fields(names)...)...); err != nil {
		return err
	}
	err = each(c.Machines, func(m *Machine) error {
		if m == from {
			return nil
		}
		_, err := c.shell.Run(ctx, host(m, "load", "--quiet", "--input", archive)...)
		return err
	})
	return errors.Join(err, os.Remove(archive))
}
