package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
)

// Enqueuer is what a Scheduler needs of an asynq client.
type Enqueuer interface {
	EnqueueContext(ctx context.Context, task *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error)
}

// keepTicks is how long the tasks of past ticks remain at least, so that a scheduler
// whose clock is late, or that was held up, finds their ids taken. Administrators
// see them meanwhile.
const keepTicks = time.Hour

// Schedule enqueues the tasks until ctx ends, each at once (nobody may have done it
// for a while) and then at every tick. When Redis is away, ticks are skipped: the
// next one does what they would have done.
func Schedule(ctx context.Context, log *slog.Logger, client Enqueuer, tasks []Periodic) {
	next := make([]time.Time, len(tasks)) // begin of the tick to be enqueued
	failing := false
	for i, p := range tasks {
		next[i] = time.Now().Truncate(p.Every)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := time.Now()
		soonest := now.Add(time.Hour)
		for i, p := range tasks {
			if !next[i].After(now) {
				err := enqueueTick(ctx, client, p, now.Truncate(p.Every))
				failing = report(ctx, log, p, err, failing)
				next[i] = now.Truncate(p.Every).Add(p.Every)
			}
			if next[i].Before(soonest) {
				soonest = next[i]
			}
		}
		timer.Reset(time.Until(soonest))
	}
}

// enqueueTick enqueues one tick, once. It is dropped when the next one is due: that
// does the same work.
func enqueueTick(ctx context.Context, client Enqueuer, p Periodic, tick time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := client.EnqueueContext(ctx, asynq.NewTask(p.Type, nil),
		asynq.TaskID(p.Type+":"+tick.UTC().Format(time.RFC3339)),
		asynq.Queue(Queue),
		asynq.MaxRetry(retries(p)),
		asynq.Timeout(max(p.Every, time.Minute)),
		asynq.Deadline(tick.Add(max(2*p.Every, 2*time.Minute))),
		asynq.Retention(max(2*p.Every, keepTicks)),
	)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// retries is how often a tick is tried again. Of one that comes rarely, nothing else does
// the work soon: it is tried for an hour or two, in which the database comes back, or the
// last worker of yesterday's version, which may not know the task, ends.
func retries(p Periodic) int {
	if p.Every > time.Hour {
		return 8
	}
	return 2
}

// report says when enqueuing begins to fail and when it works again, and not every
// minute in between. It returns whether it fails.
func report(ctx context.Context, log *slog.Logger, p Periodic, err error, failing bool) bool {
	switch {
	case ctx.Err() != nil:
		return failing
	case err != nil && !failing:
		log.ErrorContext(ctx, "periodic tasks cannot be enqueued; their ticks are skipped until Redis is back", "task", p.Type, "err", err)
	case err == nil && failing:
		log.InfoContext(ctx, "periodic tasks are enqueued again", "task", p.Type)
	}
	return err != nil
}
