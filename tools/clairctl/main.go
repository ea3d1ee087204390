// Command clairctl is the command line of operators and developers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

func main() {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes, as in the help.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitPartly      = 3
	exitDiffers     = 4
	exitUnchecked   = 5
	exitInterrupted = 130
)

// usageError is a mistake in the command line.
type usageError struct{ error }

// partlyError says that some of many things failed, each of which was reported.
type partlyError struct{ failed, all int }

// Error tells how many.
func (e partlyError) Error() string { return fmt.Sprintf("%d of %d failed", e.failed, e.all) }

// run runs a command and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	started := false
	root := rootCommand(&output{to: stdout}, &started)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(stderr, "clairctl:", err)
	var usage usageError
	var partly partlyError
	var differs differsError
	var unchecked uncheckedError
	switch {
	case !started || errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &partly):
		return exitPartly
	case errors.As(err, &differs):
		return exitDiffers
	case errors.As(err, &unchecked):
		return exitUnchecked
	case ctx.Err() != nil:
		return exitInterrupted
	default:
		return exitFailure
	}
}

// rootCommand returns the command with all its subcommands. started becomes true when
// the command line was understood and the work begins.
func rootCommand(out *output, started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "clairctl",
		Short: "Command line of the Clair Stack",
		Long: `Command line of the Clair Stack, for operators and developers.

Exit codes: 0 all done; 1 something failed; 2 the command line is wrong;
3 some of many things failed; 4 what was verified does not match;
5 it matches, but its signature was not checked; 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       lifecycle.Version,
	}
	root.PersistentFlags().BoolVar(&out.json, "json", false, "print JSON")
	root.AddCommand(
		decodeCommand(out), deviceIDCommand(out), nfcConfigCommand(out), registerNodeCommand(out),
		sampleDumpCommand(), simulateCommand(out), storageFixturesCommand(), samplesCommand(out), uplinksCommand(out), verdictCommand(out),
	)
	note(root, started)
	return root
}

// note has commands tell that they have started.
func note(cmd *cobra.Command, started *bool) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return work(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		note(child, started)
	}
}
