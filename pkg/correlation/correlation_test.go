package correlation_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/clairberlin/clair-stack/pkg/correlation"
)

func TestRequestsHaveAnID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sent string
		kept       bool
	}{
		{"none was sent", "", false},
		{"that of a proxy", "01J5-abc.def_9", true},
		{"too short to tell requests apart", "1", false},
		{"a second line", "aaaaaaaa\nlevel=ERROR", false},
		{"longer than a line", strings.Repeat("a", 65), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var inside string
			h := correlation.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = correlation.ID(r.Context()) }))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.Header[correlation.Header] = nil
			r.Header.Set(correlation.Header, tt.sent)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Header().Get(correlation.Header); got != inside || len(got) < 8 {
				t.Errorf("answered %q, handled %q", got, inside)
			}
			if (inside == tt.sent) != tt.kept {
				t.Errorf("handled %q, sent %q", inside, tt.sent)
			}
		})
	}
}

func TestCallsCarryTheID(t *testing.T) {
	t.Parallel()
	id := correlation.New()
	out, _ := metadata.FromOutgoingContext(correlation.Outgoing(correlation.With(t.Context(), id)))
	if got := correlation.ID(metadata.NewIncomingContext(t.Context(), out)); got != id {
		t.Errorf("got %q, sent %q", got, id)
	}
	if _, ok := metadata.FromOutgoingContext(correlation.Outgoing(context.Background())); ok {
		t.Error("metadata without an id")
	}
	if correlation.New() == id {
		t.Error("two ids are the same")
	}
}
