package app

import (
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// rolesConfig has the passwords of the roles that services log in with. Each may also have
// lines that are not in force yet, as what the service is given; the first counts.
type rolesConfig struct {
	Managair  config.Secret `env:"DB_MANAGAIR_PASSWORD" desc:"managair migrate: password of the role OWNER_managair, which is made or gets it; unset: the role is left as it is"`
	Ingestair config.Secret `env:"DB_INGESTAIR_PASSWORD" desc:"the same of OWNER_ingestair"`
	Exporter  config.Secret `env:"DB_EXPORTER_PASSWORD" desc:"the same of OWNER_exporter, for an exporter of PostgreSQL's figures"`
}

func (c rolesConfig) passwords() map[schema.Service]string {
	all := map[schema.Service]string{}
	for service, secret := range map[schema.Service]config.Secret{
		schema.Managair: c.Managair, schema.Ingestair: c.Ingestair, schema.Exporter: c.Exporter,
	} {
		all[service], _, _ = strings.Cut(secret.Reveal(), "\n")
	}
	return all
}

func migrateCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schema up to date, and give the services' roles what is due to them",
		Long: `Brings the database schema up to date, and gives the roles that services log in
with what is due to them, and no more. It logs in as the owner of the tables (OWNER);
the roles are OWNER_managair, OWNER_ingestair and OWNER_exporter. Those whose password
is set (DB_MANAGAIR_PASSWORD and so on) are made, or get that password; an owner who
may not do that leaves it to an administrator, and the passwords unset. Then it does
what seed does, so that a new installation can register sensors, once for each kind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, connString, err := database(cmd, env)
			if err != nil {
				return err
			}
			var roles rolesConfig
			if err := env.Load(&roles); err != nil {
				return err
			}
			applied, err := schema.Up(cmd.Context(), log, connString)
			for _, m := range applied {
				cmd.Println("applied", m.Name)
			}
			if err == nil && len(applied) == 0 {
				cmd.Println("nothing to apply")
			}
			if err != nil {
				return err
			}
			if err := schema.Grant(cmd.Context(), log, connString, roles.passwords()); err != nil {
				return err
			}
			_, err = seeded(cmd, env, false)
			return err
		},
	}
}

func showMigrationsCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "showmigrations",
		Short: "List the migrations and when they were applied",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, connString, err := database(cmd, env)
			if err != nil {
				return err
			}
			all, err := schema.Status(cmd.Context(), log, connString)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, m := range all {
				when := "pending"
				if !m.AppliedAt.IsZero() {
					when = m.AppliedAt.UTC().Format(time.RFC3339)
				}
				_, _ = fmt.Fprintf(table, "%s\t%s\n", m.Name, when)
			}
			return table.Flush()
		},
	}
}

func database(cmd *cobra.Command, env config.Env) (*slog.Logger, string, error) {
	log, err := lifecycle.Logger(env, "managair", cmd.ErrOrStderr())
	if err != nil {
		return nil, "", err
	}
	var cfg pgdb.Config
	if err := env.Load(&cfg); err != nil {
		return nil, "", err
	}
	cfg, err = cfg.Settled(cmd.Context())
	return log, cfg.ConnString(), err
}
