// Package app wires the parts of the ingestair together.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
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
	Address          string        `env:"INGEST_ADDRESS" envDefault:":50051" desc:"address to serve gRPC on"`
	HTTPAddress      string        `env:"INGEST_HTTP_ADDRESS" desc:"address to serve the HTTP doors on; without it there are none"`
	Legacy           string        `env:"INGEST_LEGACY_DOOR" envDefault:"off" desc:"the predecessor's POST /ingest/v1/ingest: off, token, or open to everyone"`
	Token            config.Secret `env:"INGEST_TOKEN,required" desc:"bearer token of callers; two lines are two tokens, both valid"`
	TLS              TLS
	MaxConnectionAge time.Duration `env:"INGEST_MAX_CONNECTION_AGE" envDefault:"90s" desc:"after this, callers connect anew and find new servers"`
	MaxCalls         int           `env:"INGEST_MAX_CALLS_PER_PEER" envDefault:"256" desc:"how many gRPC calls of one address may be in flight"`
	Reflection       bool          `env:"INGEST_REFLECTION" envDefault:"false" desc:"gRPC reflection, for development"`
	RedisURL         config.Secret `env:"REDIS_URL" envDefault:"redis://localhost:6379/0" desc:"Redis of live values; without it nothing is published, and all else works"`
	Retention        Retention
	Grace            time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to finish what is in hand after SIGTERM"`
	Drain            time.Duration `env:"DRAIN_DELAY" envDefault:"0s" desc:"how long to take calls after SIGTERM, until callers have noticed"`
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
	if _, err := token.Parse(c.Token); err != nil {
		problems = append(problems, fmt.Errorf("INGEST_TOKEN: %w", err))
	}
	if _, err := c.TLS.config(); err != nil {
		problems = append(problems, err)
	}
	if _, err := redisconn.Parse(c.RedisURL); err != nil {
		problems = append(problems, err)
	}
	switch httpapi.Legacy(c.Legacy) {
	case httpapi.LegacyOff, httpapi.LegacyToken, httpapi.LegacyOpen:
	default:
		problems = append(problems, fmt.Errorf("INGEST_LEGACY_DOOR: %q is none of off, token, open", c.Legacy))
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
	tokens, _ := token.Parse(a.Config.Token)         // Validate has
	tlsConfig, _ := a.Config.TLS.config()            // looked at
	address, _ := redisconn.Parse(a.Config.RedisURL) // these
	redis := address.Client()
	defer func() { _ = redis.Close() }()
	pool, err := pgdb.Open(ctx, a.Database, "ingestair", samplestore.Configure)
	if err != nil {
		return err
	}
	defer pool.Close()
	var at Addresses
	opsListener, err := listen(ctx, "OPS_ADDRESS", a.Ops.Address, &at.Ops)
	if err != nil {
		return err
	}
	defer func() { _ = opsListener.Close() }()
	grpcListener, err := listen(ctx, "INGEST_ADDRESS", a.Config.Address, &at.GRPC)
	if err != nil {
		return err
	}
	defer func() { _ = grpcListener.Close() }()

	tracer, err := tracing.New(ctx, a.Tracing, "ingestair", lifecycle.Version)
	if err != nil {
		return err
	}
	defer func() { _ = tracer.Close() }() // a collector that is away is no failure
	o := ops.New()
	store := postgres.New(pool)
	// Not Redis: without it nobody sees live values, but everything is stored.
	o.AddCheck("postgresql", store.Ping)
	ingester := ingest.New(store, a.Log, a.Now, ingest.NewMetrics(o.Registry))
	feed := &liveFeed{Publisher: live.NewPublisher(redis, a.Log, o.Registry)}
	ingester.Listener = feed
	grpcServer := grpcapi.New(ingester, grpcapi.Options{
		Authorized: tokens.Has, TLS: tlsConfig, MaxConnectionAge: a.Config.MaxConnectionAge,
		MaxCallsPerPeer: a.Config.MaxCalls, Reflection: a.Config.Reflection, Undecoded: store, Rejected: store, Tracer: tracer, Log: a.Log,
	})
	parts := []lifecycle.Part{
		lifecycle.HTTP("operations", o.Server(a.Log), opsListener),
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
	if a.Config.HTTPAddress != "" {
		httpListener, err := listen(ctx, "INGEST_HTTP_ADDRESS", a.Config.HTTPAddress, &at.HTTP)
		if err != nil {
			return err
		}
		defer func() { _ = httpListener.Close() }()
		server := httpapi.New(ingester, a.Log, httpapi.Options{Authorized: tokens.Has, Legacy: httpapi.Legacy(a.Config.Legacy)})
		httpListener = limit(httpListener, maxConnections)
		if tlsConfig != nil {
			httpListener = tls.NewListener(httpListener, tlsConfig)
		}
		parts = append(parts, lifecycle.HTTP("HTTP doors", server, httpListener))
	}
	parts = append(parts, lifecycle.Part{Name: "gRPC", Run: func(ctx context.Context, ready func()) error {
		return grpcServer.Run(ctx, limit(grpcListener, maxConnections), func() {
			a.Log.InfoContext(ctx, "listening", "grpc", at.GRPC, "http", at.HTTP, "ops", at.Ops)
			o.SetStarted()
			if a.Started != nil {
				a.Started(at)
			}
			ready()
		})
	}}, lifecycle.Drain(a.Config.Drain))
	return lifecycle.Run(ctx, a.Log, a.Config.Drain+a.Config.Grace, parts...)
}

func listen(ctx context.Context, variable, address string, at *net.Addr) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	*at = l.Addr()
	return l, nil
}
