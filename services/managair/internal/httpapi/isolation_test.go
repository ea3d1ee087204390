package httpapi_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Rules about who may do what. What changes the world gets one of its own.
func TestIsolation(t *testing.T) {
	t.Parallel()
	shared, other := newWorld(t), &mutable{w: newWorld(t)}
	for _, test := range []attempt{
		{
			name:    "nobody joins an organization through its list of members",
			request: post(stranger, "/api/v1/organizations/1/relationships/users/", linkage("User", "3")),
			status:  403,
		},
		{
			name:    "nobody joins an organization through their own list of organizations",
			request: post(stranger, "/api/v1/users/3/relationships/organizations/", linkage("Organization", "1")),
			status:  403,
		},
		{
			name:    "nobody joins an organization that they cannot see",
			request: post(stranger, "/api/v1/users/3/relationships/organizations/", linkage("Organization", "2")),
			status:  400, code: "does_not_exist",
		},
		{
			name:    "nobody creates a membership of their own",
			request: create(stranger, "Membership", `"role":"O"`, ref("user", "User", "3"), ref("organization", "Organization", "1")),
			status:  403,
		},
		{name: "an INSPECTOR does not become OWNER by their own hand", request: change(inspector, "Membership", "2", `"role":"O"`), status: 403},
		{
			name:    "a membership is not moved into an invisible organization",
			request: change(owner, "Membership", "2", "", ref("organization", "Organization", "2")),
			status:  400, code: "does_not_exist", source: "/data/relationships/organization",
		},
		{
			name:    "a membership is not moved into a foreign organization",
			request: change(foreigner, "Membership", "3", "", ref("organization", "Organization", "1")),
			status:  403,
		},
		{
			name:    "a site is not moved into a foreign organization",
			request: change(foreigner, "Site", "3", "", ref("operator", "Organization", "1")),
			status:  403,
		},
		{
			name:    "a room is not moved into a foreign site",
			request: change(foreigner, "Room", "3", "", ref("site", "Site", "1")),
			status:  403,
		},
		{
			name:    "a room is not moved into an invisible site",
			request: change(owner, "Room", "1", "", ref("site", "Site", "3")),
			status:  400, code: "does_not_exist", source: "/data/relationships/site",
		},
		{
			name:    "a node is not handed to a foreign organization",
			request: change(foreigner, "Node", node3, "", ref("owner", "Organization", "1")),
			status:  403,
		},
		{
			name:    "a site does not take an address that somebody else created",
			request: change(owner, "Site", "1", "", ref("address", "Address", "3")),
			status:  400, code: "does_not_exist", source: "/data/relationships/address",
		},
		{name: "a new address can be read by its creator", request: get(owner, "/api/v1/addresses/4/"), status: 200},
		{name: "a new address cannot be read by others", request: get(inspector, "/api/v1/addresses/4/"), status: 404},
		{name: "an INSPECTOR does not change an address", request: change(inspector, "Address", "1", `"city":"X"`), status: 403},
		{name: "the last OWNER does not leave", request: remove(owner, "/api/v1/memberships/1/", ""), status: 409, code: "last_owner"},
		{
			name:    "the last OWNER does not leave through the organization's members",
			request: remove(owner, "/api/v1/organizations/1/relationships/users/", linkage("User", "1")),
			status:  409, code: "last_owner",
		},
		{
			name:    "the last OWNER does not become INSPECTOR",
			request: change(owner, "Membership", "1", `"role":"I"`),
			status:  409, code: "last_owner",
		},
		{
			name: "the last OWNER's membership does not move to somebody else as INSPECTOR",
			request: patch(owner, "/api/v1/organizations/1/",
				doc("Organization", `"id":"1","relationships":{"users":{"data":[{"type":"User","id":"2"}]}}`)),
			status: 409, code: "last_owner",
		},
		{
			name:    "nor is the list of members emptied",
			request: patch(owner, "/api/v1/organizations/1/", doc("Organization", `"id":"1","relationships":{"users":{"data":[]}}`)),
			status:  409, code: "last_owner",
		},
		{
			name:    "members are not included for outsiders",
			request: get(anonymous, "/api/v1/organizations/1/?include=users"),
			status:  400, source: "include", lacks: "olga",
		},
		{
			name:    "members include members",
			request: get(inspector, "/api/v1/organizations/1/?include=users"),
			status:  200, contains: `"olga"`,
		},
		{
			name:    "an organization's list of users is that of its members",
			request: get(owner, "/api/v1/organizations/1/users/"),
			status:  200, lacks: "stefan",
		},
		{
			name:    "an organization's list of users does not contain a stranger who asks",
			request: get(stranger, "/api/v1/organizations/1/users/"),
			status:  200, contains: `"data":[]`,
		},
		{
			name:    "fidelity is that of one's own nodes",
			request: get(foreigner, "/api/v1/fidelity/"),
			status:  200, contains: `"count":1`, lacks: node1,
		},
		{
			name:    "outages are those of one's own nodes",
			request: get(foreigner, "/api/v1/outages/"),
			status:  200, contains: `"count":1`, lacks: node1,
		},
		{
			name:    "a stranger takes no OWNER away",
			request: remove(stranger, "/api/v1/organizations/1/relationships/users/", linkage("User", "1")),
			status:  403,
		},
		{
			name:    "a stranger changes nobody's organizations",
			request: patch(stranger, "/api/v1/users/1/relationships/organizations/", `{"data":[]}`),
			status:  404,
		},
		{name: "the list of users is that of fellow members", request: get(inspector, "/api/v1/users/"), status: 200, lacks: "stefan"},
		{
			name:    "a fellow is found by their address",
			request: get(inspector, "/api/v1/users/?filter[search]=Olga@example.org"),
			status:  200, contains: `"data":[{"type":"User","id":"1"`,
		},
		{
			name:    "an address with an account looks as it is written",
			request: get(owner, "/api/v1/users/?filter[search]=Stefan@example.org"),
			status:  200, contains: `"data":[{"type":"User","id":"Stefan@example.org","attributes":{"username":"Stefan@example.org"}}]`, lacks: "stefan",
		},
		{
			name:    "an address without an account looks as it is written",
			request: get(owner, "/api/v1/users/?filter[search]=nobody@example.org"),
			status:  200, contains: `"data":[{"type":"User","id":"nobody@example.org","attributes":{"username":"nobody@example.org"}}]`,
		},
		{
			name:    "a user is not found by a part of their address",
			request: get(owner, "/api/v1/users/?filter[search]=stefan"),
			status:  200, contains: `"data":[]`,
		},
		{
			name:    "a user is not found by a pattern",
			request: get(owner, "/api/v1/users/?filter[search]=%25"),
			status:  200, contains: `"data":[]`,
		},
		{
			name:    "nobody is among the users of an organization for having an address",
			request: get(owner, "/api/v1/organizations/1/users/?filter[search]=stefan@example.org"),
			status:  200, contains: `"data":[]`,
		},
		{name: "an address is no user", request: get(owner, "/api/v1/users/stefan@example.org/"), status: 404},
		{name: "shared data is not changed by an OWNER", request: remove(owner, "/api/v1/protocols/2/", ""), status: 403},
		{
			name:    "a protocol in use is not deleted, with all its nodes",
			request: remove(superuser, "/api/v1/protocols/1/", ""),
			status:  409, code: "in_use",
		},
		{name: "an unused protocol is deleted by a superuser", request: remove(superuser, "/api/v1/protocols/2/", ""), status: 204},
		{
			name:    "a site with installations does not change its organization",
			request: change(foreigner, "Site", "3", "", ref("operator", "Organization", "2")),
			status:  200,
		},
		{
			name:    "the include of a node is left out for outsiders",
			request: get(anonymous, "/api/v1/installations/1/?include=node,room"),
			status:  200, contains: `"included":[{"type":"Room"`, lacks: "9876B6",
		},
		{
			name:    "a node is included for members",
			request: get(inspector, "/api/v1/installations/1/?include=node"),
			status:  200, contains: "9876B60000000001",
		},
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
			return create(foreigner, "Membership", "", ref("organization", "Organization", "2"), ref("user", "User", user))
		}, http.StatusAccepted},
		{"a membership is handed on", func(user string) request {
			return change(foreigner, "Membership", "3", "", ref("user", "User", user))
		}, http.StatusBadRequest},
		{"an organization is created with users", func(user string) request {
			return post(foreigner, "/api/v1/organizations/", doc("Organization",
				`"attributes":{"name":"Neu"},"relationships":{"users":`+linkage("User", user)+`}`))
		}, http.StatusBadRequest},
		{"an organization's users are replaced", func(user string) request {
			return patch(foreigner, "/api/v1/organizations/2/", doc("Organization",
				`"id":"2","relationships":{"users":`+linkage("User", "5", user)+`}`))
		}, http.StatusBadRequest},
		{"users are added to an organization", func(user string) request {
			return post(foreigner, "/api/v1/organizations/2/relationships/users/", linkage("User", user))
		}, http.StatusBadRequest},
		{"an organization's linkage is replaced", func(user string) request {
			return patch(foreigner, "/api/v1/organizations/2/relationships/users/", linkage("User", "5", user))
		}, http.StatusBadRequest},
		{"an organization is added to a user", func(user string) request {
			return post(foreigner, "/api/v1/users/"+user+"/relationships/organizations/", linkage("Organization", "2"))
		}, http.StatusBadRequest},
		{"a user's organizations are replaced", func(user string) request {
			return patch(foreigner, "/api/v1/users/"+user+"/relationships/organizations/", linkage("Organization", "2"))
		}, http.StatusBadRequest},
		{"a user is read", func(user string) request { return get(foreigner, "/api/v1/users/"+user+"/") }, http.StatusOK},
		{"several changes are made", func(user string) request {
			rq := post(foreigner, "/api/v1/operations/",
				`{"atomic:operations":[{"op":"add","data":{"type":"Membership","attributes":{},"relationships":{`+
					ref("organization", "Organization", "2")+","+ref("user", "User", user)+`}}}]}`)
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
	w.exec(t, `
		INSERT INTO organization (id, name) VALUES (9, 'Verein');
		INSERT INTO membership (user_id, organization_id, role) VALUES (1, 9, 'O'), (5, 9, 'I')`)
	for _, door := range doors {
		if got := w.do(t, door.to("1")); got.status != door.fellow {
			t.Errorf("%s, a fellow: %d %s, want %d", door.name, got.status, got.body, door.fellow)
		}
	}
	w.exec(t, "UPDATE membership SET role = 'O' WHERE user_id = 5; INSERT INTO membership (id, user_id, organization_id) VALUES (902, 2, 9)")
	moved := change(foreigner, "Membership", "902", "", ref("organization", "Organization", "2"))
	if got := w.do(t, moved); got.status != http.StatusBadRequest || !strings.Contains(got.body, "must_be_invited") {
		t.Errorf("a membership taken along to another organization: %d %s", got.status, got.body)
	}
	if members := w.get(t, foreigner, "/api/v1/memberships/?filter[organization]=2"); !strings.Contains(members.body, `"count":1`) {
		t.Errorf("members: %s", members.body)
	}
	// Known and unknown addresses are invited alike.
	for _, door := range []func(email string) request{
		func(email string) request {
			return create(foreigner, "Membership", "", ref("organization", "Organization", "2"), ref("user", "User", email))
		},
		func(email string) request {
			return create(foreigner, "Invitation", `"email":"`+email+`"`, ref("organization", "Organization", "2"))
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
			remove(int64(user), "/api/v1/organizations/1/relationships/users/", linkage("User", id)),
			remove(int64(user), "/api/v1/users/"+id+"/relationships/organizations/", linkage("Organization", "1")),
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
