package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi/openapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func TestDescriptionNamesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for path, operations := range openapi.Read().Paths {
		for method := range operations {
			described[strings.ToUpper(method)+" "+strings.TrimSuffix(path, "/")] = true
		}
	}
	w := newWorld(t)
	for _, route := range w.api.Routes() {
		if route.Page || route.Pattern == httpapi.Base {
			continue // pages, and the list of addresses
		}
		if !described[route.Name()] {
			t.Errorf("%s is not described", route.Name())
		}
		delete(described, route.Name())
	}
	for name := range described {
		t.Errorf("%s is described, but is no route", name)
	}
}

var compiler = sync.OnceValue(func() func(location string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openapi.JSON()))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	compiled := map[string]*jsonschema.Schema{}
	return func(location string) (*jsonschema.Schema, error) {
		mu.Lock()
		defer mu.Unlock()
		if s := compiled[location]; s != nil {
			return s, nil
		}
		s, err := c.Compile("openapi.json#" + location)
		compiled[location] = s
		return s, err
	}
})

// validate holds an answer against the description. world.do does it with every
// answer of every test.
func validate(t testing.TB, pattern string, rq request, got answer) {
	t.Helper()
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if !strings.HasSuffix(media, "json") || got.header.Get("Content-Encoding") != "" || rq.method == http.MethodOptions || rq.method == http.MethodHead {
		return
	}
	location := "/components/schemas/Error"
	if got.status == http.StatusNotModified {
		return
	}
	if got.status < 400 {
		if pattern == "/" || pattern == httpapi.Base || strings.HasPrefix(pattern, httpapi.Base+"/schema") {
			return
		}
		escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
		content := "application~1vnd.api+json"
		if strings.HasSuffix(pattern, ".json") { // a file
			content = "application~1json"
		}
		location = "/paths/" + escape.Replace(pattern+"/") + "/" + strings.ToLower(rq.method) + "/responses/" + strconv.Itoa(got.status) +
			"/content/" + content + "/schema"
	}
	schema, err := compiler()(location)
	if err != nil {
		t.Errorf("%s %s: %d is not described: %v", rq.method, rq.path, got.status, err)
		return
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	if err != nil {
		t.Errorf("%s %s: no JSON: %v: %s", rq.method, rq.path, err, got.body)
		return
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s %s: not as described: %v\n%s", rq.method, rq.path, err, got.body)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	api := httpapi.New(httpapi.Config{}, slog.New(slog.NewTextHandler(testLog{t}, nil)), nil, httpapi.Domain{Telemetry: postgres.NewTelemetry(nil)}, time.Now)
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{api: api, handler: handler}
	for _, test := range []struct{ path, accept, media, contains string }{
		{"/api/v1/schema/", "", "application/vnd.oai.openapi", "openapi: 3.1.0"},
		{"/api/v1/schema/", "application/json", "application/json", `"openapi":"3.1.0"`},
		{"/api/v1/schema/?format=json", "", "application/json", `"openapi":"3.1.0"`},
		{"/api/v1/schema/swagger-ui/", "text/html", "text/html; charset=utf-8", "swagger-ui.js"},
		{"/api/v1/schema/redoc/", "text/html", "text/html; charset=utf-8", "<redoc"},
		{"/api/v1/schema/files/swagger-ui.js", "*/*", "text/javascript; charset=utf-8", "SwaggerUIBundle"},
		{"/api/v1/schema/files/redoc.js", "*/*", "text/javascript; charset=utf-8", "redoc"},
		{"/api/v1/schema/files/browse.css", "text/css,*/*;q=0.1", "text/css; charset=utf-8", "pre.json"},
	} {
		got := w.do(t, request{path: test.path, header: map[string]string{"Accept": test.accept}})
		if got.status != http.StatusOK || got.header.Get("Content-Type") != test.media || !strings.Contains(got.body, test.contains) {
			t.Errorf("GET %s (%s): %d %s, %.100s", test.path, test.accept, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if got := w.do(t, request{path: "/api/v1/schema/files/nichts.js"}); got.status != http.StatusNotFound {
		t.Errorf("a missing file: %d", got.status)
	}
}

func TestOptionsDescribesFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, request{method: http.MethodOptions, path: "/api/v1/rooms/"})
	const want = `"name":{"type":"String","required":true,"read_only":false,"write_only":false,"label":"Name","max_length":50}`
	if got.status != http.StatusOK || !strings.Contains(got.body, want) || got.header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
}

func TestPagesForBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, test := range []struct {
		path     string
		status   int
		contains string
	}{
		{"/api/v1/", 200, `<a href="http://h/api/v1/rooms/">`},
		{"/api/v1/rooms/1/", 200, `<a href="http://h/api/v1/rooms/1/site/">`},
		{"/api/v1/rooms/", 200, "<option>POST</option>"},
		{"/api/v1/rooms/1/", 200, "<h1>rooms/1</h1>"},
		{"/api/v1/nodes/", 401, "Anmeldedaten fehlen."},
		{"/api/v1/rooms/4711/", 404, "Nicht gefunden."},
		{"/api/v1/installations/1/?include_timeseries=1", 200, `<span class="k">&#34;timeseries&#34;</span>`},
	} {
		got := w.do(t, request{path: test.path, header: map[string]string{"Accept": accept}})
		if got.status != test.status || got.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(got.body, test.contains) {
			t.Errorf("GET %s: %d %s\n%s", test.path, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	if _, err := w.pool.Exec(t.Context(), `UPDATE room SET name = '<script>alert(1)</script>' WHERE id = 1`); err != nil {
		t.Fatal(err)
	}
	if got := w.do(t, request{path: "/api/v1/rooms/1/", header: map[string]string{"Accept": accept}}); strings.Contains(got.body, "<script>alert") {
		t.Error("a page runs what somebody wrote into a name")
	}
}
