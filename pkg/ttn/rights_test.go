package ttn_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
)

func TestMissingRights(t *testing.T) {
	t.Parallel()
	both := []ttn.Right{ttn.ReadTraffic, ttn.WriteDownlinks}
	for _, tt := range []struct {
		name, application string
		granted           []ttn.Right
		want              []ttn.Right
	}{
		{"all that we need", app.ID, both, nil},
		{"all that there are", app.ID, []ttn.Right{"RIGHT_APPLICATION_ALL"}, nil},
		{"only reading", app.ID, []ttn.Right{"RIGHT_APPLICATION_INFO", ttn.ReadTraffic}, []ttn.Right{ttn.WriteDownlinks}},
		{"none", app.ID, nil, both},
		{"another application", "other", both, both},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := ttntest.New(t, app)
			server.Grant(tt.granted...)
			identity := ttn.Identity{URL: server.URL, Application: tt.application, Key: config.NewSecret(server.Key), Client: http.DefaultClient}
			got, err := identity.Missing(t.Context(), both)
			if err != nil || !cmp.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestRightsOfAnInvalidKey(t *testing.T) {
	t.Parallel()
	server := ttntest.New(t, app)
	identity := ttn.Identity{URL: server.URL, Application: app.ID, Key: config.NewSecret(server.Key), Client: http.DefaultClient}
	server.Revoke()
	if _, err := identity.Missing(t.Context(), nil); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("revoked: got %v", err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	t.Cleanup(page.Close)
	identity.URL = page.URL
	if _, err := identity.Missing(t.Context(), nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a page instead of an answer: got %v", err)
	}
}
