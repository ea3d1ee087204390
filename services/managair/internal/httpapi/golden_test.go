package httpapi_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden documents")

// One golden document for each kind of answer.
func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		name string
		user int64
		path string
	}{
		{"room", anonymous, "/api/v1/rooms/1/"},
		{"rooms", anonymous, "/api/v1/rooms/"},
		{"rooms_page", owner, "/api/v1/rooms/?page[number]=2&page[size]=1"},
		{"site_with_address", anonymous, "/api/v1/sites/1/"},
		{"sites_include", owner, "/api/v1/sites/?include=operator,address"},
		{"organization_public", anonymous, "/api/v1/organizations/1/"},
		{"organization_member", inspector, "/api/v1/organizations/1/"},
		{"user", inspector, "/api/v1/users/1/"},
		{"users", owner, "/api/v1/users/"},
		{"memberships", inspector, "/api/v1/memberships/?filter[organization]=1"},
		{"nodes", inspector, "/api/v1/nodes/"},
		{"node", inspector, "/api/v1/nodes/" + node1 + "/"},
		{"notification_channels", owner, "/api/v1/notification-channels/"},
		{"notification", owner, "/api/v1/notifications/1/"},
		{"models", anonymous, "/api/v1/models/"},
		{"installation", anonymous, "/api/v1/installations/1/"},
		{"installation_timeseries", anonymous, "/api/v1/installations/1/?include_timeseries=1&filter[from]=1768039560&filter[to]=1768039920"},
		{"installations_empty", anonymous, "/api/v1/installations/?filter[room]=2"},
		{"installation_fields", anonymous, "/api/v1/installations/1/?fields[Installation]=is_public,room"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			compareGolden(t, filepath.Join("testdata", test.name+".json"), indent(t, w.get(t, test.user, test.path).body))
		})
	}
}

// compareGolden holds what was got against the file, or writes it.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
