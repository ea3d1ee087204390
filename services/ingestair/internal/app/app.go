// Package app wires the parts of the ingestair together.
package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/place"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/pkg/tracing"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/grpcapi"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/token"
)

// Config is what the environment says about the ingestair itself.
type Config struct {
	Address          string         `env:"INGEST_ADDRESS" envDefault:":50051" desc:"address to serve gRPC on"`
	HTTPAddress      string         `env:"INGEST_HTTP_ADDRESS" desc:"address to serve the HTTP doors on; without it there are none"`
	Legacy           httpapi.Legacy `env:"INGEST_LEGACY_DOOR" envDefault:"off" desc:"the predecessor's POST /ingest/v1/ingest: off, token, or open to everyone"`
	Tokens           token.Set      `env:"INGEST_TOKEN,required" desc:"bearer token of the stack's own callers, who may write everything; two lines are two tokens, both valid"`
	TLS              TLS
	MaxConnectionAge time.Duration   `env:"INGEST_MAX_CONNECTION_AGE" envDefault:"90s" desc:"after this, callers connect anew and find new servers"`
	MaxCalls         int             `env:"INGEST_MAX_CALLS_PER_PEER" envDefault:"256" desc:"how many gRPC calls of one address may be in flight"`
	Reflection       bool            `env:"INGEST_REFLECTION" envDefault:"false" desc:"gRPC reflection, for development"`
	TrustedProxies   []place.Network `env:"TRUSTED_PROXIES" desc:"addresses or networks of proxies before the nearest one, comma-separated; the nearest is trusted if its address is private"`
	Redis            redisconn.Redis `env:"REDIS_URL" envDefault:"redis://localhost:6379/0" desc:"Redis of live values; without it nothing is published, and all else works"`
	Organization     OrganizationRate
	Retention        Retention
	Grace            time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to finish what is in hand after SIGTERM"`
	Drain            time.Duration `env:"DRAIN_DELAY" envDefault:"0s" desc:"how long to take calls after SIGTERM, until callers have noticed"`
}

// OrganizationRate is what the scripts of one organization may send.
type OrganizationRate struct {
	PerSecond float64 `env:"INGEST_ORGANIZATION_RATE" envDefault:"50" desc:"samples that the tokens of one organization may send in a second, on average; 0 for no bound"`
	Burst     int     `env:"INGEST_ORGANIZATION_BURST" envDefault:"100000" desc:"the same at once"`
}

// Retention is how long is kept what is no sample of a registered node.
type Retention struct {
	Parked      time.Duration `env:"INGEST_KEEP_PARKED" envDefault:"720h" desc:"how long samples of nodes that are not registered are kept"`
	Rejected    time.Duration `env:"INGEST_KEEP_REJECTED" envDefault:"720h" desc:"how long rejected samples are kept"`
	MaxRejected int           `env:"INGEST_MAX_REJECTED" envDefault:"100000" desc:"how many rejected samples are kept at the most"`
	Undecoded   time.Duration `env:"INGEST_KEEP_UNDECODED" envDefault:"8760h" desc:"how long uplinks that could not be decoded are kept"`
}

// Validate is asked after parsing.
func (c *Config) Validate() error {
	var problems []error
	if _, err := c.TLS.config(); err != nil {
		problems = append(problems, err)
	}
	if !c.Redis.IsSet() {
		problems = append(problems, errors.New("REDIS_URL: is empty"))
	}
	if c.MaxConnectionAge <= 0 || c.Grace <= 0 || c.MaxCalls <= 0 {
		problems = append(problems, errors.New("INGEST_MAX_CONNECTION_AGE, INGEST_MAX_CALLS_PER_PEER, SHUTDOWN_GRACE: must be more than 0"))
	}
	return errors.Join(problems...)
}

// App is one ingestair.
type App struct {
	// Log, Now and Started may be left out.
	Log *slog.Logger
	Now func() time.Time
	// Started is called once, when the service takes calls.
	Started func(Addresses)

	Config   Config
	Database pgdb.Config
	Ops      ops.Config
	Tracing  tracing.Config
}

// Addresses are where a started App listens. HTTP is nil without the HTTP doors.
type Addresses struct{ GRPC, HTTP, Ops net.Addr }

