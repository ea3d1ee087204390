package app

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func rotateSigningKeyCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-signing-key",
		Short: "Sign air files with another key from now on",
		Long: `Makes the key with which air files are signed from now on. Of the one before, the secret
half is erased; its public half stays at ` + airfile.KeysPath + `, so that files that were
signed with it can be checked. The first key is made with the first file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				id, err := postgres.AirFiles{Pool: pool}.Rotate(ctx)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "air files are signed with the key %s\n", id)
				return err
			})
		},
	}
}
