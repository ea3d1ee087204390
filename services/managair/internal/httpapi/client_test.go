package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// browser returns the request as the predecessor's dashboard sends it, with the
// session of the user. It names its media type also where it sends no document.
func browser(user string, rq request) request {
	rq.session = "session-" + user
	rq.header = map[string]string{
		"Accept":       "application/vnd.api+json, application/json, text/plain, */*",
		"Content-Type": "application/vnd.api+json",
		"X-CSRFTOKEN":  "csrf-" + user,
	}
	return rq
}

// needs are the members that the predecessor's clients read in the resources of a
// document, by the names in their code.
type needs struct {
	typ           string
	attributes    []string
	relationships []string // with linkage
}

// check tells what a resource lacks. All ids are texts; every relationship can be followed.
func (n needs) check(t *testing.T, path string, one map[string]any) {
	t.Helper()
	if one["type"] != n.typ {
		t.Errorf("%s: type %v, want %s", path, one["type"], n.typ)
	}
	if id, ok := one["id"].(string); !ok || id == "" {
		t.Errorf("%s: id %v", path, one["id"])
	}
	attributes, _ := one["attributes"].(map[string]any)
	for _, name := range n.attributes {
		if _, ok := attributes[name]; !ok {
			t.Errorf("%s: no attribute %s in %v", path, name, attributes)
		}
	}
	relationships, _ := one["relationships"].(map[string]any)
	for _, name := range n.relationships {
		relationship, _ := relationships[name].(map[string]any)
		data, _ := relationship["data"].(map[string]any)
		links, _ := relationship["links"].(map[string]any)
		if data["type"] == nil || data["id"] == nil || links["related"] == nil {
			t.Errorf("%s: relationship %s is %v", path, name, relationship)
		}
	}
}

func resourcesOf(t *testing.T, path, body string) []map[string]any {
	t.Helper()
	var document struct{ Data json.RawMessage }
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var many []map[string]any
	if strings.HasPrefix(string(document.Data), "{") {
		many = make([]map[string]any, 1)
		document.Data = []byte("[" + string(document.Data) + "]")
	}
	if err := json.Unmarshal(document.Data, &many); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return many
}