// Main is the service for lifecycle.Main.
func Main() lifecycle.Service {
	var a App
	return lifecycle.Service{
		Name:    "ingestair",
		Summary: "keeps samples in PostgreSQL",
		Config:  []any{&a.Config, &a.Database, &a.Tracing},
		Run: func(ctx context.Context, log *slog.Logger, env config.Env) error {
			if err := env.Load(&a.Config, &a.Database, &a.Ops, &a.Tracing); err != nil {
				return err
			}
			a.Log = log
			return a.Run(ctx)
		},
	}
}

// Run works until ctx ends and returns when nothing is in flight.
func (a *App) Run(ctx context.Context) error {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	if err := a.Config.Validate(); err != nil {
		return err
	}
	redis := a.Config.Redis.Client()
	defer func() { _ = redis.Close() }()
	pool, err := pgdb.Open(ctx, a.Database, "ingestair", samplestore.Configure)
	if err != nil {
		return err
	}
	defer pool.Close()
	tracer, err := tracing.New(ctx, a.Tracing, "ingestair", lifecycle.Version)
	if err != nil {
		return err
	}
	defer func() { _ = tracer.Close() }() // a collector that is away is no failure
	d, err := a.openDoors(ctx)
	defer d.close()
	if err != nil {
		return err
	}
	o := ops.New()
	store := postgres.New(pool)
	// Not Redis: without it nobody sees live values, but everything is stored.
	o.AddCheck("postgresql", store.Ping)
	feed := &liveFeed{Publisher: live.NewPublisher(redis, a.Log, o.Registry)}
	ingester := ingest.New(store, feed, a.Log, a.Now, ingest.NewMetrics(o.Registry))
	gate := token.NewGate(a.Config.Tokens, store, ratelimit.New(a.Config.Organization.PerSecond, a.Config.Organization.Burst), time.Now)
	parts := []lifecycle.Part{
		lifecycle.HTTP("operations", o.Server(a.Log), d.ops),
		{Name: "live", Run: func(ctx context.Context, ready func()) error {
			ready()
			feed.Run(ctx)
			return nil
		}},
		{Name: "ingester", Run: ingester.Run},
		{Name: "rejudge", Run: func(ctx context.Context, ready func()) error {
			ready()
			ingester.RunRejudge(ctx, store, a.Log)
			return nil
		}},
		{Name: "upkeep", Run: func(ctx context.Context, ready func()) error {
			ready()
			return ingest.RunUpkeep(ctx, store, a.Log, a.Now, ingest.Retention(a.Config.Retention))
		}},
	}
	if d.http != nil {
		server := httpapi.New(ingester, a.Log, httpapi.Options{Admit: gate.Admit, TrustedProxies: a.Config.TrustedProxies, Legacy: a.Config.Legacy})
		parts = append(parts, lifecycle.HTTP("HTTP doors", server, d.http))
	}
	server := grpcapi.New(ingester, grpcapi.Options{
		Gate: gate, TLS: d.tls, MaxConnectionAge: a.Config.MaxConnectionAge,
		MaxCallsPerPeer: a.Config.MaxCalls, Reflection: a.Config.Reflection, Undecoded: store, Rejected: store, Tracer: tracer, Log: a.Log,
	})
	parts = append(parts, lifecycle.Part{Name: "gRPC", Run: func(ctx context.Context, ready func()) error {
		return server.Run(ctx, d.grpc, ready)
	}}, lifecycle.Started(o), a.tellStarted(d.at), lifecycle.Drain(a.Config.Drain))
	return lifecycle.Run(ctx, a.Log, a.Config.Drain+a.Config.Grace, parts...)
}

// tellStarted is a part that says where callers find the service.
func (a *App) tellStarted(at Addresses) lifecycle.Part {
	return lifecycle.Part{Name: "addresses", Run: func(ctx context.Context, ready func()) error {
		a.Log.InfoContext(ctx, "listening", "grpc", at.GRPC, "http", at.HTTP, "ops", at.Ops)
		if a.Started != nil {
			a.Started(at)
		}
		ready()
		<-ctx.Done()
		return nil
	}}
}
