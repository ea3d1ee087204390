package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/logging"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// RedisConfig is what the environment says about Redis.
type RedisConfig struct {
	URL redisconn.Redis `env:"REDIS_URL" envDefault:"redis://localhost:6379/0" desc:"Redis of the task queues and live values"`
}

// Validate is asked after parsing.
func (c *RedisConfig) Validate() error {
	if !c.URL.IsSet() {
		return errors.New("REDIS_URL: is empty")
	}
	return nil
}

// WorkerConfig is what the environment says about background tasks.
type WorkerConfig struct {
	Concurrency int           `env:"WORKER_CONCURRENCY" envDefault:"4" desc:"tasks worked at the same time"`
	AuditLog    time.Duration `env:"AUDIT_RETENTION" envDefault:"17520h" desc:"how long the log of changes and log-ins is kept: a week or longer; 0s for ever"`
	Grace       time.Duration `env:"STOP_GRACE" envDefault:"10s" desc:"how long tasks in hand may take after SIGTERM"`
}

// minAuditRetention is how long the database keeps the log whatever managair wants.
const minAuditRetention = 7 * 24 * time.Hour

// auditRetention returns how long the log of changes is kept. What was set before there was a
// least time keeps no worker from starting.
func (c *WorkerConfig) auditRetention(ctx context.Context, log *slog.Logger) time.Duration {
	if c.AuditLog <= 0 || c.AuditLog >= minAuditRetention {
		return c.AuditLog
	}
	log.WarnContext(ctx, "AUDIT_RETENTION is shorter than a week, for which the database keeps the log of changes at the least; it is kept for a week",
		"set", c.AuditLog, "kept", minAuditRetention)
	return minAuditRetention
}

// Work works background tasks until ctx ends.
func Work(ctx context.Context, log *slog.Logger, env config.Env) error {
	var cfg WorkerConfig
	var db pgdb.Config
	var opsCfg ops.Config
	var redisCfg RedisConfig
	var mailCfg mail.Config
	var mediaCfg media.Config
	var told notify.Config
	var delivery notify.DeliveryConfig
	var links httpapi.Config
	var exported export.MakingConfig
	if err := env.Load(&cfg, &db, &opsCfg, &redisCfg, &mailCfg, &mediaCfg, &told, &delivery, &links, &exported); err != nil {
		return err
	}
	pictures, err := media.New(mediaCfg)
	if err != nil {
		return err
	}
	shelf, err := media.NewShelf(mediaCfg, export.IsPart)
	if err != nil {
		return err
	}
	pool, err := pgdb.Open(ctx, db, "managair-worker")
	if err != nil {
		return err
	}
	defer pool.Close()
	o := ops.New()
	o.AddCheck("postgresql", pool.Ping)
	redis := redisCfg.URL.Client()
	defer func() { _ = redis.Close() }()
	o.AddCheck("redis", func(ctx context.Context) error { return redisconn.Keeps(ctx, redis) })

	opsListener, err := lifecycle.Listen(ctx, "OPS_ADDRESS", opsCfg.Address)
	if err != nil {
		return err
	}
	server := asynq.NewServer(redisCfg.URL, asynq.Config{
		Concurrency:     cfg.Concurrency,
		Queues:          map[string]int{worker.Queue: 1},
		ShutdownTimeout: cfg.Grace,
		IsFailure:       worker.IsFailure,
		Logger:          logging.Library{Log: log, Name: "asynq"},
		BaseContext:     func() context.Context { return context.WithoutCancel(ctx) },
	})
	client := asynq.NewClient(redisCfg.URL)
	defer func() { _ = client.Close() }()
	tasks := backgroundTasks(log, pool, pictures, cfg.auditRetention(ctx, log), strings.TrimSuffix(links.PublicURL, "/"))
	tasks.HandleMail(postgres.OutgoingMail{Pool: pool}, client, deliverer(mailCfg, pool))
	maker := exportMaker(log, pool, shelf, exported, cmp.Or(links.PublicURL, defaultPublicURL))
	addExports(tasks, log, maker)
	alerts := alert.NewEvaluator(alert.Config{}, log, postgres.Alerts{Pool: pool}, live.Stream{Client: redis}, o.Registry, time.Now)
	outbox := postgres.Notifications{Pool: pool}
	addNotifications(tasks, log, outbox, delivery.Retention)
	o.Registry.MustRegister(overdueCollector{outbox})
	dispatch, err := dispatcher(log, pool, told, delivery.Concurrency, deliverer(mailCfg, pool), cmp.Or(links.PublicURL, defaultPublicURL), o.Registry)
	if err != nil {
		return err
	}
	return lifecycle.Run(ctx, log, cfg.Grace+time.Second,
		lifecycle.HTTP("operations", o.Server(log), opsListener),
		deliverNotifications(dispatch),
		mailReports(reportMailer(log, pool, deliverer(mailCfg, pool), cmp.Or(links.PublicURL, defaultPublicURL), cfg.Grace, o.Registry)),
		workTasks(server, tasks.Mux(log, worker.NewMetrics(o.Registry))),
		lifecycle.Part{Name: "schedule", Run: func(ctx context.Context, ready func()) error {
			ready()
			worker.Schedule(ctx, log, client, tasks.Periodic())
			return nil
		}},
		lifecycle.Part{Name: "alerts", Run: func(ctx context.Context, ready func()) error {
			ready()
			alerts.Run(ctx)
			return nil
		}},
		lifecycle.Part{Name: "exports", Run: func(ctx context.Context, ready func()) error {
			ready()
			maker.Run(ctx)
			return nil
		}},
		lifecycle.Started(o),
	)
}

func workTasks(server *asynq.Server, mux *asynq.ServeMux) lifecycle.Part {
	return lifecycle.Part{Name: "tasks", Run: func(ctx context.Context, ready func()) error {
		if err := server.Start(mux); err != nil {
			return err
		}
		ready()
		<-ctx.Done()
		server.Shutdown()
		return nil
	}}
}
