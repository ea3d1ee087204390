package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
)

func serversCommand() *cobra.Command {
	var want testServers
	cmd := &cobra.Command{
		Use:   "servers [--postgres] [--redis] [--mosquitto] [--durable] -- COMMAND [ARGUMENT...]",
		Short: "Run a command with test servers",
		Long: `Runs a command with test servers of its own, which end with it, and passes on
its exit code. Without a choice it gets all that this machine has. The command
finds them by its environment:

  CLAIR_TEST_DATABASE_URL  a PostgreSQL superuser's connection string
  CLAIR_TEST_REDIS_URL     an empty Redis
  CLAIR_TEST_MOSQUITTO     the path of the MQTT broker's program

A server that is asked for must be there; when CLAIR_TEST_REQUIRE is set, all
must.`,
		Example: "  devstack servers -- go test ./...",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !want.postgres && !want.redis && !want.mosquitto {
				want = testServers{postgres: true, redis: true, mosquitto: true}
				want.optional = os.Getenv("CLAIR_TEST_REQUIRE") == ""
			}
			return want.run(cmd.Context(), args)
		},
	}
	cmd.Flags().BoolVar(&want.postgres, "postgres", false, "start PostgreSQL")
	cmd.Flags().BoolVar(&want.redis, "redis", false, "start Redis")
	cmd.Flags().BoolVar(&want.mosquitto, "mosquitto", false, "find Mosquitto")
	cmd.Flags().BoolVar(&want.durable, "durable", false, "PostgreSQL waits for the disk at each commit, as in production")
	return cmd
}

// testServers says which servers a command is given.
type testServers struct {
	postgres, redis, mosquitto bool
	optional                   bool // do without what is not installed
	durable                    bool
}

func (want testServers) run(ctx context.Context, args []string) (err error) {
	// A signal must not end us before what we started.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	dir, remove, err := server.TempDir(want.durable)
	if err != nil {
		return err
	}
	defer remove()
	env, running, err := want.start(ctx, dir)
	defer func() {
		for _, s := range slices.Backward(running) {
			err = errors.Join(err, s.Stop(ctx))
		}
	}()
	if err != nil {
		return err
	}
	return runCommand(args, append(os.Environ(), env...), signals)
}

// start starts what is wanted and returns the variables that name it. What runs
// is returned also with an error.
func (want testServers) start(ctx context.Context, dir string) (env []string, running []*server.Server, err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	if want.postgres {
		pg, err := server.NewPostgres(server.PostgresOptions{Dir: filepath.Join(dir, "postgres"), Durable: want.durable})
		if err == nil {
			err = pg.Start(ctx)
		}
		if err == nil {
			running = append(running, &pg.Server)
			env = append(env, "CLAIR_TEST_DATABASE_URL="+pg.URL("postgres"))
		} else if err = want.excuse(err); err != nil {
			return env, running, err
		}
	}
	if want.redis {
		redis, err := server.NewRedis(server.RedisOptions{Dir: filepath.Join(dir, "redis")})
		if err == nil {
			err = redis.Start(ctx)
		}
		if err == nil {
			running = append(running, &redis.Server)
			env = append(env, "CLAIR_TEST_REDIS_URL="+redis.URL())
		} else if err = want.excuse(err); err != nil {
			return env, running, err
		}
	}
	if want.mosquitto {
		path, err := server.MosquittoPath()
		if err == nil {
			env = append(env, "CLAIR_TEST_MOSQUITTO="+path)
		} else if err = want.excuse(err); err != nil {
			return env, running, err
		}
	}
	return env, running, nil
}

// excuse forgives that a server is not installed, where we may do without.
func (want testServers) excuse(err error) error {
	if want.optional && errors.Is(err, server.ErrNotInstalled) {
		fmt.Fprintf(os.Stderr, "devstack: %v; tests that need it are skipped\n", err)
		return nil
	}
	return err
}

// runCommand runs a command on our terminal. Ctrl-C reaches it from there, as it
// reaches us; SIGTERM is passed on; a second signal kills it.
func runCommand(args, env []string, signals <-chan os.Signal) error {
	// No CommandContext: signals decide about its end.
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // see above
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	ended, err := process.Run(cmd)
	if err != nil {
		return err
	}
	for received := 0; ; {
		select {
		case sig := <-signals:
			received++
			if received > 1 {
				_ = cmd.Process.Kill()
			} else if sig == syscall.SIGTERM {
				_ = cmd.Process.Signal(sig)
			}
		case err := <-ended:
			return exitOf(err)
		}
	}
}

// exitOf turns a command's end into its exit code, as a shell counts.
func exitOf(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		const signalBase = 128
		return exitCode(signalBase + int(status.Signal()))
	}
	return exitCode(exit.ExitCode())
}
