// Package grpcapi is the ingestion service of the contract in proto/clair/ingest/v1.
package grpcapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/tracing"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// service answers the calls. It stands in for the generated interface, because
// its requests are types of our own.
type service struct {
	gate      Gate
	ingester  *ingest.Ingester
	undecoded ingest.UndecodedStore
	rejected  ingest.RejectedStore
	// draining ends when streams have to come to an end.
	draining  <-chan struct{}
	tracer    *tracing.Tracer
	log       *slog.Logger
	streamAge time.Duration
}

// serviceDesc is the generated description with our own handlers.
func serviceDesc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: ingestv1.IngestService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Store", Handler: unary(ingestv1.IngestService_Store_FullMethodName, (*service).store)},
			{MethodName: "KeepUndecoded", Handler: unary(ingestv1.IngestService_KeepUndecoded_FullMethodName, (*service).keepUndecoded)},
			{MethodName: "ListUndecoded", Handler: unary(ingestv1.IngestService_ListUndecoded_FullMethodName, (*service).listUndecoded)},
			{MethodName: "ForgetUndecoded", Handler: unary(ingestv1.IngestService_ForgetUndecoded_FullMethodName, (*service).forgetUndecoded)},
			{MethodName: "RejudgeSamples", Handler: unary(ingestv1.IngestService_RejudgeSamples_FullMethodName, (*service).rejudgeSamples)},
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "StoreStream",
			Handler: func(srv any, stream grpc.ServerStream) error {
				return fault.GRPCStatus(srv.(*service).storeStream(stream))
			},
			ServerStreams: true, ClientStreams: true,
		}},
		Metadata: ingestv1.IngestService_ServiceDesc.Metadata,
	}
}

// unary does what the generator does for a method.
func unary[Request, Response any](name string, method func(*service, context.Context, *Request) (*Response, error)) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		scope, err := srv.(*service).admit(ctx)
		if err != nil {
			return nil, err
		}
		in := new(Request)
		if err := dec(in); err != nil {
			return nil, err
		}
		if scope != nil {
			any(in).(*storeRequest).batch.Scope = scope // others are not for organizations
		}
		handler := func(ctx context.Context, in any) (any, error) {
			out, err := method(srv.(*service), ctx, in.(*Request))
			if err != nil {
				return nil, fault.GRPCStatus(err)
			}
			return out, nil
		}
		if interceptor == nil {
			return handler(ctx, in)
		}
		return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: name}, handler)
	}
}

func (s *service) store(ctx context.Context, in *storeRequest) (*ingestv1.StoreResponse, error) {
	if in.err != nil {
		return nil, in.err
	}
	ctx, span := s.tracer.Start(ctx, "commit", attribute.Int("samples", len(in.batch.Samples)))
	result, err := s.ingester.Store(ctx, &in.batch)
	span.End(err)
	if err == nil && result.Foreign {
		err = ingest.Forbidden()
	}
	s.tell(ctx, "samples", len(in.batch.Uplinks), err)
	if err != nil {
		return nil, err
	}
	return &ingestv1.StoreResponse{
		Outcomes: outcomes(result.Outcomes), Rejections: rejections(result.Rejections),
		ReadingOutcomes: outcomes(result.ReadingOutcomes), ReadingRejections: rejections(result.ReadingRejections),
	}, nil
}

func (s *service) keepUndecoded(ctx context.Context, in *keepUndecodedRequest) (*ingestv1.KeepUndecodedResponse, error) {
	if in.err != nil {
		return nil, in.err
	}
	err := s.ingester.KeepUndecoded(ctx, in.uplinks)
	s.tell(ctx, "undecoded uplinks", len(in.uplinks), err)
	if err != nil {
		return nil, err
	}
	return &ingestv1.KeepUndecodedResponse{}, nil
}

// tell writes a line for a call, where somebody wants to read it.
func (s *service) tell(ctx context.Context, what string, uplinks int, err error) {
	switch {
	case !s.log.Enabled(ctx, slog.LevelDebug):
	case err != nil:
		s.log.DebugContext(ctx, "call refused", "kind", what, "uplinks", uplinks, "err", err)
	default:
		s.log.DebugContext(ctx, "call committed", "kind", what, "uplinks", uplinks)
	}
}

// maxUnanswered is how many messages of a stream may wait for their answer; then
// we stop reading, and the sender's window fills.
const maxUnanswered = 64

// pendingMessage is a message of a stream, submitted.
type pendingMessage struct {
	sequence uint64
	call     *ingest.Call
}

