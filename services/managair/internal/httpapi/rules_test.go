package httpapi_test

import (
	"net/http"
	"testing"
)

// Rules that were broken by wrong answers, or by none.
func TestAnswers(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	installation := func(attributes, relationships string) string {
		return doc("Installation", `"attributes":{`+attributes+`},"relationships":{`+relationships+`}`)
	}
	node2room2 := ref("node", "Node", node2) + "," + ref("room", "Room", "2")
	node := func(attributes string) string {
		return doc("Node", `"attributes":{`+attributes+`},"relationships":{`+
			ref("protocol", "Protocol", "1")+","+ref("model", "Model", "1")+","+ref("owner", "Organization", "1")+"}")
	}
	for _, test := range []attempt{
		{
			name:    "filter[node] restricts installations",
			request: get(owner, "/api/v1/installations/?filter[node]="+node2),
			status:  200, contains: `"count":1`,
		},
		{
			name:    "filter[search] restricts organizations",
			request: get(owner, "/api/v1/organizations/?filter[search]=nirgends"),
			status:  200, contains: `"count":0`,
		},
		{
			name:    "sort changes the order",
			request: get(owner, "/api/v1/rooms/?sort=-name"),
			status:  200, contains: `"data":[{"type":"Room","id":"1"`,
		},
		{
			name:    "an unknown sort key is refused",
			request: get(owner, "/api/v1/rooms/?sort=colour"),
			status:  400, code: "invalid", source: "sort",
		},
		{
			name:    "an unknown filter is refused",
			request: get(owner, "/api/v1/rooms/?filter[colour]=red"),
			status:  400, code: "invalid", source: "filter[colour]",
		},
		{
			name:    "an unknown parameter is refused",
			request: get(owner, "/api/v1/rooms/?x=1"),
			status:  400, code: "invalid", source: "x", contains: "Diesen Parameter gibt es hier nicht: x",
		},
		{
			name:    "include_timeseries=False leaves it out",
			request: get(anonymous, "/api/v1/installations/1/?include_timeseries=False"),
			status:  200, lacks: "timeseries",
		},
		{
			name:    "include_timeseries=0 leaves it out",
			request: get(anonymous, "/api/v1/installations/1/?include_timeseries=0"),
			status:  200, lacks: "timeseries",
		},
		{
			name:    "include_timeseries=True includes it",
			request: get(anonymous, "/api/v1/installations/1/?include_timeseries=True"),
			status:  200, contains: `"timeseries":[{`,
		},
		{name: "include_timeseries is not known to rooms", request: get(anonymous, "/api/v1/rooms/1/?include_timeseries=1"), status: 400},
		{
			name:    "the time of the query is that of the query",
			request: get(anonymous, "/api/v1/installation-timeseries/1/"),
			status:  200, contains: `"query_timestamp_s":1768910400`,
		},
		{
			name:    "a list of series ends now",
			request: get(inspector, "/api/v1/node-timeseries/"),
			status:  200, contains: `"to_timestamp_s":1768910400,"query_timestamp_s":1768910400`,
		},
		{
			name:    "the series of an installation begins with it",
			request: get(anonymous, "/api/v1/installation-timeseries/1/"),
			status:  200, contains: `"from_timestamp_s":1767225600,"to_timestamp_s":1768910400`,
		},
		{
			name:    "the bounds of a series are those asked for",
			request: get(anonymous, "/api/v1/installation-timeseries/1/?filter[from]=1500000000&filter[to]=1768000000"),
			status:  200, contains: `"from_timestamp_s":1500000000,"to_timestamp_s":1768000000`,
		},
		{
			name:    "the time of an air quality query is that of the query",
			request: get(anonymous, "/api/v1/rooms/1/airquality/2026-01"),
			status:  200, contains: `"query_timestamp_s":1768910400`,
		},
		{
			name:    "a public installation is listed once for members",
			request: get(inspector, "/api/v1/installation-timeseries/"),
			status:  200, contains: `"count":2`,
		},
		{
			name:    "a public installation's series is there for members",
			request: get(inspector, "/api/v1/installations/1/timeseries/"),
			status:  200, contains: `"samples":[{`,
		},
		{
			name:    "the alias of a node is not for outsiders",
			request: get(anonymous, "/api/v1/installations/1/timeseries/"),
			status:  200, contains: `"node_alias":null`,
		},
		{
			name:    "empty lists have links and meta",
			request: get(stranger, "/api/v1/nodes/"),
			status:  200, contains: `"meta":{"pagination":{"page":1,"pages":1,"count":0}}`,
		},
		{
			name:    "lists of series have links and meta",
			request: get(owner, "/api/v1/node-timeseries/"),
			status:  200, contains: `"meta":{"pagination"`,
		},
		{name: "a list under a missing parent is 404", request: get(owner, "/api/v1/sites/4711/rooms/"), status: 404},
		{name: "a list under a parent of wrong form is 404", request: get(owner, "/api/v1/organizations/x/nodes/"), status: 404},
		{name: "a series of an id of wrong form is 404", request: get(owner, "/api/v1/node-timeseries/x/"), status: 404},
		{
			name:    "an installation's series of an id of wrong form is 404",
			request: get(owner, "/api/v1/installation-timeseries/x/"),
			status:  404,
		},
		{name: "an id beyond 64 bits is 404", request: get(owner, "/api/v1/rooms/99999999999999999999/"), status: 404},
		{name: "a page beyond the end is 404", request: get(owner, "/api/v1/rooms/?page[size]=1&page[number]=3"), status: 404},
		{name: "page 0 is 404", request: get(owner, "/api/v1/rooms/?page[number]=0"), status: 404},
		{
			name:    "the last page has a name",
			request: get(owner, "/api/v1/rooms/?page[size]=1&page[number]=last"),
			status:  200, contains: `"page":2`,
		},
		{
			name:    "a page size that is none is none",
			request: get(owner, "/api/v1/rooms/?page[size]=viele"),
			status:  200, contains: `"count":2`,
		},
		{
			name:    "filter[organization] must be a number",
			request: get(owner, "/api/v1/rooms/?filter[organization]=x"),
			status:  400, code: "invalid", source: "filter[organization]",
		},
		{
			name:    "filter[site] must be a number",
			request: get(owner, "/api/v1/rooms/?filter[site]=1.5"),
			status:  400, source: "filter[site]",
		},
		{
			name:    "filter[room] must be a number",
			request: get(owner, "/api/v1/installations/?filter[room]=x"),
			status:  400, source: "filter[room]",
		},
		{
			name:    "filter[user] must be a number",
			request: get(owner, "/api/v1/memberships/?filter[user]=x"),
			status:  400, source: "filter[user]",
		},
		{
			name:    "filter[from] must be whole seconds",
			request: get(owner, "/api/v1/nodes/"+node1+"/?filter[from]=1e9"),
			status:  400, source: "filter[from]",
		},
		{
			name:    "filter[to] must not be a fraction",
			request: get(owner, "/api/v1/installations/1/?filter[to]=1.5"),
			status:  400, source: "filter[to]",
		},
		{
			name:    "filter[to] must not be empty",
			request: get(owner, "/api/v1/nodes/"+node1+"/?filter[to]="),
			status:  400, source: "filter[to]",
		},
		{
			name:    "filter[from] must be within the calendar",
			request: get(owner, "/api/v1/nodes/"+node1+"/?filter[from]=9223372036854775807"),
			status:  400, source: "filter[from]",
		},
		{
			name:    "filter[to] before filter[from] is nothing",
			request: get(anonymous, "/api/v1/installations/1/?include_timeseries=1&filter[from]=2000000000&filter[to]=5"),
			status:  200, contains: `"timeseries":[]`,
		},
		{
			name:    "what has no linkage cannot be included",
			request: get(owner, "/api/v1/sites/?include=rooms"),
			status:  400, code: "invalid", source: "include",
		},
		{name: "what is unknown cannot be included", request: get(owner, "/api/v1/rooms/?include=nichts"), status: 400, source: "include"},
		{
			name:    "memberships of organizations cannot be included",
			request: get(owner, "/api/v1/organizations/?include=memberships"),
			status:  400, source: "include",
		},
		{
			name:    "sites of organizations cannot be included",
			request: get(owner, "/api/v1/organizations/?include=sites"),
			status:  400, source: "include",
		},
		{
			name:    "nodes of organizations cannot be included",
			request: get(owner, "/api/v1/organizations/?include=nodes"),
			status:  400, source: "include",
		},
		{
			name:    "users include their organizations",
			request: get(owner, "/api/v1/users/1/?include=organizations"),
			status:  200, contains: `"included":[{"type":"Organization","id":"1"`,
		},
		{
			name:    "rooms include their site",
			request: get(anonymous, "/api/v1/rooms/1/?include=site"),
			status:  200, contains: `"included":[{"type":"Site"`,
		},
		{
			name:    "includes reach further than one step",
			request: get(anonymous, "/api/v1/rooms/1/?include=site.operator"),
			status:  200, contains: `{"type":"Organization","id":"1","attributes"`,
		},
		{
			name:    "nodes include their model",
			request: get(owner, "/api/v1/nodes/?include=model.quantities"),
			status:  200, contains: `{"type":"Quantity","id":"2","attributes"`,
		},
		{
			name:    "fields[Node] restricts nodes",
			request: get(owner, "/api/v1/nodes/?fields[Node]=alias"),
			status:  200, contains: `"attributes":{"alias":"Eins"},"links"`,
		},
		{
			name:    "fields[Installation] restricts installations",
			request: get(owner, "/api/v1/installations/?fields[Installation]=is_public"),
			status:  200, contains: `"attributes":{"is_public":false},"links"`,
		},
		{
			name:    "fields of another type restrict nothing",
			request: get(owner, "/api/v1/rooms/?fields[rooms]=name"),
			status:  200, contains: "size_sqm",
		},

		{
			name: "rooms in a site's body are refused",
			request: patch(owner, "/api/v1/sites/1/",
				doc("Site", `"id":"1","relationships":{"rooms":{"data":[{"type":"Room","id":"1"}]}}`)),
			status: 400, code: "read_only", source: "/data/relationships/rooms",
		},
		{
			name:    "an empty list of rooms in a site's body is refused",
			request: patch(owner, "/api/v1/sites/1/", doc("Site", `"id":"1","relationships":{"rooms":{"data":[]}}`)),
			status:  400, code: "read_only",
		},
		{
			name:    "installations in a room's body are refused",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"installations":{"data":[]}}`)),
			status:  400, code: "read_only",
		},
		{
			name:    "an empty list of installations in a room's body is refused",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"installations":{"data":[]}}`)),
			status:  400, code: "read_only", source: "/data/relationships/installations",
		},
		{name: "an address in use is not deleted", request: remove(owner, "/api/v1/addresses/1/", ""), status: 409, code: "in_use"},
		{
			name:    "a second organization of a name is refused",
			request: create(owner, "Organization", `"name":"Fremd"`),
			status:  400, code: "unique", source: "/data/attributes/name",
		},
		{
			name:    "an organization is not renamed to a name that is taken",
			request: change(owner, "Organization", "1", `"name":"Fremd"`),
			status:  400, code: "unique",
		},
		{
			name:    "a site takes a time zone",
			request: change(owner, "Site", "2", `"time_zone":"America/New_York"`),
			status:  200, contains: `"time_zone":"America/New_York"`,
		},
		{
			name:    "a time zone that is none is refused",
			request: change(owner, "Site", "1", `"time_zone":"Mars/Olympus"`),
			status:  400, code: "invalid", source: "/data/attributes/time_zone",
		},
		{
			name:    "the time zone of the server's machine is none",
			request: change(owner, "Site", "1", `"time_zone":"Local"`),
			status:  400, code: "invalid", source: "/data/attributes/time_zone",
		},
		{
			name:    "a second site of a name is refused",
			request: change(owner, "Site", "1", `"name":"Lager"`),
			status:  400, code: "unique", source: "/data/attributes/name",
		},
		{
			name:    "a second room of a name is refused",
			request: create(owner, "Room", `"name":" Klasse 1 "`, ref("site", "Site", "1")),
			status:  400, code: "unique", source: "/data/attributes/name",
		},
		{
			name:    "a second membership is refused",
			request: create(owner, "Membership", "", ref("user", "User", "2"), ref("organization", "Organization", "1")),
			status:  400, code: "unique",
		},
		{
			name:    "installations of a node do not overlap",
			request: post(owner, "/api/v1/installations/", installation(`"from_timestamp_s":1768000000`, node2room2)),
			status:  400, code: "overlap", source: "/data/attributes/non_field_errors",
		},
		{
			name: "an installation does not start twice",
			request: post(owner, "/api/v1/installations/",
				installation(`"from_timestamp_s":1767225600,"to_timestamp_s":1767225601`, node2room2)),
			status: 400, code: "overlap",
		},
		{
			name: "an installation does not end before it starts",
			request: post(owner, "/api/v1/installations/",
				installation(`"from_timestamp_s":1780000000,"to_timestamp_s":1770000000`, node2room2)),
			status: 400, code: "ends_before_start", source: "/data/attributes/to_timestamp_s",
		},
		{
			name: "an installation has a length",
			request: post(owner, "/api/v1/installations/",
				installation(`"from_timestamp_s":1780000000,"to_timestamp_s":1780000000`, node2room2)),
			status: 400, code: "ends_before_start",
		},
		{
			name: "a time beyond the calendar is refused",
			request: post(owner, "/api/v1/installations/",
				installation(`"from_timestamp_s":1780000000,"to_timestamp_s":99999999999999999`, node2room2)),
			status: 400, code: "max_value", source: "/data/attributes/to_timestamp_s",
		},
		{
			name: "node and room belong to one organization",
			request: post(owner, "/api/v1/installations/",
				installation(`"from_timestamp_s":1780000000`, ref("node", "Node", node2)+","+ref("room", "Room", "3"))),
			status: 400, code: "does_not_exist", source: "/data/relationships/room",
		},
		{
			name:    "an eui64 has 16 hexadecimal digits",
			request: post(owner, "/api/v1/nodes/", node(`"eui64":"irgendwas","alias":"a"`)),
			status:  400, code: "invalid", source: "/data/attributes/eui64",
		},
		{
			name:    "an eui64 that is taken is refused in any case",
			request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b60000000003","alias":"a"`)),
			status:  400, code: "unique", source: "/data/attributes/eui64",
		},
		{
			name:    "a node's id is a UUID",
			request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b600000000ff","alias":"a","id":"x"`)),
			status:  400, code: "invalid", source: "/data/attributes/id",
		},
		{
			name: "a node's id is not nothing",
			request: post(owner, "/api/v1/nodes/",
				node(`"eui64":"9876b600000000ff","alias":"a","id":"00000000-0000-0000-0000-000000000000"`)),
			status: 400, code: "invalid", source: "/data/attributes/id",
		},
		{
			name:    "a node's id is that of its device",
			request: post(owner, "/api/v1/nodes/", node(`"eui64":"9876b600000000ff","alias":"a","id":"`+node3+`"`)),
			status:  422, code: "id_mismatch", source: "/data/attributes/id",
		},
		{
			name:    "a node does not become another device",
			request: change(owner, "Node", node2, `"eui64":"9876b600000000fe"`),
			status:  422, code: "other_device", source: "/data/attributes/eui64",
		},
		{
			name:    "latitude ends at the pole",
			request: create(owner, "Address", `"street1":"a","zip":"12345","city":"b","latitude":91`),
			status:  400, code: "max_value", source: "/data/attributes/latitude",
		},
		{
			name:    "a zip has a form",
			request: create(owner, "Address", `"street1":"a","zip":"#!?","city":"b"`),
			status:  400, code: "invalid", source: "/data/attributes/zip",
		},
		{
			name:    "a room's size is not negative",
			request: change(owner, "Room", "1", `"size_sqm":-1`),
			status:  400, code: "min_value", source: "/data/attributes/size_sqm",
		},
		{
			name:    "a room's occupancy is not negative",
			request: change(owner, "Room", "1", `"max_occupancy":-1`),
			status:  400, code: "min_value", source: "/data/attributes/max_occupancy",
		},

		{
			name:    "a missing name is named",
			request: create(owner, "Room", ""),
			status:  400, code: "required", source: "/data/attributes/name", contains: "/data/relationships/site",
		},
		{
			name:    "an empty body is an empty document",
			request: request{user: owner, method: http.MethodPost, path: "/api/v1/rooms/"},
			status:  400, code: "required", source: "/data/attributes/name",
		},
		{name: "another type is a conflict", request: create(owner, "room", ""), status: 409, source: "/data"},
		{
			name:    "another id is a conflict",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"2"`)),
			status:  409, source: "/data",
		},
		{
			name:    "a change needs the id",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"attributes":{}`)),
			status:  400, code: "parse_error",
		},
		{
			name:    "no primary data",
			request: post(owner, "/api/v1/rooms/", `{}`),
			status:  400, code: "parse_error", contains: "fehlt „data“",
		},
		{name: "a list is no document", request: post(owner, "/api/v1/rooms/", `{"data":[]}`), status: 400, code: "parse_error"},
		{
			name:    "a relationship of another type is a conflict",
			request: change(owner, "Room", "1", "", ref("site", "Room", "1")),
			status:  409,
		},
		{
			name:    "a relationship is not null",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":null}}`)),
			status:  400, code: "null", source: "/data/relationships/site",
		},
		{
			name:    "a relationship is an object",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":"1"}}`)),
			status:  400, code: "incorrect_type",
		},
		{
			name:    "a relationship has a type",
			request: patch(owner, "/api/v1/rooms/1/", doc("Room", `"id":"1","relationships":{"site":{"data":{"id":"1"}}}`)),
			status:  400, code: "missing_type",
		},
		{
			name:    "text in another language on request",
			request: request{user: owner, path: "/api/v1/rooms/4711/", header: map[string]string{"Accept-Language": "en-GB,en;q=0.9"}},
			status:  404, contains: "Not found.",
		},
		{name: "text in German by default", request: get(owner, "/api/v1/rooms/4711/"), status: 404, contains: "Nicht gefunden."},
		{
			name:    "XML is not acceptable",
			request: request{path: "/api/v1/rooms/", header: map[string]string{"Accept": "application/xml"}},
			status:  406, code: "not_acceptable",
		},
		{
			name: "text/plain is no document",
			request: request{
				user: owner, method: http.MethodPost, path: "/api/v1/rooms/", body: "x",
				header: map[string]string{"Content-Type": "text/plain"},
			},
			status: 415, code: "unsupported_media_type",
		},
		{
			name:    "PUT is not allowed on rooms",
			request: request{user: owner, method: http.MethodPut, path: "/api/v1/rooms/1/", body: "{}"},
			status:  405, code: "method_not_allowed",
		},
		{
			name:    "a session that does not repeat its cookie is told what is missing",
			request: request{session: "session-1", method: http.MethodPatch, path: "/api/v1/rooms/1/", body: "{}"},
			status:  403, code: "permission_denied", contains: "X-CSRFToken",
		},
		{name: "an unknown address is an error document", request: get(owner, "/api/v1/nirgends/"), status: 404, code: "not_found"},
		{name: "both slash forms are answered", request: get(anonymous, "/api/v1/rooms/1"), status: 200},
		{
			name:    "a change without slash keeps its body",
			request: patch(owner, "/api/v1/rooms/1", doc("Room", `"id":"1","attributes":{"max_occupancy":"9"}`)),
			status:  200, contains: `"max_occupancy":9`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.check(t, shared)
		})
	}
}