// What the predecessor's dashboard, embedded page and widget ask for, as they ask for
// it, and what they read in the answers.
func TestPredecessorsClientsFindWhatTheyRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	membership := needs{"Membership", []string{"role", "organization_name"}, []string{"organization", "user"}}
	site := needs{"Site", []string{"name", "description"}, []string{"address", "operator"}}
	room := needs{"Room", []string{"name", "description", "size_sqm", "height_m", "max_occupancy"}, []string{"site"}}
	installation := needs{"Installation", []string{"from_timestamp_s", "to_timestamp_s", "is_public", "description", "query_timestamp_s", "latest_sample"}, []string{"node", "room"}}
	series := needs{"Installation", append(slices.Clone(installation.attributes), "timeseries"), installation.relationships}
	user := needs{"User", []string{"username", "email", "first_name", "last_name"}, nil}
	air := needs{"room-airquality", []string{"clean_air_medal"}, nil}
	for _, test := range []struct {
		name, session, path string
		count               int
		needs               needs
	}{
		{"who is logged in", "1", "auth/user", 1, needs{"User", nil, nil}},
		{"oneself", "1", "users/1/", 1, user},
		{"a fellow member", "1", "users/2", 1, user},
		{"one's memberships", "1", "users/1/memberships", 1, membership},
		{"quantities before the log-in", "", "quantities", 2, needs{"Quantity", nil, nil}},
		{"protocols before the log-in", "", "protocols", 2, needs{"Protocol", nil, nil}},
		{"models before the log-in", "", "models", 1, needs{"Model", []string{"trade_name", "manufacturer"}, nil}},
		{"an organization", "1", "organizations/1/", 1, needs{"Organization", []string{"name", "description"}, nil}},
		{"its users", "1", "organizations/1/users/", 2, needs{"User", []string{"username"}, nil}},
		{"its memberships", "1", "memberships?filter%5Borganization%5D=1", 2, membership},
		{"its sites", "1", "sites?filter%5Borganization%5D=1", 2, site},
		{"its rooms", "1", "rooms?filter%5Borganization%5D=1", 2, room},
		{"its nodes", "1", "nodes?filter%5Borganization%5D=1", 2, needs{"Node", []string{"alias", "eui64", "description", "sample_count"}, []string{"model"}}},
		{"its installations", "1", "installations?filter%5Borganization%5D=1", 2, installation},
		{"an installation", "1", "installations/1", 1, installation},
		{"its room", "1", "installations/1/room", 1, room},
		{"its chart", "1", "installations/1?include_timeseries=1&filter%5Bfrom%5D=0&filter%5Bto%5D=1768910400", 1, series},
		{"the air of a room", "1", "rooms/1/airquality?include_histogram=True", 1, needs{"room-airquality", []string{"clean_air_medal", "airq_hist"}, nil}},
		{"the installations of a node", "1", "nodes/" + node1 + "/installations/", 1, installation},
		{"a user by their address", "1", "users?filter%5Bsearch%5D=stefan%40example.org", 1, needs{"User", []string{"username"}, nil}},
		{"embedded: the site", "", "sites/1", 1, site},
		{"embedded: its rooms", "", "sites/1/rooms", 1, room},
		{"embedded: their installations", "", "rooms/1/installations", 1, installation},
		{"embedded: their air", "", "rooms/1/airquality", 1, air},
		{"widget: the site", "", "sites/1?", 1, site},
		{"widget: its rooms", "", "sites/1/rooms?", 1, room},
		{"widget: their installations", "", "rooms/1/installations?", 1, installation},
		{"widget: the values", "", "installations/1?include_timeseries=1&filter%5Bfrom%5D=1768000000&filter%5Bto%5D=1768910400", 1, series},
	} {
		rq := browser(test.session, get(anonymous, "/api/v1/"+test.path))
		if test.session == "" {
			rq.session = ""
			delete(rq.header, "X-CSRFTOKEN")
		}
		if test.path == "auth/user" {
			rq.header = map[string]string{"Accept": "application/json, text/plain, */*"}
		}
		got := w.do(t, rq)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
			continue
		}
		all := resourcesOf(t, test.path, got.body)
		if len(all) != test.count {
			t.Errorf("%s: %d resources, want %d: %s", test.name, len(all), test.count, got.body)
		}
		for _, one := range all {
			test.needs.check(t, test.name, one)
		}
	}
	// Without a log-in the dashboard waits for 401, and goes to the page for it.
	for _, path := range []string{"auth/user", "users/1", "memberships?filter%5Borganization%5D=1", "nodes"} {
		if got := w.do(t, get(anonymous, "/api/v1/"+path)); got.status != http.StatusUnauthorized {
			t.Errorf("%s without a log-in: %d", path, got.status)
		}
	}
}

