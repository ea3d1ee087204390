package httpapi

import (
	"context"
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

// build shows things as resources.
func (res *resource[T, ID]) build(ctx context.Context, v *view, things []T) ([]jsonapi.Resource, error) {
	resources := make([]jsonapi.Resource, len(things))
	for i := range things {
		resources[i] = res.show(v, &things[i])
	}
	if res.decorate != nil {
		if err := res.decorate(ctx, v, things, resources); err != nil {
			return nil, err
		}
	}
	return resources, nil
}

// respondOne answers with one thing.
func (res *resource[T, ID]) respondOne(a *API, w http.ResponseWriter, r *http.Request, status int, v *view, thing T) error {
	resources, err := res.build(r.Context(), v, []T{thing})
	if err != nil {
		return err
	}
	return a.respond(w, r, status, v, &jsonapi.Document{One: &resources[0]})
}

// respond finishes the document and writes it.
func (a *API) respond(w http.ResponseWriter, r *http.Request, status int, v *view, doc *jsonapi.Document) error {
	if err := a.finish(r.Context(), v, doc); err != nil {
		return err
	}
	if v.series != nil {
		return a.stream(w, r, v, doc)
	}
	withBody(func(body []byte) []byte {
		body = doc.Append(body)
		writeBody(w, r, status, body)
		return body
	})
	return nil
}

// finish adds what is to be included and leaves the fields that are wanted.
func (a *API) finish(ctx context.Context, v *view, doc *jsonapi.Document) error {
	if err := a.include(ctx, v, doc); err != nil {
		return err
	}
	if len(v.query.Fields) == 0 {
		return nil
	}
	restrict := func(resource *jsonapi.Resource) {
		if fields, ok := v.query.Fields[resource.Type]; ok {
			resource.Restrict(fields)
		}
	}
	if doc.One != nil {
		restrict(doc.One)
	}
	for i := range doc.Many {
		restrict(&doc.Many[i])
	}
	for i := range doc.Included {
		restrict(&doc.Included[i])
	}
	return nil
}
