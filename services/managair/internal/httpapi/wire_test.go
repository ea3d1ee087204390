package httpapi_test

import (
	"strings"
	"testing"
)

// TestListsAnswerWhatIsAsked has what a list's path and parameters mean together.
func TestListsAnswerWhatIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []attempt{
		{
			name: "a related list does not take its parent from a filter", status: 400, code: "invalid", source: "filter[room]",
			request: get(owner, "/api/v1/rooms/1/installations/?filter[room]=2"),
		},
		{
			name: "nor that of a user's organizations, which has no such filter elsewhere", status: 400, source: "filter[user]",
			request: get(owner, "/api/v1/users/1/organizations/?filter[user]=2"),
		},
		{
			name: "nor that of a node's outages", status: 400, source: "filter[node]",
			request: get(owner, "/api/v1/nodes/"+node1+"/outages/?filter[node]="+node2),
		},
		{
			name: "the same parent may be said twice", status: 200, contains: `"count":1`,
			request: get(owner, "/api/v1/rooms/1/installations/?filter[room]=1"),
		},
		{
			name: "in any spelling", status: 200, contains: `"count":1`,
			request: get(owner, "/api/v1/nodes/"+node1+"/installations/?filter[node]="+strings.ReplaceAll(node1, "-", "")),
		},
		{
			name: "other filters restrict further", status: 200, contains: `"count":0`,
			request: get(owner, "/api/v1/rooms/1/installations/?filter[node]="+node2),
		},
		{name: "page[limit] is not known", status: 400, code: "invalid", source: "page[limit]", request: get(owner, "/api/v1/rooms/?page[limit]=1")},
		{name: "page[offset] is not known", status: 400, source: "page[offset]", request: get(owner, "/api/v1/rooms/?page[offset]=1")},
		{name: "nor is any other page[…]", status: 400, source: "page[colour]", request: get(owner, "/api/v1/rooms/?page[colour]=1")},
	} {
		t.Run(test.name, func(t *testing.T) { test.check(t, w) })
	}
}

// TestAddressesShowWithTheirSites is for the policy's word: who sees a site sees its address.
func TestAddressesShowWithTheirSites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []attempt{
		{name: "that of a public site", status: 200, contains: "Hauptstr. 1", request: get(anonymous, "/api/v1/sites/1/address/")},
		{name: "by its id", status: 200, contains: "Hauptstr. 1", request: get(stranger, "/api/v1/addresses/1/")},
		{name: "with the site", status: 200, contains: `"included":[{"type":"Address","id":"1"`, request: get(anonymous, "/api/v1/sites/1/?include=address")},
		{name: "with the list of sites", status: 200, contains: `"included":[{"type":"Address","id":"1"`, request: get(anonymous, "/api/v1/sites/")},
		{name: "not that of a private site", status: 404, request: get(anonymous, "/api/v1/sites/2/address/")},
		{name: "nor by its id", status: 404, request: get(anonymous, "/api/v1/addresses/2/")},
		{name: "the list has one's own", status: 200, contains: `"count":0`, request: get(stranger, "/api/v1/addresses/")},
		{name: "and is for accounts", status: 401, request: get(anonymous, "/api/v1/addresses/")},
	} {
		t.Run(test.name, func(t *testing.T) { test.check(t, w) })
	}
}

// TestUsersHaveOneShape: an id is described in the same way wherever it is met.
func TestUsersHaveOneShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ines = `{"type":"User","id":"2","attributes":{"username":"ines","email":"ines@example.org","first_name":"Ines","last_name":"Inspector"}`
	for _, path := range []string{
		"/api/v1/users/", "/api/v1/users/2/", "/api/v1/organizations/?include=users", "/api/v1/organizations/1/users/",
		"/api/v1/memberships/?include=user", "/api/v1/memberships/2/user/",
	} {
		attempt{status: 200, contains: ines, request: get(owner, path)}.check(t, w)
	}
}
