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
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

func newCommand() *cobra.Command {
	s := story{stage: newStage()}
	var keep bool
	cmd := &cobra.Command{
		Use:           "e2e",
		Short:         "Plays the life of a deployed stack on a Docker Swarm of its own; use tools/dev/e2e.sh",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd.Context(), cmd.OutOrStdout(), &s.stage, s.steps(), s.engine.stop, keep)
		},
	}
	s.flags(cmd.Flags(), &keep)
	cmd.AddCommand(clusterCommand(), upgradeCommand(), devCommand(), callsCommand(), mailCommand(), pgAdminCommand(), grafanaCommand(), wgetCommand())
	cmd.AddCommand(unhealthyCommands()...)
	return cmd
}

// newStage is a stage of one node.
func newStage() stage {
	return stage{environment: environment, days: 6, broker: "tcp://" + local + ":1883", entry: local}
}

// flags defines those that every story has.
func (s *stage) flags(f *pflag.FlagSet, keep *bool) {
	f.StringVar(&s.engine.debian, "debian", "", "archive of a root file system with the servers")
	f.StringVar(&s.engine.traefik, "traefik", "", "binary of Traefik")
	f.StringVar(&s.engine.pebble, "pebble", "", "binary of Pebble, an ACME server for tests")
	f.StringVar(&s.engine.monitoring, "monitoring", "", "folder with Prometheus and its exporters, where they are needed")
	f.StringVar(&s.images, "images", "", "archive of our own images")
	f.StringVar(&s.work, "work", "", "folder for the engine's data and logs")
	f.StringVar(&s.skip, "skip", "", "leave out the steps whose names match this regular expression, when working on others")
	f.BoolVar(keep, "keep", false, "wait for Ctrl-C before everything is removed, to look around")
}

// stepTimeout is far more than any step takes on a machine that does nothing else.
const stepTimeout = 7 * time.Minute

// figure is a line of the table that is printed in the end.
type figure struct{ name, value string }

// play takes the steps one after the other, and what they made down at the end.
func play(ctx context.Context, out io.Writer, s *stage, steps []step, takeDown func(), keep bool) (err error) {
	s.log, err = os.Create(filepath.Join(s.work, "e2e.log"))
	if err != nil {
		return err
	}
	defer func() { _ = s.log.Close() }()
	s.engine.work, s.engine.log = s.work, s.log
	s.secrets = filepath.Join(s.work, "secrets")

	skip, err := regexp.Compile(s.skip)
	if err != nil {
		return err
	}
	begun := time.Now()
	defer func() {
		s.report("the whole story", "%s", time.Since(begun).Round(time.Second))
		printFigures(out, s.figures)
	}()
	defer takeDown()
	for _, step := range steps {
		if s.skip != "" && skip.MatchString(step.name) {
			_, _ = fmt.Fprintf(out, "LEFT OUT          %s\n", step.name)
			continue
		}
		stepCtx, cancel := context.WithTimeout(ctx, stepTimeout)
		stepBegun := time.Now()
		err := step.do(stepCtx)
		cancel()
		if err != nil {
			_, _ = fmt.Fprintf(out, "FAILED  %5.1f s  %s\n", time.Since(stepBegun).Seconds(), step.name)
			s.explain(out)
			if keep {
				_, _ = fmt.Fprintln(out, "Ctrl-C ends it; look around with: nsenter --all --target", os.Getpid())
				<-ctx.Done()
			}
			return fmt.Errorf("%s: %w", step.name, err)
		}
		_, _ = fmt.Fprintf(out, "passed  %5.1f s  %s\n", time.Since(stepBegun).Seconds(), step.name)
	}
	return nil
}

func printFigures(w io.Writer, figures []figure) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table)
	for _, f := range figures {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", f.name, f.value)
	}
	_ = table.Flush()
}
