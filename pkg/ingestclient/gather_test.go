package ingestclient_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// judge stores samples of 400 ppm, rejects those of more, and refuses requests with
// an uplink of no node. It holds its first two requests back until it is opened.
type judge struct {
	ingestv1.UnimplementedIngestServiceServer

	opened chan struct{}
	held   chan struct{}
	calls  atomic.Int32
}

// Store judges.
func (j *judge) Store(_ context.Context, r *ingestv1.StoreRequest) (*ingestv1.StoreResponse, error) {
	if j.calls.Add(1) <= 2 {
		j.held <- struct{}{}
		<-j.opened
	}
	response := &ingestv1.StoreResponse{}
	for _, u := range r.GetUplinks() {
		if len(u.GetNodeId()) == 0 {
			return nil, status.Error(codes.InvalidArgument, "no node")
		}
		for _, s := range u.GetSamples() {
			outcome := ingestv1.Outcome_OUTCOME_STORED
			if s.GetCo2Ppm() > 400 {
				outcome = ingestv1.Outcome_OUTCOME_REJECTED
				response.Rejections = append(response.Rejections, &ingestv1.Rejection{Sample: uint32(len(response.GetOutcomes())), Field: "co2_ppm"})
			}
			response.Outcomes = append(response.Outcomes, outcome)
		}
	}
	return response, nil
}

// TestGatherer: what many callers want to store while two requests are under way
// travels together; each gets its own results, and one that sends nonsense is alone
// with it.
func TestGatherer(t *testing.T) {
	t.Parallel()
	listener := bufconn.Listen(1 << 20)
	j, server := &judge{opened: make(chan struct{}), held: make(chan struct{})}, grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(server, j)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	client, err := ingestclient.New(ingestclient.Config{Address: "passthrough:test", Token: config.NewSecret("token")},
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	g := ingestclient.NewGatherer(client)

	const callers = 40
	var wg sync.WaitGroup
	store := func(n int) {
		u := &ingestv1.Uplink{NodeId: make([]byte, 16), Samples: []*ingestv1.Sample{{Co2Ppm: 400}, {Co2Ppm: uint32(400 + n%2)}, {Co2Ppm: 400}}}
		want := &ingestv1.StoreResponse{Outcomes: []ingestv1.Outcome{1, 1, 1}}
		if n%2 == 1 {
			want.Outcomes[1] = ingestv1.Outcome_OUTCOME_REJECTED
			want.Rejections = []*ingestv1.Rejection{{Sample: 1, Field: "co2_ppm"}}
		}
		if n == 7 {
			u.NodeId = nil
		}
		wg.Go(func() {
			got, err := g.Store(t.Context(), u)
			if n == 7 {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("the uplink without a node: %v, want invalid", err)
				}
				return
			}
			if err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("caller %d (-want +got):\n%s", n, diff)
			}
		})
	}
	store(0)
	<-j.held
	store(2)
	<-j.held
	for n := range callers {
		store(n)
	}
	// One who does not want to wait.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Store(ctx, &ingestv1.Uplink{NodeId: make([]byte, 16), Samples: []*ingestv1.Sample{{Co2Ppm: 400}}}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("with a context that has ended: %v, want unavailable", err)
	}
	for g.Waiting() < callers+1 {
		runtime.Gosched()
	}
	close(j.opened)
	wg.Wait()
	g.Close()
	if n := j.calls.Load(); n > callers/2 {
		t.Errorf("%d requests for %d callers", n, callers)
	}
	_ = client.Close()
	if _, err := g.Store(t.Context(), &ingestv1.Uplink{NodeId: make([]byte, 16)}); err == nil {
		t.Error("stored through a closed connection")
	}
}
