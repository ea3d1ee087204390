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
			found := checkAll(cmd, env, deploy)
			for _, w := range found.warnings {
				cmd.Println("warning:", w)
			}
			for _, p := range found.problems {
				cmd.Println("problem:", p)
			}
			switch n := len(found.problems); n {
			case 0:
				cmd.Println("no problems")
				return nil
			case 1:
				return errors.New("one problem")
			default:
				return fmt.Errorf("%d problems", n)
			}
		},
	}
	cmd.Flags().BoolVar(&deploy, "deploy", false, "also ask what matters on the open network")
	return cmd
}

// findings are what a check tells: problems, and what is none but could be safer.
type findings struct{ problems, warnings []string }

func (f *findings) problem(text string) { f.problems = append(f.problems, text) }

func checkAll(cmd *cobra.Command, env config.Env, deploy bool) findings {
	ctx, cancel := context.WithTimeout(cmd.Context(), 20*time.Second)
	defer cancel()
	var f findings
	f.checkSettings(ctx, env, deploy)
	err := withPool(cmd, env, func(_ context.Context, pool *pgxpool.Pool) error {
		return f.checkDatabase(ctx, cmd, env, pool)
	})
	if err != nil {
		f.problem("database: " + err.Error())
	}
	return f
}

// checkSettings looks at the settings, and whether Redis is as they say.
func (f *findings) checkSettings(ctx context.Context, env config.Env, deploy bool) {
	var serve ServeConfig
	var api httpapi.Config
	var mailCfg mail.Config
	var redisCfg RedisConfig
	if err := env.Load(&serve, &api, &mailCfg, &redisCfg); err != nil {
		f.problem(err.Error())
	}
	if deploy {
		if !strings.HasPrefix(api.PublicURL, "https://") {
			f.problem("PUBLIC_URL does not begin with https://, so cookies are sent in the clear and links in mails lead nowhere")
		}
		if mailCfg.Kept() {
			f.problem("EMAIL_HOST is not set: mails are kept in the database, and nobody can sign up or get a new password")
		}
	}
	if redisCfg.URL.IsSet() { // else it is a problem already
		redis := redisCfg.URL.Client()
		if err := errors.Join(redisconn.Keeps(ctx, redis), redis.Close()); err != nil {
			f.problem("Redis: " + err.Error())
		}
	}
}

func (f *findings) checkDatabase(ctx context.Context, cmd *cobra.Command, env config.Env, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		return err
	}
	pending, err := pendingMigrations(ctx, cmd, env)
	if err != nil {
		return err
	}
	if pending > 0 {
		// The other questions need the tables.
		f.problem(fmt.Sprintf("%d migrations are pending: run managair migrate", pending))
		return nil
	}
	administrators, err := postgres.NewIdentity(pool).CountSuperusers(ctx)
	if err != nil {
		return err
	}
	if administrators == 0 {
		f.problem("there is no active superuser: run managair createsuperuser")
	}
	owner, err := postgres.IsOwner(ctx, pool)
	if err != nil {
		return err
	}
	if owner {
		f.warnings = append(f.warnings, "managair logs in as the owner of the database: whoever takes it over has all of it, and may drop it;"+
			" docs/operations.md says how it gets a role of its own")
	}
	broken, err := postgres.Broken(ctx, pool)
	f.problems = append(f.problems, broken...)
	return err
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
