package httpapi_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// attempt is a request and what must come of it.
type attempt struct {
	name string
	request
	status int
	// code and pointer (or parameter) of the first error; "" is not checked.
	code, source string
	// contains and lacks are pieces of the answer.
	contains, lacks string
	// before is SQL that is run first.
	before string
}

func (a attempt) check(t *testing.T, w *world) {
	t.Helper()
	if a.before != "" {
		w.exec(t, a.before)
	}
	got := w.do(t, a.request)
	if got.status != a.status {
		t.Errorf("%s %s: %d, want %d: %s", a.method, a.path, got.status, a.status, got.body)
		return
	}
	for _, piece := range []string{jsonMember("code", a.code), sourceMember(a.source), a.contains} {
		if piece != "" && !strings.Contains(got.body, piece) {
			t.Errorf("%s %s: no %s in %s", a.method, a.path, piece, got.body)
		}
	}
	if a.lacks != "" && strings.Contains(got.body, a.lacks) {
		t.Errorf("%s %s: %s in %s", a.method, a.path, a.lacks, got.body)
	}
}

func jsonMember(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf("%q:%q", name, value)
}

func sourceMember(source string) string {
	if strings.HasPrefix(source, "/") {
		return jsonMember("pointer", source)
	}
	return jsonMember("parameter", source)
}

// doc returns a document; what follows the type are further members.
func doc(typ, members string) string { return `{"data":{"type":"` + typ + `",` + members + `}}` }

func get(user int64, path string) request {
	return request{user: user, path: path, method: http.MethodGet}
}

func post(user int64, path, body string) request {
	return request{user: user, method: http.MethodPost, path: path, body: body}
}

func patch(user int64, path, body string) request {
	return request{user: user, method: http.MethodPatch, path: path, body: body}
}

func remove(user int64, path, body string) request {
	return request{user: user, method: http.MethodDelete, path: path, body: body}
}

const (
	toOrganization1 = `"organization":{"data":{"type":"Organization","id":"1"}}`
	toOrganization2 = `"organization":{"data":{"type":"Organization","id":"2"}}`
	toSite          = `"site":{"data":{"type":"Site","id":"%d"}}`
)

