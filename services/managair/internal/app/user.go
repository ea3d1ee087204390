package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

func createSuperuserCommand(env config.Env) *cobra.Command {
	var username, email string
	var noInput bool
	cmd := &cobra.Command{
		Use:   "createsuperuser",
		Short: "Make an account that sees and does everything in the admin pages",
		Long: `Makes an account that sees and does everything in the admin pages.

Asks for what is missing when it runs on a terminal. Otherwise, or with --noinput,
the name comes from --username or SUPERUSER_USERNAME, the address from --email or
SUPERUSER_EMAIL, and the password from SUPERUSER_PASSWORD (or the file that
SUPERUSER_PASSWORD_FILE names), without being judged. The predecessor's
DJANGO_SUPERUSER_* variables are understood too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted, err := superuserSettings(env)
			if err != nil {
				return err
			}
			wanted.Username, wanted.Email = cmp.Or(username, wanted.Username), cmp.Or(email, wanted.Email)
			p := newPrompt(cmd)
			password, err := wanted.complete(p, p.terminal && !noInput)
			if err != nil {
				return err
			}
			hash, err := identity.NewHasher().Hash(cmd.Context(), identity.Asker{}, password)
			if err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				_, err := postgres.NewIdentity(pool).CreateUser(ctx, identity.NewUser{
					User: identity.User{
						Username: wanted.Username, Email: wanted.Email, Active: true, Staff: true, Superuser: true, JoinedAt: time.Now(),
					},
					PasswordHash:  hash,
					EmailVerified: true,
				})
				if err != nil {
					return describeField(err)
				}
				cmd.Printf("superuser %s created\n", wanted.Username)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&username, "username", "", "name to log in with")
	cmd.Flags().StringVar(&email, "email", "", "e-mail address, taken as confirmed")
	cmd.Flags().BoolVar(&noInput, "noinput", false, "never ask")
	return cmd
}

type superuserConfig struct {
	Username string        `env:"SUPERUSER_USERNAME" desc:"createsuperuser: name"`
	Email    string        `env:"SUPERUSER_EMAIL" desc:"createsuperuser: e-mail address"`
	Password config.Secret `env:"SUPERUSER_PASSWORD" desc:"createsuperuser: password"`
}

// complete asks for what is missing, where it may, and returns the password.
func (c *superuserConfig) complete(p *prompt, interactive bool) (password string, err error) {
	if interactive {
		c.Username = p.ask("Username", c.Username)
		c.Email = p.ask("E-mail address", c.Email)
	}
	if c.Username == "" {
		return "", errors.New("no name: give --username, set SUPERUSER_USERNAME, or run on a terminal")
	}
	if c.Username, err = identity.CleanUsername(c.Username); err != nil {
		return "", describeField(err)
	}
	if c.Email != "" {
		if c.Email, err = identity.CleanEmail(c.Email); err != nil {
			return "", describeField(err)
		}
	}
	password = c.Password.Reveal()
	if interactive && password == "" {
		if password, err = p.newPassword(c.Username, c.Email); err != nil {
			return "", err
		}
	}
	if password == "" {
		return "", errors.New("no password: set SUPERUSER_PASSWORD or SUPERUSER_PASSWORD_FILE, or run on a terminal")
	}
	return password, nil
}

// superuserSettings reads the variables under our names and the predecessor's.
func superuserSettings(env config.Env) (superuserConfig, error) {
	merged := config.Env{}
	for name, value := range env {
		if ours, ok := strings.CutPrefix(name, "DJANGO_"); ok && strings.HasPrefix(ours, "SUPERUSER_") && env[ours] == "" {
			merged[ours] = value
			continue
		}
		if _, taken := merged[name]; !taken {
			merged[name] = value
		}
	}
	var cfg superuserConfig
	err := merged.Load(&cfg)
	return cfg, err
}

func changePasswordCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "changepassword USERNAME",
		Short: "Give an account a new password and end its sessions",
		Long: `Gives an account a new password, ends all its sessions and tokens, and tells its
owner by mail. Asks twice on a terminal; otherwise one line of standard input is the
password, which is not judged.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				var pages httpapi.Config
				var limits identity.Limits
				if err := env.Load(&pages, &limits); err != nil {
					return err
				}
				accounts := newAccounts(pool, worker.Mails{
					Store: postgres.OutgoingMail{Pool: pool}, PublicURL: cmp.Or(pages.PublicURL, defaultPublicURL),
				}, limits)
				user, err := userNamed(ctx, postgres.NewIdentity(pool), args[0])
				if err != nil {
					return err
				}
				password, err := newPrompt(cmd).newPassword(user.Username, user.Email)
				if err != nil {
					return err
				}
				// Whoever is at the terminal has been asked about a weak one.
				if err := accounts.SetPasswordFor(ctx, user.ID, password, true); err != nil {
					return err
				}
				cmd.Printf("password of %s changed\n", user.Username)
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
