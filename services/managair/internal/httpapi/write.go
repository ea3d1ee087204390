package httpapi

import (
	"context"
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// take takes the values of a document into the thing.
func (res *resource[T, ID]) take(f *jsonapi.Fields, thing *T) {
	take(f, res.kind, thing)
	if res.decode != nil {
		res.decode(f, thing)
	}
	f.ReadOnlyRelationship(res.readOnly...)
}

// create answers a POST.
func (res *resource[T, ID]) create(a *API, w http.ResponseWriter, r *http.Request) error {
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	body, err := readBody(w, r, res.typ, "")
	if err != nil {
		return err
	}
	created, err := res.add(r.Context(), v, res.repository, body)
	if err != nil {
		return err
	}
	v.detail = true
	resources, err := res.build(r.Context(), v, []T{created})
	if err != nil {
		return err
	}
	w.Header().Set("Location", resources[0].Self)
	return a.respond(w, r, http.StatusCreated, v, &jsonapi.Document{One: &resources[0]})
}

// add makes a thing of the body.
func (res *resource[T, ID]) add(ctx context.Context, v *view, into inventory.Repository[T, ID], body jsonapi.Body) (T, error) {
	thing := res.kind.New()
	f := jsonapi.NewFields(body, true)
	f.Now = v.now
	if res.takeID != nil {
		res.takeID(f, body, &thing)
	}
	res.take(f, &thing)
	if err := f.Err(); err != nil {
		return thing, err
	}
	return into.Create(ctx, v.caller, thing)
}

// change answers a PATCH or, when whole is set, a PUT: missing fields are then
// as on creation.
func (res *resource[T, ID]) change(a *API, w http.ResponseWriter, r *http.Request, id ID, whole bool) error {
	v := a.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	v.detail = true
	// Read before and judged after the store has looked whether the caller may do
	// this at all: a slow client must not hold a lock.
	body, bodyErr := readBody(w, r, res.typ, res.ids.format(id))
	changed, err := res.alter(r.Context(), v, res.repository, id, func() (jsonapi.Body, error) { return body, bodyErr }, whole)
	if err != nil {
		return err
	}
	return res.respondOne(a, w, r, http.StatusOK, v, changed)
}

// alter makes the thing what the body says.
func (res *resource[T, ID]) alter(ctx context.Context, v *view, within inventory.Repository[T, ID], id ID,
	body func() (jsonapi.Body, error), whole bool,
) (T, error) {
	return within.Change(ctx, v.caller, id, func(thing *T) error {
		b, err := body()
		if err != nil {
			return err
		}
		f := jsonapi.NewFields(b, whole)
		f.Now = v.now
		res.take(f, thing)
		return f.Err()
	})
}
