package grpcapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/clairberlin/clair-stack/pkg/tracing"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/quota"
)

// Options are choices for a Server.
type Options struct {
	// Gate lets callers in.
	Gate Gate
	// TLS may be nil: then calls are not encrypted.
	TLS *tls.Config
	// MaxCallsPerPeer is how many calls of one address may be in flight.
	MaxCallsPerPeer int
	// MaxConnectionAge is how long a connection may last, so that callers that
	// balance over several servers find new ones.
	MaxConnectionAge time.Duration
	// Undecoded has the uplinks that were kept.
	Undecoded ingest.UndecodedStore
	Rejected  ingest.RejectedStore
	// Reflection lets tools ask which services there are.
	Reflection bool
	// Tracer may be nil.
	Tracer *tracing.Tracer
	// Log gets a line for each call, at level DEBUG.
	Log *slog.Logger
}

// Gate knows the tokens.
type Gate interface {
	// Stack reports whether a token is the stack's own, which may do everything.
	Stack(token string) bool
	// Plausible reports whether a token can be one of an organization, without looking.
	Plausible(token string) bool
	// Admit returns what a token may write, nil for everything. from is the address of the
	// caller.
	Admit(ctx context.Context, token, from string) (ingest.Scope, error)
}

const (
	// maxMessageBytes is enough for 10,000 samples of as many uplinks with
	// everything that can be said about them.
	maxMessageBytes = 4 << 20
	// maxStreams is how many calls a connection may have in flight.
	maxStreams = 256
	// streamWorkers is how many calls are answered by goroutines that stay. More than
	// these get goroutines of their own.
	streamWorkers = 64
	// connectionGrace is how long calls of an old connection may go on.
	connectionGrace = 30 * time.Second
)

// Server serves the ingestion service.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	draining chan struct{}
}

// New returns a Server for an ingester.
func New(ingester *ingest.Ingester, o Options) *Server {
	s := &Server{health: health.NewServer(), draining: make(chan struct{})}
	peers := peerLimit{quota.New(o.MaxCallsPerPeer)}
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	s.grpc = grpc.NewServer(append(o.Tracer.ServerOptions(),
		grpc.Creds(transport),
		grpc.UnaryInterceptor(peers.unary),
		grpc.StreamInterceptor(peers.stream),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.InTapHandle(authorize(o.Gate)),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		// A goroutine for each call grows its stack each time.
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: o.MaxConnectionAge, MaxConnectionAgeGrace: connectionGrace,
			Time: time.Minute, Timeout: 20 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)...)
	s.grpc.RegisterService(serviceDesc(), &service{
		gate: o.Gate, ingester: ingester, undecoded: o.Undecoded, rejected: o.Rejected, draining: s.draining, streamAge: o.MaxConnectionAge, tracer: o.Tracer, log: o.Log,
	})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	if o.Reflection {
		reflection.Register(s.grpc)
	}
	return s
}

// Run serves on a listener until ctx ends, then answers what it has read and
// returns.
func (s *Server) Run(ctx context.Context, listener net.Listener, ready func()) error {
	failed := make(chan error, 1)
	go func() { failed <- s.grpc.Serve(listener) }()
	ready()
	select {
	case err := <-failed:
		return fmt.Errorf("serve gRPC: %w", err)
	case <-ctx.Done():
	}
	s.health.Shutdown()
	close(s.draining)
	s.grpc.GracefulStop()
	return <-failed
}
