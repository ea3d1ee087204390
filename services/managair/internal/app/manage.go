package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

// manageCommands are what an operator does by hand, through tools/manage.sh. They
// ask back only on a terminal, write their result to standard output and the rest
// to standard error.
func manageCommands(env config.Env) []*cobra.Command {
	return append(upkeepCommands(env),
		createSuperuserCommand(env),
		changePasswordCommand(env),
		loadDataCommand(env),
		dumpDataCommand(env),
		loadMediaCommand(env),
		dumpMediaCommand(env),
		sweepMediaCommand(env),
		importCommand(env),
	)
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
			settings, err := superuserSettings(env)
			if err != nil {
				return err
			}
			if username == "" {
				username = settings.Username
			}
			if email == "" {
				email = settings.Email
			}
			p := newPrompt(cmd)
			interactive := p.terminal && !noInput
			if interactive {
				username = p.ask("Username", username)
				email = p.ask("E-mail address", email)
			}
			if username == "" {
				return errors.New("no name: give --username, set SUPERUSER_USERNAME, or run on a terminal")
			}
			if username, err = identity.CleanUsername(username); err != nil {
				return describeField(err)
			}
			if email != "" {
				if email, err = identity.CleanEmail(email); err != nil {
					return describeField(err)
				}
			}
			password := settings.Password.Reveal()
			if interactive && password == "" {
				if password, err = p.newPassword(username, email); err != nil {
					return err
				}
			}
			if password == "" {
				return errors.New("no password: set SUPERUSER_PASSWORD or SUPERUSER_PASSWORD_FILE, or run on a terminal")
			}
			hash, err := identity.NewHasher().Hash(cmd.Context(), identity.Asker{}, password)
			if err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				_, err := postgres.NewIdentity(pool).CreateUser(ctx, identity.NewUser{
					User: identity.User{
						Username: username, Email: email, Active: true, Staff: true, Superuser: true, JoinedAt: time.Now(),
					},
					PasswordHash:  hash,
					EmailVerified: true,
				})
				if err != nil {
					return describeField(err)
				}
				cmd.Printf("superuser %s created\n", username)
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

func loadDataCommand(env config.Env) *cobra.Command {
	var repair, quiet bool
	var format string
	cmd := &cobra.Command{
		Use:   "loaddata FILE...",
		Short: "Load fixtures, as the predecessor's dumpdata writes them",
		Long: `Loads fixtures: JSON or JSONL as the predecessor's dumpdata and our own write it, also
compressed (.gz). "-" is standard input. Several files may refer to each other in
any order. Rows keep their ids; rows that are there are overwritten, samples are
not. Loading the same again changes nothing.

Some rules are stricter than the predecessor's. Every row that breaks one is listed
with a repair; --repair makes these repairs, else the rows are left out and the exit
status is 1.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fixture.Format(format).Check(); err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				sources, closeAll, err := openFixtures(cmd.InOrStdin(), args)
				if err != nil {
					return err
				}
				defer closeAll()
				loader := moving.Loader{Pool: pool, Repair: repair, Now: time.Now}
				if !quiet {
					loader.Progress = func(step string, samples int64) {
						cmd.PrintErrf("%s %d samples\n", step, samples)
					}
				}
				report, err := loader.Load(ctx, fixture.Objects(sources...))
				if err != nil {
					return err
				}
				report.Write(cmd.OutOrStdout())
				if n := report.LeftOut(); n > 0 {
					return fmt.Errorf("rows left out: %d; everything else is loaded", n)
				}
				return nil
			}, samplestore.Configure)
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "make the proposed repairs")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the progress")
	cmd.Flags().StringVar(&format, "format", string(fixture.JSON), "format of standard input, json or jsonl, as the predecessor asks for it; files tell it themselves")
	return cmd
}

// openFixtures opens all files, before the first is read: that one is missing is told
// before anything is written.
func openFixtures(stdin io.Reader, names []string) (sources []fixture.Source, closeAll func(), err error) {
	var opened []io.Closer
	closeAll = func() {
		for _, c := range opened {
			_ = c.Close() // only read
		}
	}
	for _, name := range names {
		in, err := openInput(name, stdin)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		opened = append(opened, in)
		sources = append(sources, fixture.Source{Name: name, Reader: in})
	}
	return sources, closeAll, nil
}

func dumpDataCommand(env config.Env) *cobra.Command {
	var output, format string
	var exclude []string
	var indent int
	cmd := &cobra.Command{
		Use:   "dumpdata [MODEL|APP]...",
		Short: "Write a fixture that the predecessor and loaddata can read",
		Long: `Writes a fixture that the predecessor's loaddata and our own can read: all models,
or those named ("core.node"), or all of an application ("core"). Tokens are not
part of it: only their digests are known. Samples have no number here; their pk is
null, which the predecessor takes as "the next one".

The predecessor reads json as a whole into memory, jsonl line by line.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fixture.Format(format).Check(); err != nil {
				return err
			}
			models, err := fixture.Select(args, exclude)
			if err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				return toFile(output, cmd.OutOrStdout(), func(w io.Writer) error {
					return moving.Dump(ctx, pool, fixture.NewWriter(w, fixture.Format(format), indent), models)
				})
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, compressed if it ends in .gz; default standard output")
	cmd.Flags().StringSliceVarP(&exclude, "exclude", "e", nil, "models or applications to leave out")
	cmd.Flags().StringVar(&format, "format", string(fixture.JSON), "json (an array) or jsonl (an object per line)")
	cmd.Flags().IntVar(&indent, "indent", 0, "blanks to indent with; 0: one object per line")
	return cmd
}

// prompt asks the person at the terminal, if there is one.
type prompt struct {
	in       *bufio.Reader
	fd       int
	terminal bool
	cmd      *cobra.Command
}

func newPrompt(cmd *cobra.Command) *prompt {
	p := &prompt{in: bufio.NewReader(cmd.InOrStdin()), cmd: cmd}
	if f, ok := cmd.InOrStdin().(*os.File); ok {
		p.fd = int(f.Fd())
		p.terminal = term.IsTerminal(p.fd)
	}
	return p
}

// ask returns the answer, and preset if it is empty.
func (p *prompt) ask(question, preset string) string {
	if preset != "" {
		question += " [" + preset + "]"
	}
	p.cmd.PrintErr(question + ": ")
	line, _ := p.in.ReadString('\n') // at the end of the input the answer is empty
	if line = strings.TrimSpace(line); line != "" {
		return line
	}
	return preset
}

// newPassword asks twice, judges, and lets the operator insist. Without a
// terminal, a line of standard input is the password.
func (p *prompt) newPassword(known ...string) (string, error) {
	if !p.terminal {
		line, err := p.in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("no password on standard input")
		}
		return line, nil
	}
	for {
		first, err := p.secret("Password: ")
		if err != nil {
			return "", err
		}
		second, err := p.secret("Again: ")
		if err != nil {
			return "", err
		}
		switch weakness := identity.JudgePassword(first, known...); {
		case first != second:
			p.cmd.PrintErrln("These differ.")
		case first == "":
			p.cmd.PrintErrln("It is empty.")
		case weakness != identity.NotWeak:
			if p.ask(fmt.Sprintf("It is weak: %s. Use it all the same? (y/N)", strings.TrimSuffix(weakness.In("en"), ".")), "") == "y" {
				return first, nil
			}
		default:
			return first, nil
		}
	}
}

func (p *prompt) secret(question string) (string, error) {
	p.cmd.PrintErr(question)
	b, err := term.ReadPassword(p.fd)
	p.cmd.PrintErrln()
	return string(b), err
}

type importConfig struct {
	DSN config.Secret `env:"IMPORT_DSN" desc:"import-django: the predecessor's database, postgres://..."`
}

func importCommand(env config.Env) *cobra.Command {
	var dsn string
	var jobs int
	var repair, again, quiet bool
	cmd := &cobra.Command{
		Use:   "import-django",
		Short: "Copy everything from the predecessor's database",
		Long: `Copies everything from the predecessor's PostgreSQL database, of which it only
reads one snapshot, so the predecessor may go on meanwhile. Run it again to take
over what came later; an interrupted run goes on where it stopped. Afterwards counts
and checksums of each node's samples are compared.

The database is named by --dsn, or by IMPORT_DSN or the file that IMPORT_DSN_FILE
names, which keep its password out of the process list. Rows that break our
stricter rules are treated as by loaddata.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cfg importConfig
			if err := env.Load(&cfg); err != nil {
				return err
			}
			if dsn == "" {
				dsn = cfg.DSN.Reveal()
			}
			if dsn == "" {
				return errors.New("no source: give --dsn or set IMPORT_DSN")
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				im := moving.Importer{
					Loader: moving.Loader{Pool: pool, Repair: repair, Now: time.Now},
					Source: dsn, Jobs: min(jobs, int(pool.Config().MaxConns)-1), Again: again,
				}
				if !quiet {
					im.Loader.Progress = func(step string, samples int64) { cmd.PrintErrf("%s %d samples\n", step, samples) }
				}
				report, err := im.Import(ctx)
				if err != nil {
					return err
				}
				report.Write(cmd.OutOrStdout())
				if n := report.LeftOut() + report.Differing; n > 0 {
					return fmt.Errorf("rows left out: %d, nodes whose samples differ: %d; everything else is copied",
						report.LeftOut(), report.Differing)
				}
				return nil
			}, samplestore.Configure)
		},
	}
	cmd.Flags().StringVar(&dsn, "dsn", "", "the predecessor's database, postgres://...")
	cmd.Flags().IntVar(&jobs, "jobs", 4, "connections that copy at the same time")
	cmd.Flags().BoolVar(&repair, "repair", false, "make the proposed repairs")
	cmd.Flags().BoolVar(&again, "again", false, "copy also what an earlier run has copied")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the progress")
	return cmd
}