// Rules about who may do what. What changes the world gets one of its own.
func TestIsolation(t *testing.T) {
	t.Parallel()
	shared, other := newWorld(t), &mutable{w: newWorld(t)}
	for _, test := range []attempt{
		{name: "nobody adds himself to an organization through its members", request: post(stranger, "/api/v1/organizations/1/relationships/users/", `{"data":[{"type":"User","id":"3"}]}`), status: 403},
		{name: "nobody adds himself to an organization through his organizations", request: post(stranger, "/api/v1/users/3/relationships/organizations/", `{"data":[{"type":"Organization","id":"1"}]}`), status: 403},
		{name: "nobody adds himself to an organization that he cannot see", request: post(stranger, "/api/v1/users/3/relationships/organizations/", `{"data":[{"type":"Organization","id":"2"}]}`), status: 400, code: "does_not_exist"},
		{name: "nobody creates his own membership", request: post(stranger, "/api/v1/memberships/", doc("Membership", `"attributes":{"role":"O"},"relationships":{"user":{"data":{"type":"User","id":"3"}},`+toOrganization1+`}`)), status: 403},
		{name: "an INSPECTOR does not make himself OWNER", request: patch(inspector, "/api/v1/memberships/2/", doc("Membership", `"id":"2","attributes":{"role":"O"}`)), status: 403},
		{name: "a membership is not moved into an invisible organization", request: patch(owner, "/api/v1/memberships/2/", doc("Membership", `"id":"2","relationships":{`+toOrganization2+`}`)), status: 400, code: "does_not_exist", source: "/data/relationships/organization"},
		{name: "a membership is not moved into a foreign organization", request: patch(foreigner, "/api/v1/memberships/3/", doc("Membership", `"id":"3","relationships":{`+toOrganization1+`}`)), status: 403},
		{name: "a site is not moved into a foreign organization", request: patch(foreigner, "/api/v1/sites/3/", doc("Site", `"id":"3","relationships":{"operator":{"data":{"type":"Organization","id":"1"}}}`)), status: 403},
		{name: "a room is not moved into a foreign site", request: patch(foreigner, "/api/v1/rooms/3/", doc("Room", `"id":"3","relationships":{`+fmt.Sprintf(toSite, 1)+`}`)), status: 403},
		{name: "a room is not moved into an invisible site", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{`+fmt.Sprintf(toSite, 3)+`}`)), status: 400, code: "does_not_exist", source: "/data/relationships/site"},
		{name: "a node is not handed to a foreign organization", request: patch(foreigner, "/api/v1/nodes/"+node3+"/", doc("Node", `"id":"`+node3+`","relationships":{"owner":{"data":{"type":"Organization","id":"1"}}}`)), status: 403},
		{name: "a site does not take an address that somebody else created", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","relationships":{"address":{"data":{"type":"Address","id":"3"}}}`)), status: 400, code: "does_not_exist", source: "/data/relationships/address"},
		{name: "a new address can be read by its creator", request: get(owner, "/api/v1/addresses/4/"), status: 200},
		{name: "a new address cannot be read by others", request: get(inspector, "/api/v1/addresses/4/"), status: 404},
		{name: "an INSPECTOR does not change an address", request: patch(inspector, "/api/v1/addresses/1/", doc("Address", `"id":"1","attributes":{"city":"X"}`)), status: 403},
		{name: "the last OWNER does not leave", request: remove(owner, "/api/v1/memberships/1/", ""), status: 409, code: "last_owner"},
		{name: "the last OWNER does not leave through the organization's members", request: remove(owner, "/api/v1/organizations/1/relationships/users/", `{"data":[{"type":"User","id":"1"}]}`), status: 409, code: "last_owner"},
		{name: "the last OWNER does not become INSPECTOR", request: patch(owner, "/api/v1/memberships/1/", doc("Membership", `"id":"1","attributes":{"role":"I"}`)), status: 409, code: "last_owner"},
		{name: "the last OWNER's membership does not move to somebody else as INSPECTOR", request: patch(owner, "/api/v1/organizations/1/", doc("Organization", `"id":"1","relationships":{"users":{"data":[{"type":"User","id":"2"}]}}`)), status: 409, code: "last_owner"},
		{name: "members are not included for outsiders", request: get(anonymous, "/api/v1/organizations/1/?include=users"), status: 400, source: "include", lacks: "olga"},
		{name: "members include members", request: get(inspector, "/api/v1/organizations/1/?include=users"), status: 200, contains: `"olga"`},
		{name: "an organization's list of users is that of its members", request: get(owner, "/api/v1/organizations/1/users/"), status: 200, lacks: "stefan"},
		{name: "an organization's list of users does not contain a stranger who asks", request: get(stranger, "/api/v1/organizations/1/users/"), status: 200, contains: `"data":[]`},
		{name: "fidelity is that of one's own nodes", request: get(foreigner, "/api/v1/fidelity/"), status: 200, contains: `"count":1`, lacks: node1},
		{name: "outages are those of one's own nodes", request: get(foreigner, "/api/v1/outages/"), status: 200, contains: `"count":1`, lacks: node1},
		{name: "a stranger takes no OWNER away", request: remove(stranger, "/api/v1/organizations/1/relationships/users/", `{"data":[{"type":"User","id":"1"}]}`), status: 403},
		{name: "a stranger changes nobody's organizations", request: patch(stranger, "/api/v1/users/1/relationships/organizations/", `{"data":[]}`), status: 404},
		{name: "the list of users is that of fellow members", request: get(inspector, "/api/v1/users/"), status: 200, lacks: "stefan"},
		{name: "a fellow is found by his address", request: get(inspector, "/api/v1/users/?filter[search]=Olga@example.org"), status: 200, contains: `"data":[{"type":"User","id":"1"`},
		{name: "an address with an account looks as it is written", request: get(owner, "/api/v1/users/?filter[search]=Stefan@example.org"), status: 200, contains: `"data":[{"type":"User","id":"Stefan@example.org","attributes":{"username":"Stefan@example.org"}}]`, lacks: "stefan"},
		{name: "an address without an account looks as it is written", request: get(owner, "/api/v1/users/?filter[search]=nobody@example.org"), status: 200, contains: `"data":[{"type":"User","id":"nobody@example.org","attributes":{"username":"nobody@example.org"}}]`},
		{name: "a user is not found by a part of his address", request: get(owner, "/api/v1/users/?filter[search]=stefan"), status: 200, contains: `"data":[]`},
		{name: "a user is not found by a pattern", request: get(owner, "/api/v1/users/?filter[search]=%25"), status: 200, contains: `"data":[]`},
		{name: "nobody is among the users of an organization for having an address", request: get(owner, "/api/v1/organizations/1/users/?filter[search]=stefan@example.org"), status: 200, contains: `"data":[]`},
		{name: "an address is no user", request: get(owner, "/api/v1/users/stefan@example.org/"), status: 404},
		{name: "shared data is not changed by an OWNER", request: remove(owner, "/api/v1/protocols/2/", ""), status: 403},
		{name: "a protocol in use is not deleted, with all its nodes", request: remove(superuser, "/api/v1/protocols/1/", ""), status: 409, code: "in_use"},
		{name: "an unused protocol is deleted by a superuser", request: remove(superuser, "/api/v1/protocols/2/", ""), status: 204},
		{name: "a site with installations does not change its organization", request: patch(foreigner, "/api/v1/sites/3/", doc("Site", `"id":"3","relationships":{"operator":{"data":{"type":"Organization","id":"2"}}}`)), status: 200},
		{name: "the include of a node is left out for outsiders", request: get(anonymous, "/api/v1/installations/1/?include=node,room"), status: 200, contains: `"included":[{"type":"Room"`, lacks: "9876B6"},
		{name: "a node is included for members", request: get(inspector, "/api/v1/installations/1/?include=node"), status: 200, contains: "9876B60000000001"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.method != http.MethodGet && test.status < 300 {
				other.use(t, func(w *world) { test.check(t, w) })
				return
			}
			test.check(t, shared)
		})
	}
}

