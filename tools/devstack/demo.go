package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	var reset bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole stack with an example and simulated nodes",
		Long: `Runs the whole stack on this machine, on loopback ports only, with an example
organization and simulated nodes, until it is interrupted. What it needs to know
the next time is in the folder .devstack of the project.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Project, err = filepath.Abs(o.Project); err != nil {
				return err
			}
			o.Out = cmd.OutOrStdout()
			if reset {
				removed, err := demo.Reset(o.Project)
				if err == nil && removed != "" {
					_, err = fmt.Fprintln(o.Out, "removed", removed)
				}
				return err
			}
			ctx, stop := lifecycle.SignalContext()
			defer stop()
			// A closed terminal is no reason to leave a database that has to recover.
			ctx, stopHangup := signal.NotifyContext(ctx, syscall.SIGHUP)
			defer stopHangup()
			return demo.Run(ctx, o)
		},
	}
	cmd.SetOut(os.Stdout)
	cmd.Flags().StringVar(&o.Project, "project", ".", "folder of the project")
	cmd.Flags().StringVar(&o.Bin, "bin", "bin", "folder of the services' binaries")
	cmd.Flags().IntVar(&o.Days, "days", 30, "days of past at the first start")
	cmd.Flags().BoolVar(&reset, "reset", false, "remove the data of earlier demos instead")
	return cmd
}
