package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

// operations returns a request with a list of operations.
func operations(user int64, list ...string) request {
	rq := post(user, "/api/v1/operations/", `{"atomic:operations":[`+strings.Join(list, ",")+`]}`)
	rq.header = map[string]string{"Content-Type": jsonapi.AtomicMediaType}
	return rq
}

const (
	endFirst    = `{"op":"update","data":{"type":"Installation","id":"1","attributes":{"to_timestamp_s":"now"}}}`
	intoRoom2   = `{"op":"add","data":{"type":"Installation","attributes":{"from_timestamp_s":"now"},"relationships":{"node":{"data":{"type":"Node","id":"` + node1 + `"}},"room":{"data":{"type":"Room","id":"2"}}}}}`
	intoRoom3   = `{"op":"add","data":{"type":"Installation","attributes":{"from_timestamp_s":"now"},"relationships":{"node":{"data":{"type":"Node","id":"` + node1 + `"}},"room":{"data":{"type":"Room","id":"3"}}}}}`
	newAddress  = `{"op":"add","data":{"type":"Address","lid":"here","attributes":{"street1":"Neue Str. 5","zip":"10115","city":"Berlin"}}}`
	siteThere   = `{"op":"add","data":{"type":"Site","lid":"site","attributes":{"name":"Neubau"},"relationships":{"address":{"data":{"type":"Address","lid":"here"}},"operator":{"data":{"type":"Organization","id":"1"}}}}}`
	roomThere   = `{"op":"add","data":{"type":"Room","attributes":{"name":"Aula"},"relationships":{"site":{"data":{"type":"Site","lid":"site"}}}}}`
	renameThere = `{"op":"update","ref":{"type":"Site","lid":"site"},"data":{"type":"Site","lid":"site","attributes":{"name":"Altbau"}}}`
)

