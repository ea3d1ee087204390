package jsonapi_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// more tells apart the reasons that have a code in common.
var more = map[reason.Reason]string{
	reason.DocumentID: "invalid_id", reason.DocumentWithoutID: "missing_id", reason.DocumentWithoutType: "missing_type",
	reason.NoPrimaryData: "no_primary_data", reason.NotAnObject: "not_an_object", reason.NotAList: "not_a_list",
	reason.InvalidText: "invalid_text", reason.InvalidQuery: "invalid_query", reason.InvalidParameter: "invalid_parameter",
	reason.InvalidPage: "invalid_page", reason.UnknownFilter: "unknown_filter", reason.UnknownSort: "unknown_sort",
	reason.NoOperations: "no_operations", reason.TooManyOperations: "too_many_operations", reason.OperationUnsupported: "operation_unsupported",
	reason.InvalidInteger: "invalid_integer", reason.InvalidNumber: "invalid_number", reason.InvalidBoolean: "invalid_boolean",
}

// said is what an error says: status, code, reason and place of each entry.
func said(err error) string {
	errs, ok := errors.AsType[jsonapi.Errors](err)
	if !ok {
		return ""
	}
	var lines []string
	for _, e := range errs {
		lines = append(lines, strings.Join(strings.Fields(strings.Join([]string{
			map[int]string{400: "", 409: "conflict"}[e.Status], e.Code(), more[e.Reason], e.Pointer + e.Parameter,
		}, " ")), " "))
	}
	return strings.Join(lines, "; ")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, id, body string
		want           string // what is wrong; "" for nothing
	}{
		{"nothing is an empty document", "", " \n", ""},
		{"nothing changes nothing", "1", "", "parse_error missing_id /data"},
		{"a resource", "", `{"data":{"type":"Room","attributes":{"name":"Aula"}}}`, ""},
		{"a resource with its id", "1", `{"data":{"type":"Room","id":"1"}}`, ""},
		{"an id that looks like a number", "1", `{"data":{"type":"Room","id":1}}`, ""},
		{"cut off", "", `{"data":`, "parse_error /data"},
		{"two values", "", `{"data":{"type":"Room"}} {}`, "parse_error /data"},
		{"a list at the top", "", `[]`, "parse_error /data"},
		{"null at the top", "", `null`, "parse_error /data"},
		{"no data", "", `{}`, "parse_error no_primary_data /data"},
		{"a list of data", "", `{"data":[]}`, "parse_error not_an_object /data"},
		{"data that is null", "", `{"data":null}`, "parse_error not_an_object /data"},
		{"no type", "", `{"data":{}}`, "parse_error missing_type /data"},
		{"a type that is no text", "", `{"data":{"type":{}}}`, "parse_error missing_type /data"},
		{"another type", "", `{"data":{"type":"Site"}}`, "conflict error /data"},
		{"no id", "1", `{"data":{"type":"Room"}}`, "parse_error missing_id /data"},
		{"an id that is no text", "1", `{"data":{"type":"Room","id":[]}}`, "parse_error invalid_id /data"},
		{"an id that cannot be kept", "1", `{"data":{"type":"Room","id":"\u0000"}}`, "parse_error invalid_id /data"},
		{"another id", "1", `{"data":{"type":"Room","id":"2"}}`, "conflict error /data"},
		{"a list of attributes", "", `{"data":{"type":"Room","attributes":[]}}`, "invalid /data/attributes"},
		{"attributes that are null", "", `{"data":{"type":"Room","attributes":null}}`, "invalid /data/attributes"},
		{"a text of relationships", "", `{"data":{"type":"Room","relationships":"x"}}`, "invalid /data/relationships"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := jsonapi.ParseBody([]byte(test.body), "Room", test.id)
			if got := said(err); got != test.want || (err == nil) != (test.want == "") {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// room is a thing that takes fields of all sorts.
type room struct {
	name        string
	description *string
	seats       int64
	floors      *int64
	size        *string
	public      string
	began       int64
	ended       *int64
	site        string
	models      []int64
}

// take takes everything that a room has.
func (r *room) take(f *jsonapi.Fields) {
	f.Text("name", &r.name, 5, jsonapi.Required)
	f.OptText("description", &r.description, 5)
	f.Int("seats", &r.seats, 0, 100, jsonapi.Optional)
	f.OptInt("floors", &r.floors, -9, 9)
	f.OptDecimal("size", &r.size, 4, 1, 0, 999)
	f.Take("public", rule.Bool{}, jsonapi.Optional, jsonapi.NotNull, func(s *string) *fault.Violation {
		r.public = *s
		return nil
	})
	f.Moment("began", 0, 1<<40, jsonapi.Optional, jsonapi.NotNull, func(seconds *int64) *fault.Violation {
		r.began = *seconds
		return nil
	})
	f.Moment("ended", 0, 1<<40, jsonapi.Optional, jsonapi.Nullable, func(seconds *int64) *fault.Violation {
		r.ended = seconds
		return nil
	})
	f.ToOne("site", "Site", jsonapi.Required, func(id string) *fault.Violation {
		if id == "7" {
			return &fault.Violation{Reason: reason.DoesNotExist, Args: []any{id}}
		}
		r.site = id
		return nil
	})
	if ids, given := f.ToManyIDs("models", "Model", jsonapi.Optional); given {
		r.models = ids
	}
	f.ReadOnlyRelationship("installations")
}

func TestFields(t *testing.T) {
	t.Parallel()
	const site = `"relationships":{"site":{"data":{"type":"Site","id":"3"}}}`
	all := room{
		name: "Aula", description: new(""), seats: 30, floors: new(int64(-1)), size: new("30.5"), public: "true",
		ended: new(int64(9)), site: "3", models: []int64{1, 2},
	}
	for _, test := range []struct {
		name, members string
		want          string
		room          room
	}{
		{
			"everything", `"attributes":{"name":" Aula ","description":"","seats":30,"floors":-1,"size":30.5,"public":true,"began":0,"ended":9},
			"relationships":{"site":{"data":{"type":"Site","id":3}},"models":{"data":[{"type":"Model","id":"1"},{"type":"Model","id":"2"},{"type":"Model","id":"1"}]}}`,
			"", all,
		},
		{"numbers as texts", `"attributes":{"name":"a","seats":"30"},` + site, "", room{name: "a", seats: 30, site: "3"}},
		{"null where it may be", `"attributes":{"name":"a","floors":null,"size":null,"description":null},` + site, "", room{name: "a", site: "3"}},
		{"an end that there is not", `"attributes":{"name":"a","began":7,"ended":null},` + site, "", room{name: "a", began: 7, site: "3"}},
		{"a begin that there is not", `"attributes":{"name":"a","began":null},` + site, "null /data/attributes/began", room{name: "a", site: "3"}},
		{"half a second", `"attributes":{"name":"a","began":1.5},` + site, "invalid invalid_integer /data/attributes/began", room{name: "a", site: "3"}},
		{"nothing", `"attributes":{}`, "required /data/attributes/name; required /data/relationships/site", room{}},
		{
			"all errors at once", `"attributes":{"name":"Festsaal","seats":101,"size":0.25},` + site,
			"max_length /data/attributes/name; max_value /data/attributes/seats; max_decimal_places /data/attributes/size",
			room{site: "3"},
		},
		{"null where it may not be", `"attributes":{"name":null},` + site, "null /data/attributes/name", room{site: "3"}},
		{"a text that is none", `"attributes":{"name":{}},` + site, "invalid invalid_text /data/attributes/name", room{site: "3"}},
		{
			"a relationship of another type", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Room","id":"3"}}}`,
			"conflict error /data/relationships/site",
			room{name: "a"},
		},
		{"a relationship with nothing", `"attributes":{"name":"a"},"relationships":{"site":{"data":null}}`, "null /data/relationships/site", room{name: "a"}},
		{"a relationship that is null", `"attributes":{"name":"a"},"relationships":{"site":null}`, "null /data/relationships/site", room{name: "a"}},
		{"a relationship without data", `"attributes":{"name":"a"},"relationships":{"site":{}}`, "required /data/relationships/site", room{name: "a"}},
		{"a relationship that is a list", `"attributes":{"name":"a"},"relationships":{"site":[]}`, "incorrect_type /data/relationships/site", room{name: "a"}},
		{"a relationship without an id", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Site"}}}`, "missing_id /data/relationships/site", room{name: "a"}},
		{"a relationship without a type", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"id":"3"}}}`, "missing_type /data/relationships/site", room{name: "a"}},
		{"what does not exist", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Site","id":"7"}}}`, "does_not_exist /data/relationships/site", room{name: "a"}},
		{
			"many that are one", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Site","id":"3"}},"models":{"data":{"type":"Model","id":"1"}}}`,
			"invalid not_a_list /data/relationships/models",
			room{name: "a", site: "3"},
		},
		{
			"an id that cannot be one", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Site","id":"3"}},"models":{"data":[{"type":"Model","id":"x"}]}}`,
			"does_not_exist /data/relationships/models",
			room{name: "a", site: "3"},
		},
		{
			"what is not for here", `"attributes":{"name":"a"},"relationships":{"site":{"data":{"type":"Site","id":"3"}},"installations":{"data":[]}}`,
			"read_only /data/relationships/installations",
			room{name: "a", site: "3"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body, err := jsonapi.ParseBody([]byte(`{"data":{"type":"Room",`+test.members+`}}`), "Room", "")
			if err != nil {
				t.Fatal(err)
			}
			var got room
			f := jsonapi.NewFields(body, true)
			got.take(f)
			if err := f.Err(); said(err) != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
			if diff := cmp.Diff(test.room, got, cmp.AllowUnexported(room{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A change leaves what it does not mention.
func TestAChangeLeavesTheRest(t *testing.T) {
	t.Parallel()
	body, err := jsonapi.ParseBody([]byte(`{"data":{"type":"Room","id":"1","attributes":{"seats":5}}}`), "Room", "1")
	if err != nil {
		t.Fatal(err)
	}
	got := room{name: "Aula", site: "3", seats: 4}
	f := jsonapi.NewFields(body, false)
	got.take(f)
	if err := f.Err(); err != nil || got.name != "Aula" || got.site != "3" || got.seats != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

// In a form all values are texts, an empty number is none, and relationships are named
// like attributes.
func TestForms(t *testing.T) {
	t.Parallel()
	body := jsonapi.FormBody(url.Values{"name": {"no", "Aula"}, "floors": {""}, "description": {""}, "seats": {"3"}, "site": {"3"}, "public": {"true"}})
	got := room{floors: new(int64(1))}
	f := jsonapi.NewFields(body, true)
	got.take(f)
	want := room{name: "Aula", description: new(""), seats: 3, public: "true", site: "3"}
	if err := f.Err(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(room{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinkages(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"data":[{"type":"User","id":"1"},{"type":"User","id":2}]}`: "",
		`{"data":[]}`:                          "",
		`{"data":null}`:                        "invalid not_a_list /data",
		`{"data":{"type":"User","id":"1"}}`:    "invalid not_a_list /data",
		`{"data":[null]}`:                      "null /data",
		`{"data":["1"]}`:                       "incorrect_type /data",
		`{"data":[{"type":"Node","id":"1"}]}`:  "conflict error /data",
		`{"data":[{"type":"User","lid":"a"}]}`: "does_not_exist /data",
		`{}`:                                   "parse_error no_primary_data /data",
		`x`:                                    "parse_error /data",
	} {
		if _, err := jsonapi.ParseLinkage([]byte(body), "User"); said(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// Whatever comes, an error is one of the client's and points into the document.
func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`{"data":{"type":"Room","id":"1","attributes":{"name":"Aula","seats":3},"relationships":{"site":{"data":{"type":"Site","id":"3"}}}}}`), "1")
	f.Add([]byte(`{"data":[{"type":"User","id":1}]}`), "")
	f.Add([]byte(`{"atomic:operations":[{"op":"add","data":{"type":"Room","lid":"a"}},{"op":"remove","ref":{"type":"Room","lid":"a"}}]}`), "")
	f.Fuzz(func(t *testing.T, data []byte, id string) {
		check := func(err error) {
			t.Helper()
			errs, ok := errors.AsType[jsonapi.Errors](err)
			if err != nil && !ok {
				t.Fatalf("%v is no error of the client's", err)
			}
			for _, e := range errs {
				if e.Status != 400 && e.Status != 409 || e.Pointer != "" && e.Pointer[0] != '/' {
					t.Errorf("%+v", e)
				}
			}
			if answer := errs.Append(nil); !json.Valid(answer) {
				t.Errorf("no JSON: %s", answer)
			}
		}
		body, err := jsonapi.ParseBody(data, "Room", id)
		check(err)
		if err == nil {
			var r room
			fields := jsonapi.NewFields(body, id == "")
			r.take(fields)
			check(fields.Err())
		}
		_, err = jsonapi.ParseLinkage(data, "User")
		check(err)
		operations, err := jsonapi.ParseOperations(data, 5)
		check(err)
		for _, o := range operations {
			check(o.Resolve(nil))
			_, err := o.Body(nil)
			check(err)
		}
	})
}
