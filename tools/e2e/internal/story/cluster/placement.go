package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

// spread are the services of which each node may have tasks.
var spread = []string{"managair_server", "managair_worker", "ingestair", "clairchen_forwarder", "ers_forwarder", "static_frontend"}

func (c *cluster) deploy(ctx context.Context) error {
	if err := c.stack.Deploy(ctx); err != nil {
		return err
	}
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range []string{"db", "redis"} {
		if got := placed[service]; len(got) != 1 || got[c.nodes.Machines[data].Name] != 1 {
			return fmt.Errorf("%s is on %v, want it on %s", service, got, c.nodes.Machines[data].Name)
		}
	}
	for _, service := range spread {
		if len(placed[service]) < 2 {
			return fmt.Errorf("all tasks of %s are on %v", service, placed[service])
		}
	}
	if got := placed["reverse_proxy"]; len(got) != len(c.nodes.Machines) {
		return fmt.Errorf("proxies are on %v", got)
	}
	return nil
}

// away returns an error where services still have tasks on a node, or are not well.
func (c *cluster) away(ctx context.Context, from *swarm.Machine) error {
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	for service, on := range placed {
		if on[from.Name] > 0 {
			return fmt.Errorf("%s is on %s", service, from.Name)
		}
	}
	return c.stack.Well(ctx)
}

func (c *cluster) scale(ctx context.Context) error {
	begun := time.Now()
	scaled := []string{"managair_server", "managair_worker", "ingestair"}
	for _, service := range scaled {
		if err := c.stack.Scale(ctx, service, len(c.nodes.Machines)); err != nil {
			return err
		}
	}
	if err := c.stack.AwaitWell(ctx); err != nil {
		return err
	}
	c.stack.Report("managair, worker, ingestair from 2 tasks to 3", "%.0f s", time.Since(begun).Seconds())
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range scaled {
		if len(placed[service]) != len(c.nodes.Machines) {
			return fmt.Errorf("%s is on %v, want it on every node", service, placed[service])
		}
	}
	return nil
}