// Nobody is made a member without saying yes, at no door, and no door tells which ids
// and addresses have an account.
func TestNobodyIsMadeAMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doors := []struct {
		name string
		to   func(user string) request
		// fellow is what becomes of somebody whom the caller shares an organization with.
		fellow int
	}{
		{"a membership is created", func(user string) request {
			return post(foreigner, "/api/v1/memberships/", doc("Membership", `"attributes":{},"relationships":{`+toOrganization2+`,"user":{"data":{"type":"User","id":"`+user+`"}}}`))
		}, http.StatusAccepted},
		{"a membership is handed on", func(user string) request {
			return patch(foreigner, "/api/v1/memberships/3/", doc("Membership", `"id":"3","relationships":{"user":{"data":{"type":"User","id":"`+user+`"}}}`))
		}, http.StatusBadRequest},
		{"an organization is created with users", func(user string) request {
			return post(foreigner, "/api/v1/organizations/", doc("Organization", `"attributes":{"name":"Neu"},"relationships":{"users":{"data":[{"type":"User","id":"`+user+`"}]}}`))
		}, http.StatusBadRequest},
		{"an organization's users are replaced", func(user string) request {
			return patch(foreigner, "/api/v1/organizations/2/", doc("Organization", `"id":"2","relationships":{"users":{"data":[{"type":"User","id":"5"},{"type":"User","id":"`+user+`"}]}}`))
		}, http.StatusBadRequest},
		{"users are added to an organization", func(user string) request {
			return post(foreigner, "/api/v1/organizations/2/relationships/users/", `{"data":[{"type":"User","id":"`+user+`"}]}`)
		}, http.StatusBadRequest},
		{"an organization's linkage is replaced", func(user string) request {
			return patch(foreigner, "/api/v1/organizations/2/relationships/users/", `{"data":[{"type":"User","id":"5"},{"type":"User","id":"`+user+`"}]}`)
		}, http.StatusBadRequest},
		{"an organization is added to a user", func(user string) request {
			return post(foreigner, "/api/v1/users/"+user+"/relationships/organizations/", `{"data":[{"type":"Organization","id":"2"}]}`)
		}, http.StatusBadRequest},
		{"a user's organizations are replaced", func(user string) request {
			return patch(foreigner, "/api/v1/users/"+user+"/relationships/organizations/", `{"data":[{"type":"Organization","id":"2"}]}`)
		}, http.StatusBadRequest},
		{"a user is read", func(user string) request { return get(foreigner, "/api/v1/users/"+user+"/") }, http.StatusOK},
		{"several changes are made", func(user string) request {
			rq := post(foreigner, "/api/v1/operations/", `{"atomic:operations":[{"op":"add","data":{"type":"Membership","attributes":{},"relationships":{`+toOrganization2+`,"user":{"data":{"type":"User","id":"`+user+`"}}}}}]}`)
			rq.header = map[string]string{"Content-Type": `application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"`}
			return rq
		}, http.StatusBadRequest},
	}
	for _, door := range doors {
		nobody := w.do(t, door.to("4711"))
		if nobody.status != http.StatusBadRequest && nobody.status != http.StatusNotFound {
			t.Errorf("%s: nobody: %d %s", door.name, nobody.status, nobody.body)
		}
		for _, user := range []string{"1", "2", "3", "4"} {
			got := w.do(t, door.to(user))
			if want := strings.ReplaceAll(nobody.body, "4711", user); got.status != nobody.status || got.body != want {
				t.Errorf("%s, user %s: %d %s, want %d %s", door.name, user, got.status, got.body, nobody.status, want)
			}
		}
	}
	w.exec(t, "INSERT INTO organization (id, name) VALUES (9, 'Verein'); INSERT INTO membership (user_id, organization_id, role) VALUES (1, 9, 'O'), (5, 9, 'I')")
	for _, door := range doors {
		if got := w.do(t, door.to("1")); got.status != door.fellow {
			t.Errorf("%s, a fellow: %d %s, want %d", door.name, got.status, got.body, door.fellow)
		}
	}
	w.exec(t, "UPDATE membership SET role = 'O' WHERE user_id = 5; INSERT INTO membership (id, user_id, organization_id) VALUES (902, 2, 9)")
	moved := patch(foreigner, "/api/v1/memberships/902/", doc("Membership", `"id":"902","relationships":{`+toOrganization2+`}`))
	if got := w.do(t, moved); got.status != http.StatusBadRequest || !strings.Contains(got.body, "must_be_invited") {
		t.Errorf("a membership taken along to another organization: %d %s", got.status, got.body)
	}
	if members := w.get(t, foreigner, "/api/v1/memberships/?filter[organization]=2"); !strings.Contains(members.body, `"count":1`) {
		t.Errorf("members: %s", members.body)
	}
	// Known and unknown addresses are invited alike.
	for _, door := range []func(email string) request{
		func(email string) request {
			return post(foreigner, "/api/v1/memberships/", doc("Membership", `"attributes":{},"relationships":{`+toOrganization2+`,"user":{"data":{"type":"User","id":"`+email+`"}}}`))
		},
		func(email string) request {
			return post(foreigner, "/api/v1/invitations/", doc("Invitation", `"attributes":{"email":"`+email+`"},"relationships":{`+toOrganization2+`}`))
		},
		func(email string) request { return get(foreigner, "/api/v1/users/?filter[search]="+email) },
	} {
		known, unknown := w.do(t, door("stefan@example.org")), w.do(t, door("niemand@example.org"))
		ids := regexp.MustCompile(`(invitations/|"id":")\d+`)
		same := strings.ReplaceAll(ids.ReplaceAllString(unknown.body, "$1"), "niemand", "stefan")
		if got := ids.ReplaceAllString(known.body, "$1"); known.status != unknown.status || known.status >= 300 || got != same {
			t.Errorf("known: %d %s, unknown: %d %s", known.status, got, unknown.status, same)
		}
	}
}

