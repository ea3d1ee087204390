package httpapi_test

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
)

// fuzzHeaders are what fuzzed requests bring along besides.
var fuzzHeaders = []map[string]string{
	{},
	{"Accept": "text/html"},
	{"Accept": "text/csv"},
	{"Accept": "application/json", "Accept-Encoding": "gzip, zstd;q=0.5"},
	{"Range": "bytes=0-0,-1,5-2"},
	{"Range": "bytes=99999999999999999999-"},
	{"If-None-Match": "*"},
	{"Accept": "text/event-stream", "Last-Event-ID": "99999999999999999999-1"},
	{"Accept-Language": "en;q=x, \xff"},
	{"Content-Type": "application/vnd.api+json; version=\"1"},
	{"Content-Type": "multipart/form-data; boundary=x"},
	{"Content-Type": "application/x-www-form-urlencoded"},
	{"Accept": "*/*;q=0, text/html;q=abc"},
}

// fuzzBodies are documents of all sorts.
func fuzzBodies() []string {
	return []string{
		"",
		`{"data":{"type":"Room","id":"1","attributes":{"size_sqm":1e400,"height_m":"NaN","max_occupancy":"99999999999999999999"}}}`,
		`{"data":{"type":"Site","attributes":{"name":null,"time_zone":"../../etc/passwd"},"relationships":{"rooms":{"data":[]}}}}`,
		`{"data":{"type":"Node","id":"` + node1 + `","attributes":{"alias":"\u0000","description":"\ud800","expected_interval_s":-9223372036854775809}}}`,
		`{"data":[{"type":"User","id":"1"},{"type":"User","id":"1"},{"type":"User","id":"-1"}]}`,
		`{"data":{"type":"Installation","attributes":{"from_timestamp_s":-1,"to_timestamp_s":253402300799}}}`,
		`{"data":{"type":"Installation","id":"1","attributes":{"from_timestamp_s":"0","is_public":"ja"},"relationships":{"node":{"data":{"type":"Node","id":"x"}}}}}`,
		`{"data":{"type":"Room","type":"Site","id":"1","id":"2","attributes":{"name":"a","name":["b"]},"attributes":7}}`,
		`{"data":{"type":"User","id":"1","attributes":{"username":"\u0000","first_name":{"a":[]}}}}`,
		`{"data":{"type":"LoginView","attributes":{"username":"\u0000","password":"\u0000"}}}`,
		`{"data":{"type":"PasswordResetView","attributes":{"email":"a\u0000@b"}}}`,
		`{"data":{"type":"PasswordResetConfirmView","attributes":{"uid":"\u0000","token":"x","new_password1":"Klavier-9-gelb","new_password2":"Klavier-9-gelb"}}}`,
		`{"data":{"type":"PasswordChangeView","attributes":{"old_password":"\u0000","new_password1":"Klavier-9-gelb","new_password2":"Klavier-9-gelb"}}}`,
		`{"data":{"type":"Model","attributes":{"name":"x","trade_name":"x","manufacturer":"x","sensor_type":"x"},"relationships":{"quantities":{"data":[{"type":"Quantity","id":"1"},{"type":"Quantity","id":"1"}]}}}}`,
		`{"data":{"type":"Organization","id":"1","attributes":{"name":"\u0000"},"relationships":{"users":{"data":[{"type":"User","id":"1"},{"type":"User","id":"1"}]}}}}`,
		`{"data":{"type":"Membership","id":"1","attributes":{"role":"\u0000"},"relationships":{"user":{"data":{"type":"User","id":"9223372036854775807"}}}}}`,
		`{"data":{"type":"Address","id":"1","attributes":{"latitude":1e-400,"longitude":"-0","street2":"` + strings.Repeat("x", 300) + `"}}}`,
		"{\"data\":{\"type\":\"Room\",\"id\":\"1\",\"attributes\":{\"name\":\"\xff\xfe\"}}}",
		strings.Repeat(`{"data":`, 20_000),
		`{"data":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
		"name=x&site=1&name=%00&max_occupancy=%ff",
		"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n\x89PNG\r\n\x1a\n\x00\x00\r\n--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n\x00\r\n--x--\r\n",
		"\xef\xbb\xbf{}", "null", "[]", `"`, "1e999",
	}
}

// fuzzIDs are what stands in paths where an id should.
var fuzzIDs = []string{
	"1", "2", node1, "x", "", " 1", "+1", "01", "0", "-1", "9223372036854775807", "99999999999999999999",
	"../1", "..", "%00", "\x00", "\xff", "1/", "1;a=b", "{" + node1 + "}", strings.ReplaceAll(node1, "-", ""), strings.Repeat("9", 5000),
}

