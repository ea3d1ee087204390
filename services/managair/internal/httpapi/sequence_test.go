package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// Sequences of requests that clients make.
func TestSequences(t *testing.T) {
	t.Parallel()
	m := &mutable{w: newWorld(t)}
	for name, steps := range map[string][]attempt{
		"an installation is made public by ending it and starting another in the same second": {
			{request: change(owner, "Installation", "2", `"to_timestamp_s":1768900000`), status: 200, contains: `"to_timestamp_s":1768900000`},
			{
				request: create(owner, "Installation", `"from_timestamp_s":1768900000,"to_timestamp_s":2147483647,"is_public":true`,
					ref("room", "Room", "2"), ref("node", "Node", node2)),
				status: 201, contains: `"to_timestamp_s":2147483647`,
			},
			{request: get(anonymous, "/api/v1/rooms/2/installations/"), status: 200, contains: `"count":1`},
		},
		"node and room of an installation change one at a time": {
			{
				request: change(owner, "Installation", "2", "", ref("room", "Room", "1")),
				status:  200, contains: `"room":{"data":{"type":"Room","id":"1"}`,
			},
		},
		"the creator of an organization is its OWNER at once": {
			{request: create(stranger, "Organization", `"name":"Neu","description":""`), status: 201},
			{request: get(stranger, "/api/v1/users/3/memberships"), status: 200, contains: `"role":"O"`},
		},
		"a site takes the address that was created for it": {
			{request: create(owner, "Address", `"street1":"a","street2":"","zip":"12345","city":"b"`), status: 201},
			{
				request: create(owner, "Site", `"name":"Neu","description":""`,
					ref("operator", "Organization", "1"), ref("address", "Address", "101")),
				status: 201, contains: `"included":[{"type":"Address","id":"101"`,
			},
			{request: get(inspector, "/api/v1/addresses/101/"), status: 200},
		},
		"the predecessor's dashboard adds a member: it finds them by their address, and sends an empty membership": {
			{
				request: browser("1", get(owner, "/api/v1/users?filter%5Bsearch%5D=stefan%40example.org")),
				status:  200, contains: `"data":[{"type":"User","id":"stefan@example.org"`,
			},
			{
				request: browser("1", post(owner, "/api/v1/memberships/", doc("Membership",
					`"relationships":{`+ref("organization", "Organization", "1")+","+ref("user", "User", "stefan@example.org")+`},"attributes":{}`))),
				status: 202, contains: `"role":"I"`,
			},
			{request: get(stranger, "/api/v1/nodes/"+node1+"/"), status: 404},
			{request: browser("1", get(owner, "/api/v1/memberships?filter%5Borganization%5D=1")), status: 200, contains: `"count":2`},
		},
		"an invitation waits until it is withdrawn": {
			{
				request: create(owner, "Invitation", `"email":" Stefan@Example.org","role":"O"`, ref("organization", "Organization", "1")),
				status:  201, contains: `"email":"Stefan@Example.org","role":"O","organization_name":"Haus","inviter_name":"olga"`,
			},
			{
				request: create(owner, "Invitation", `"email":"stefan@example.org"`, ref("organization", "Organization", "1")),
				status:  201, contains: `"id":"101"`,
			},
			{request: get(owner, "/api/v1/invitations/?filter[organization]=1"), status: 200, contains: `"count":2`},
			{request: get(owner, "/api/v1/invitations/?filter[organization]=2"), status: 200, contains: `"count":0`},
			{request: get(inspector, "/api/v1/invitations/"), status: 200, contains: `"count":0`},
			{request: remove(owner, "/api/v1/invitations/101/", ""), status: 204},
			{request: get(owner, "/api/v1/invitations/101/"), status: 404},
		},
		"a token is seen once, and stays in the list when it is revoked": {
			{
				request: makeToken(`"name":" Dach "`, ref("organization", "Organization", "1"), ref("node", "Node", node1)),
				status:  201, contains: `"name":"Dach","organization_name":"Haus","node_alias":"Eins","maker_name":"olga","made_at_s":`,
			},
			{request: get(owner, "/api/v1/ingestion-tokens/101/?include=node"), status: 200, contains: `"revoked_at_s":null},"relationships":{"organization":`, lacks: "clair-ingest-"},
			{request: get(owner, "/api/v1/ingestion-tokens/?filter[organization]=1"), status: 200, contains: `"count":2`, lacks: "clair-ingest-"},
			{request: get(owner, "/api/v1/ingestion-tokens/?filter[organization]=2"), status: 200, contains: `"count":0`},
			{request: get(inspector, "/api/v1/ingestion-tokens/"), status: 200, contains: `"count":0`},
			{request: remove(owner, "/api/v1/ingestion-tokens/101/", ""), status: 204},
			{request: remove(owner, "/api/v1/ingestion-tokens/101/", ""), status: 204},
			{request: get(owner, "/api/v1/ingestion-tokens/101/"), status: 200, lacks: `"revoked_at_s":null`},
		},
		"tokens are few, of own nodes, and have names": {
			{
				request: makeToken(`"name":"x"`, ref("organization", "Organization", "1"), ref("node", "Node", node3)),
				status:  400, contains: `"pointer":"/data/relationships/node"`,
			},
			{
				request: makeToken(`"name":"x"`, ref("organization", "Organization", "1"), ref("node", "Node", "x")),
				status:  400, contains: `"pointer":"/data/relationships/node"`,
			},
			{request: makeToken(`"name":" "`, ref("organization", "Organization", "1")), status: 400, contains: `"pointer":"/data/attributes/name"`},
			{request: makeToken(`"name":"x"`), status: 400, contains: `"pointer":"/data/relationships/organization"`},
			{request: makeToken(`"name":"x"`, ref("organization", "Organization", "2")), status: 400, contains: `"pointer":"/data/relationships/organization"`},
			{request: makeToken(`"name":"x"`, ref("organization", "Organization", "99")), status: 400, contains: `"pointer":"/data/relationships/organization"`},
			{request: makeToken(`"name":"two"`, ref("organization", "Organization", "1")), status: 201},
			{request: makeToken(`"name":"three"`, ref("organization", "Organization", "1"), `"node":{"data":null}`), status: 201},
			{request: makeToken(`"name":"four"`, ref("organization", "Organization", "1")), status: 409, contains: `quota_exceeded`},
			{request: remove(owner, "/api/v1/ingestion-tokens/1/", ""), status: 204},
			{request: makeToken(`"name":"four"`, ref("organization", "Organization", "1")), status: 201},
		},
		"a fellow is invited by their id": {
			{request: create(inspector, "Organization", `"name":"Neu"`), status: 201},
			{
				request: create(inspector, "Membership", "", ref("organization", "Organization", "101"), ref("user", "User", "1")),
				status:  202, contains: `"email":"olga@example.org"`,
			},
		},
		"a member whose account is closed does not keep the organization from changing": {
			{
				before: `
					UPDATE user_account SET is_active = false WHERE id IN (1, 2, 5);
					INSERT INTO membership (user_id, organization_id, role) VALUES (4, 1, 'O')`,
				request: change(superuser, "Organization", "1", `"description":"x"`), status: 200,
			},
		},
		"a room is not renamed to a name that is taken": {
			{
				before:  "INSERT INTO room (id, site_id, name) VALUES (60, 1, 'Klasse 6')",
				request: change(owner, "Room", "1", `"name":"Klasse 6"`), status: 400, code: "unique", source: "/data/attributes/name",
			},
		},
		"a second OWNER lets the first one go": {
			{request: change(owner, "Membership", "2", `"role":"O"`), status: 200},
			{request: remove(owner, "/api/v1/memberships/1/", ""), status: 204},
			{request: get(owner, "/api/v1/nodes/"+node1+"/"), status: 404},
		},
		"a room takes numbers as texts, as the dashboard sends them": {
			{
				request: create(owner, "Room", `"name":"Neu","description":"","size_sqm":"12.5","height_m":"2.8","max_occupancy":"9"`,
					ref("site", "Site", "1")),
				status: 201, contains: `"size_sqm":"12.5","height_m":"2.8","max_occupancy":9`,
			},
		},
		"an unused address is deleted by its creator": {
			{request: remove(owner, "/api/v1/addresses/4/", ""), status: 204},
			{request: get(owner, "/api/v1/addresses/4/"), status: 404},
		},
		"a node with installations is not handed on, one without is": {
			{request: create(foreigner, "Organization", `"name":"Zweite"`), status: 201},
			{
				request: change(foreigner, "Node", node3, "", ref("owner", "Organization", "101")),
				status:  409, code: "conflict", source: "/data/relationships/owner",
			},
			{request: remove(foreigner, "/api/v1/installations/3/", ""), status: 204},
			{request: change(foreigner, "Node", node3, "", ref("owner", "Organization", "101")), status: 200},
		},
		"a form creates a room too": {
			{
				request: request{
					user: owner, method: http.MethodPost, path: "/api/v1/rooms/", body: "name=Neu&size_sqm=20&max_occupancy=&site=1",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				},
				status: 201, contains: `"size_sqm":"20.0","height_m":null,"max_occupancy":null`,
			},
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

// makeToken asks for a token of ingestion.
func makeToken(attributes string, relationships ...string) request {
	return post(owner, "/api/v1/ingestion-tokens/", doc("IngestionToken",
		`"attributes":{`+attributes+`},"relationships":{`+strings.Join(relationships, ",")+`}`))
}
