package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
)

func (c *cluster) drain(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.nodes.Machines[worker]
	if _, err := c.stack.Docker(ctx, "node", "update", "--availability", "drain", m.Name); err != nil {
		return err
	}
	if err := play.Until(ctx, func() error { return c.away(ctx, m) }); err != nil {
		return err
	}
	c.stack.Report("a node drained: until its tasks run elsewhere", "%.0f s", time.Since(begun).Seconds())
	again, err := result("draining")
	if err == nil && again > 0 {
		err = fmt.Errorf("%d requests failed at first, the last: %s", again, lastOf(c.balancer.Retries()))
	}
	return err
}

// rebalance gives the node that was drained tasks again, which a swarm does not do
// by itself.
func (c *cluster) rebalance(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.nodes.Machines[worker]
	if _, err := c.stack.Docker(ctx, "node", "update", "--availability", "active", m.Name); err != nil {
		return err
	}
	if err := c.restartAll(ctx); err != nil {
		return err
	}
	c.stack.Report("the node back: until tasks are spread again", "%.0f s", time.Since(begun).Seconds())
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range []string{"reverse_proxy", "managair_server", "ingestair"} {
		if placed[service][m.Name] == 0 {
			return fmt.Errorf("%s is on %v", service, placed[service])
		}
	}
	again, err := result("spreading")
	if err == nil && again > 0 {
		err = fmt.Errorf("%d requests failed at first, the last: %s", again, lastOf(c.balancer.Retries()))
	}
	return err
}

// restartAll restarts all services that are spread, at the same time.
func (c *cluster) restartAll(ctx context.Context) error {
	errs := make(chan error, len(spread))
	for _, service := range spread {
		go func() {
			_, err := c.stack.Tool(ctx, "restart-service.sh", service)
			errs <- err
		}()
	}
	var all error
	for range spread {
		all = errors.Join(all, <-errs)
	}
	return all
}

func (c *cluster) cutOff(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	m := c.nodes.Machines[worker]
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	tasks := 0
	for _, on := range placed {
		tasks += on[m.Name]
	}
	begun := time.Now()
	if err := m.CutOff(ctx); err != nil {
		return err
	}
	err = play.Until(ctx, func() error {
		status, err := c.nodes.Status(ctx, c.nodes.Machines[data], m)
		if err == nil && status != "Down" {
			err = fmt.Errorf("%s is %s", m.Name, status)
		}
		return err
	})
	if err != nil {
		return err
	}
	down := time.Since(begun)
	if err := play.Until(ctx, func() error { return c.away(ctx, m) }); err != nil {
		return err
	}
	c.stack.Report("a node cut off: until it is known as down", "%.0f s", down.Seconds())
	c.stack.Report("a node cut off: until its tasks are replaced", "%.0f s (%d tasks)", time.Since(begun).Seconds(), tasks)
	_, err = result("the cut")
	return err
}

func (c *cluster) rejoin(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.nodes.Machines[worker]
	if err := m.PlugIn(ctx); err != nil {
		return err
	}
	if err := play.Until(ctx, func() error { return c.back(ctx, m) }); err != nil {
		return err
	}
	c.stack.Report("plugged in again: until it takes requests", "%.0f s", time.Since(begun).Seconds())
	_, err = result("rejoining")
	return err
}

// back returns an error that says what a node that was away lacks.
func (c *cluster) back(ctx context.Context, m *swarm.Machine) error {
	if err := c.allWell(ctx); err != nil {
		return err
	}
	placed, err := c.stack.Placement(ctx)
	if err != nil {
		return err
	}
	if placed["reverse_proxy"][m.Name] == 0 {
		return fmt.Errorf("no proxy runs on %s", m.Name)
	}
	for _, e := range c.balancer.Entries {
		if e.Name == m.Name && !e.Well() {
			return fmt.Errorf("the proxy on %s does not answer", m.Name)
		}
	}
	return c.stack.Well(ctx)
}
