package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// An end that there is not is null, or the number of the open end, and nothing of a form.
func TestAnOpenEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path, media = "installations/", "application/vnd.api+json"
	body := func(id, end string) string {
		return strings.Replace(document("installation", values{"node": node2, "room": "1", "from_timestamp_s": "1770000000"}, id),
			`"attributes":{`, `"attributes":{"to_timestamp_s":`+end+`,`, 1)
	}
	for _, end := range []string{"null", "2147483647"} {
		made := w.request(t, http.MethodPost, path, media, body("", end))
		if !strings.HasPrefix(made, "201 ") || !strings.Contains(made, `"to_timestamp_s":2147483647`) {
			t.Fatalf("made with %s: %s", end, made)
		}
		id := newID.FindStringSubmatch(made)[1]
		for _, step := range []struct{ end, want string }{{"1780000000", "1780000000"}, {end, "2147483647"}} {
			got := w.request(t, http.MethodPatch, path+id+"/", media, `{"data":{"type":"Installation","id":"`+id+`","attributes":{"to_timestamp_s":`+step.end+`}}}`)
			if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"to_timestamp_s":`+step.want) {
				t.Errorf("changed to %s: %s", step.end, got)
			}
		}
		if got := w.request(t, http.MethodDelete, path+id+"/", media, ""); !strings.HasPrefix(got, "204") {
			t.Error(got)
		}
	}
	form := url.Values{"node": {node2}, "room": {"1"}, "from_timestamp_s": {"1770000000"}, "to_timestamp_s": {""}}
	if got := w.request(t, http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode()); !strings.HasPrefix(got, "201 ") {
		t.Errorf("a form: %s", got)
	}
	if got := w.request(t, http.MethodPost, path, media, strings.Replace(body("", "null"), `"1770000000"`, "null", 1)); got != "null" {
		t.Errorf("no begin: %s", got)
	}
}

// A time zone that came by SQL and that nobody knows costs nobody the air of the room:
// its days are those of UTC. The operators are told by managair check.
func TestAZoneThatNobodyKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, zone := range []string{"Nonsense/Zone", "Factory", "posix/UTC"} {
		w.exec(t, "UPDATE site SET time_zone = $1 WHERE id = 1", zone)
		got := w.request(t, http.MethodGet, "rooms/1/airquality/2026-02/", "", "")
		if !strings.HasPrefix(got, "200 ") || !strings.Contains(got, `"time_zone":"UTC"`) {
			t.Errorf("%s: %s", zone, got)
		}
		if got := w.request(t, http.MethodPatch, "sites/1/", "application/vnd.api+json", document("site", values{"name": "Anders " + zone}, "1")); !strings.HasPrefix(got, "200 ") {
			t.Errorf("another name beside %s: %s", zone, got)
		}
	}
}

// What no column keeps is said of its field, by pages that are not of the inventory, too.
func TestFormsSayWhichFieldIsNoText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.pages(t)
	for _, form := range []struct{ path, field, label string }{
		{"user_account/1/", "first_name", "First name"},
		{"network_application/add/", "application", "Application at the network server"},
		{"organization/1/", "i0.new.role", "Role"},
		{"token/add/", "nothing we know", "nothing we know"},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://h/admin/"+form.path, strings.NewReader(url.Values{form.field: {"a\x00"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", "en")
		r.AddCookie(p.cookie)
		answer := httptest.NewRecorder()
		p.handler.ServeHTTP(answer, r)
		if want := form.label + ": It has characters that cannot be kept."; answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %d, without %q", form.path, answer.Code, want)
		}
	}
}
