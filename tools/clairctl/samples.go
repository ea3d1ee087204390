package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

func samplesCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "samples",
		Short: "Judge samples again that were rejected",
		Long: `Judges samples again that were rejected. It calls the ingestair, which it finds by
the environment, as the forwarders do: INGESTAIR_ADDRESS, INGEST_TOKEN or
INGEST_TOKEN_FILE.`,
	}
	cmd.AddCommand(rejudgeCommand(out))
	return cmd
}

func rejudgeCommand(out *output) *cobra.Command {
	var reason, device string
	var byArrival bool
	cmd := &cobra.Command{
		Use:   "rejudge",
		Short: "Judge rejected samples by today's rules and clock, and store those that break none",
		Long: `Judges rejected samples by today's rules and clock, and stores those that break none.

With --by-arrival the clock that told their times is taken to have been wrong: times
before 2000 and in the future are counted back from when the samples were rejected.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, v := keeping.AsideFor.Clean(reason); reason != "" && v != nil {
				return usageError{fmt.Errorf("--reason: %s", v.Reason.In("en", v.Args...))}
			}
			request := &ingestv1.RejudgeSamplesRequest{Reason: reason, ByArrival: byArrival}
			if device != "" {
				eui, err := lorawan.ParseEUI64(device)
				if err != nil {
					return usageError{fmt.Errorf("--device: %w", err)}
				}
				request.DevEui = uint64(eui)
			}
			client, err := dialIngestair()
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Hour)
			defer cancel()
			r, err := client.Service.RejudgeSamples(ctx, request)
			if err != nil {
				return fmt.Errorf("judge rejected samples again: %w", err)
			}
			return out.print(r, func(w io.Writer) {
				fmt.Fprintf(w, "stored\t%d\nduplicate\t%d\nconflict\t%d\nparked\t%d\nrejected again\t%d\n",
					r.GetStored(), r.GetDuplicate(), r.GetConflict(), r.GetParked(), r.GetRejected())
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "only those rejected as "+strings.Join(keeping.AsideFor, ", "))
	complete := cobra.FixedCompletions(keeping.AsideFor, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("reason", complete); err != nil {
		panic(err) // the flag was added above
	}
	cmd.Flags().BoolVar(&byArrival, "by-arrival", false, "the clock was wrong: count times that cannot be back from when the samples arrived")
	cmd.Flags().StringVar(&device, "device", "", "only those of this device EUI")
	return cmd
}
