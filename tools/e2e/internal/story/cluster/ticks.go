package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tasks is what the queue knows of those that are done.
type tasks struct {
	kept             []string // their names; kept for an hour, unless they send a mail
	executed, failed int      // how often any was, with success and without
	running          int      // those that have not ended
}

// countTasks asks the queue, which counts executions.
func (c *cluster) countTasks(ctx context.Context) (done tasks, err error) {
	const queue = "asynq:{managair}:"
	// In one script, because they go on.
	out, err := c.stack.Redis(ctx, "EVAL", `
		local answer = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or '0', redis.call('LLEN', KEYS[4])}
		for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do answer[#answer + 1] = id end
		return answer`, "4", queue+"processed", queue+"failed", queue+"completed", queue+"active")
	if err != nil {
		return done, err
	}
	fields := strings.Fields(out)
	if len(fields) < 3 {
		return done, fmt.Errorf("no task was executed: %q", out)
	}
	for i, n := range []*int{&done.executed, &done.failed, &done.running} {
		if *n, err = strconv.Atoi(fields[i]); err != nil {
			return done, err
		}
	}
	done.executed -= done.failed
	done.kept = fields[3:]
	return done, nil
}

// checkTicks counts how often the worker did what is due every minute.
func (c *cluster) checkTicks(ctx context.Context) error {
	done, err := c.countTasks(ctx)
	if err != nil {
		return err
	}
	executions := done.executed - c.mails
	const minutely = "fidelity:check:"
	ticks := map[time.Time]bool{}
	for _, id := range done.kept {
		at, ok := strings.CutPrefix(id, minutely)
		if !ok {
			continue
		}
		tick, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return err
		}
		ticks[tick] = true
	}
	if len(ticks) < 2 {
		return fmt.Errorf("%d ticks in %v", len(ticks), done.kept)
	}
	sorted := slices.SortedFunc(maps.Keys(ticks), time.Time.Compare)
	due := int(sorted[len(sorted)-1].Sub(sorted[0])/time.Minute) + 1
	others := len(done.kept) - len(ticks)
	c.stack.Report("a task that is due every minute", "minutes %d, enqueued %d, executed %d (and failed %d)",
		due, len(ticks), executions-others, done.failed)
	if len(ticks) != due {
		return fmt.Errorf("%d of %d ticks were worked: %v", len(ticks), due, sorted)
	}
	if executions != len(done.kept) {
		return fmt.Errorf("%d tasks were executed %d times", len(done.kept), executions)
	}
	return nil
}
