package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestPublicSites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const school = `{"type":"PublicSite","id":"1","attributes":{"name":"Schule","street1":"Hauptstr. 1","zip":"10827","city":"Berlin",` +
		`"latitude":"52.520000","longitude":"13.400000","rooms":[{"id":"1","name":"Klasse 1","latest_samples":[{"timestamp_s":1768040820,"co2_ppm":500}],` +
		`"air_scale":{"profile":"de-uba","levels":[{"role":"good","below_ppm":1000},{"role":"elevated","up_to_ppm":2000},{"role":"high"}]}}]}`
	for _, test := range []struct {
		name, query string
		found       bool
	}{
		{"all", "", true},
		{"by name", "?filter[search]=schule", true},
		{"by street and room", "?filter[search]=hauptstr+klasse", true},
		{"not by what is private", "?filter[search]=keller", false},
		{"every word must occur", "?filter[search]=schule+nirgends", false},
		{"inside the box", "?filter[box]=13,52,14,53", true},
		{"outside the box", "?filter[box]=9,52,10,53", false},
		{"a box over the 180th meridian", "?filter[box]=13,-90,-170,90", true},
		{"outside of such a box", "?filter[box]=14,-90,-170,90", false},
	} {
		// A member sees no more of them than everyone.
		for _, user := range []int64{anonymous, owner} {
			got := w.do(t, request{user: user, path: "/api/v1/public-sites/" + test.query})
			if got.status != http.StatusOK || strings.Contains(got.body, school) != test.found || strings.Contains(got.body, "Lager") {
				t.Errorf("%s, as user %d: %d %s", test.name, user, got.status, got.body)
			}
		}
	}
}

func TestPublicSitesRefuseWrongBoxes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, box := range []string{"1,2,3", "1,2,3,4,5", "a,2,3,4", "NaN,2,3,4", "181,2,3,4", "1,2,3,91", "1,50,3,40"} {
		got := w.do(t, request{path: "/api/v1/public-sites/?filter[box]=" + box})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "filter[box]") {
			t.Errorf("box %s: %d %s", box, got.status, got.body)
		}
	}
}

// What is over, and what is not public, measures nothing here.
func TestPublicSitesTellOnlyOfPublicInstallations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO installation (node_id, room_id, from_time, is_public) VALUES ($1, 1, '2026-02-01T00:00:00Z', false)`, node2)
	w.exec(t, `UPDATE installation SET to_time = '2026-01-15T00:00:00Z' WHERE id = 1`)
	got := w.do(t, request{user: owner, path: "/api/v1/public-sites/1/"})
	if !strings.Contains(got.body, `"rooms":[{"id":"1","name":"Klasse 1","latest_samples":[],"air_scale":`) {
		t.Error(got.body)
	}
}
