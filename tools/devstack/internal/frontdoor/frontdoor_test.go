package frontdoor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func compressed(t *testing.T, text string) string {
	t.Helper()
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.String()
}

// newDoor returns a door before a managair that says what it was asked.
func newDoor(t *testing.T, dist string) http.Handler {
	t.Helper()
	managair := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private")
		_, _ = fmt.Fprintf(w, "managair %s %s %s", r.Host, r.URL, r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(managair.Close)
	target, err := url.Parse(managair.URL)
	if err != nil {
		t.Fatal(err)
	}
	door, err := New(dist, target)
	if err != nil {
		t.Fatal(err)
	}
	return door
}

func get(t *testing.T, door http.Handler, path, encoding string) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://clair.test"+path, nil)
	request.Header.Set("Accept-Encoding", encoding)
	recorder := httptest.NewRecorder()
	door.ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	dist := t.TempDir()
	write(t, dist, map[string]string{"index.html": "the pages", "assets/a.js": "script", "clair-room.js": "element"})
	write(t, filepath.Dir(dist), map[string]string{"secret.txt": "secret"})
	door := newDoor(t, dist)
	tests := []struct {
		name, path string
		status     int
		body       string
	}{
		{"the start page", "/", 200, "the pages"},
		{"a page that the script knows", "/rooms/12", 200, "the pages"},
		{"a file", "/assets/a.js", 200, "script"},
		{"a file that is not there", "/assets/b.js", 404, "404 page not found\n"},
		{"a folder", "/assets/", 200, "the pages"},
		{"a way out of the folder", "/../secret.txt", 404, "404 page not found\n"},
		{"the API, by its own name", "/api/v1/rooms/?a=1", 200, "managair clair.test /api/v1/rooms/?a=1 192.0.2.1"},
		{"an account page", "/accounts/login/", 200, "managair clair.test /accounts/login/ 192.0.2.1"},
		{"whom to tell", "/.well-known/security.txt", 200, "managair clair.test /.well-known/security.txt 192.0.2.1"},
		{"where passwords are changed", "/.well-known/change-password", 200, "managair clair.test /.well-known/change-password 192.0.2.1"},
		{"a page that only begins like managair's", "/apiary", 200, "the pages"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			response := get(t, door, tt.path, "")
			defer response.Body.Close() //nolint:errcheck // in memory
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || string(body) != tt.body {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, body, tt.status, tt.body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	dist := t.TempDir()
	write(t, dist, map[string]string{
		"index.html": "the pages", "index.html.gz": compressed(t, "the pages"),
		"assets/a.js": "script", "clair-room.js": "element",
	})
	door := newDoor(t, dist)
	tests := []struct{ path, header, want string }{
		{"/", "Content-Security-Policy", contentSecurityPolicy + "; frame-ancestors 'self'"},
		{"/embed/3", "Content-Security-Policy", contentSecurityPolicy + "; frame-ancestors *"},
		{"/embedded", "Content-Security-Policy", contentSecurityPolicy + "; frame-ancestors 'self'"},
		{"/", "Cache-Control", "no-cache"},
		{"/", "Content-Encoding", "gzip"},
		{"/", "Content-Type", "text/html; charset=utf-8"},
		{"/assets/a.js", "Cache-Control", "public, max-age=31536000, immutable"},
		{"/assets/a.js", "Access-Control-Allow-Origin", "*"},
		{"/assets/a.js", "Content-Encoding", ""},
		{"/clair-room.js", "Access-Control-Allow-Origin", "*"},
		{"/api/v1/", "Cache-Control", "private"},
		{"/assets/gone.js", "Cache-Control", ""},
	}
	for _, tt := range tests {
		t.Run(tt.path+" "+tt.header, func(t *testing.T) {
			t.Parallel()
			response := get(t, door, tt.path, "br, gzip")
			defer response.Body.Close() //nolint:errcheck // in memory
			if got := response.Header.Get(tt.header); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWithoutPages(t *testing.T) {
	t.Parallel()
	response := get(t, newDoor(t, ""), "/", "")
	defer response.Body.Close() //nolint:errcheck // in memory
	if got := response.Header.Get("Location"); got != "/api/v1/" {
		t.Errorf("the start page leads to %q", got)
	}
	if _, err := New(t.TempDir(), &url.URL{}); err == nil {
		t.Error("a folder without pages was accepted")
	}
}

// What is tried out here must be what is served in production.
func TestPolicyIsThatOfNginx(t *testing.T) {
	t.Parallel()
	configuration, err := os.ReadFile("../../../../services/static-frontend/nginx/default.conf.template")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`set \$csp "([^"]*)"`).FindSubmatch(configuration)
	if found == nil {
		t.Fatal("nginx has no policy")
	}
	got := strings.ReplaceAll(string(found[1]), " ${TILE_ORIGIN}", "")
	if got != contentSecurityPolicy {
		t.Errorf("nginx says\n%s\nand we say\n%s", got, contentSecurityPolicy)
	}
	headers, err := os.ReadFile("../../../../services/static-frontend/nginx/headers.conf")
	if err != nil {
		t.Fatal(err)
	}
	if want := `add_header Permissions-Policy "` + permissions + `" always;`; !strings.Contains(string(headers), want) {
		t.Errorf("nginx says\n%s\nwithout\n%s", headers, want)
	}
	// A block with a header of its own inherits none.
	for block := range strings.SplitSeq(string(configuration), "location ") {
		if strings.Contains(block, "add_header") && !strings.Contains(block, "include /etc/clair/headers.conf;") {
			t.Errorf("without the headers of all:\n%s", block)
		}
	}
}