// Charts take the first and the last sample for the oldest and the latest, and tables
// their columns from the first one.
func TestSeriesBeginsWithTheOldestSample(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.get(t, anonymous, "/api/v1/installations/1?include_timeseries=1&filter%5Bfrom%5D=0&filter%5Bto%5D=1768910400")
	samples, _ := resourcesOf(t, "series", got.body)[0]["attributes"].(map[string]any)["timeseries"].([]any)
	var times []float64
	for _, s := range samples {
		sample, _ := s.(map[string]any)
		keys := slices.Sorted(maps.Keys(sample))
		if diff := cmp.Diff([]string{"co2_ppm", "measurement_status", "rel_humidity_percent", "temperature_celsius", "timestamp_s"}, keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		at, _ := sample["timestamp_s"].(float64)
		times = append(times, at)
	}
	if len(times) != 10 || !slices.IsSorted(times) {
		t.Errorf("times %v", times)
	}
}

// What the dashboard writes. It replaces what it knows by what a change answers, so
// that must be all of it.
func TestPredecessorsDashboardWrites(t *testing.T) {
	t.Parallel()
	m := &mutable{w: newWorld(t)}
	const toSite1, toNode2, toRoom2 = `"site":{"data":{"type":"Site","id":"1"}}`, `"node":{"data":{"type":"Node","id":"` + node2 + `"}}`, `"room":{"data":{"type":"Room","id":"2"}}`
	for name, step := range map[string]attempt{
		"a new organization":       {request: post(0, "organizations/", doc("Organization", `"attributes":{"name":"Neu","description":""}`)), status: 201},
		"an organization":          {request: patch(0, "organizations/1/", doc("Organization", `"id":"1","attributes":{"name":"Haus 2","description":"x"}`)), status: 200},
		"a new address":            {request: post(0, "addresses/", doc("Address", `"attributes":{"street1":"a","street2":"","zip":"12345","city":"b"}`)), status: 201},
		"an address":               {request: patch(0, "addresses/1/", doc("Address", `"id":"1","attributes":{"street1":"a","street2":"","zip":"12345","city":"b"}`)), status: 200},
		"a new site":               {request: post(0, "sites/", doc("Site", `"attributes":{"name":"Neu","description":""},"relationships":{"operator":{"data":{"type":"Organization","id":"1"}},"address":{"data":{"type":"Address","id":"4"}}}`)), status: 201},
		"a site":                   {request: patch(0, "sites/1/", doc("Site", `"id":"1","attributes":{"name":"Schule 2","description":"x"}`)), status: 200},
		"a new room":               {request: post(0, "rooms/", doc("Room", `"attributes":{"name":"Neu","description":"","size_sqm":"12.5","height_m":"2.8","max_occupancy":"9"},"relationships":{`+toSite1+`}`)), status: 201},
		"a room":                   {request: patch(0, "rooms/1/", doc("Room", `"id":"1","attributes":{"name":"Klasse 2","size_sqm":"20","height_m":"3","max_occupancy":"12"}`)), status: 200},
		"a node":                   {request: patch(0, "nodes/"+node1+"/", doc("Node", `"id":"`+node1+`","attributes":{"alias":"x","description":"y"}`)), status: 200},
		"an installation from now": {request: post(0, "installations/", doc("Installation", `"attributes":{"from_timestamp_s":1770000000,"is_public":true},"relationships":{`+toRoom2+`,`+toNode2+`}`)), status: 201},
		"a past installation":      {request: post(0, "installations/", doc("Installation", `"attributes":{"from_timestamp_s":1760000000,"to_timestamp_s":1760000100,"is_public":false,"description":"x"},"relationships":{`+toRoom2+`,`+toNode2+`}`)), status: 201},
		"the end of it":            {request: patch(0, "installations/1/", doc("Installation", `"id":"1","attributes":{"to_timestamp_s":1768910400}`)), status: 200},
		"a role":                   {request: patch(0, "memberships/2/", doc("Membership", `"id":"2","attributes":{"role":"O"}`)), status: 200},
		"a room goes":              {request: remove(0, "rooms/1", ""), status: 204},
		"a site goes":              {request: remove(0, "sites/1", ""), status: 204},
		"an organization goes":     {request: remove(0, "organizations/1", ""), status: 204},
		"a member goes":            {request: remove(0, "memberships/2", ""), status: 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.use(t, func(w *world) {
				step.request = browser("1", step.request)
				step.path = "/api/v1/" + step.path
				got := w.do(t, step.request)
				if got.status != step.status {
					t.Fatalf("%s %s: %d, want %d: %s", step.method, step.path, got.status, step.status, got.body)
				}
				if step.method == http.MethodDelete {
					return
				}
				changed := resourcesOf(t, name, got.body)[0]
				path := "/api/v1/" + map[string]string{
					"Organization": "organizations", "Address": "addresses", "Site": "sites", "Room": "rooms", "Node": "nodes",
					"Installation": "installations", "Membership": "memberships",
				}[changed["type"].(string)] + "/" + changed["id"].(string) + "/"
				kept := w.do(t, browser("1", get(0, path)))
				if diff := cmp.Diff(resourcesOf(t, path, kept.body)[0], changed); diff != "" {
					t.Errorf("%s answers not what is kept (-kept +answered):\n%s", step.path, diff)
				}
			})
		})
	}
}
