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
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func upkeepCommands(env config.Env) []*cobra.Command {
	return []*cobra.Command{
		checkCommand(env),
		statusCommand(env),
		sendTestEmailCommand(env),
		clearSessionsCommand(env),
		createOrganizationCommand(env),
	}
}

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

func statusCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Ask every process of the stack how it is",
		Long: `Asks the operations ports of SERVICES, each process of them, whether what it
depends on answers, and prints what is not well, a line each: service, address,
what is asked, and what is wrong with it. With any such line the exit status is 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cfg ServeConfig
			if err := env.Load(&cfg); err != nil {
				return err
			}
			if len(cfg.Services) == 0 {
				return errors.New("SERVICES is not set, so nobody can be asked")
			}
			answers := ops.Ask(cmd.Context(), cfg.Services)
			ill := 0
			for _, a := range answers {
				if a.State == ops.Well {
					continue
				}
				ill++
				for _, problem := range a.Problems() {
					cmd.Println(a.Service, a.Address, shorten(problem))
				}
			}
			if ill > 0 {
				return fmt.Errorf("%d of %d processes are not well", ill, len(answers))
			}
			return nil
		},
	}
}

// shorten keeps a line readable; Redis for one explains itself at length.
func shorten(line string) string {
	const longest = 200
	if r := []rune(line); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return line
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

func sendTestEmailCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "sendtestemail ADDRESS...",
		Short: "Send a mail at once, to see whether the settings are right",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var cfg mail.Config
			if err := env.Load(&cfg); err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				for _, to := range args {
					err := deliverer(cfg, pool).Deliver(ctx, mail.Message{
						To: to, Subject: "Clair: test",
						Text: "This mail was sent by managair sendtestemail. The settings are right.\n",
					})
					if err != nil {
						return err
					}
					if cfg.Host == "" {
						cmd.Printf("kept for %s: EMAIL_HOST is not set, so mails stay in the database\n", to)
					} else {
						cmd.Printf("sent to %s\n", to)
					}
				}
				return nil
			})
		},
	}
}

func clearSessionsCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "clearsessions",
		Short: "Delete sessions, tokens and links in mails that have expired",
		Long:  "Deletes sessions, tokens and links in mails that have expired. The worker does this every hour.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				n, err := postgres.NewIdentity(pool).ClearExpired(ctx, time.Now())
				if err == nil {
					cmd.Printf("%d deleted\n", n)
				}
				return err
			})
		},
	}
}

func createOrganizationCommand(env config.Env) *cobra.Command {
	var owner, description string
	cmd := &cobra.Command{
		Use:   "create-organization NAME --owner USERNAME",
		Short: "Make an organization and its owner",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				user, err := userNamed(ctx, postgres.NewIdentity(pool), owner)
				if err != nil {
					return err
				}
				organization := inventory.Organization{Name: strings.TrimSpace(args[0]), Description: &description}
				created, err := postgres.NewInventory(pool).Organizations.Create(ctx, access.Caller{UserID: user.ID}, organization)
				if err != nil {
					return describeField(err)
				}
				cmd.Printf("organization %d created, owner %s\n", created.ID, user.Username)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&owner, "owner", "", "name of the user who becomes OWNER")
	cmd.Flags().StringVar(&description, "description", "", "what it is")
	if err := cmd.MarkFlagRequired("owner"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// userNamed returns the user of that name, or an error for whoever mistyped it.
func userNamed(ctx context.Context, store identity.Store, name string) (identity.User, error) {
	user, err := store.UserByName(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return user, fmt.Errorf("there is no user %q", name)
	}
	return user, err
}

// describeField says in English what identity and inventory refuse.
func describeField(err error) error {
	if v, ok := errors.AsType[*fault.Violation](err); ok {
		return errors.New(fixture.Describe(v))
	}
	return err
}
