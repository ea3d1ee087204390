// Command clairctl is the command line of operators and developers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

func main() {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	err := rootCommand().ExecuteContext(ctx)
	stop()
	os.Exit(exitCode(err))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "clairctl",
		Short: "Command line of the Clair Stack",
		Long: `Command line of the Clair Stack, for operators and developers.

Exit codes: 0 all done; 1 something failed; 2 the command line is wrong;
3 part of many things failed; 130 interrupted.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       lifecycle.Version,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(simulateCommand())
	return root
}

// Exit codes, as in the help.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitPartly      = 3
	exitInterrupted = 130
)

// usageError is a mistake in the command line.
type usageError struct{ error }

// partlyError says that some of many things failed, each of which was reported.
type partlyError struct{ failed, all int }

func (e partlyError) Error() string { return fmt.Sprintf("%d of %d failed", e.failed, e.all) }

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "clairctl:", err)
	var usage usageError
	var partly partlyError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &partly):
		return exitPartly
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	default:
		return exitFailure
	}
}