// storeStream answers the messages of a stream in their order. A stream ends with
// UNAVAILABLE when the server stops, and when it has lasted long enough, so that
// a caller that goes on is balanced over the servers again; what was read is
// answered before.
func (s *service) storeStream(stream grpc.ServerStream) error {
	ctx := stream.Context()
	scope, err := s.admit(ctx)
	if err != nil {
		return err
	}
	submitted := make(chan pendingMessage, maxUnanswered)
	var closing atomic.Bool
	received := make(chan error, 1)
	// Receiving cannot be interrupted but by returning, so nobody waits for this
	// goroutine; it ends with the stream's context.
	go func() {
		defer close(submitted)
		received <- s.receive(stream, scope, &closing, submitted)
	}()
	old := time.NewTimer(s.streamAge)
	defer old.Stop()
	for {
		select {
		case m, ok := <-submitted:
			if !ok {
				return <-received
			}
			if err := answer(ctx, stream, m); err != nil {
				return err
			}
		case <-s.draining:
			closing.Store(true)
			return finish(ctx, stream, submitted, "the server is stopping")
		case <-old.C:
			closing.Store(true)
			return finish(ctx, stream, submitted, "the stream is old; go on with a new one")
		}
	}
}

func (s *service) receive(stream grpc.ServerStream, scope ingest.Scope, closing *atomic.Bool, submitted chan<- pendingMessage) error {
	ctx := stream.Context()
	for {
		in := new(storeStreamRequest)
		if err := stream.RecvMsg(in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if in.err != nil {
			return in.err
		}
		if closing.Load() {
			return nil
		}
		in.batch.Scope = scope
		call, err := s.ingester.Submit(ctx, &in.batch)
		if err != nil {
			return err
		}
		select {
		case submitted <- pendingMessage{in.sequence, call}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// finish answers what was submitted and ends the stream.
func finish(ctx context.Context, stream grpc.ServerStream, submitted <-chan pendingMessage, why string) error {
	for {
		select {
		case m, ok := <-submitted:
			if ok {
				if err := answer(ctx, stream, m); err != nil {
					return err
				}
				continue
			}
		default:
		}
		return fault.New(fault.Unavailable, "%s", why)
	}
}

func answer(ctx context.Context, stream grpc.ServerStream, m pendingMessage) error {
	result, err := m.call.Wait(ctx)
	if err != nil {
		return err
	}
	return stream.SendMsg(&ingestv1.StoreStreamResponse{
		Sequence: m.sequence, Outcomes: outcomes(result.Outcomes), Rejections: rejections(result.Rejections),
		ReadingOutcomes: outcomes(result.ReadingOutcomes), ReadingRejections: rejections(result.ReadingRejections),
	})
}

func outcomes(all []keeping.Outcome) []ingestv1.Outcome {
	if len(all) == 0 {
		return nil
	}
	to := make([]ingestv1.Outcome, len(all))
	for i, o := range all {
		to[i] = outcomeOf[o]
	}
	return to
}

var outcomeOf = [...]ingestv1.Outcome{
	keeping.Pending:   ingestv1.Outcome_OUTCOME_UNSPECIFIED,
	keeping.Stored:    ingestv1.Outcome_OUTCOME_STORED,
	keeping.Duplicate: ingestv1.Outcome_OUTCOME_DUPLICATE,
	keeping.Conflict:  ingestv1.Outcome_OUTCOME_CONFLICT,
	keeping.Rejected:  ingestv1.Outcome_OUTCOME_REJECTED,
	keeping.Parked:    ingestv1.Outcome_OUTCOME_PARKED,
}

func rejections(all []ingest.Rejection) []*ingestv1.Rejection {
	var to []*ingestv1.Rejection
	for _, rejection := range all {
		to = append(to, &ingestv1.Rejection{
			Sample: uint32(rejection.Sample), Reason: reasonOf(rejection.Fault.Reason),
			Field: rejection.Fault.Field, Detail: rejection.Fault.Detail,
		})
	}
	return to
}

func reasonOf(r reason.Reason) ingestv1.Rejection_Reason {
	switch r {
	case reason.InFuture:
		return ingestv1.Rejection_REASON_IN_FUTURE
	case reason.TooOld:
		return ingestv1.Rejection_REASON_TOO_OLD
	case reason.Refused:
		return ingestv1.Rejection_REASON_REFUSED
	case reason.ForeignNode:
		return ingestv1.Rejection_REASON_FOREIGN_NODE
	default:
		return ingestv1.Rejection_REASON_OUT_OF_RANGE
	}
}
