package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/services/managair/internal/calendar"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// backgroundTasks is all that the worker does. Each subject adds its own.
func backgroundTasks(log *slog.Logger, pool *pgxpool.Pool, pictures media.Store, auditLog time.Duration, instance string) *worker.Tasks {
	tasks := &worker.Tasks{}
	addFidelity(tasks, log, postgres.Fidelity{Pool: pool})
	addHealth(tasks, log, postgres.SensorHealth{Pool: pool})
	addHousekeeping(tasks, log, postgres.NewIdentity(pool), auditLog)
	addPictures(tasks, log, pictures, postgres.Pictures{Pool: pool})
	addOccupancy(tasks, log, postgres.Timetables{Pool: pool}, postgres.NewTelemetry(pool))
	addMonths(tasks, log, pool, instance)
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

func addHealth(tasks *worker.Tasks, log *slog.Logger, store postgres.SensorHealth) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "health:judge", Every: 24 * time.Hour,
		Summary: "Finds out by their nights which sensors drift, have an offset or tell what no air has, and when batteries will be empty.",
	}, func(ctx context.Context) error {
		start := time.Now()
		sum, err := sensorhealth.Judge{Store: store}.Run(ctx, start)
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "health of sensors judged", "count", sum.Nodes, "suspected", sum.Suspected, "duration", time.Since(start))
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

func addOccupancy(tasks *worker.Tasks, log *slog.Logger, store postgres.Timetables, samples telemetry.Store) {
	// The past that somebody wants decided anew is waited for.
	tasks.HandlePeriodic(worker.Periodic{
		Type: "occupancy:decide", Every: 5 * time.Minute,
		Summary: "Decides when people were in rooms on past days: by timetable, else by the air. What is decided stays, unless it is to be decided anew.",
	}, func(ctx context.Context) error {
		return inTime(ctx, func(ctx context.Context) error {
			n, err := timetable.Decider{Store: store, Samples: samples, Log: log}.Run(ctx, time.Now())
			if n > 0 {
				log.InfoContext(ctx, "days of rooms decided", "count", n)
			}
			return err
		})
	})
	tasks.HandlePeriodic(worker.Periodic{
		Type: "calendar:read", Every: 5 * time.Minute,
		Summary: "Reads the calendars of holidays that sites have by address, each once a day.",
	}, func(ctx context.Context) error {
		return inTime(ctx, func(ctx context.Context) error {
			read, failed, err := timetable.ReadCalendars(ctx, store, calendar.New(log), time.Now)
			if read+failed > 0 {
				log.InfoContext(ctx, "calendars read", "count", read, "failed", failed)
			}
			return err
		})
	})
}

// addMonths makes the air files of months. They name the instance by its address, which is
// set or not, and never guessed.
func addMonths(tasks *worker.Tasks, log *slog.Logger, pool *pgxpool.Pool, instance string) {
	files := postgres.AirFiles{Pool: pool}
	months := roomair.Months{
		Files: roomair.Files{Air: judge(log, pool), Store: files, Software: lifecycle.Version},
		Store: files, Instance: instance, Log: log,
	}
	tasks.HandlePeriodic(worker.Periodic{
		Type: "airfile:monthly", Every: time.Hour,
		Summary: "Makes the air files of the month that is over, for organizations that want them: a day after its end, and once more a week after it for late samples.",
	}, func(ctx context.Context) error {
		return inTime(ctx, func(ctx context.Context) error {
			n, err := months.Run(ctx, time.Now())
			if n > 0 {
				log.InfoContext(ctx, "air files of months made", "count", n)
			}
			return err
		})
	})
}

// inTime gives a task most of its time, and takes it for no failure that it did not come to
// its end by then: what is left is done at the next tick. At the end of all its time the
// queue has it fail, whatever it returns, and be tried again beside the next tick.
func inTime(ctx context.Context, do func(context.Context) error) error {
	end, bounded := ctx.Deadline()
	if !bounded {
		return do(ctx)
	}
	most, cancel := context.WithTimeout(ctx, time.Until(end)*4/5)
	defer cancel()
	err := do(most)
	if ctx.Err() == nil && errors.Is(most.Err(), context.DeadlineExceeded) {
		return nil
	}
	return err
}
