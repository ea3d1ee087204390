// Package tracing tells a collector (OTLP over gRPC) how calls went on their way
// through our services, when the environment names one. Otherwise nothing is
// measured and nothing costs anything.
//
// The variables are those of OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT (for
// example http://collector:4317) turns it on, OTEL_TRACES_SAMPLER and
// OTEL_TRACES_SAMPLER_ARG say how many traces are kept, and the exporter reads
// OTEL_EXPORTER_OTLP_HEADERS and its like.
package tracing

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
)

// Config is what the environment says about tracing.
type Config struct {
	Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"collector of traces, for example http://collector:4317; default: no traces"`
}

// flushTimeout bounds how long the end of a process waits for the collector.
const flushTimeout = 3 * time.Second

// Tracer makes spans. The zero value, and one without a collector, makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New returns a tracer of the named service. It connects when there is something
// to tell, so a collector that is away is no failure.
func New(ctx context.Context, cfg Config, service, version string) (*Tracer, error) {
	if cfg.Endpoint == "" {
		return &Tracer{}, nil
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	return newTracer(sdktrace.WithBatcher(exporter), service, version), nil
}

func newTracer(exporter sdktrace.TracerProviderOption, service, version string) *Tracer {
	provider := sdktrace.NewTracerProvider(exporter, sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", service), attribute.String("service.version", version),
	)))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/clairberlin/clair-stack")}
}

// Close sends what has not been sent, for some seconds at the most.
func (t *Tracer) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Start begins a span. End ends it, with the error that the work ended with.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, Span) {
	if t == nil || t.provider == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, Span{span}
}

// Span is a stretch of work.
type Span struct{ span trace.Span }

// End ends the span; err may be nil.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.RecordError(err)
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// DialOptions makes calls of a client carry the trace.
func (t *Tracer) DialOptions() []grpc.DialOption {
	if t == nil || t.provider == nil {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(t.options()...))}
}

// ServerOptions makes a server go on with the trace of its callers.
func (t *Tracer) ServerOptions() []grpc.ServerOption {
	if t == nil || t.provider == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(t.options()...))}
}

func (t *Tracer) options() []otelgrpc.Option {
	return []otelgrpc.Option{otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(propagation.TraceContext{})}
}
