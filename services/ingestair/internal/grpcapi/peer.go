package grpcapi

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/services/ingestair/internal/quota"
)

// peerLimit bounds the calls that one address has in flight.
type peerLimit struct{ calls *quota.Quota }

func (l peerLimit) enter(ctx context.Context) (leave func(), err error) {
	var address net.Addr
	if p, ok := peer.FromContext(ctx); ok {
		address = p.Addr
	}
	leave, ok := l.calls.Take(address)
	if !ok {
		return nil, status.Error(codes.ResourceExhausted, "too many calls of this address are in flight")
	}
	return leave, nil
}

func (l peerLimit) unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	leave, err := l.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return handler(ctx, in)
}

func (l peerLimit) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	leave, err := l.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	return handler(srv, stream)
}
