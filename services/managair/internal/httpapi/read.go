package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// list answers with all things that there are, or those under a parent.
func (res *resource[T, ID]) list(a *API, w http.ResponseWriter, r *http.Request, parent under) error {
	filters := res.filters
	if parent.filter != "" {
		filters = append(slices.Clip(filters), parent.filter)
	}
	q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: filters, Sorts: res.sorts})
	if err != nil {
		return err
	}
	if err := parent.put(&q); err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	v.query = q
	iq, err := inventoryQuery(q)
	if err != nil {
		return err
	}
	iq.Own = res.own
	if res.adjust != nil {
		res.adjust(&iq, q)
	}
	things, count, err := res.repository.List(r.Context(), v.caller, iq)
	if err != nil {
		return err
	}
	if count == 0 && res.instead != nil {
		things = res.instead(iq)
		count = len(things)
	}
	page := &jsonapi.Page{Number: q.PageNumber, Size: q.PageSize, Count: count, URL: a.BaseURL(r) + r.URL.Path + "/", Query: q.Values}
	if page.Number == 0 {
		page.Number = page.Pages()
	}
	if page.Number > page.Pages() {
		return jsonapi.Errors{{Status: http.StatusNotFound, Reason: reason.InvalidPage, Parameter: "page[number]"}}
	}
	resources, err := res.build(r.Context(), v, things)
	if err != nil {
		return err
	}
	doc := jsonapi.Document{Many: resources, Page: page}
	return a.respond(w, r, http.StatusOK, v, &doc)
}

// get answers with one thing.
func (res *resource[T, ID]) get(a *API, w http.ResponseWriter, r *http.Request, id ID) error {
	q, err := jsonapi.ParseQuery(r.URL.RawQuery, res.detail)
	if err != nil {
		return err
	}
	v := a.newView(r)
	defer v.free()
	v.query, v.detail = q, true
	thing, err := res.repository.Get(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	return res.respondOne(a, w, r, http.StatusOK, v, thing)
}

// loader returns the resources with the given ids that the caller may see.
type loader func(ctx context.Context, v *view, ids []string) ([]jsonapi.Resource, error)

func (res *resource[T, ID]) load(ctx context.Context, v *view, ids []string) ([]jsonapi.Resource, error) {
	parsed := make([]ID, 0, len(ids))
	for _, text := range ids {
		if id, ok := res.ids.parse(text); ok {
			parsed = append(parsed, id)
		}
	}
	var q inventory.Query
	res.ids.pick(&q, parsed)
	things, _, err := res.repository.List(ctx, v.caller, q)
	if err != nil {
		return nil, err
	}
	return res.build(ctx, &view{caller: v.caller, base: v.base, arena: v.arena}, things)
}