// Two OWNERs who leave at once by different doors neither wait for each other nor
// leave the organization without an OWNER.
func TestOwnersWhoLeaveAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leave := func(user int) []request {
		id := strconv.Itoa(user)
		return []request{
			remove(int64(user), "/api/v1/memberships/"+id+"/", ""),
			remove(int64(user), "/api/v1/organizations/1/relationships/users/", `{"data":[{"type":"User","id":"`+id+`"}]}`),
			remove(int64(user), "/api/v1/users/"+id+"/relationships/organizations/", `{"data":[{"type":"Organization","id":"1"}]}`),
		}
	}
	for i, one := range leave(owner) {
		for j, other := range leave(inspector) {
			for range 5 {
				w.exec(t, `INSERT INTO membership (id, user_id, organization_id, role) VALUES (1, 1, 1, 'O'), (2, 2, 1, 'O')
					ON CONFLICT (id) DO UPDATE SET role = 'O'`)
				var answers [2]answer
				var wg sync.WaitGroup
				wg.Go(func() { answers[0] = w.do(t, one) })
				wg.Go(func() { answers[1] = w.do(t, other) })
				wg.Wait()
				gone := 0
				for _, got := range answers {
					switch got.status {
					case http.StatusOK, http.StatusNoContent:
						gone++
					case http.StatusConflict:
					default:
						t.Errorf("doors %d and %d: %d %s", i, j, got.status, got.body)
					}
				}
				if gone != 1 {
					t.Errorf("doors %d and %d: %d of two left", i, j, gone)
				}
			}
		}
	}
}

