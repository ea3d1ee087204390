package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// backgroundTasks is all that the worker does. Each subject adds its own.
func backgroundTasks(log *slog.Logger, pool *pgxpool.Pool, pictures media.Store, auditLog time.Duration) *worker.Tasks {
	tasks := &worker.Tasks{}
	addFidelity(tasks, log, postgres.Fidelity{Pool: pool})
	addHousekeeping(tasks, log, postgres.NewIdentity(pool), auditLog)
	addPictures(tasks, log, pictures, postgres.Pictures{Pool: pool})
	return tasks
}

func addFidelity(tasks *worker.Tasks, log *slog.Logger, store postgres.Fidelity) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "fidelity:check", Every: time.Minute,
		Summary: "Finds out which nodes are alive, missing or dead, or measure nonsense, and keeps the history of their outages.",
	}, func(ctx context.Context) error {
		sum, err := store.Check(ctx, time.Now())
		if err != nil {
			return err
		}
		log.DebugContext(ctx, "nodes checked",
			"unknown", sum.Unknown, "alive", sum.Alive, "missing", sum.Missing, "dead", sum.Dead)
		return nil
	})
}

func addHousekeeping(tasks *worker.Tasks, log *slog.Logger, store *postgres.Identity, auditLog time.Duration) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "account:clear-expired", Every: time.Hour,
		Summary: "Deletes sessions, tokens, links in mails, counts of attempts, introductions and invitations that have expired.",
	}, func(ctx context.Context) error {
		n, err := store.ClearExpired(ctx, time.Now())
		if n > 0 {
			log.InfoContext(ctx, "expired credentials deleted", "count", n)
		}
		return err
	})
	if auditLog <= 0 {
		return
	}
	tasks.HandlePeriodic(worker.Periodic{
		Type: "audit:clear-old", Every: time.Hour,
		Summary: "Deletes what stands in the log of changes for longer than AUDIT_RETENTION.",
	}, func(ctx context.Context) error {
		n, err := store.ClearAudit(ctx, time.Now().Add(-auditLog))
		if n > 0 {
			log.InfoContext(ctx, "old changes deleted from the log", "count", n)
		}
		return err
	})
}

func addPictures(tasks *worker.Tasks, log *slog.Logger, store media.Store, known postgres.Pictures) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "picture:sweep", Every: 10 * time.Minute,
		Summary: "Deletes the pictures that no installation has any more.",
	}, func(ctx context.Context) error {
		n, err := media.Sweep(ctx, store, time.Now(), false, known.Needed)
		if n > 0 {
			log.InfoContext(ctx, "pictures of no installation deleted", "count", n)
		}
		return err
	})
}
