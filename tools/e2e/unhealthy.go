package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// unhealthyCommands make this program play a version of a service that starts, but
// is never well.
func unhealthyCommands() []*cobra.Command {
	return []*cobra.Command{
		{
			Use:    "serve",
			Hidden: true,
			RunE: func(cmd *cobra.Command, _ []string) error {
				<-cmd.Context().Done()
				return nil
			},
		},
		{
			Use:    "unhealthy",
			Hidden: true,
			RunE:   func(*cobra.Command, []string) error { return errors.New("never well") },
		},
	}
}
