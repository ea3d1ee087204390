package tracing

import (
	"context"
	"errors"
	"net"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
)

func TestTraceCrossesACall(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	caller := newTracer(sdktrace.WithSyncer(spans), "caller", "v1")
	callee := newTracer(sdktrace.WithSyncer(spans), "callee", "v1")
	client, stop := serve(t, callee, caller)

	ctx, span := caller.Start(t.Context(), "work")
	if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	span.End(nil)
	stop() // the callee's span ends after the answer
	byService := map[string]string{}
	for _, s := range spans.GetSpans() {
		if s.SpanContext.TraceID() != spans.GetSpans()[0].SpanContext.TraceID() {
			t.Errorf("span %q is of another trace", s.Name)
		}
		for _, a := range s.Resource.Attributes() {
			if a.Key == "service.name" {
				byService[a.Value.AsString()] += s.Name + ";"
			}
		}
	}
	if want := "grpc.health.v1.Health/Check;"; byService["callee"] != want || byService["caller"] != want+"work;" {
		t.Errorf("spans %v, want the call on both sides and the caller's work", byService)
	}
}

func TestWithoutCollectorNothingIsMade(t *testing.T) {
	t.Parallel()
	tracer, err := New(t.Context(), Config{}, "service", "v1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tracer.Start(t.Context(), "work")
	if ctx != t.Context() {
		t.Error("the context is another one")
	}
	span.End(errors.New("failed"))
	if n := len(tracer.DialOptions()) + len(tracer.ServerOptions()); n != 0 {
		t.Errorf("%d options of gRPC, want none", n)
	}
	if err := tracer.Close(); err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, callee, caller *Tracer) (client healthv1.HealthClient, stop func()) {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	s := grpc.NewServer(callee.ServerOptions()...)
	healthv1.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///bufconn", append(caller.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return healthv1.NewHealthClient(conn), s.GracefulStop
}
