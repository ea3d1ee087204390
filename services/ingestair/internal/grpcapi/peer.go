package grpcapi

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// peerLimit bounds the calls that one address has in flight, so that a caller
// gone mad does not take the room of the others.
type peerLimit struct {
	max   int
	mu    sync.Mutex
	calls map[string]int
}

func (l *peerLimit) enter(ctx context.Context) (leave func(), err error) {
	host := "unknown"
	if p, ok := peer.FromContext(ctx); ok {
		host = p.Addr.String()
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[host] >= l.max {
		return nil, status.Errorf(codes.ResourceExhausted, "more than %d calls of this address are in flight", l.max)
	}
	l.calls[host]++
	return func() { l.leave(host) }, nil
}

func (l *peerLimit) leave(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[host]--; l.calls[host] == 0 {
		delete(l.calls, host)
	}
}

func (l *peerLimit) unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	leave, err := l.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return handler(ctx, in)
}

func (l *peerLimit) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	leave, err := l.enter(stream.Context())
	if err != nil {
		return err
	}
	defer leave()
	return handler(srv, stream)
}
