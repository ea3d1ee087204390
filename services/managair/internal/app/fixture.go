package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/moving"
)

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
				return writeOutput(output, cmd.OutOrStdout(), func(w io.Writer) error {
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