// Rules that were broken by wrong answers, or by none.
func TestAnswers(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	installation := func(attributes, relationships string) string {
		return doc("Installation", `"attributes":{`+attributes+`},"relationships":{`+relationships+`}`)
	}
	const node2room2 = `"node":{"data":{"type":"Node","id":"` + node2 + `"}},"room":{"data":{"type":"Room","id":"2"}}`
	node := func(attributes string) string {
		return doc("Node", `"attributes":{`+attributes+`},"relationships":{"protocol":{"data":{"type":"Protocol","id":"1"}},
			"model":{"data":{"type":"Model","id":"1"}},"owner":{"data":{"type":"Organization","id":"1"}}}`)
	}
	for _, test := range []attempt{
		{name: "filter[node] restricts installations", request: get(owner, "/api/v1/installations/?filter[node]="+node2), status: 200, contains: `"count":1`},
		{name: "filter[search] restricts organizations", request: get(owner, "/api/v1/organizations/?filter[search]=nirgends"), status: 200, contains: `"count":0`},
		{name: "sort changes the order", request: get(owner, "/api/v1/rooms/?sort=-name"), status: 200, contains: `"data":[{"type":"Room","id":"1"`},
		{name: "an unknown sort key is refused", request: get(owner, "/api/v1/rooms/?sort=colour"), status: 400, code: "invalid", source: "sort"},
		{name: "an unknown filter is refused", request: get(owner, "/api/v1/rooms/?filter[colour]=red"), status: 400, code: "invalid", source: "filter[colour]"},
		{name: "an unknown parameter is refused", request: get(owner, "/api/v1/rooms/?x=1"), status: 400, code: "invalid", source: "x", contains: "invalid query parameter: x"},
		{name: "include_timeseries=False leaves it out", request: get(anonymous, "/api/v1/installations/1/?include_timeseries=False"), status: 200, lacks: "timeseries"},
		{name: "include_timeseries=0 leaves it out", request: get(anonymous, "/api/v1/installations/1/?include_timeseries=0"), status: 200, lacks: "timeseries"},
		{name: "include_timeseries=True includes it", request: get(anonymous, "/api/v1/installations/1/?include_timeseries=True"), status: 200, contains: `"timeseries":[{`},
		{name: "include_timeseries is not known to rooms", request: get(anonymous, "/api/v1/rooms/1/?include_timeseries=1"), status: 400},
		{name: "the time of the query is that of the query", request: get(anonymous, "/api/v1/installation-timeseries/1/"), status: 200, contains: `"query_timestamp_s":1768910400`},
		{name: "a list of series ends now", request: get(inspector, "/api/v1/node-timeseries/"), status: 200, contains: `"to_timestamp_s":1768910400,"query_timestamp_s":1768910400`},
		{name: "the time of an air quality query is that of the query", request: get(anonymous, "/api/v1/rooms/1/airquality/2026-01"), status: 200, contains: `"query_timestamp_s":1768910400`},
		{name: "a public installation is listed once for members", request: get(inspector, "/api/v1/installation-timeseries/"), status: 200, contains: `"count":2`},
		{name: "a public installation's series is there for members", request: get(inspector, "/api/v1/installations/1/timeseries/"), status: 200, contains: `"samples":[{`},
		{name: "the alias of a node is not for outsiders", request: get(anonymous, "/api/v1/installations/1/timeseries/"), status: 200, contains: `"node_alias":null`},
		{name: "empty lists have links and meta", request: get(stranger, "/api/v1/nodes/"), status: 200, contains: `"meta":{"pagination":{"page":1,"pages":1,"count":0}}`},
		{name: "lists of series have links and meta", request: get(owner, "/api/v1/node-timeseries/"), status: 200, contains: `"meta":{"pagination"`},
		{name: "a list under a missing parent is 404", request: get(owner, "/api/v1/sites/4711/rooms/"), status: 404},
		{name: "a list under a parent of wrong form is 404", request: get(owner, "/api/v1/organizations/x/nodes/"), status: 404},
		{name: "a series of an id of wrong form is 404", request: get(owner, "/api/v1/node-timeseries/x/"), status: 404},
		{name: "an installation's series of an id of wrong form is 404", request: get(owner, "/api/v1/installation-timeseries/x/"), status: 404},
		{name: "an id beyond 64 bits is 404", request: get(owner, "/api/v1/rooms/99999999999999999999/"), status: 404},
		{name: "a page beyond the end is 404", request: get(owner, "/api/v1/rooms/?page[size]=1&page[number]=3"), status: 404},
		{name: "page 0 is 404", request: get(owner, "/api/v1/rooms/?page[number]=0"), status: 404},
		{name: "the last page has a name", request: get(owner, "/api/v1/rooms/?page[size]=1&page[number]=last"), status: 200, contains: `"page":2`},
		{name: "a page size that is none is none", request: get(owner, "/api/v1/rooms/?page[size]=viele"), status: 200, contains: `"count":2`},
		{name: "filter[organization] must be a number", request: get(owner, "/api/v1/rooms/?filter[organization]=x"), status: 400, code: "invalid", source: "filter[organization]"},
		{name: "filter[site] must be a number", request: get(owner, "/api/v1/rooms/?filter[site]=1.5"), status: 400, source: "filter[site]"},
		{name: "filter[room] must be a number", request: get(owner, "/api/v1/installations/?filter[room]=x"), status: 400, source: "filter[room]"},
		{name: "filter[user] must be a number", request: get(owner, "/api/v1/memberships/?filter[user]=x"), status: 400, source: "filter[user]"},
		{name: "filter[from] must be whole seconds", request: get(owner, "/api/v1/nodes/"+node1+"/?filter[from]=1e9"), status: 400, source: "filter[from]"},
		{name: "filter[to] must not be a fraction", request: get(owner, "/api/v1/installations/1/?filter[to]=1.5"), status: 400, source: "filter[to]"},
		{name: "filter[to] must not be empty", request: get(owner, "/api/v1/nodes/"+node1+"/?filter[to]="), status: 400, source: "filter[to]"},
		{name: "filter[from] must be within the calendar", request: get(owner, "/api/v1/nodes/"+node1+"/?filter[from]=9223372036854775807"), status: 400, source: "filter[from]"},
		{name: "filter[to] before filter[from] is nothing", request: get(anonymous, "/api/v1/installations/1/?include_timeseries=1&filter[from]=2000000000&filter[to]=5"), status: 200, contains: `"timeseries":[]`},
		{name: "what has no linkage cannot be included", request: get(owner, "/api/v1/sites/?include=rooms"), status: 400, code: "invalid", source: "include"},
		{name: "what is unknown cannot be included", request: get(owner, "/api/v1/rooms/?include=nichts"), status: 400, source: "include"},
		{name: "memberships of organizations cannot be included", request: get(owner, "/api/v1/organizations/?include=memberships"), status: 400, source: "include"},
		{name: "sites of organizations cannot be included", request: get(owner, "/api/v1/organizations/?include=sites"), status: 400, source: "include"},
		{name: "nodes of organizations cannot be included", request: get(owner, "/api/v1/organizations/?include=nodes"), status: 400, source: "include"},
		{name: "users include their organizations", request: get(owner, "/api/v1/users/1/?include=organizations"), status: 200, contains: `"included":[{"type":"Organization","id":"1"`},
		{name: "rooms include their site", request: get(anonymous, "/api/v1/rooms/1/?include=site"), status: 200, contains: `"included":[{"type":"Site"`},
		{name: "includes reach further than one step", request: get(anonymous, "/api/v1/rooms/1/?include=site.operator"), status: 200, contains: `{"type":"Organization","id":"1","attributes"`},
		{name: "nodes include their model", request: get(owner, "/api/v1/nodes/?include=model.quantities"), status: 200, contains: `{"type":"Quantity","id":"2","attributes"`},
		{name: "fields[Node] restricts nodes", request: get(owner, "/api/v1/nodes/?fields[Node]=alias"), status: 200, contains: `"attributes":{"alias":"Eins"},"links"`},
		{name: "fields[Installation] restricts installations", request: get(owner, "/api/v1/installations/?fields[Installation]=is_public"), status: 200, contains: `"attributes":{"is_public":false},"links"`},
		{name: "fields of another type restrict nothing", request: get(owner, "/api/v1/rooms/?fields[rooms]=name"), status: 200, contains: "size_sqm"},

		{name: "rooms in a site's body are refused", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","relationships":{"rooms":{"data":[{"type":"Room","id":"1"}]}}`)), status: 400, code: "read_only", source: "/data/relationships/rooms"},
		{name: "an empty list of rooms in a site's body is refused", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","relationships":{"rooms":{"data":[]}}`)), status: 400, code: "read_only"},
		{name: "installations in a room's body are refused", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"installations":{"data":[]}}`)), status: 400, code: "read_only"},
		{name: "an empty list of installations in a room's body is refused", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"installations":{"data":[]}}`)), status: 400, code: "read_only", source: "/data/relationships/installations"},
		{name: "an address in use is not deleted", request: remove(owner, "/api/v1/addresses/1/", ""), status: 409, code: "in_use"},
		{name: "a second organization of a name is refused", request: post(owner, "/api/v1/organizations/", doc("Organization", `"attributes":{"name":"Fremd"}`)), status: 400, code: "unique", source: "/data/attributes/name"},
		{name: "an organization is not renamed to a name that is taken", request: patch(owner, "/api/v1/organizations/1/", doc("Organization", `"id":"1","attributes":{"name":"Fremd"}`)), status: 400, code: "unique"},
		{name: "a site takes a time zone", request: patch(owner, "/api/v1/sites/2/", doc("Site", `"id":"2","attributes":{"time_zone":"America/New_York"}`)), status: 200, contains: `"time_zone":"America/New_York"`},
		{name: "a time zone that is none is refused", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","attributes":{"time_zone":"Mars/Olympus"}`)), status: 400, code: "invalid", source: "/data/attributes/time_zone"},
		{name: "the time zone of the server's machine is none", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","attributes":{"time_zone":"Local"}`)), status: 400, code: "invalid", source: "/data/attributes/time_zone"},
		{name: "a second site of a name is refused", request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","attributes":{"name":"Lager"}`)), status: 400, code: "unique", source: "/data/attributes/name"},
		{name: "a second room of a name is refused", request: post(owner, "/api/v1/rooms/", doc("Room", `"attributes":{"name":" Klasse 1 "},"relationships":{`+fmt.Sprintf(toSite, 1)+`}`)), status: 400, code: "unique", source: "/data/attributes/name"},
		{name: "a second membership is refused", request: post(owner, "/api/v1/memberships/", doc("Membership", `"attributes":{},"relationships":{"user":{"data":{"type":"User","id":"2"}},`+toOrganization1+`}`)), status: 400, code: "unique"},
		{name: "installations of a node do not overlap", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1768000000`, node2room2)), status: 400, code: "overlap", source: "/data/attributes/non_field_errors"},
		{name: "an installation does not start twice", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1767225600,"to_timestamp_s":1767225601`, node2room2)), status: 400, code: "overlap"},
		{name: "an installation does not end before it starts", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1780000000,"to_timestamp_s":1770000000`, node2room2)), status: 400, code: "ends_before_start", source: "/data/attributes/to_timestamp_s"},
		{name: "an installation has a length", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1780000000,"to_timestamp_s":1780000000`, node2room2)), status: 400, code: "ends_before_start"},
		{name: "a time beyond the calendar is refused", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1780000000,"to_timestamp_s":99999999999999999`, node2room2)), status: 400, code: "max_value", source: "/data/attributes/to_timestamp_s"},
		{name: "node and room belong to one organization", request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1780000000`, `"node":{"data":{"type":"Node","id":"`+node2+`"}},"room":{"data":{"type":"Room","id":"3"}}`)), status: 400, code: "does_not_exist", source: "/data/relationships/room"},
		{name: "an eui64 has 16 hexadecimal digits", request: post(owner, "/api/v1/nodes/", node(`"eui64":"irgendwas","alias":"a"`)), status: 400, code: "invalid", source: "/data/attributes/eui64"},
		{name: "an eui64 that is taken is refused in any case", request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b60000000003","alias":"a"`)), status: 400, code: "unique", source: "/data/attributes/eui64"},
		{name: "a node's id is a UUID", request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b600000000ff","alias":"a","id":"x"`)), status: 400, code: "invalid", source: "/data/attributes/id"},
		{name: "a node's id is not nothing", request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b600000000ff","alias":"a","id":"00000000-0000-0000-0000-000000000000"`)), status: 400, code: "invalid", source: "/data/attributes/id"},
		{name: "a node's id is that of its device", request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b600000000ff","alias":"a","id":"`+node3+`"`)), status: 422, code: "id_mismatch", source: "/data/attributes/id"},
		{name: "a node does not become another device", request: patch(owner, "/api/v1/nodes/"+node2+"/", doc("Node", `"id":"`+node2+`","attributes":{"eui64":"9876b600000000fe"}`)), status: 422, code: "other_device", source: "/data/attributes/eui64"},
		{name: "latitude ends at the pole", request: post(owner, "/api/v1/addresses/", doc("Address", `"attributes":{"street1":"a","zip":"12345","city":"b","latitude":91}`)), status: 400, code: "max_value", source: "/data/attributes/latitude"},
		{name: "a zip has a form", request: post(owner, "/api/v1/addresses/", doc("Address", `"attributes":{"street1":"a","zip":"#!?","city":"b"}`)), status: 400, code: "invalid", source: "/data/attributes/zip"},
		{name: "a room's size is not negative", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","attributes":{"size_sqm":-1}`)), status: 400, code: "min_value", source: "/data/attributes/size_sqm"},
		{name: "a room's occupancy is not negative", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","attributes":{"max_occupancy":-1}`)), status: 400, code: "min_value", source: "/data/attributes/max_occupancy"},

		{name: "a missing name is named", request: post(owner, "/api/v1/rooms/", doc("Room", `"attributes":{}`)), status: 400, code: "required", source: "/data/attributes/name", contains: "/data/relationships/site"},
		{name: "an empty body is an empty document", request: request{user: owner, method: http.MethodPost, path: "/api/v1/rooms/"}, status: 400, code: "required", source: "/data/attributes/name"},
		{name: "another type is a conflict", request: post(owner, "/api/v1/rooms/", doc("room", `"attributes":{}`)), status: 409, source: "/data"},
		{name: "another id is a conflict", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"2"`)), status: 409, source: "/data"},
		{name: "a change needs the id", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"attributes":{}`)), status: 400, code: "parse_error"},
		{name: "no primary data", request: post(owner, "/api/v1/rooms/", `{}`), status: 400, code: "parse_error", contains: "does not contain primary data"},
		{name: "a list is no document", request: post(owner, "/api/v1/rooms/", `{"data":[]}`), status: 400, code: "parse_error"},
		{name: "a relationship of another type is a conflict", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":{"type":"Room","id":"1"}}}`)), status: 409},
		{name: "a relationship is not null", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":null}}`)), status: 400, code: "null", source: "/data/relationships/site"},
		{name: "a relationship is an object", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":"1"}}`)), status: 400, code: "incorrect_type"},
		{name: "a relationship has a type", request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":{"id":"1"}}}`)), status: 400, code: "missing_type"},
		{name: "text in another language on request", request: request{user: owner, path: "/api/v1/rooms/4711/", header: map[string]string{"Accept-Language": "en-GB,en;q=0.9"}}, status: 404, contains: "Not found."},
		{name: "text in German by default", request: get(owner, "/api/v1/rooms/4711/"), status: 404, contains: "Nicht gefunden."},
		{name: "XML is not acceptable", request: request{path: "/api/v1/rooms/", header: map[string]string{"Accept": "application/xml"}}, status: 406, code: "not_acceptable"},
		{name: "text/plain is no document", request: request{user: owner, method: http.MethodPost, path: "/api/v1/rooms/", body: "x", header: map[string]string{"Content-Type": "text/plain"}}, status: 415, code: "unsupported_media_type"},
		{name: "PUT is not allowed on rooms", request: request{user: owner, method: http.MethodPut, path: "/api/v1/rooms/1/", body: "{}"}, status: 405, code: "method_not_allowed"},
		{name: "an unknown address is an error document", request: get(owner, "/api/v1/nirgends/"), status: 404, code: "not_found"},
		{name: "both slash forms are answered", request: get(anonymous, "/api/v1/rooms/1"), status: 200},
		{name: "a change without slash keeps its body", request: patch(owner, "/api/v1/rooms/1", doc("Room", `"id":"1","attributes":{"max_occupancy":"9"}`)), status: 200, contains: `"max_occupancy":9`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.check(t, shared)
		})
	}
}

// Sequences of requests that clients make.
func TestSequences(t *testing.T) {
	t.Parallel()
	m := &mutable{w: newWorld(t)}
	for name, steps := range map[string][]attempt{
		"an installation is made public by ending it and starting another in the same second": {
			{request: patch(owner, "/api/v1/installations/2/", doc("Installation", `"id":"2","attributes":{"to_timestamp_s":1768900000}`)), status: 200, contains: `"to_timestamp_s":1768900000`},
			{request: post(owner, "/api/v1/installations/", doc("Installation", `"attributes":{"from_timestamp_s":1768900000,"to_timestamp_s":2147483647,"is_public":true},"relationships":{
				"room":{"data":{"type":"Room","id":"2"}},"node":{"data":{"type":"Node","id":"`+node2+`"}}}`)), status: 201, contains: `"to_timestamp_s":2147483647`},
			{request: get(anonymous, "/api/v1/rooms/2/installations/"), status: 200, contains: `"count":1`},
		},
		"node and room of an installation change one at a time": {
			{request: patch(owner, "/api/v1/installations/2/", doc("Installation", `"id":"2","relationships":{"room":{"data":{"type":"Room","id":"1"}}}`)), status: 200, contains: `"room":{"data":{"type":"Room","id":"1"}`},
		},
		"the creator of an organization is its OWNER at once": {
			{request: post(stranger, "/api/v1/organizations/", doc("Organization", `"attributes":{"name":"Neu","description":""}`)), status: 201},
			{request: get(stranger, "/api/v1/users/3/memberships"), status: 200, contains: `"role":"O"`},
		},
		"a site takes the address that was created for it": {
			{request: post(owner, "/api/v1/addresses/", doc("Address", `"attributes":{"street1":"a","street2":"","zip":"12345","city":"b"}`)), status: 201},
			{request: post(owner, "/api/v1/sites/", doc("Site", `"attributes":{"name":"Neu","description":""},"relationships":{"operator":{"data":{"type":"Organization","id":"1"}},"address":{"data":{"type":"Address","id":"101"}}}`)), status: 201, contains: `"included":[{"type":"Address","id":"101"`},
			{request: get(inspector, "/api/v1/addresses/101/"), status: 200},
		},
		"the predecessor's dashboard adds a member: it finds them by their address, and sends an empty membership": {
			{request: browser("1", get(owner, "/api/v1/users?filter%5Bsearch%5D=stefan%40example.org")), status: 200, contains: `"data":[{"type":"User","id":"stefan@example.org"`},
			{request: browser("1", post(owner, "/api/v1/memberships/", doc("Membership", `"relationships":{"organization":{"data":{"type":"Organization","id":"1"}},"user":{"data":{"type":"User","id":"stefan@example.org"}}},"attributes":{}`))), status: 202, contains: `"role":"I"`},
			{request: get(stranger, "/api/v1/nodes/"+node1+"/"), status: 404},
			{request: browser("1", get(owner, "/api/v1/memberships?filter%5Borganization%5D=1")), status: 200, contains: `"count":2`},
		},
		"an invitation waits until it is withdrawn": {
			{request: post(owner, "/api/v1/invitations/", doc("Invitation", `"attributes":{"email":" Stefan@Example.org","role":"O"},"relationships":{`+toOrganization1+`}`)), status: 201, contains: `"email":"Stefan@Example.org","role":"O","organization_name":"Haus","inviter_name":"olga"`},
			{request: post(owner, "/api/v1/invitations/", doc("Invitation", `"attributes":{"email":"stefan@example.org"},"relationships":{`+toOrganization1+`}`)), status: 201, contains: `"id":"101"`},
			{request: get(owner, "/api/v1/invitations/?filter[organization]=1"), status: 200, contains: `"count":2`},
			{request: get(owner, "/api/v1/invitations/?filter[organization]=2"), status: 200, contains: `"count":0`},
			{request: get(inspector, "/api/v1/invitations/"), status: 200, contains: `"count":0`},
			{request: remove(owner, "/api/v1/invitations/101/", ""), status: 204},
			{request: get(owner, "/api/v1/invitations/101/"), status: 404},
		},
		"a fellow is invited by their id": {
			{request: post(inspector, "/api/v1/organizations/", doc("Organization", `"attributes":{"name":"Neu"}`)), status: 201},
			{request: post(inspector, "/api/v1/memberships/", doc("Membership", `"attributes":{},"relationships":{"organization":{"data":{"type":"Organization","id":"101"}},"user":{"data":{"type":"User","id":"1"}}}`)), status: 202, contains: `"email":"olga@example.org"`},
		},
		"a member whose account is closed does not keep the organization from changing": {
			{
				before:  "UPDATE user_account SET is_active = false WHERE id IN (1, 2, 5); INSERT INTO membership (user_id, organization_id, role) VALUES (4, 1, 'O')",
				request: patch(superuser, "/api/v1/organizations/1/", doc("Organization", `"id":"1","attributes":{"description":"x"}`)), status: 200,
			},
		},
		"a room is not renamed to a name that is taken": {
			{
				before:  "INSERT INTO room (id, site_id, name) VALUES (60, 1, 'Klasse 6')",
				request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","attributes":{"name":"Klasse 6"}`)), status: 400, code: "unique", source: "/data/attributes/name",
			},
		},
		"a second OWNER lets the first one go": {
			{request: patch(owner, "/api/v1/memberships/2/", doc("Membership", `"id":"2","attributes":{"role":"O"}`)), status: 200},
			{request: remove(owner, "/api/v1/memberships/1/", ""), status: 204},
			{request: get(owner, "/api/v1/nodes/"+node1+"/"), status: 404},
		},
		"a room takes numbers as texts, as the dashboard sends them": {
			{request: post(owner, "/api/v1/rooms/", doc("Room", `"attributes":{"name":"Neu","description":"","size_sqm":"12.5","height_m":"2.8","max_occupancy":"9"},"relationships":{`+fmt.Sprintf(toSite, 1)+`}`)), status: 201, contains: `"size_sqm":"12.5","height_m":"2.8","max_occupancy":9`},
		},
		"an unused address is deleted by its creator": {
			{request: remove(owner, "/api/v1/addresses/4/", ""), status: 204},
			{request: get(owner, "/api/v1/addresses/4/"), status: 404},
		},
		"a node with installations is not handed on, one without is": {
			{request: post(foreigner, "/api/v1/organizations/", doc("Organization", `"attributes":{"name":"Zweite"}`)), status: 201},
			{request: patch(foreigner, "/api/v1/nodes/"+node3+"/", doc("Node", `"id":"`+node3+`","relationships":{"owner":{"data":{"type":"Organization","id":"101"}}}`)), status: 409, code: "conflict", source: "/data/relationships/owner"},
			{request: remove(foreigner, "/api/v1/installations/3/", ""), status: 204},
			{request: patch(foreigner, "/api/v1/nodes/"+node3+"/", doc("Node", `"id":"`+node3+`","relationships":{"owner":{"data":{"type":"Organization","id":"101"}}}`)), status: 200},
		},
		"a form creates a room too": {
			{request: request{user: owner, method: http.MethodPost, path: "/api/v1/rooms/", body: "name=Neu&size_sqm=20&max_occupancy=&site=1", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, status: 201, contains: `"size_sqm":"20.0","height_m":null,"max_occupancy":null`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.use(t, func(w *world) {
				for _, step := range steps {
					step.check(t, w)
				}
			})
		})
	}
}
