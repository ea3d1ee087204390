package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Nothing that comes from outside may end in a 500. testLog fails the test when
// anything is logged as an error.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	routes := w.api.Routes()
	for _, seed := range []struct{ id, query, body string }{
		{"1", "", ""},
		{"1", "include=site&fields[Room]=name&page[size]=1&page[number]=last&sort=-name", `{"data":{"type":"Room","id":"1","attributes":{"size_sqm":1e400}}}`},
		{"x", "filter[from]=1e9&filter[to]=-1", `{"data":{"type":"Site","attributes":{"name":null},"relationships":{"rooms":{"data":[]}}}}`},
		{node1, "include_timeseries=1&resolution=1h&max_points=3&filter[from]=0", `{"data":{"type":"Node","id":"` + node1 + `","attributes":{"alias":"\u0000"}}}`},
		{"99999999999999999999", "filter[organization]=99999999999999999999&filter[search]=%00", `{"data":[{"type":"User","id":"1"}]}`},
		{"%2e%2e", "filter[node]=" + node1 + "&resolution=1d", `{"data":{"type":"Installation","attributes":{"from_timestamp_s":-1,"to_timestamp_s":253402300799}}}`},
		{"1", "page[size]=1000&page[number]=2147483648", "name=x&site=1"},
		{"1", "max_points=3&filter[to]=253402300799", `{"data":{"type":"Installation","id":"1","attributes":{"from_timestamp_s":"0","is_public":"ja"},"relationships":{"node":{"data":{"type":"Node","id":"x"}}}}}`},
	} {
		for i := range routes {
			f.Add(uint16(i), seed.id, seed.query, seed.body, uint8(1))
		}
	}
	f.Fuzz(func(t *testing.T, route uint16, id, query, body string, user uint8) {
		rt := routes[int(route)%len(routes)]
		path := strings.ReplaceAll(rt.Pattern, "{id}", url.PathEscape(id)) + "/"
		if u, err := url.ParseRequestURI("http://h" + path + "?" + query); err != nil || strings.ContainsAny(query, " \r\n#") || strings.ContainsFunc(query, func(r rune) bool { return r < ' ' || r > '~' }) || u.Fragment != "" {
			return // no request that a server would ever see
		}
		rq := request{user: int64(user % 6), method: rt.Method, path: path + "?" + query, body: body}
		if body != "" && !strings.HasPrefix(body, "{") {
			rq.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		}
		if got := w.do(t, rq); got.status >= http.StatusInternalServerError {
			t.Errorf("%s %s %q: %d %s", rq.method, rq.path, body, got.status, got.body)
		}
	})
}
