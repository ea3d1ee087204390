// Package logging makes the logger of a process: JSON on a pipe or in a
// container, text on a terminal.
package logging

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// Config is what the environment says about logs.
type Config struct {
	Level  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" desc:"DEBUG, INFO, WARN or ERROR"`
	Format string     `env:"LOG_FORMAT" envDefault:"auto" desc:"json, text, or auto: text on a terminal"`
}

// New returns a logger that writes to w. Each line names the service.
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
	return slog.New(handler).With("service", service)
}
