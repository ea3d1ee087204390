package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
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

// create makes a thing of a type; attributes are what stands between the braces.
func create(user int64, typ, attributes string, relationships ...string) request {
	of := []string{`"attributes":{` + attributes + `}`}
	return post(user, "/api/v1/"+pathOf(typ)+"/", doc(typ, withRelationships(of, relationships)))
}

// change changes the thing with the id.
func change(user int64, typ, id, attributes string, relationships ...string) request {
	of := []string{`"id":"` + id + `"`}
	if attributes != "" {
		of = append(of, `"attributes":{`+attributes+`}`)
	}
	return patch(user, "/api/v1/"+pathOf(typ)+"/"+id+"/", doc(typ, withRelationships(of, relationships)))
}

func withRelationships(of, relationships []string) string {
	if len(relationships) > 0 {
		of = append(of, `"relationships":{`+strings.Join(relationships, ",")+`}`)
	}
	return strings.Join(of, ",")
}

func pathOf(typ string) string {
	if typ == "Address" {
		return "addresses"
	}
	return strings.ToLower(typ) + "s"
}

// ref is a relationship with the one thing that it leads to.
func ref(name, typ, id string) string {
	return `"` + name + `":{"data":{"type":"` + typ + `","id":"` + id + `"}}`
}

// linkage is the document of a relationship with many things.
func linkage(typ string, ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = `{"type":"` + typ + `","id":"` + id + `"}`
	}
	return `{"data":[` + strings.Join(list, ",") + `]}`
}
