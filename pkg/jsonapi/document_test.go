package jsonapi_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

func classroom() jsonapi.Resource {
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: "Room", ID: "1"},
		Attributes: []jsonapi.Attribute{
			{Name: "name", Value: jsonapi.String("Klasse \"1\"\n")},
			{Name: "size_sqm", Value: jsonapi.OptString[string](nil)},
			{Name: "max_occupancy", Value: jsonapi.OptInt(new(int64(17)))},
			{Name: "floor", Value: jsonapi.OptInt[int64](nil)},
			{Name: "public", Value: jsonapi.Bool(false)},
			{Name: "series", Value: jsonapi.Raw("[1,2]")},
		},
		Relationships: []jsonapi.Relationship{
			{Name: "site", Linkage: jsonapi.ToOne("Site", "2"), Related: "http://h/rooms/1/site/"},
			{Name: "users", Linkage: jsonapi.ToMany([]jsonapi.Identifier{{Type: "User", ID: "3"}}), Count: true, Self: "http://h/s", Related: "http://h/r"},
			{Name: "installations", Related: "http://h/i"},
		},
		Self: "http://h/rooms/1/",
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	one := classroom()
	sparse := classroom()
	sparse.Restrict([]string{"name", "site", "unknown"})
	bare := jsonapi.Resource{Identifier: jsonapi.Identifier{Type: "Room", ID: "2"}}
	const full = `{"type":"Room","id":"1","attributes":{"name":"Klasse \"1\"\n","size_sqm":null,"max_occupancy":17,"floor":null,"public":false,"series":[1,2]},` +
		`"relationships":{"site":{"data":{"type":"Site","id":"2"},"links":{"related":"http://h/rooms/1/site/"}},` +
		`"users":{"data":[{"type":"User","id":"3"}],"meta":{"count":1},"links":{"self":"http://h/s","related":"http://h/r"}},` +
		`"installations":{"links":{"related":"http://h/i"}}},"links":{"self":"http://h/rooms/1/"}}`
	for _, test := range []struct {
		name string
		doc  jsonapi.Document
		want string
	}{
		{"one", jsonapi.Document{One: &one}, `{"data":` + full + `}`},
		{"none of many", jsonapi.Document{}, `{"data":[]}`},
		{"many, with what they include", jsonapi.Document{Many: []jsonapi.Resource{bare, bare}, Included: []jsonapi.Resource{bare}}, `{"data":[` +
			`{"type":"Room","id":"2","attributes":{}},{"type":"Room","id":"2","attributes":{}}],"included":[{"type":"Room","id":"2","attributes":{}}]}`},
		{"some of its fields", jsonapi.Document{One: &sparse}, `{"data":{"type":"Room","id":"1","attributes":{"name":"Klasse \"1\"\n"},` +
			`"relationships":{"site":{"data":{"type":"Site","id":"2"},"links":{"related":"http://h/rooms/1/site/"}}},"links":{"self":"http://h/rooms/1/"}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, string(test.doc.Append(nil))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A document with a hole is what stands before and after it.
func TestADocumentIsCutAtItsHole(t *testing.T) {
	t.Parallel()
	r := jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: "Node", ID: "\x00"},
		Attributes: []jsonapi.Attribute{{Name: "samples", Value: jsonapi.Hole()}, {Name: "alias", Value: jsonapi.String("a\x00b")}},
	}
	before, after := (&jsonapi.Document{One: &r}).Split()
	const want = `{"data":{"type":"Node","id":"\u0000","attributes":{"samples":[1],"alias":"a\u0000b"}}}`
	if got := string(before) + "[1]" + string(after); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number, size, count           int
		first, last, next, prev, meta string
	}{
		{1, 0, 0, "1", "1", "", "", `{"page":1,"pages":1,"count":0}`},
		{1, 0, 30, "1", "1", "", "", `{"page":1,"pages":1,"count":30}`},
		{1, 10, 20, "1", "2", "2", "", `{"page":1,"pages":2,"count":20}`},
		{2, 10, 21, "1", "3", "3", "1", `{"page":2,"pages":3,"count":21}`},
		{3, 10, 21, "1", "3", "", "2", `{"page":3,"pages":3,"count":21}`},
	} {
		page := &jsonapi.Page{
			Number: test.number, Size: test.size, Count: test.count, URL: "http://h/rooms/",
			Query: url.Values{"page[number]": {"7"}, "filter[site]": {"1"}},
		}
		link := func(number string) string {
			if number == "" {
				return "null"
			}
			return `"http://h/rooms/?filter%5Bsite%5D=1&page%5Bnumber%5D=` + number + `"`
		}
		want := `{"data":[],"links":{"first":` + link(test.first) + `,"last":` + link(test.last) + `,"next":` + link(test.next) +
			`,"prev":` + link(test.prev) + `},"meta":{"pagination":` + test.meta + `}}`
		if diff := cmp.Diff(want, string((&jsonapi.Document{Page: page}).Append(nil))); diff != "" {
			t.Errorf("page %d of %d in pages of %d (-want +got):\n%s", test.number, test.count, test.size, diff)
		}
		if page.Query.Get("page[number]") != "7" {
			t.Error("the parameters of the request are changed")
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	errs := jsonapi.Errors{
		jsonapi.ErrorOf(&fault.Violation{Field: "site", Reference: true, Reason: reason.Conflict, Conflict: true}),
		jsonapi.ErrorOf(&fault.Violation{Field: "name", Reason: reason.Blank}),
		jsonapi.ErrorOf(&fault.Violation{Reason: reason.LastOwner}),
		jsonapi.ErrorOf(&fault.Violation{Field: "id", Reason: reason.IDMismatch, Contradictory: true}),
		{Status: 400, Reason: reason.Invalid, Parameter: "sort", Detail: "so\tnot"},
	}
	const want = `{"errors":[{"detail":"","status":"409","source":{"pointer":"/data/relationships/site"},"code":"conflict"},` +
		`{"detail":"","status":"400","source":{"pointer":"/data/attributes/name"},"code":"blank"},` +
		`{"detail":"","status":"400","source":{"pointer":"/data"},"code":"last_owner"},` +
		`{"detail":"","status":"422","source":{"pointer":"/data/attributes/id"},"code":"id_mismatch"},` +
		`{"detail":"so\tnot","status":"400","source":{"parameter":"sort"},"code":"invalid"}]}`
	if diff := cmp.Diff(want, string(errs.Append(nil))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errs.Status() != 409 {
		t.Errorf("status %d, want that of the first", errs.Status())
	}
	if placed := errs.Below("/atomic:operations/2"); placed[0].Pointer != "/atomic:operations/2/data/relationships/site" || errs[0].Pointer != "/data/relationships/site" {
		t.Errorf("placed: %q, and before: %q", placed[0].Pointer, errs[0].Pointer)
	}
}

// Any text is one line of JSON that says the same; what is no UTF-8 is replaced.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "Grün\n\"\\", "\x00\x1f\x7f", "a\xffb\xc3", "\u2028\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := jsonapi.AppendString(nil, s)
		var back, want string
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, r := range s {
			want += string(r)
		}
		if back != want || bytes.ContainsAny(text, "\x00\n") {
			t.Errorf("%q became %s", s, text)
		}
	})
}
