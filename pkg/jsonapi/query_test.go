package jsonapi_test

import (
	"errors"
	"net/url"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

var known = jsonapi.Known{Filters: []string{"site", "room"}, Sorts: []string{"id", "name"}, Extra: []string{"from"}}

func TestQueries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query string
		want  jsonapi.Query
	}{
		{"", jsonapi.Query{PageNumber: 1}},
		{"include=", jsonapi.Query{PageNumber: 1, IncludeGiven: true}},
		{"include=site,%20site.address,,", jsonapi.Query{PageNumber: 1, IncludeGiven: true, Include: []string{"site", "site.address"}}},
		{"sort=-name,id", jsonapi.Query{PageNumber: 1, Sort: []jsonapi.SortField{{Name: "name", Descending: true}, {Name: "id"}}}},
		{"filter[site]=1&filter[site]=2&filter%5Broom%5D=", jsonapi.Query{PageNumber: 1, Filter: map[string]string{"site": "2", "room": ""}}},
		{"fields[Room]=name,size&fields[Site]=", jsonapi.Query{PageNumber: 1, Fields: map[string][]string{"Room": {"name", "size"}, "Site": nil}}},
		{"from=5", jsonapi.Query{PageNumber: 1, Extra: map[string]string{"from": "5"}}},
		{"page[size]=20&page[number]=3", jsonapi.Query{PageNumber: 3, PageSize: 20}},
		{"page[size]=99999&page[number]=last", jsonapi.Query{PageNumber: 0, PageSize: jsonapi.MaxPageSize}},
		{"page[size]=-1", jsonapi.Query{PageNumber: 1}},
		{"page[size]=many", jsonapi.Query{PageNumber: 1}},
	} {
		got, err := jsonapi.ParseQuery(test.query, known)
		if err != nil {
			t.Errorf("%s: %v", test.query, err)
		}
		got.Values = nil
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.query, diff)
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"%zz":                        "invalid invalid_query",
		"colour=red":                 "invalid invalid_parameter colour",
		"filter[colour]=red":         "invalid unknown_filter filter[colour]",
		"filter[site=1":              "invalid invalid_parameter filter[site",
		"filter[site]x=1":            "invalid invalid_parameter filter[site]x",
		"sort=colour":                "invalid unknown_sort sort",
		"sort=--name":                "invalid unknown_sort sort",
		"filter[site]=%00":           "invalid filter[site]",
		"filter[site]=%ff":           "invalid filter[site]",
		"a=1&b=2":                    "invalid invalid_parameter a; invalid invalid_parameter b",
		"page[offset]=3":             "invalid invalid_parameter page[offset]",
		"page[number]=0":             "not_found invalid_page page[number]",
		"page[number]=9999999999999": "not_found invalid_page page[number]",
	} {
		if _, err := jsonapi.ParseQuery(query, known); said(err) != want {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

// What is understood can be kept in a database and counted with, and what is not is
// named by a parameter of the query.
func FuzzParseQuery(f *testing.F) {
	f.Add("include=a.b&sort=-name&filter[site]=1&fields[Room]=name&page[number]=2&page[size]=10&from=x")
	f.Add("page[number]=last&filter[room]=%00")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := jsonapi.ParseQuery(query, known)
		if err != nil {
			values, _ := url.ParseQuery(query)
			errs, ok := errors.AsType[jsonapi.Errors](err)
			if !ok {
				t.Fatalf("%v is no error of the client's", err)
			}
			for _, e := range errs {
				if e.Parameter != "" && !values.Has(e.Parameter) {
					t.Errorf("%q has no %q", query, e.Parameter)
				}
			}
			return
		}
		if q.PageNumber < 0 || q.PageSize < 0 || q.PageSize > jsonapi.MaxPageSize || q.PageNumber*q.PageSize < 0 {
			t.Errorf("page %d of %d", q.PageNumber, q.PageSize)
		}
		for name, value := range q.Filter {
			if name != "site" && name != "room" || !utf8.ValidString(value) {
				t.Errorf("filter %q: %q", name, value)
			}
		}
	})
}
