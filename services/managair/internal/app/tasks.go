package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// backgroundTasks is all that the worker does. Each subject adds its own.
func backgroundTasks(log *slog.Logger, pool *pgxpool.Pool) *worker.Tasks {
	tasks := &worker.Tasks{}
	addMaintenance(tasks, log, postgres.Maintenance{Pool: pool})
	return tasks
}

const (
	// partitionsAhead is how many months of sample partitions are made ahead.
	partitionsAhead = 2
	// retirement is how long the samples of deleted nodes are kept at least: writers
	// that have the node's number still in hand are long done by then.
	retirement = time.Hour
	// purgeBatch is how many samples are deleted in one transaction.
	purgeBatch = 10000
)

func addMaintenance(tasks *worker.Tasks, log *slog.Logger, m postgres.Maintenance) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "sample:make-partitions", Every: time.Hour,
		Summary: "Makes the partitions of the sample table for this month and the next two.",
	}, func(ctx context.Context) error {
		return m.EnsurePartitions(ctx, time.Now(), partitionsAhead)
	})
	tasks.HandlePeriodic(worker.Periodic{
		Type: "sample:purge-retired", Every: 10 * time.Minute,
		Summary: "Deletes the samples of nodes that were deleted.",
	}, func(ctx context.Context) error {
		var total int64
		for {
			n, more, err := m.PurgeRetired(ctx, time.Now().Add(-retirement), purgeBatch)
			total += n
			if err != nil || !more {
				if total > 0 {
					log.InfoContext(ctx, "samples of deleted nodes purged", "count", total)
				}
				return err
			}
		}
	})
}
