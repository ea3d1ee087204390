package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
)

type importConfig struct {
	DSN config.Secret `env:"IMPORT_DSN" desc:"import-django: the predecessor's database, postgres://..."`
}

func importCommand(env config.Env) *cobra.Command {
	var dsn string
	var jobs int
	var repair, again, quiet bool
	var until time.Time
	cmd := &cobra.Command{
		Use:   "import-django",
		Short: "Copy everything from the predecessor's database",
		Long: `Copies everything from the predecessor's PostgreSQL database, of which it only
reads one snapshot, so the predecessor may go on meanwhile. Run it again to take
over what came later; an interrupted run goes on where it stopped. Afterwards counts
and checksums of each node's samples are compared.

With --until, samples of that time and later are left out: name the time since which
our own forwarders receive the uplinks, or samples of Clairchen nodes that do not send
at SF9 are there twice, since the predecessor dates them wrongly.

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
					Source: dsn, Jobs: min(jobs, int(pool.Config().MaxConns)-1), Until: until, Again: again,
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
	cmd.Flags().TimeVar(&until, "until", time.Time{}, []string{time.RFC3339, time.DateOnly}, "copy samples before this time only, for example 2026-11-28T12:00:00Z")
	cmd.Flags().BoolVar(&again, "again", false, "copy also what an earlier run has copied")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "do not tell the progress")
	return cmd
}
