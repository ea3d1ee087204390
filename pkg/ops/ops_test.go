package ops_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/ops"
)

func TestOperationsPort(t *testing.T) {
	t.Parallel()
	o := ops.New()
	handler := o.Server(slog.New(slog.DiscardHandler)).Handler
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		return w.Code, w.Body.String()
	}
	if code, _ := get("/healthz"); code != http.StatusServiceUnavailable {
		t.Errorf("healthz before the start: %d", code)
	}
	o.SetStarted()
	o.AddCheck("redis", func(context.Context) error { return nil })
	if code, body := get("/readyz"); code != http.StatusOK || body != "redis: ok\n" {
		t.Errorf("readyz: %d %q", code, body)
	}
	o.AddCheck("postgresql", func(context.Context) error { return errors.New("connection refused") })
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable ||
		!strings.Contains(body, "postgresql: connection refused") || !strings.Contains(body, "redis: ok") {
		t.Errorf("readyz without database: %d %q", code, body)
	}
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("healthz without database: %d, want 200", code)
	}
	if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %d", code)
	}
}

func TestHealthURL(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		":9090":          "http://127.0.0.1:9090/healthz",
		"0.0.0.0:9090":   "http://127.0.0.1:9090/healthz",
		"[::]:9090":      "http://127.0.0.1:9090/healthz",
		"10.0.0.7:9090":  "http://10.0.0.7:9090/healthz",
		"localhost:9090": "http://localhost:9090/healthz",
	} {
		if got, err := (ops.Config{Address: address}).HealthURL(); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", address, got, err, want)
		}
	}
	if _, err := (ops.Config{Address: "9090"}).HealthURL(); err == nil {
		t.Error("an address without a colon is no address")
	}
}

// Whoever asks learns what is wrong, and where nobody answers.
func TestAsk(t *testing.T) {
	t.Parallel()
	start := func(problem error) string {
		o := ops.New()
		o.SetStarted()
		o.AddCheck("postgresql", func(context.Context) error { return nil })
		o.AddCheck("redis", func(context.Context) error { return problem })
		s := httptest.NewServer(o.Server(slog.New(slog.DiscardHandler)).Handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	well, ill := start(nil), start(errors.New("DENIED Redis is running\nin protected mode"))
	gone := httptest.NewServer(nil)
	gone.Close()
	got := ops.Ask(t.Context(), map[string]string{"a": well, "b": ill, "c": gone.URL, "d": "http://nobody.invalid:9090"})
	if len(got) != 4 {
		t.Fatalf("%d answers: %+v", len(got), got)
	}
	for i, want := range []ops.Answer{
		{Service: "a", Address: strings.TrimPrefix(well, "http://"), Version: ops.Version, State: ops.Well, Checks: []string{"postgresql: ok", "redis: ok"}},
		{
			Service: "b", Address: strings.TrimPrefix(ill, "http://"), Version: ops.Version, State: ops.Ill,
			Checks: []string{"postgresql: ok", "redis: DENIED Redis is running in protected mode"},
		},
	} {
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
	}
	if problems := got[1].Problems(); len(problems) != 1 || !strings.HasPrefix(problems[0], "redis: ") {
		t.Errorf("problems %q", problems)
	}
	for _, a := range got[2:] {
		if a.State != ops.Away || len(a.Problems()) != 1 {
			t.Errorf("%+v", a)
		}
	}
}
