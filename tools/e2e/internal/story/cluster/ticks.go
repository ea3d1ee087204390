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

// checkTicks counts how often the worker did what is due every minute. The queue
// has counted executions, and keeps the task of each tick for an hour.
func (c *cluster) checkTicks(ctx context.Context) error {
	const queue = "asynq:{managair}:"
	// In one script, because they go on.
	out, err := c.stack.Redis(ctx, "EVAL", `
		local answer = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or '0'}
		for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do answer[#answer + 1] = id end
		return answer`, "3", queue+"processed", queue+"failed", queue+"completed")
	if err != nil {
		return err
	}
	var executions, failed int
	fields := strings.Fields(out)
	if len(fields) < 2 {
		return fmt.Errorf("no task was executed: %q", out)
	}
	if executions, err = strconv.Atoi(fields[0]); err != nil {
		return err
	}
	if failed, err = strconv.Atoi(fields[1]); err != nil {
		return err
	}
	executions -= failed  // which are tried again
	executions -= c.mails // which are not kept
	tasks := fields[2:]
	const minutely = "fidelity:check:"
	ticks := map[time.Time]bool{}
	for _, id := range tasks {
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
		return fmt.Errorf("%d ticks in %v", len(ticks), tasks)
	}
	sorted := slices.SortedFunc(maps.Keys(ticks), time.Time.Compare)
	due := int(sorted[len(sorted)-1].Sub(sorted[0])/time.Minute) + 1
	others := len(tasks) - len(ticks)
	c.stack.Report("a task that is due every minute", "minutes %d, enqueued %d, executed %d (and failed %d)",
		due, len(ticks), executions-others, failed)
	if len(ticks) != due {
		return fmt.Errorf("%d of %d ticks were worked: %v", len(ticks), due, sorted)
	}
	if executions != len(tasks) {
		return fmt.Errorf("%d tasks were executed %d times", len(tasks), executions)
	}
	return nil
}
