package app

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ops"
)

func statusCommand(env config.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Ask every process of the stack how it is",
		Long: `Asks the operations ports of SERVICES, each process of them, whether what it
depends on answers, and prints what is not well, a line each: service, address,
what is asked, and what is wrong with it. With any such line the exit status is 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var cfg ServeConfig
			if err := env.Load(&cfg); err != nil {
				return err
			}
			if len(cfg.Services) == 0 {
				return errors.New("SERVICES is not set, so nobody can be asked")
			}
			answers := ops.Ask(cmd.Context(), cfg.Services)
			ill := 0
			for _, a := range answers {
				if a.State == ops.Well {
					continue
				}
				ill++
				for _, problem := range a.Problems() {
					cmd.Println(a.Service, a.Address, shorten(problem))
				}
			}
			if ill > 0 {
				return fmt.Errorf("%d of %d processes are not well", ill, len(answers))
			}
			return nil
		},
	}
}

// shorten keeps a line readable; Redis for one explains itself at length.
func shorten(line string) string {
	const longest = 200
	if r := []rune(line); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return line
}
