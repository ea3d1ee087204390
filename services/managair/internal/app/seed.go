package app

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func seedCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "seed",
		Short: "Describe the sensors that can be read, as far as nobody has",
		Long: `Adds to the inventory the quantities, protocols and models of the sensors that we
have codecs for, so that such sensors can be registered. What is there already, by
whatever name, as after a move from the predecessor, is left alone. Doing it again
changes nothing. migrate does it too, but leaves what somebody deleted; a move takes it back, as far as no sensor uses
it, for it brings its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			added, err := seeded(cmd, env, true)
			if err == nil && added == 0 {
				cmd.Println("nothing to add")
			}
			return err
		},
	}
}

// seeded describes the sensors, again those that somebody deleted, tells what was added, and returns how much that was.
func seeded(cmd *cobra.Command, env config.Env, again bool) (n int, err error) {
	err = withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
		added, err := postgres.Seed(ctx, pool, again)
		for _, what := range added {
			cmd.Println("added", what)
		}
		n = len(added)
		return err
	})
	return n, err
}
