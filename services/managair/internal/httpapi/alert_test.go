package httpapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What a rule says must hang together, and be of what its owner may see.
func TestRulesForAlerts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	organization := ref("organization", "Organization", "1")
	for _, test := range []struct {
		name    string
		request request
		status  int
		source  string
	}{
		{"a threshold", create(inspector, "AlertRule", `"name":"a","condition":"above","quantity":"co2_ppm","threshold":"1000"`, organization), 201, ""},
		{"no threshold", create(inspector, "AlertRule", `"name":"a","condition":"above","quantity":"co2_ppm"`, organization), 400, "/data/attributes/threshold"},
		{"no quantity", create(inspector, "AlertRule", `"name":"a","condition":"swing","threshold":"10"`, organization), 400, "/data/attributes/quantity"},
		{"a quantity of silence", create(inspector, "AlertRule", `"name":"a","condition":"silent","quantity":"co2_ppm"`, organization), 400, "/data/attributes/quantity"},
		{"silence in occupied time", create(inspector, "AlertRule", `"name":"a","condition":"silent","occupied_only":true`, organization), 400, "/data/attributes/occupied_only"},
		{"what is never reached", create(inspector, "AlertRule", `"name":"a","condition":"above","quantity":"rel_humidity_percent","threshold":"101"`, organization), 400, "/data/attributes/threshold"},
		{"no such condition", create(inspector, "AlertRule", `"name":"a","condition":"smelly"`, organization), 400, "/data/attributes/condition"},
		{"no such quantity", create(inspector, "AlertRule", `"name":"a","condition":"above","quantity":"noise","threshold":"1"`, organization), 400, "/data/attributes/quantity"},
		{"no time of day", create(inspector, "AlertRule", `"name":"a","condition":"faulty","quiet_from":"25:00","quiet_to":"06:00"`, organization), 400, "/data/attributes/quiet_from"},
		{"half of the quiet hours", create(inspector, "AlertRule", `"name":"a","condition":"faulty","quiet_from":"22:00"`, organization), 400, "/data/attributes/quiet_to"},
		{"reminders without end", create(inspector, "AlertRule", `"name":"a","condition":"faulty","remind_after_s":60`, organization), 400, "/data/attributes/remind_after_s"},
		{"two scopes", create(inspector, "AlertRule", `"name":"a","condition":"faulty"`, organization, ref("site", "Site", "1"), ref("room", "Room", "1")), 400, "/data/relationships/room"},
		{"a room of others", create(foreigner, "AlertRule", `"name":"a","condition":"faulty"`, ref("organization", "Organization", "2"), ref("room", "Room", "1")), 403, ""},
		{"a room of others that is hidden", create(foreigner, "AlertRule", `"name":"a","condition":"faulty"`, ref("organization", "Organization", "2"), ref("room", "Room", "2")), 400, "/data/relationships/room"},
		{"the organization's, by no OWNER", create(inspector, "AlertRule", `"name":"a","condition":"faulty","personal":false`, organization), 403, ""},
		{"the organization's", create(owner, "AlertRule", `"name":"a","condition":"faulty","personal":false`, organization), 201, ""},
		{"of others", create(stranger, "AlertRule", `"name":"a","condition":"faulty"`, organization), 403, ""},
		{"a rule changes hands", change(owner, "AlertRule", "1", `"personal":true`), 400, "/data/attributes/personal"},
		{"a rule changes what it is for", change(owner, "AlertRule", "1", "", ref("site", "Site", "1")), 400, "/data/relationships/site"},
		{"by a channel of its owner", change(owner, "AlertRule", "1", "", channelsRef("1", "1")), 200, `"channels":{"data":[{"type":"NotificationChannel","id":"1"}]`},
		{"by all again", change(owner, "AlertRule", "1", "", channelsRef()), 200, `"channels":{"data":[]`},
		{"one's own by one's own channel", change(owner, "AlertRule", "2", "", channelsRef("2")), 200, `"channels":{"data":[{"type":"NotificationChannel","id":"2"}]`},
		{"a new one by a channel", create(owner, "AlertRule", `"name":"a","condition":"faulty"`, organization, channelsRef("2")), 201, `"id":"2"}]`},
		{"the organization's by one's own channel", change(owner, "AlertRule", "1", "", channelsRef("1", "2")), 400, "/data/relationships/channels"},
		{"one's own by the organization's channel", change(owner, "AlertRule", "2", "", channelsRef("1")), 400, "/data/relationships/channels"},
		{"by a channel of others", change(owner, "AlertRule", "1", "", channelsRef("3")), 400, "/data/relationships/channels"},
		{"by no channel that is", change(owner, "AlertRule", "1", "", channelsRef("99")), 400, "/data/relationships/channels"},
		{"by more channels than may be chosen", change(owner, "AlertRule", "1", "", channelsRef(numbers(1000, 101)...)), 400, "100"},
		{"by what is no channel", change(owner, "AlertRule", "1", "", `"channels":{"data":[{"type":"Room","id":"1"}]}`), 409, ""},
		{"an alert is forgotten", change(owner, "AlertEpisode", "1", `"acknowledged":false`), 400, "/data/attributes/acknowledged"},
		{"a member puts off the organization's", change(inspector, "AlertEpisode", "1", `"snoozed_until_s":1769000000`), 403, ""},
		{"an OWNER does", change(owner, "AlertEpisode", "1", `"snoozed_until_s":1769000000`), 200, "snoozed_until_s"},
		{"a member knows of it", change(inspector, "AlertEpisode", "1", `"acknowledged":true`), 200, "acknowledged_at_s"},
		{"an alert is put off for years", change(owner, "AlertEpisode", "1", `"snoozed_until_s":1900000000`), 400, "/data/attributes/snoozed_until_s"},
	} {
		request := test.request
		request.path = strings.NewReplacer("alertrules", "alert-rules", "alertepisodes", "alert-episodes").Replace(request.path)
		got := w.do(t, request)
		if got.status != test.status || !strings.Contains(got.body, test.source) {
			t.Errorf("%s: %s %d, want %d %s\n%s", test.name, request.path, got.status, test.status, test.source, got.body)
		}
	}
}

