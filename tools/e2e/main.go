// Command e2e plays the life of a deployed stack on a Docker Swarm of its own, with
// the tools that operators use, and prints what it measured.
//
// tools/dev/e2e.sh starts it in namespaces of its own (network, processes, mounts), so
// that it meets no other Docker engine, needs no free ports, and leaves nothing
// behind, however it ends.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/standin"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story/cluster"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story/dev"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story/lifetime"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/story/upgrade"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// newCommand has the stories, the first without a name, and what our image plays in the
// containers of others.
func newCommand() *cobra.Command {
	cmd := lifetime.Command()
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.AddCommand(cluster.Command(), upgrade.Command(), dev.Command(), load.CallsCommand())
	cmd.AddCommand(standin.Commands()...)
	return cmd
}
