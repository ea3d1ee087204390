package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// pictures returns the store that the environment describes.
func pictures(env config.Env) (media.Store, error) {
	var cfg media.Config
	if err := env.Load(&cfg); err != nil {
		return nil, err
	}
	return media.New(cfg)
}

// convertCommandName is the command that a process calls itself with to have a
// picture decoded by another process.
const convertCommandName = "convert-picture"

// converter decodes pictures by calling this program again.
func converter() (*media.Converter, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program, to decode pictures: %w", err)
	}
	return media.NewConverter(self, convertCommandName), nil
}

func sweepMediaCommand(env config.Env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "sweepmedia",
		Short: "Delete the pictures that no installation has",
		Long: `Deletes the files of pictures that no installation has and that are older than a day.
The worker does this every ten minutes, unless that were most of many files: then it
may have been given the wrong store, and somebody who knows says --all.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := pictures(env)
			if err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				n, err := media.Sweep(ctx, store, time.Now(), all, postgres.Pictures{Pool: pool}.Needed)
				cmd.Printf("%d deleted\n", n)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also if it is most of many")
	return cmd
}

func dumpMediaCommand(env config.Env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "dumpmedia",
		Short: "Write the pictures of all installations as a tar archive",
		Long: `Writes the pictures of all installations as a tar archive, wherever they are kept:
in MEDIA_FOLDER or in the bucket of MEDIA_S3_URL. loadmedia reads it. Pictures that
the database names, but that are not there, are told on standard error.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := pictures(env)
			if err != nil {
				return err
			}
			return withPool(cmd, env, func(ctx context.Context, pool *pgxpool.Pool) error {
				all, err := postgres.Pictures{Pool: pool}.All(ctx)
				if err != nil {
					return err
				}
				return writeOutput(output, cmd.OutOrStdout(), func(w io.Writer) error {
					missing, err := media.Export(ctx, w, store, all)
					for _, name := range missing {
						cmd.PrintErrln("missing:", name)
					}
					return err
				})
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write, compressed if it ends in .gz; default standard output")
	return cmd
}

func loadMediaCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "loadmedia FILE|-",
		Short: "Store the pictures of an archive that dumpmedia wrote",
		Long: `Stores the pictures of a tar archive that dumpmedia wrote, or that was made of the
predecessor's folder of pictures (tar -C FOLDER -c .); compressed if its name ends in
.gz. "-" is standard input. What is no picture, or not directly in the folder, is left
out and told on standard error, and the exit status is 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := pictures(env)
			if err != nil {
				return err
			}
			in, err := openInput(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer func() { _ = in.Close() }()
			n, leftOut, err := media.Import(cmd.Context(), in, store)
			for _, name := range leftOut {
				cmd.PrintErrf("left out: %q\n", name)
			}
			if err != nil {
				return fmt.Errorf("after %d pictures: %w", n, err)
			}
			cmd.PrintErrf("%d pictures\n", n)
			if len(leftOut) > 0 {
				return fmt.Errorf("%d files were left out", len(leftOut))
			}
			return nil
		},
	}
}
