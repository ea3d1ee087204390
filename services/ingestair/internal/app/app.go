// Package app wires the parts of the ingestair together.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/grpcapi"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/token"
)

// Config is what the environment says about the ingestair itself.
type Config struct {
	Address          string        `env:"INGEST_ADDRESS" envDefault:":50051" desc:"address to serve gRPC on"`
	Token            config.Secret `env:"INGEST_TOKEN,required" desc:"bearer token of callers; two lines are two tokens, both valid"`
	MaxConnectionAge time.Duration `env:"INGEST_MAX_CONNECTION_AGE" envDefault:"90s" desc:"after this, callers connect anew and find new servers"`
	Reflection       bool          `env:"INGEST_REFLECTION" envDefault:"false" desc:"gRPC reflection, for development"`
	Retention        Retention
	Grace            time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to finish what is in hand after SIGTERM"`
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
	if _, err := token.Parse(c.Token); err != nil {
		return fmt.Errorf("INGEST_TOKEN: %w", err)
	}
	return nil
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
}

// Addresses are where a started App listens.
type Addresses struct{ GRPC, Ops net.Addr }

// Main is the service for lifecycle.Main.
func Main() lifecycle.Service {
	var a App
	return lifecycle.Service{
		Name:    "ingestair",
		Summary: "keeps samples in PostgreSQL",
		Config:  []any{&a.Config, &a.Database},
		Run: func(ctx context.Context, log *slog.Logger, env config.Env) error {
			if err := env.Load(&a.Config, &a.Database, &a.Ops); err != nil {
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
	tokens, err := token.Parse(a.Config.Token)
	if err != nil {
		return err
	}
	pool, err := pgdb.Open(ctx, a.Database, "ingestair", postgres.Configure)
	if err != nil {
		return err
	}
	defer pool.Close()
	var lc net.ListenConfig
	opsListener, err := lc.Listen(ctx, "tcp", a.Ops.Address)
	if err != nil {
		return fmt.Errorf("OPS_ADDRESS: %w", err)
	}
	defer func() { _ = opsListener.Close() }()
	listener, err := lc.Listen(ctx, "tcp", a.Config.Address)
	if err != nil {
		return fmt.Errorf("INGEST_ADDRESS: %w", err)
	}
	defer func() { _ = listener.Close() }()

	o := ops.New()
	store := postgres.New(pool)
	o.AddCheck("postgres", store.Ping)
	ingester := ingest.New(store, a.Log, a.Now, ingest.NewMetrics(o.Registry))
	server := grpcapi.New(ingester, grpcapi.Options{
		Authorized: tokens.Has, MaxConnectionAge: a.Config.MaxConnectionAge, Reflection: a.Config.Reflection,
		Undecoded: store,
	})
	return lifecycle.Run(ctx, a.Log, a.Config.Grace,
		lifecycle.HTTP("operations", o.Server(a.Log), opsListener),
		lifecycle.Part{Name: "ingester", Run: ingester.Run},
		lifecycle.Part{Name: "upkeep", Run: func(ctx context.Context, ready func()) error {
			ready()
			return ingest.RunUpkeep(ctx, store, a.Log, a.Now, ingest.Retention(a.Config.Retention))
		}},
		lifecycle.Part{Name: "gRPC", Run: func(ctx context.Context, ready func()) error {
			return server.Run(ctx, listener, func() {
				a.Log.InfoContext(ctx, "listening", "grpc", listener.Addr(), "ops", opsListener.Addr())
				o.SetStarted()
				if a.Started != nil {
					a.Started(Addresses{GRPC: listener.Addr(), Ops: opsListener.Addr()})
				}
				ready()
			})
		}},
	)
}
