package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func checkCommand(env config.Env) *cobra.Command {
	var deploy bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look whether settings, database, Redis and accounts are as they should be",
		Long: `Looks whether the settings can be read, the database and Redis answer, the schema
is up to date, and somebody can administer. Each problem is a line; with one the
exit status is 1. What could be safer is a warning, and no problem. --deploy also asks
what matters on the open network only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, warnings := checkAll(cmd, env, deploy)
			for _, w := range warnings {
				cmd.Println("warning:", w)
			}
			for _, p := range problems {
				cmd.Println("problem:", p)
			}
			switch len(problems) {
			case 0:
				cmd.Println("no problems")
				return nil
			case 1:
				return errors.New("one problem")
			default:
				return fmt.Errorf("%d problems", len(problems))
			}
		},
	}
	cmd.Flags().BoolVar(&deploy, "deploy", false, "also ask what matters on the open network")
	return cmd
}

func checkAll(cmd *cobra.Command, env config.Env, deploy bool) (problems, warnings []string) {
	var serve ServeConfig
	var api httpapi.Config
	var mailCfg mail.Config
	var redisCfg RedisConfig
	if err := env.Load(&serve, &api, &mailCfg, &redisCfg); err != nil {
		problems = append(problems, err.Error())
	}
	if deploy {
		if !strings.HasPrefix(api.PublicURL, "https://") {
			problems = append(problems, "PUBLIC_URL does not begin with https://, so cookies are sent in the clear and links in mails lead nowhere")
		}
		if mailCfg.Host == "" {
			problems = append(problems, "EMAIL_HOST is not set: mails are kept in the database, and nobody can sign up or get a new password")
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 20*time.Second)
	defer cancel()
	if redisCfg.URL.IsSet() { // else it is a problem already
		redis := redisCfg.URL.Client()
		if err := errors.Join(redisconn.Keeps(ctx, redis), redis.Close()); err != nil {
			problems = append(problems, "Redis: "+err.Error())
		}
	}
	err := withPool(cmd, env, func(_ context.Context, pool *pgxpool.Pool) error {
		if err := pool.Ping(ctx); err != nil {
			return err
		}
		pending, err := pendingMigrations(ctx, cmd, env)
		if err != nil {
			return err
		}
		if pending > 0 {
			// The other questions need the tables.
			problems = append(problems, fmt.Sprintf("%d migrations are pending: run managair migrate", pending))
			return nil
		}
		administrators, err := postgres.NewIdentity(pool).CountSuperusers(ctx)
		if err == nil && administrators == 0 {
			problems = append(problems, "there is no active superuser: run managair createsuperuser")
		}
		if err != nil {
			return err
		}
		owner, err := postgres.IsOwner(ctx, pool)
		if err != nil {
			return err
		}
		if owner {
			warnings = append(warnings, "managair logs in as the owner of the database: whoever takes it over has all of it, and may drop it;"+
				" docs/operations.md says how it gets a role of its own")
		}
		broken, err := postgres.Broken(ctx, pool)
		problems = append(problems, broken...)
		return err
	})
	if err != nil {
		problems = append(problems, "database: "+err.Error())
	}
	return problems, warnings
}

func pendingMigrations(ctx context.Context, cmd *cobra.Command, env config.Env) (int, error) {
	log, connString, err := database(cmd, env)
	if err != nil {
		return 0, err
	}
	all, err := schema.Status(ctx, log, connString)
	pending := 0
	for _, m := range all {
		if m.AppliedAt.IsZero() {
			pending++
		}
	}
	return pending, err
}
