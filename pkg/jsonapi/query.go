package jsonapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

// MaxPageSize is the largest page; larger sizes are cut to it.
const MaxPageSize = 1000

// Query is what the parameters of a request ask for.
type Query struct {
	// Include holds the relationship paths; IncludeGiven tells an empty list from none.
	Include      []string
	IncludeGiven bool
	// Fields holds the sparse fieldsets by type name.
	Fields map[string][]string
	Sort   []SortField
	// Filter holds the values by name; of a repeated one the last.
	Filter map[string]string
	// PageNumber is 1-based, and 0 for the last page. PageSize is 0 for no paging.
	PageNumber, PageSize int
	// Extra holds the parameters outside JSON:API that the endpoint knows.
	Extra map[string]string
	// Values is the query as it came.
	Values url.Values
}

// SortField is one key of the order.
type SortField struct {
	Name       string
	Descending bool
}

// Known is what an endpoint understands.
type Known struct {
	Filters []string
	Sorts   []string
	Extra   []string
	// Unpaged says that the answer is always the whole: there are no pages to ask for.
	Unpaged bool
}

// Among are the figures of a value that is none of a few: it, and which there are. Where
// there are none, that it is none says it all.
func Among(value string, possible []string) []any {
	if len(possible) == 0 {
		return nil
	}
	return []any{value, strings.Join(possible, ", ")}
}

// ParseQuery reads the parameters. A parameter that is no JSON:API parameter and
// not known is an error, and so are unknown filters and sort keys: ignoring them
// would answer another question than the one that was asked.
func ParseQuery(rawQuery string, known Known) (Query, error) {
	q := Query{PageNumber: 1}
	if rawQuery == "" {
		return q, nil
	}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return q, Errors{{Status: 400, Reason: reason.InvalidQuery}}
	}
	q.Values = values
	var errs Errors
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := values[name][len(values[name])-1]
		if e := q.take(name, value, known); e != nil {
			errs = append(errs, e)
		}
	}
	if len(errs) > 0 {
		return q, errs
	}
	return q, nil
}

func (q *Query) take(name, value string, known Known) *Error {
	if !storable(value) {
		return &Error{Status: 400, Reason: reason.Invalid, Parameter: name}
	}
	family, member, bracketed := cutBrackets(name)
	switch {
	case name == "include":
		q.IncludeGiven = true
		q.Include = splitList(value)
	case name == "sort":
		for _, key := range splitList(value) {
			bare, descending := strings.CutPrefix(key, "-")
			if !slices.Contains(known.Sorts, bare) {
				return &Error{Status: 400, Reason: reason.UnknownSort, Parameter: name, Args: Among(bare, known.Sorts)}
			}
			q.Sort = append(q.Sort, SortField{bare, descending})
		}
	case slices.Contains(known.Extra, name):
		set(&q.Extra, name, value)
	case bracketed && family == "filter":
		if !slices.Contains(known.Filters, member) {
			return &Error{Status: 400, Reason: reason.UnknownFilter, Parameter: name, Args: Among(member, known.Filters)}
		}
		set(&q.Filter, member, value)
	case bracketed && family == "fields":
		if q.Fields == nil {
			q.Fields = map[string][]string{}
		}
		q.Fields[member] = splitList(value)
	case bracketed && family == "page" && known.Unpaged:
		return &Error{Status: 400, Reason: reason.InvalidParameter, Parameter: name, Args: []any{name}}
	case bracketed && family == "page" && member == "size":
		// Sizes that make no sense are no sizes, as they always were.
		if size, err := strconv.Atoi(value); err == nil && size > 0 {
			q.PageSize = min(size, MaxPageSize)
		}
	case bracketed && family == "page" && member == "number":
		if value == "last" {
			q.PageNumber = 0
			return nil
		}
		number, err := strconv.Atoi(value)
		if err != nil || number < 1 || number > maxPageNumber {
			return &Error{Status: 404, Reason: reason.InvalidPage, Parameter: name}
		}
		q.PageNumber = number
	default:
		return &Error{Status: 400, Reason: reason.InvalidParameter, Parameter: name, Args: []any{name}}
	}
	return nil
}

// maxPageNumber keeps number times size within what a database offset takes.
const maxPageNumber = 1 << 31

func set(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

func cutBrackets(name string) (family, member string, ok bool) {
	family, rest, found := strings.Cut(name, "[")
	member, tail, closed := strings.Cut(rest, "]")
	return family, member, found && closed && tail == ""
}

func splitList(s string) []string {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// storable reports whether a text is one that a database can hold: UTF-8 without NUL.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
