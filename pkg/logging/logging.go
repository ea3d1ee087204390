// Package logging makes the logger of a process: JSON on a pipe or in a
// container, text on a terminal.
package logging

import (
	"context"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/term"

	"github.com/clairberlin/clair-stack/pkg/correlation"
)

// Config is what the environment says about logs.
type Config struct {
	Level  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" desc:"DEBUG, INFO, WARN or ERROR"`
	Format string     `env:"LOG_FORMAT" envDefault:"auto" desc:"json, text, or auto: text on a terminal"`
}

// New returns a logger that writes to w. Each line names the service and, where the
// context has them, the request (request_id) and the trace (trace_id).
func New(w io.Writer, service string, cfg Config) *slog.Logger {
	text := cfg.Format == "text"
	if f, ok := w.(*os.File); ok && cfg.Format == "auto" {
		text = term.IsTerminal(int(f.Fd()))
	}
	options := &slog.HandlerOptions{Level: cfg.Level}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if text {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(correlated{handler}).With("service", service)
}

// correlated adds to each line what it belongs to.
type correlated struct{ slog.Handler }

// Handle is part of slog.Handler.
func (h correlated) Handle(ctx context.Context, r slog.Record) error {
	if id := correlation.ID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (h correlated) WithGroup(name string) slog.Handler { return correlated{h.Handler.WithGroup(name)} }