var fuzzQueries = []string{
	"", "include=site&fields[Room]=name&page[size]=1&page[number]=last&sort=-name",
	"filter[from]=1e9&filter[to]=-1", "filter[from]=-253402300799&filter[to]=253402300799&include_timeseries=1",
	"include_timeseries=1&resolution=1h&max_points=3&filter[from]=0", "include_timeseries=1&resolution=1d&filter[to]=253402300799",
	"resolution=10m&max_points=5000", "max_points=99999999999999999999", "resolution=%00",
	"filter[organization]=99999999999999999999&filter[search]=%00", "filter[search]=%ff%fe", "filter[search]=%25_%5c",
	"filter[username]=%00", "filter[node]=" + node1 + "&filter[room]=1&filter[site]=1", "filter[user]=1&filter[organization]=1",
	"page[size]=1000&page[number]=2147483648", "page[size]=-1&page[number]=9223372036854775807", "page[number]=%00", "page[size]=1000&page[number]=9223372036854775",
	"include=room.site.operator.users,node.owner,node.model.quantities&fields[]=x&fields[User]=%00", "include=%00,,.", "sort=,-,--id,id,id",
	"include_histogram=true&include_days=1", "last_event_id=%00", "organization=1&site=1", "%00=%00", "%zz=1", "a=b;c=d", "filter=1&filter[]=2&filter[[]]=3", "format=json",
}

// anything is a request that somebody may send: numbers choose a route, a caller and
// further headers.
type anything struct {
	route           uint16
	id, query, body string
	user, header    uint8
}

// send sends it, unless it is no request that a server would ever see. Nothing that
// comes from outside may end in a 500; the world's log fails the test when anything is
// logged as an error.
func (a anything) send(t *testing.T, w *world, routes []httpapi.Route) {
	t.Helper()
	rt := routes[int(a.route)%len(routes)]
	path := strings.NewReplacer("{id}", url.PathEscape(a.id), "{month}", url.PathEscape(a.id), "{name}", url.PathEscape(a.id), "{quantity}", url.PathEscape(a.id)).Replace(rt.Pattern) + "/"
	if _, err := url.ParseRequestURI("http://h" + path + "?" + a.query); err != nil || strings.ContainsAny(a.query, " \r\n#") ||
		strings.ContainsFunc(a.query, func(r rune) bool { return r < ' ' || r > '~' }) {
		return
	}
	rq := request{method: rt.Method, path: path + "?" + a.query, body: a.body, header: maps.Clone(fuzzHeaders[int(a.header)%len(fuzzHeaders)])}
	if user := a.user % 7; user != 0 && user != 6 {
		rq.token = "write-" + strconv.Itoa(int(user))
	}
	if a.body != "" && !strings.HasPrefix(a.body, "{") && rq.header["Content-Type"] == "" && len(a.body)%2 == 0 {
		rq.header["Content-Type"] = "application/x-www-form-urlencoded"
	}
	if got := w.do(t, rq); got.status >= http.StatusInternalServerError {
		t.Errorf("%s %s %q: %d %s", rq.method, rq.path, a.body, got.status, got.body)
	}
}

// TestAnything sends each query and document once to each route, with something of
// all else.
func TestAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	routes, bodies, ids := w.api.Routes(), fuzzBodies(), fuzzIDs
	for i, route := range routes {
		n := uint16(i)
		if route.Method == http.MethodGet {
			for j, query := range fuzzQueries {
				anything{n, ids[j%len(ids)], query, "", uint8(i + j), uint8(j)}.send(t, w, routes)
			}
			for j, id := range ids {
				anything{n, id, "", "", 1, uint8(i + j)}.send(t, w, routes)
			}
			continue
		}
		for j, body := range bodies {
			anything{n, []string{"1", node1}[j%2], "", body, 1, uint8(j)}.send(t, w, routes)
			anything{n, ids[j%len(ids)], fuzzQueries[j%len(fuzzQueries)], body, uint8(i + j), 0}.send(t, w, routes)
		}
	}
}

// FuzzRequests begins with one request to each route, with queries, documents and
// headers in turn: with all of TestAnything it would not come to mutating them.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	routes, bodies := w.api.Routes(), fuzzBodies()
	for i, route := range routes {
		query, body := fuzzQueries[i%len(fuzzQueries)], ""
		if route.Method != http.MethodGet {
			query, body = "", bodies[i%len(bodies)]
		}
		id := []string{"1", node1, "x"}[i%3]
		f.Add(uint16(i), id, query, body[:min(len(body), 1000)], uint8(1+i%5), uint8(i))
	}
	f.Fuzz(func(t *testing.T, route uint16, id, query, body string, user, header uint8) {
		anything{route, id, query, body, user, header}.send(t, w, routes)
	})
}
