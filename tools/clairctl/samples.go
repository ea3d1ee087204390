package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

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
	cmd := &cobra.Command{
		Use:   "rejudge",
		Short: "Judge rejected samples by today's rules and clock, and store those that break none",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := &ingestv1.RejudgeSamplesRequest{Reason: reason}
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
	cmd.Flags().StringVar(&reason, "reason", "", "only those rejected as out_of_range, in_future, too_old or refused")
	cmd.Flags().StringVar(&device, "device", "", "only those of this device EUI")
	return cmd
}
