package app_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/services/managair/internal/app"
)

// What is not well is a line each, and a failure; what is well is nothing.
func TestStatus(t *testing.T) {
	t.Parallel()
	start := func(redis error) string {
		o := ops.New()
		o.SetStarted()
		o.AddCheck("postgresql", func(context.Context) error { return nil })
		o.AddCheck("redis", func(context.Context) error { return redis })
		s := httptest.NewServer(o.Server(slog.New(slog.DiscardHandler)).Handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	well, refused := start(nil), start(errors.New("DENIED Redis is running in protected mode "+strings.Repeat("because ", 100)))
	var out bytes.Buffer
	if err := app.Run(t.Context(), &out, config.Env{"SERVICES": "managair=" + well + ",ingestair=" + well}, "status"); err != nil || out.Len() > 0 {
		t.Errorf("all well: %v, %q", err, out.String())
	}
	err := app.Run(t.Context(), &out, config.Env{"SERVICES": "managair=" + well + ",worker=" + refused}, "status")
	if err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("one is not well: %v", err)
	}
	line := out.String()
	if !strings.HasPrefix(line, "worker "+strings.TrimPrefix(refused, "http://")+" redis: DENIED") || strings.Count(line, "\n") != 1 || len(line) > 300 {
		t.Errorf("got %q", line)
	}
	if err := app.Run(t.Context(), &out, config.Env{}, "status"); err == nil {
		t.Error("nobody to ask is no success")
	}
}
