package load

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

// CallReport is what the caller in the stack's network prints every second.
type CallReport struct {
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

// CallsCommand is what the end-to-end test runs as a service in the stack's
// network, because ingestair is not published.
func CallsCommand() *cobra.Command {
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
			return (&caller{client: client, node: id, at: from, report: CallReport{ByServer: byServer}}).run(ctx)
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

// caller makes one call after the other, and says each second how that goes.
type caller struct {
	client  *ingestclient.Client
	node    uuid.UUID
	at      int64 // time of the next sample
	report  CallReport
	took    []time.Duration
	slowest time.Duration
}

func (c *caller) run(ctx context.Context) error {
	const interval = 20 * time.Millisecond
	call := time.NewTicker(interval)
	defer call.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			c.report.Ended = true
			c.show()
			return nil
		case <-second.C:
			c.show()
		case <-call.C:
		}
		if err := c.call(ctx); err != nil {
			return err
		}
	}
}

func (c *caller) show() {
	slices.Sort(c.took)
	if n := len(c.took); n > 0 {
		c.report.P99Millis, c.report.SlowestMs = c.took[n*99/100].Milliseconds(), c.took[n-1].Milliseconds()
	}
	_ = json.NewEncoder(os.Stdout).Encode(c.report)
}

// call makes a call, again while the ingestair is not available.
func (c *caller) call(ctx context.Context) error {
	const (
		perCall    = 3
		tryFor     = 5 * time.Second
		retryFor   = 15 * time.Second
		retryAfter = 50 * time.Millisecond
	)
	uplink := &ingestv1.Uplink{NodeId: c.node[:]}
	for range perCall {
		uplink.Samples = append(uplink.Samples, &ingestv1.Sample{
			TimeS: c.at, Co2Ppm: uint32(400 + c.at%1000), Status: ingestv1.MeasurementStatus_MEASUREMENT_STATUS_MEASURED,
		})
		c.at++
	}
	request, err := ingestclient.Append(nil, uplink)
	if err != nil {
		return err
	}
	begun := time.Now()
	c.report.Calls++
	for {
		callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryFor)
		response, err := c.client.Store(callCtx, request)
		cancel()
		if err == nil {
			c.report.Acknowledged += acknowledged(response)
			break
		}
		c.report.LastError = time.Now().UTC().Format(time.TimeOnly) + " " + err.Error()
		again := fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Exhausted)
		if !again || time.Since(begun) > retryFor {
			c.report.Failed++
			break
		}
		c.report.Retried++
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
	c.took = append(c.took, time.Since(begun))
	if c.took[len(c.took)-1] > c.slowest {
		c.slowest = c.took[len(c.took)-1]
		c.report.SlowestAt = begun.UTC().Format(time.TimeOnly)
	}
	return nil
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
func parseReport(lines []string) (CallReport, error) {
	for _, line := range slices.Backward(lines) {
		var r CallReport
		if json.Unmarshal([]byte(line), &r) == nil {
			return r, nil
		}
	}
	return CallReport{}, fmt.Errorf("no report in %d lines", len(lines))
}