// numbers are so many ids from one on.
func numbers(first, count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = strconv.Itoa(first + i)
	}
	return all
}

// channelsRef is the relationship of a rule to channels.
func channelsRef(ids ...string) string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = `{"type":"NotificationChannel","id":"` + id + `"}`
	}
	return `"channels":{"data":[` + strings.Join(all, ",") + `]}`
}

func TestTemplatesMakeRulesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	use := func(user int64, template, attributes string) answer {
		return w.do(t, post(user, "/api/v1/alert-templates/"+template+"/", doc("AlertTemplate",
			`"id":"`+template+`","attributes":{`+attributes+`},"relationships":{`+ref("organization", "Organization", "1")+","+ref("room", "Room", "1")+`}`)))
	}
	for template, rules := range map[string]string{"airing": "1", "sensors": "3", "collection": "5"} {
		if got := use(inspector, template, ""); got.status != http.StatusCreated || !strings.Contains(got.body, `"count":`+rules) {
			t.Errorf("%s: %d %s", template, got.status, got.body)
		}
		if got := use(inspector, template, ""); got.status != http.StatusOK || !strings.Contains(got.body, `"count":`+rules) {
			t.Errorf("%s again: %d %s", template, got.status, got.body)
		}
		if got := use(inspector, template, `"personal":false`); got.status != http.StatusForbidden {
			t.Errorf("%s for all: %d %s", template, got.status, got.body)
		}
		if got := use(owner, template, `"personal":false`); got.status != http.StatusCreated {
			t.Errorf("%s for all: %d %s", template, got.status, got.body)
		}
	}
	if got := w.get(t, inspector, "/api/v1/alert-rules/?filter[room]=1"); !strings.Contains(got.body, `"count":18`) {
		t.Errorf("%s", got.body)
	}
	// What was deleted since comes back, and the others stay.
	first := regexp.MustCompile(`"type":"AlertRule","id":"(\d+)"`).FindStringSubmatch(w.get(t, inspector, "/api/v1/alert-rules/?filter[room]=1&sort=id").body)
	if got := w.do(t, request{method: http.MethodDelete, user: inspector, path: "/api/v1/alert-rules/" + first[1] + "/"}); got.status != http.StatusNoContent {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for template, rules := range map[string]string{"airing": "1", "sensors": "3", "collection": "5"} {
		use(inspector, template, "")
		if got := use(inspector, template, ""); got.status != http.StatusOK || !strings.Contains(got.body, `"count":`+rules) {
			t.Errorf("%s once more: %d %s", template, got.status, got.body)
		}
	}
	if got := w.get(t, inspector, "/api/v1/alert-rules/?filter[room]=1"); !strings.Contains(got.body, `"count":18`) {
		t.Errorf("%s", got.body)
	}
	if got := w.get(t, foreigner, "/api/v1/alert-episodes/?filter[open]=true&filter[site]=3"); !strings.Contains(got.body, `"count":1`) {
		t.Errorf("%s", got.body)
	}
	if got := w.do(t, get(inspector, "/api/v1/alert-episodes/?filter[open]=perhaps")); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Lists that are short have pages, too, where somebody asks for them.
func TestPagesOfShortLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/v1/alert-templates/", "/api/v1/verdict-profiles/", "/api/v1/holiday-regions/"} {
		whole := w.get(t, owner, path)
		if whole.status != http.StatusOK || !strings.Contains(whole.body, `"page":1,"pages":1,`) {
			t.Errorf("%s: %d %s", path, whole.status, whole.body)
		}
		of := func(number string) []string {
			got := w.get(t, owner, path+"?page[size]=1&page[number]="+number)
			var document struct {
				Data []struct{ ID string }
			}
			if err := json.Unmarshal([]byte(got.body), &document); err != nil || got.status != http.StatusOK {
				t.Fatalf("%s page %s: %d %v", path, number, got.status, err)
			}
			var ids []string
			for _, one := range document.Data {
				ids = append(ids, one.ID)
			}
			return ids
		}
		if one, two := of("1"), of("2"); len(one) != 1 || len(two) != 1 || one[0] == two[0] {
			t.Errorf("%s: %v, %v", path, one, two)
		}
		if len(of("last")) != 1 {
			t.Errorf("%s: no last page", path)
		}
		if got := w.do(t, get(owner, path+"?page[size]=1&page[number]=999")); got.status != http.StatusNotFound {
			t.Errorf("%s beyond the end: %d", path, got.status)
		}
	}
	if got := w.do(t, get(owner, "/api/v1/rooms/1/ventilation/?page[size]=1")); got.status != http.StatusBadRequest || !strings.Contains(got.body, "page[size]") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// What is none of the choices is told with those that there are, as people write lists.
func TestWrongKindsOfChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, post(owner, "/api/v1/notification-channels/", doc("NotificationChannel", `"attributes":{"kind":"banana","name":"x","language":"en","address":"a@example.org"}`)))
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "email, webhook, ntfy") || strings.Contains(got.body, "[email") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
