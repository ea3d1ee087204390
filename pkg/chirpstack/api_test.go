package chirpstack_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
)

// A downlink is queued as the protocol files say, with the key in the header of the gateway
// that translates.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("Grpc-Metadata-Authorization"), string(body)}, " ")
		_, _ = io.WriteString(w, `{"id":"b3a5a0a2-7b9e-4c39-a3a0-0c9c1f3f7a51"}`)
	}))
	defer server.Close()
	api := chirpstack.API{URL: server.URL + "/", Key: config.NewSecret("key"), Client: server.Client()}
	id, err := api.Enqueue(t.Context(), 0xA81758FFFE053CAB, 6, []byte{0x3E, 1})
	if err != nil || id != "b3a5a0a2-7b9e-4c39-a3a0-0c9c1f3f7a51" {
		t.Errorf("%q, %v", id, err)
	}
	if want := `POST /api/devices/a81758fffe053cab/queue Bearer key {"queueItem":{"confirmed":false,"data":"PgE=","fPort":6}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAPIErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		answer any
		want   fault.Kind
		text   string
	}{
		{"no such key", 401, map[string]any{"code": 16, "message": "invalid token"}, fault.Unauthenticated, "401 Unauthorized: invalid token"},
		{"another tenant's", 403, map[string]any{"code": 7, "message": "not allowed"}, fault.Forbidden, "not allowed"},
		{"no such device", 404, map[string]any{"code": 5, "message": "Object does not exist"}, fault.NotFound, "Object does not exist"},
		{"too long", 400, map[string]any{"code": 3, "message": "too long"}, fault.Invalid, "too long"},
		{"away", 503, "away", fault.Unavailable, "503"},
		{"something else answers", 200, map[string]any{}, fault.Unavailable, "the answer has no id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_ = json.NewEncoder(w).Encode(tt.answer)
			}))
			defer server.Close()
			api := chirpstack.API{URL: server.URL, Client: server.Client()}
			_, err := api.Enqueue(t.Context(), 1, 6, nil)
			if fault.KindOf(err) != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v: %v", fault.KindOf(err), err)
			}
		})
	}
}
