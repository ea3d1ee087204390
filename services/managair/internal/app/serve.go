// Package app wires managair together: it is the only one that sees all packages.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/correlation"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/services/managair/internal/admin"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// ServeConfig is what the environment says about the HTTP server.
type ServeConfig struct {
	Address string        `env:"LISTEN_ADDRESS" envDefault:":8888" desc:"address of the HTTP server"`
	Grace   time.Duration `env:"STOP_GRACE" envDefault:"10s" desc:"how long requests in flight may take after SIGTERM"`
	// Services says whom the admin pages and the command status ask how they are.
	Services map[string]string `env:"SERVICES" desc:"operations ports for the admin pages and the command status: name=http://host:port,..." envKeyValSeparator:"="`
	Drain    time.Duration     `env:"DRAIN_DELAY" envDefault:"0s" desc:"how long to serve on after SIGTERM, until the proxy has noticed"`
}

// listAge is how old the counts and latest samples in lists may be. The status of
// nodes is no younger.
const listAge = 2 * time.Second

// serveSettings is all that the environment says to a server.
type serveSettings struct {
	serve    ServeConfig
	db       pgdb.Config
	ops      ops.Config
	api      httpapi.Config
	media    media.Config
	redis    RedisConfig
	live     live.Config
	limits   identity.Limits
	guard    web.GuardConfig
	quotas   inventory.Quotas
	claims   claim.Config
	mails    mail.Way
	told     notify.Config
	exported export.Config
}

func (s *serveSettings) load(env config.Env) error {
	return env.Load(&s.serve, &s.db, &s.ops, &s.api, &s.media, &s.redis, &s.live, &s.limits, &s.guard, &s.quotas, &s.claims, &s.mails, &s.told, &s.exported)
}

// Serve serves HTTP until ctx ends.
func Serve(ctx context.Context, log *slog.Logger, env config.Env) error {
	var cfg serveSettings
	if err := cfg.load(env); err != nil {
		return err
	}
	pool, err := pgdb.Open(ctx, cfg.db, "managair")
	if err != nil {
		return err
	}
	defer pool.Close()
	o := ops.New()
	o.AddCheck("postgresql", pool.Ping)
	opsListener, err := lifecycle.Listen(ctx, "OPS_ADDRESS", cfg.ops.Address)
	if err != nil {
		return err
	}
	listener, err := lifecycle.Listen(ctx, "LISTEN_ADDRESS", cfg.serve.Address)
	if err != nil {
		return err
	}
	queue, inspector, redis := asynq.NewClient(cfg.redis.URL), asynq.NewInspector(cfg.redis.URL), cfg.redis.URL.Client()
	defer func() { _, _, _ = queue.Close(), inspector.Close(), redis.Close() }()
	o.AddCheck("redis", func(ctx context.Context) error { return redisconn.Keeps(ctx, redis) })
	hub := live.New(cfg.live, log, stream.Stream{Client: redis}, postgres.NewLive(pool), httpapi.AppendLiveSample, o.Registry)

	d := door{cfg: &cfg, log: log, pool: pool, metrics: o.Registry, inspector: inspector}
	d.people = newPeople(log, pool, queue, cfg.api.PublicURL, cfg.mails, cfg.limits.Owning(cfg.quotas.Organizations))
	handler, err := d.handler(hub)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	// Streams do not end by themselves, and the server waits for all requests.
	server.RegisterOnShutdown(hub.Close)
	return lifecycle.Run(ctx, log, cfg.serve.Drain+cfg.serve.Grace,
		lifecycle.HTTP("operations", o.Server(log), opsListener),
		liveValues(hub),
		lifecycle.HTTP("http", server, listener),
		lifecycle.Started(o),
		lifecycle.Drain(cfg.serve.Drain),
	)
}

// door is what a server answers with.
type door struct {
	cfg       *serveSettings
	log       *slog.Logger
	pool      *pgxpool.Pool
	metrics   prometheus.Registerer
	people    people
	inspector *asynq.Inspector
}

