package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
)

func (c *cluster) loseLeader(ctx context.Context) error {
	lost, err := c.nodes.LeadWithout(ctx, c.nodes.Machines[data], c.nodes.Machines[first])
	if err != nil {
		return err
	}
	c.lost = lost
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	c.operateThrough(c.nodes.Machines[data])
	begun := time.Now()
	if err := lost.Kill(); err != nil {
		return err
	}
	err = play.Until(ctx, func() error {
		m, err := c.nodes.Leader(ctx, c.nodes.Machines[data])
		if err == nil && m == lost {
			err = errors.New("the lost one still counts as the leader")
		}
		return err
	})
	if err != nil {
		return err
	}
	c.stack.Report("the leader lost: until another leads", "%.0f s", time.Since(begun).Seconds())
	// Up, not down: which tasks go is the swarm's choice, and it does not know yet that
	// some are lost.
	scaled := time.Now()
	for _, service := range []string{"ingestair", "managair_server"} {
		if err := c.stack.Scale(ctx, service, 4); err != nil {
			return err
		}
	}
	if err := play.Until(ctx, func() error { return c.away(ctx, lost) }); err != nil {
		return err
	}
	c.stack.Report("the leader lost: until its tasks are replaced", "%.0f s", time.Since(begun).Seconds())
	c.stack.Report("  scaled meanwhile", "%.0f s", time.Since(scaled).Seconds())
	deployed := time.Now()
	_, err = c.stack.ToolWith(ctx, nil, []string{"FRONTEND_REPLICAS=3", "LOG_LEVEL=WARN"}, "deploy-stack.sh", "--timeout", "240")
	if err != nil {
		return err
	}
	c.stack.Report("  a deployment that changes every service", "%.0f s", time.Since(deployed).Seconds())
	_, err = result("the loss of the leader")
	return err
}

// findLeader starts the lost leader again, with what its disk has.
func (c *cluster) findLeader(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := c.lost.Start(ctx); err != nil {
		return err
	}
	if err := play.Until(ctx, func() error { return c.back(ctx, c.lost) }); err != nil {
		return err
	}
	c.stack.Report("started again: until it takes requests", "%.0f s", time.Since(begun).Seconds())
	_, err = result("the return of the leader")
	return err
}
