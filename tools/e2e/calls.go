package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	_ "github.com/clairberlin/clair-stack/pkg/lifecycle" // certificates and time zones
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// callReport is what the caller in the stack's network prints every second.
type callReport struct {
	Calls        int    `json:"calls"`
	Retried      int    `json:"retried"` // UNAVAILABLE, and called again
	Failed       int    `json:"failed"`
	Acknowledged int    `json:"acknowledged"` // samples
	P99Millis    int64  `json:"p99_millis"`
	SlowestMs    int64  `json:"slowest_millis"`
	SlowestAt    string `json:"slowest_at"`
	LastError    string `json:"last_error,omitempty"`
	// ByServer has the calls that each task answered, by its address.
	ByServer map[string]int `json:"by_server"`
	Ended    bool           `json:"ended"`
}

// callsCommand is what the end-to-end test runs as a service in the stack's
// network, because ingestair is not published.
func callsCommand() *cobra.Command {
	var node string
	var from int64
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "Calls ingestair all the time and prints each second how that went",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := uuid.Parse(node)
			if err != nil {
				return err
			}
			var cfg ingestclient.Config
			if err := config.FromOS().Load(&cfg); err != nil {
				return err
			}
			byServer := map[string]int{}
			client, err := ingestclient.New(cfg, grpc.WithUnaryInterceptor(countByServer(byServer)))
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return callAllTheTime(ctx, client, id, from, byServer)
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "node whose samples are sent")
	cmd.Flags().Int64Var(&from, "from", 0, "time of the first sample, in Unix seconds")
	return cmd
}

// countByServer counts the calls that succeed; one is made after the other.
func countByServer(counts map[string]int) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		var server peer.Peer
		err := invoke(ctx, method, req, reply, conn, append(options, grpc.Peer(&server))...)
		if err == nil && server.Addr != nil {
			counts[server.Addr.String()]++
		}
		return err
	}
}

func callAllTheTime(ctx context.Context, client *ingestclient.Client, node uuid.UUID, at int64, byServer map[string]int) error {
	const (
		interval   = 20 * time.Millisecond
		perCall    = 3
		tryFor     = 5 * time.Second
		retryFor   = 15 * time.Second
		retryAfter = 50 * time.Millisecond
	)
	report := callReport{ByServer: byServer}
	var took []time.Duration
	var slowest time.Duration
	show := func() {
		slices.Sort(took)
		if n := len(took); n > 0 {
			report.P99Millis, report.SlowestMs = took[n*99/100].Milliseconds(), took[n-1].Milliseconds()
		}
		_ = json.NewEncoder(os.Stdout).Encode(report)
	}
	call := time.NewTicker(interval)
	defer call.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			report.Ended = true
			show()
			return nil
		case <-second.C:
			show()
		case <-call.C:
		}
		uplink := &ingestv1.Uplink{NodeId: node[:]}
		for range perCall {
			uplink.Samples = append(uplink.Samples, &ingestv1.Sample{
				TimeS: at, Co2Ppm: uint32(400 + at%1000), Status: ingestv1.MeasurementStatus_MEASUREMENT_STATUS_MEASURED,
			})
			at++
		}
		request, err := ingestclient.Append(nil, uplink)
		if err != nil {
			return err
		}
		begun := time.Now()
		report.Calls++
		for {
			callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryFor)
			response, err := client.Store(callCtx, request)
			cancel()
			if err == nil {
				report.Acknowledged += acknowledged(response)
				break
			}
			report.LastError = time.Now().UTC().Format(time.TimeOnly) + " " + err.Error()
			if fault.KindOf(err) != fault.Unavailable || time.Since(begun) > retryFor {
				report.Failed++
				break
			}
			report.Retried++
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
		took = append(took, time.Since(begun))
		if took[len(took)-1] > slowest {
			slowest = took[len(took)-1]
			report.SlowestAt = begun.UTC().Format(time.TimeOnly)
		}
	}
}

func acknowledged(r *ingestv1.StoreResponse) (n int) {
	for _, o := range r.GetOutcomes() {
		if o == ingestv1.Outcome_OUTCOME_STORED || o == ingestv1.Outcome_OUTCOME_DUPLICATE {
			n++
		}
	}
	return n
}

// parseReport reads the last line that is a report.
func parseReport(lines []string) (callReport, error) {
	for _, line := range slices.Backward(lines) {
		var r callReport
		if json.Unmarshal([]byte(line), &r) == nil {
			return r, nil
		}
	}
	return callReport{}, fmt.Errorf("no report in %d lines", len(lines))
}
