package grpcapi

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/place"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// authorize refuses calls without a token before their message is read. Connections wait
// for it, so the tokens of organizations are looked up later, by admit.
func authorize(gate Gate) tap.ServerInHandle {
	return func(ctx context.Context, info *tap.Info) (context.Context, error) {
		if strings.HasPrefix(info.FullMethodName, "/"+healthv1.Health_ServiceDesc.ServiceName+"/") {
			return ctx, nil
		}
		for _, value := range info.Header.Get("authorization") {
			scheme, secret, ok := strings.Cut(value, " ")
			switch {
			case !ok || !strings.EqualFold(scheme, "bearer"):
			case gate.Stack(secret):
				return ctx, nil
			case gate.Plausible(secret):
				if !forOrganizations(info.FullMethodName) {
					return nil, status.Error(codes.PermissionDenied, "only the stack's own token may do this")
				}
				return context.WithValue(ctx, secretKey{}, secret), nil
			}
		}
		return nil, status.Error(codes.Unauthenticated, "a valid bearer token is needed")
	}
}

// forOrganizations reports whether a method is for the tokens of organizations, too.
func forOrganizations(method string) bool {
	return method == ingestv1.IngestService_Store_FullMethodName || method == ingestv1.IngestService_StoreStream_FullMethodName
}

// secretKey is that of a token which is still to be looked up; the stack's own is not.
type secretKey struct{}

// admit looks up the token of an organization, if the call came with one.
func (s *service) admit(ctx context.Context) (ingest.Scope, error) {
	secret, ok := ctx.Value(secretKey{}).(string)
	if !ok {
		return nil, nil //nolint:nilnil // nil is everything
	}
	from := ""
	if p, ok := peer.FromContext(ctx); ok {
		from = place.AddressOf(p.Addr.String(), nil, nil)
	}
	scope, err := s.gate.Admit(ctx, secret, from)
	return scope, fault.GRPCStatus(err)
}
