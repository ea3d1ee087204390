package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// exportMaker makes what accounts have exported.
func exportMaker(log *slog.Logger, pool *pgxpool.Pool, shelf export.Shelf, cfg export.MakingConfig, publicURL string) *export.Maker {
	return &export.Maker{
		Queue: postgres.Exports{Pool: pool, PublicURL: publicURL}, Shelf: shelf, Config: cfg, Log: log, Now: time.Now,
		Finder: dataset.Finder{Inventory: postgres.NewInventory(pool), Telemetry: postgres.NewTelemetry(pool)},
	}
}

func addExports(tasks *worker.Tasks, log *slog.Logger, m *export.Maker) {
	tasks.HandlePeriodic(worker.Periodic{
		Type: "export:clear-old", Every: 10 * time.Minute,
		Summary: "Deletes exports that have expired, and parts of files that belong to none.",
	}, func(ctx context.Context) error {
		expired, parts, err := export.Sweep(ctx, m.Queue, m.Shelf, time.Now())
		if expired+parts > 0 {
			log.InfoContext(ctx, "old exports deleted", "count", expired, "parts", parts)
		}
		return err
	})
}
