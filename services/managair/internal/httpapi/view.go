package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// view is what building a resource needs of the request.
type view struct {
	caller access.Caller
	base   string // scheme, host and path of the API
	now    time.Time
	detail bool // the resource is asked for by its id
	query  jsonapi.Query
	// series fills the document's hole.
	series *series
	arena  *arena
}

// newView returns the view of a request, which is freed when the answer is written.
func (a *API) newView(r *http.Request) *view {
	return &view{caller: access.CallerFrom(r.Context()), base: a.BaseURL(r) + Base, now: a.now(), arena: newArena()}
}

func (v *view) free() { v.arena.free() }

// url returns the address of what the segments name.
func (v *view) url(segments ...string) string { return v.arena.url(v.base, segments) }

// id returns the text of an id.
func (v *view) id(id int64) string {
	if id < 100 {
		return formatInt64(id) // costs nothing
	}
	v.arena.scratch = strconv.AppendInt(v.arena.scratch[:0], id, 10)
	return v.arena.string(v.arena.scratch)
}

// attributes returns attributes to which some more can be added.
func (v *view) attributes(more int, list []jsonapi.Attribute) []jsonapi.Attribute {
	return v.arena.attributes.take(more, list)
}

func (v *view) relationships(list []jsonapi.Relationship) []jsonapi.Relationship {
	return v.arena.relationships.take(0, list)
}

// attributesOf returns the fields of a thing that are no references, in the order of the
// book of rules, and what else belongs to it. So many more can be added.
func attributesOf[T any](v *view, kind *inventory.Kind[T], thing *T, more int, others ...jsonapi.Attribute) []jsonapi.Attribute {
	list := make([]jsonapi.Attribute, 0, 8) // does not leave the stack
	for f, at := range kind.Places(thing) {
		if f.Reference() || f.OnCreate {
			continue
		}
		var value jsonapi.Value
		switch at := at.(type) {
		case *string:
			value = jsonapi.String(*at)
		case **string:
			value = jsonapi.OptString(*at)
		case *int64:
			value = jsonapi.Int(*at)
		case **int64:
			value = jsonapi.OptInt(*at)
		case *bool:
			value = jsonapi.Bool(*at)
		case *time.Time:
			value = jsonapi.Int(at.Unix())
		case **time.Time:
			value = jsonapi.Null()
			if *at != nil {
				value = jsonapi.Int((*at).Unix())
			} else if moment, _ := f.Rule.(inventory.Moment); moment.End {
				value = jsonapi.Int(inventory.OpenEnd)
			}
		default:
			panic(fmt.Sprintf("httpapi: no attribute is made of a %T", at))
		}
		list = append(list, jsonapi.Attribute{Name: f.Name, Value: value})
	}
	return v.attributes(more, append(list, others...))
}
