package app

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// manageCommands are what an operator does by hand, through tools/manage.sh. They
// ask back only on a terminal, write their result to standard output and the rest
// to standard error.
func manageCommands(env config.Env) []*cobra.Command {
	return []*cobra.Command{
		checkCommand(env),
		statusCommand(env),
		sendTestEmailCommand(env),
		clearSessionsCommand(env),
		createOrganizationCommand(env),
		createSuperuserCommand(env),
		changePasswordCommand(env),
		loadDataCommand(env),
		dumpDataCommand(env),
		loadMediaCommand(env),
		dumpMediaCommand(env),
		sweepMediaCommand(env),
		importCommand(env),
		rotateSigningKeyCommand(env),
		seedCommand(env),
	}
}

// withPool opens the database, of which up to conns connections are used, for the
// time of do.
func withPool(cmd *cobra.Command, env config.Env, do func(ctx context.Context, pool *pgxpool.Pool) error, configure ...func(*pgxpool.Config)) error {
	var cfg pgdb.Config
	if err := env.Load(&cfg); err != nil {
		return err
	}
	pool, err := pgdb.Open(cmd.Context(), cfg, "managair-"+cmd.Name(), configure...)
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(cmd.Context(), pool)
}
