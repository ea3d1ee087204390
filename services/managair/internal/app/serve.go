// Package app wires managair together: it is the only one that sees all packages.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
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

// Serve serves HTTP until ctx ends.
func Serve(ctx context.Context, log *slog.Logger, env config.Env) error {
	var cfg ServeConfig
	var db pgdb.Config
	var opsCfg ops.Config
	var apiCfg httpapi.Config
	var mediaCfg media.Config
	var redisCfg RedisConfig
	var liveCfg live.Config
	var limits identity.Limits
	var guard web.GuardConfig
	var quotas inventory.Quotas
	var claims claim.Config
	var mails mail.Way
	var told notify.Config
	var exported export.Config
	if err := env.Load(&cfg, &db, &opsCfg, &apiCfg, &mediaCfg, &redisCfg, &liveCfg, &limits, &guard, &quotas, &claims, &mails, &told, &exported); err != nil {
		return err
	}
	pool, err := pgdb.Open(ctx, db, "managair")
	if err != nil {
		return err
	}
	defer pool.Close()
	o := ops.New()
	o.AddCheck("postgresql", pool.Ping)

	opsListener, err := lifecycle.Listen(ctx, "OPS_ADDRESS", opsCfg.Address)
	if err != nil {
		return err
	}
	listener, err := lifecycle.Listen(ctx, "LISTEN_ADDRESS", cfg.Address)
	if err != nil {
		return err
	}
	queue := asynq.NewClient(redisCfg.URL)
	defer func() { _ = queue.Close() }()
	people := newPeople(log, pool, queue, apiCfg.PublicURL, mails, limits.Owning(quotas.Organizations))
	pictures, err := media.New(mediaCfg)
	if err != nil {
		return err
	}
	shelf, err := media.NewShelf(mediaCfg, export.IsPart)
	if err != nil {
		return err
	}
	decoder, err := converter()
	if err != nil {
		return err
	}
	liveRedis := redisCfg.URL.Client()
	defer func() { _ = liveRedis.Close() }()
	o.AddCheck("redis", func(ctx context.Context) error { return redisconn.Keeps(ctx, liveRedis) })
	hub := live.New(liveCfg, log, stream.Stream{Client: liveRedis}, postgres.NewLive(pool), httpapi.AppendLiveSample, o.Registry)
	nodes := postgres.Fidelity{Pool: pool}
	o.Registry.MustRegister(fidelityCollector{nodes}, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "managair_transactions_repeated_total",
		Help: "Transactions that were begun again, because the database ended them for the sake of others.",
	}, func() float64 { return float64(postgres.Repeated()) }))
	samples := postgres.NewTelemetry(pool)
	tokens := postgres.Tokens{Pool: pool, Limit: quotas.IngestionTokens}
	files := postgres.AirFiles{Pool: pool}
	ways, err := channels(pool, told, quotas.Channels)
	if err != nil {
		return err
	}
	api := httpapi.New(apiCfg, log, o.Registry, httpapi.Domain{
		Inventory: postgres.NewInventoryWithin(pool, postgres.Terms{Quotas: quotas, Claims: claim.Terms{Policy: claims.Policy, Strangers: limits.SignUp == identity.SignUpOpen}}), Telemetry: &telemetry.Cached{Store: samples, For: listAge, Now: time.Now}, Readings: samples,
		AirQuality: judge(log, pool),
		Nodes:      nodes.NodeFidelity(), Outages: nodes.Outages(), Radio: nodes.Radio(),
		Health:   postgres.SensorHealth{Pool: pool}.Nodes(),
		Accounts: people.accounts, Sessions: people.sessions, Tokens: tokens, Timetables: postgres.Timetables{Pool: pool}, AirFiles: files, SiteForms: postgres.SiteForms{Pool: pool},
		Alerts:        postgres.NewAlertDesk(pool),
		Reports:       postgres.Reports{Pool: pool},
		ReportMails:   postgres.ReportMails{Pool: pool},
		Notifications: ways,
		Exports:       export.Service{Store: postgres.Exports{Pool: pool}, Shelf: shelf, Limit: exported.PerAccount},
		Images:        httpapi.Images{Store: pictures, Pictures: postgres.Pictures{Pool: pool}, Convert: decoder.Convert},
		Live:          hub,
	}, time.Now)
	apiHandler, err := api.Handler()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", apiHandler)
	mux.Handle("GET "+airfile.KeysPath, api.ServeKeys(files))
	mux.HandleFunc("GET "+httpapi.MediaPath+"{name}", api.ServeMedia)
	mux.Handle("/accounts/", people.pages.Handler())
	mux.Handle("/accounts", people.pages.Handler())
	inspector := asynq.NewInspector(redisCfg.URL)
	defer func() { _ = inspector.Close() }()
	mux.Handle("/admin/", (&admin.Admin{
		Store: postgres.Backoffice{Pool: pool}, Accounts: people.accounts, Tokens: tokens, Log: log,
		Inspector: inspector, Services: cfg.Services,
	}).Handler())
	server := &http.Server{
		Handler: web.Guard(guard, apiCfg.PublicURL, correlation.Middleware(
			session.Limit(ratelimit.New(apiCfg.RateLimit, apiCfg.RateBurst), people.sessions.Middleware(mux)))),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	// Streams do not end by themselves, and the server waits for all requests.
	server.RegisterOnShutdown(hub.Close)
	return lifecycle.Run(ctx, log, cfg.Drain+cfg.Grace,
		lifecycle.HTTP("operations", o.Server(log), opsListener),
		liveValues(hub),
		lifecycle.HTTP("http", server, listener),
		lifecycle.Started(o),
		lifecycle.Drain(cfg.Drain),
	)
}

// liveValues is the part of the process that reads live values.
func liveValues(hub *live.Hub) lifecycle.Part {
	return lifecycle.Part{Name: "live values", Run: func(ctx context.Context, ready func()) error {
		ready()
		hub.Run(ctx)
		return nil
	}}
}
