package ingest

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
)

// Retention is how long is kept what is no sample of a registered node.
type Retention struct {
	Parked, Rejected time.Duration
	// MaxRejected bounds the rejected samples in number, too.
	MaxRejected int
	Undecoded   time.Duration
}

// Upkeep is the work that is not bound to a caller. Replicas may do it at the same
// time; it is no harm, and each leaves to the others what they are at.
type Upkeep interface {
	// WriteStatus brings the status of the nodes up to date.
	WriteStatus(ctx context.Context) error
	// Learn learns which sensors are stuck, so that their samples are marked, and of which
	// scripts alone have told.
	Learn(ctx context.Context) error
	// RollUp does a step of the hourly and daily roll-up; more says that there is
	// more to do at once.
	RollUp(ctx context.Context) (more bool, err error)
	// Purge deletes some samples of nodes that were deleted at least retiredFor ago.
	Purge(ctx context.Context, retiredFor time.Duration) (more bool, err error)
	// EnsurePartitions makes room for the samples of the months ahead.
	EnsurePartitions(ctx context.Context, now time.Time) error
	// Compact saves the space that the samples of a month do not need.
	Compact(ctx context.Context, now time.Time) (more bool, err error)
	// Forget deletes what has been kept aside for long enough.
	Forget(ctx context.Context, now time.Time, r Retention) error
}

const (
	statusEvery  = 2 * time.Second
	learnEvery   = 30 * time.Second
	rollUpEvery  = 10 * time.Second
	purgeEvery   = time.Minute
	tidyEvery    = time.Hour
	choreTimeout = time.Hour
	// retiredFor is longer than any transaction takes that may still add samples of a
	// deleted node.
	retiredFor = 10 * time.Minute
)

// RunUpkeep does the upkeep until ctx ends.
func RunUpkeep(ctx context.Context, u Upkeep, log *slog.Logger, now func() time.Time, r Retention) error {
	var g errgroup.Group
	chore := func(name string, every time.Duration, do func(context.Context) (more bool, err error)) {
		g.Go(func() error {
			repeat(ctx, log.With("task", name), every, do)
			return nil
		})
	}
	chore("node status", statusEvery, func(ctx context.Context) (bool, error) { return false, u.WriteStatus(ctx) })
	chore("what is known of sensors", learnEvery, func(ctx context.Context) (bool, error) { return false, u.Learn(ctx) })
	chore("roll-up", rollUpEvery, u.RollUp)
	chore("purge", purgeEvery, func(ctx context.Context) (bool, error) { return u.Purge(ctx, retiredFor) })
	chore("partitions", tidyEvery, func(ctx context.Context) (bool, error) { return false, u.EnsurePartitions(ctx, now()) })
	chore("compaction", tidyEvery, func(ctx context.Context) (bool, error) { return u.Compact(ctx, now()) })
	chore("retention", tidyEvery, func(ctx context.Context) (bool, error) { return false, u.Forget(ctx, now(), r) })
	return g.Wait()
}

// repeat does a chore now and then. It says once when that fails and once when it
// works again; in between it tries on.
func repeat(ctx context.Context, log *slog.Logger, every time.Duration, do func(context.Context) (bool, error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		more, err := attempt(ctx, do)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				log.WarnContext(ctx, "upkeep fails; it is tried again", "err", err, "cause", cause(err))
			} else {
				log.InfoContext(ctx, "upkeep works again")
			}
		}
		if more && err == nil {
			timer.Reset(0)
		} else {
			timer.Reset(every)
		}
	}
}

func attempt(ctx context.Context, do func(context.Context) (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, choreTimeout)
	defer cancel()
	return do(ctx)
}