// handler answers all that comes: the API, accounts, and the admin pages.
func (d *door) handler(hub *live.Hub) (http.Handler, error) {
	domain, err := d.domain(hub)
	if err != nil {
		return nil, err
	}
	api := httpapi.New(d.cfg.api, d.log, d.metrics, domain, time.Now)
	apiHandler, err := api.Handler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", apiHandler)
	mux.Handle("GET "+airfile.KeysPath, api.ServeKeys(domain.AirFiles))
	mux.HandleFunc("GET "+httpapi.MediaPath+"{name}", api.ServeMedia)
	mux.Handle("/accounts/", d.people.pages.Handler())
	mux.Handle("/accounts", d.people.pages.Handler())
	mux.Handle("/admin/", (&admin.Admin{
		Store: postgres.Backoffice{Pool: d.pool}, Accounts: d.people.accounts, Tokens: domain.Tokens, Log: d.log,
		Inspector: d.inspector, Services: d.cfg.serve.Services,
	}).Handler())
	return web.Guard(d.cfg.guard, d.cfg.api.PublicURL, correlation.Middleware(
		session.Limit(ratelimit.New(d.cfg.api.RateLimit, d.cfg.api.RateBurst), d.people.sessions.Middleware(mux)))), nil
}

// domain is what the API answers from.
func (d *door) domain(hub *live.Hub) (httpapi.Domain, error) {
	var domain httpapi.Domain
	pictures, err := media.New(d.cfg.media)
	if err != nil {
		return domain, err
	}
	shelf, err := media.NewShelf(d.cfg.media, export.IsPart)
	if err != nil {
		return domain, err
	}
	decoder, err := converter()
	if err != nil {
		return domain, err
	}
	ways, err := channels(d.pool, d.cfg.told, d.cfg.quotas.Channels)
	if err != nil {
		return domain, err
	}
	pool, quotas := d.pool, d.cfg.quotas
	nodes, samples := postgres.Fidelity{Pool: pool}, postgres.NewTelemetry(pool)
	d.metrics.MustRegister(fidelityCollector{nodes}, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "managair_transactions_repeated_total",
		Help: "Transactions that were begun again, because the database ended them for the sake of others.",
	}, func() float64 { return float64(postgres.Repeated()) }))
	terms := postgres.Terms{Quotas: quotas, Claims: claim.Terms{Policy: d.cfg.claims.Policy, Strangers: d.cfg.limits.SignUp == identity.SignUpOpen}}
	return httpapi.Domain{
		Inventory:     postgres.NewInventoryWithin(pool, terms),
		Telemetry:     &telemetry.Cached{Store: samples, For: listAge, Now: time.Now},
		Readings:      samples,
		AirQuality:    judge(d.log, pool),
		Nodes:         nodes.NodeFidelity(),
		Outages:       nodes.Outages(),
		Radio:         nodes.Radio(),
		Health:        postgres.SensorHealth{Pool: pool}.Nodes(),
		Accounts:      d.people.accounts,
		Sessions:      d.people.sessions,
		Tokens:        postgres.Tokens{Pool: pool, Limit: quotas.IngestionTokens},
		Timetables:    postgres.Timetables{Pool: pool},
		AirFiles:      postgres.AirFiles{Pool: pool},
		SiteForms:     postgres.SiteForms{Pool: pool},
		Alerts:        postgres.NewAlertDesk(pool),
		Reports:       postgres.Reports{Pool: pool},
		ReportMails:   postgres.ReportMails{Pool: pool},
		Notifications: ways,
		Exports:       export.Service{Store: postgres.Exports{Pool: pool}, Shelf: shelf, Limit: d.cfg.exported.PerAccount},
		Images:        httpapi.Images{Store: pictures, Pictures: postgres.Pictures{Pool: pool}, Convert: decoder.Convert},
		Live:          hub,
	}, nil
}

// liveValues is the part of the process that reads live values.
func liveValues(hub *live.Hub) lifecycle.Part {
	return lifecycle.Part{Name: "live values", Run: func(ctx context.Context, ready func()) error {
		ready()
		hub.Run(ctx)
		return nil
	}}
}