// A sensor that moves is in one room or the other, whatever happens, from the same
// second on, which is the server's.
func TestOperationsMoveASensor(t *testing.T) {
	t.Parallel()
	other := &mutable{w: newWorld(t)}
	places := func(t *testing.T, w *world) string {
		t.Helper()
		var text string
		err := w.pool.QueryRow(t.Context(), `
			SELECT string_agg(format('%s: %s-%s', room_id, extract(epoch FROM from_time)::bigint, coalesce(extract(epoch FROM to_time)::bigint::text, '')), ', ' ORDER BY from_time)
			  FROM installation WHERE node_id = $1`, node1).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	now := worldNow.Unix()
	other.use(t, func(w *world) {
		got := w.do(t, operations(owner, endFirst, intoRoom2))
		if media := got.header.Get("Content-Type"); got.status != http.StatusOK || media != jsonapi.AtomicMediaType {
			t.Errorf("%d %s: %s", got.status, media, got.body)
		}
		if got, want := places(t, w), fmt.Sprintf("1: 1767225600-%d, 2: %d-", now, now); got != want {
			t.Errorf("node 1 is in %s, want %s", got, want)
		}
		var entries int
		if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_log WHERE actor_id = $1`, owner).Scan(&entries); err != nil || entries < 2 {
			t.Errorf("%d entries in the log of changes name the owner (%v), want both changes", entries, err)
		}
	})
	other.use(t, func(w *world) {
		attempt{
			request: operations(owner, endFirst, intoRoom3), status: 400,
			code: "does_not_exist", source: "/atomic:operations/1/data/relationships/room",
		}.check(t, w)
		if got, want := places(t, w), "1: 1767225600-"; got != want {
			t.Errorf("after a move that failed, node 1 is in %s, want %s", got, want)
		}
	})
}

func TestOperationsKnowWhatWasAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do(t, operations(owner, newAddress, siteThere, roomThere, renameThere))
	if got.status != http.StatusOK {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	var place string
	err := w.pool.QueryRow(t.Context(), `
		SELECT concat_ws(', ', r.name, s.name, a.street1) FROM room r JOIN site s ON s.id = r.site_id JOIN address a ON a.id = s.address_id
		 WHERE r.name = 'Aula'`).Scan(&place)
	if err != nil || place != "Aula, Altbau, Neue Str. 5" {
		t.Errorf("%q %v", place, err)
	}
}

func TestOperationsKeepTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	room := func(id string) string {
		return `{"op":"update","data":{"type":"Room","id":"` + id + `","attributes":{"name":"Anders"}}}`
	}
	many := make([]string, 51)
	for i := range many {
		many[i] = room("1")
	}
	plain := operations(owner, room("1"))
	plain.header = nil
	for _, test := range []attempt{
		{name: "an INSPECTOR changes nothing", request: operations(inspector, room("1")), status: 403, code: "permission_denied", source: "/atomic:operations/0"},
		{name: "what one may not see is not there", request: operations(owner, room("1"), room("3")), status: 404, code: "not_found", source: "/atomic:operations/1"},
		{name: "a field that is wrong is named", request: operations(owner, room("1"), strings.Replace(room("2"), "Anders", "", 1)), status: 400, code: "blank", source: "/atomic:operations/1/data/attributes/name"},
		{name: "a constraint names its operation", request: operations(owner, siteThere, siteThere), status: 400, code: "does_not_exist", source: "/atomic:operations/0/data/relationships/address"},
		{name: "a local id that nothing has", request: operations(owner, renameThere), status: 400, code: "does_not_exist", source: "/atomic:operations/0"},
		{name: "people are no operation", request: operations(owner, `{"op":"update","data":{"type":"User","id":"1","attributes":{"username":"x"}}}`), status: 400, code: "invalid", source: "/atomic:operations/0"},
		{name: "quantities are the administrators'", request: operations(owner, `{"op":"remove","ref":{"type":"Quantity","id":"1"}}`), status: 403, source: "/atomic:operations/0"},
		{name: "an unknown code", request: operations(owner, `{"op":"replace"}`), status: 400, code: "invalid_choice", source: "/atomic:operations/0/op"},
		{name: "relationships by themselves", request: operations(owner, `{"op":"add","ref":{"type":"Organization","id":"1","relationship":"users"},"data":[]}`), status: 400, code: "invalid", source: "/atomic:operations/0/ref/relationship"},
		{name: "addresses instead of references", request: operations(owner, `{"op":"remove","href":"/api/v1/rooms/1"}`), status: 400, code: "invalid", source: "/atomic:operations/0/href"},
		{name: "no id to update", request: operations(owner, `{"op":"update","data":{"type":"Room"}}`), status: 400, code: "missing_id", source: "/atomic:operations/0/data"},
		{name: "nothing to remove", request: operations(owner, `{"op":"remove"}`), status: 400, code: "required", source: "/atomic:operations/0/ref"},
		{name: "an empty list", request: operations(owner), status: 400, code: "invalid", source: "/atomic:operations"},
		{name: "too many", request: operations(owner, many...), status: 400, code: "invalid", source: "/atomic:operations"},
		{name: "the extension is named", request: plain, status: 415},
	} {
		t.Run(test.name, func(t *testing.T) { test.check(t, w) })
	}
	if got := w.get(t, owner, "/api/v1/rooms/1/"); strings.Contains(got.body, "Anders") {
		t.Error("an operation is true although a later one failed")
	}
	if got := w.do(t, operations(owner, `{"op":"remove","ref":{"type":"Room","id":"2"}}`)); got.status != http.StatusNoContent {
		t.Errorf("a removal alone: %d %s", got.status, got.body)
	}
}

// Whoever installs a sensor may have a clock that is wrong.
func TestInstallationsBeginAndEndNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := fmt.Sprint(worldNow.Unix())
	attempt{request: patch(owner, "/api/v1/installations/1/", doc("Installation", `"id":"1","attributes":{"to_timestamp_s":"now"}`)), status: 200, contains: `"to_timestamp_s":` + now}.check(t, w)
	made := w.do(t, post(owner, "/api/v1/installations/", doc("Installation", `"attributes":{"from_timestamp_s":"now"},"relationships":{"node":{"data":{"type":"Node","id":"`+node1+`"}},"room":{"data":{"type":"Room","id":"2"}}}`)))
	if made.status != http.StatusCreated || !strings.Contains(made.body, `"from_timestamp_s":`+now) {
		t.Errorf("a start now: %d %s", made.status, made.body)
	}
	attempt{request: patch(owner, "/api/v1/installations/1/", doc("Installation", `"id":"1","attributes":{"to_timestamp_s":"soon"}`)), status: 400, code: "invalid", source: "/data/attributes/to_timestamp_s"}.check(t, w)
}
