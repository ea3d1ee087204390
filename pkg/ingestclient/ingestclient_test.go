package ingestclient_test

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// server answers with what it was asked.
type server struct {
	ingestv1.UnimplementedIngestServiceServer
	stored *ingestv1.StoreRequest
	kept   *ingestv1.KeepUndecodedRequest
	tokens []string
}

// Store keeps the request.
func (s *server) Store(ctx context.Context, r *ingestv1.StoreRequest) (*ingestv1.StoreResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.stored, s.tokens = r, md.Get("authorization")
	if len(r.GetUplinks()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "nothing in it")
	}
	return &ingestv1.StoreResponse{Outcomes: []ingestv1.Outcome{ingestv1.Outcome_OUTCOME_PARKED}}, nil
}

// KeepUndecoded keeps the request.
func (s *server) KeepUndecoded(_ context.Context, r *ingestv1.KeepUndecodedRequest) (*ingestv1.KeepUndecodedResponse, error) {
	s.kept = r
	return &ingestv1.KeepUndecodedResponse{}, nil
}

func start(t *testing.T, token string) (*ingestclient.Client, *server) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s, g := new(server), grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(g, s)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	c, err := ingestclient.New(ingestclient.Config{Address: "passthrough:test", Token: config.NewSecret(token)},
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, s
}

func encode(t *testing.T, uplinks ...proto.Message) (request []byte) {
	t.Helper()
	for _, u := range uplinks {
		var err error
		if request, err = ingestclient.Append(request, u); err != nil {
			t.Fatal(err)
		}
	}
	return request
}

// What is appended arrives as one request, and splits into its uplinks.
func TestRequestsAreConcatenations(t *testing.T) {
	t.Parallel()
	client, server := start(t, "first-token\nsecond-token")
	one := &ingestv1.Uplink{NodeId: make([]byte, 16), Samples: []*ingestv1.Sample{{TimeS: 1, Co2Ppm: 400}}}
	two := &ingestv1.Uplink{NodeId: make([]byte, 16), Metadata: &ingestv1.UplinkMetadata{DevEui: 7}}
	request := encode(t, one, two)
	response, err := client.Store(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{one, two}}, server.stored, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ingestv1.Outcome{ingestv1.Outcome_OUTCOME_PARKED}, response.GetOutcomes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Bearer first-token"}, server.tokens); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	parts, err := ingestclient.Split(request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]byte{encode(t, one), encode(t, two)}, parts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	undecoded := &ingestv1.UndecodedUplink{Forwarder: "f", Payload: []byte{1}}
	if err := client.KeepUndecoded(t.Context(), encode(t, undecoded)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{undecoded}}, server.kept, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := client.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestErrorsHaveAKind(t *testing.T) {
	t.Parallel()
	client, _ := start(t, "token")
	if _, err := client.Store(t.Context(), nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want invalid", err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{0x0A, 1, 0, 0x0A, 0})
	f.Fuzz(func(t *testing.T, request []byte) {
		parts, err := ingestclient.Split(request)
		if err != nil {
			return
		}
		total := 0
		for _, p := range parts {
			total += len(p)
		}
		if total != len(request) {
			t.Errorf("%d bytes became %d", len(request), total)
		}
	})
}
