package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/logging"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// Main runs the command line and returns the exit code.
func Main() int {
	if slices.Equal(os.Args[1:], []string{convertCommandName}) {
		return media.ConvertPipe(os.Stdin, os.Stdout)
	}
	lifecycle.LimitMemory()
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	root := newRoot(config.FromOS())
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return lifecycle.ExitOK
	default:
		_, _ = fmt.Fprintln(os.Stderr, "managair:", fault.Describe(err))
		return lifecycle.ExitFailure
	}
}

func newRoot(env config.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "managair",
		Short: "HTTP API, account and admin pages, and background tasks of the Clair Stack",
		Long: `managair serves the HTTP API, the account and admin pages, and works the
background tasks of the Clair Stack. Settings come from the environment; see
"managair variables".`,
		Version:       lifecycle.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(os.Stdout) // what commands print is their result, so not stderr
	root.AddCommand(
		serveCommand(env),
		workerCommand(env),
		migrateCommand(env),
		showMigrationsCommand(env),
		&cobra.Command{
			Use:   "version",
			Short: "Print the commit it was built from",
			Args:  cobra.NoArgs,
			Run:   func(cmd *cobra.Command, _ []string) { cmd.Println("managair", lifecycle.Version) },
		},
		&cobra.Command{
			Use:   "healthcheck",
			Short: "Ask the running service whether it is well",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return lifecycle.HealthCheck(cmd.Context(), env)
			},
		},
		&cobra.Command{
			Use:   "variables",
			Short: "List the environment variables",
			Args:  cobra.NoArgs,
			Run: func(cmd *cobra.Command, _ []string) {
				lifecycle.WriteVariables(cmd.OutOrStdout(),
					&ServeConfig{}, &httpapi.Config{}, &web.GuardConfig{}, &identity.Limits{}, &media.Config{}, &WorkerConfig{}, &pgdb.Config{}, &rolesConfig{}, &RedisConfig{}, &live.Config{}, &notify.Config{}, &notify.DeliveryConfig{}, &mail.Config{}, &ops.Config{}, &logging.Config{})
			},
		},
	)
	root.AddCommand(manageCommands(env)...)
	for _, cmd := range root.Commands() {
		tellUsage(cmd)
	}
	return root
}

// tellUsage adds to complaints about arguments and flags how the command is used.
func tellUsage(cmd *cobra.Command) {
	usage := func(cmd *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w\nusage: %s (more by --help)", err, cmd.UseLine())
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return usage(cmd, check(cmd, args)) }
	}
	cmd.SetFlagErrorFunc(usage)
}

func serveCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the HTTP API and the pages until SIGTERM",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := lifecycle.Logger(env, "managair", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return Serve(cmd.Context(), log, env)
		},
	}
}

func workerCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Work background tasks until SIGTERM",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := lifecycle.Logger(env, "managair-worker", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return Work(cmd.Context(), log, env)
		},
	}
}
