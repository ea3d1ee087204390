package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// resource is how the things of one kind appear in the API.
type resource[T any, ID comparable] struct {
	typ, path   string
	permissions access.Permissions
	repository  inventory.Repository[T, ID]
	// among finds the repository of things that can be written in a store.
	among func(*inventory.Store) inventory.Repository[T, ID]
	ids   idForm[ID]
	// filters and sorts are what lists know; detail what single resources know.
	filters, sorts []string
	detail         jsonapi.Known
	// own says that lists have only what is the caller's, and not what is public too.
	own bool
	// adjust changes how the filters of a list are understood.
	adjust func(iq *inventory.Query, q jsonapi.Query)
	// instead returns what a list shows when nothing is found, when it is not nil.
	instead func(iq inventory.Query) []T
	// made says that things are made elsewhere, and not by POST here.
	made bool
	show func(v *view, thing *T) jsonapi.Resource
	// decorate adds what is computed for all of the resources at once.
	decorate func(ctx context.Context, v *view, things []T, resources []jsonapi.Resource) error
	// kind has the rules; nil: the things cannot be written. decode takes what is no
	// field of the thing, when it is not nil. readOnly relationships are not for here.
	kind     *inventory.Kind[T]
	decode   func(f *jsonapi.Fields, thing *T)
	readOnly []string
	// takeID takes the client's id on creation, where clients may give one.
	takeID func(f *jsonapi.Fields, body jsonapi.Body, thing *T)
}

// idForm is what ids of a kind look like, and how lists are asked for some of them.
type idForm[ID comparable] struct {
	parse  func(string) (ID, bool)
	format func(ID) string
	pick   func(q *inventory.Query, ids []ID)
}

var (
	byNumber = idForm[int64]{int64ID, formatInt64, func(q *inventory.Query, ids []int64) { q.IDs = ids }}
	byNodeID = idForm[inventory.NodeID]{
		inventory.ParseNodeID, uuid.UUID.String, func(q *inventory.Query, ids []inventory.NodeID) { q.NodeIDs = ids },
	}
)

// addRoutes adds list, creation, and the methods of a single resource.
func (res *resource[T, ID]) addRoutes(a *API) {
	collection, single := Base+"/"+res.path, Base+"/"+res.path+"/{id}"
	listed := res.permissions.Read
	if res.own {
		listed = access.Members
	}
	a.add(
		Route{Method: http.MethodGet, Pattern: collection, Audience: listed, Handler: func(w http.ResponseWriter, r *http.Request) error {
			return res.list(a, w, r, under{})
		}},
		Route{Method: http.MethodGet, Pattern: single, Audience: res.permissions.Read, Long: len(res.detail.Extra) > 0, Handler: res.withID(func(w http.ResponseWriter, r *http.Request, id ID) error {
			return res.get(a, w, r, id)
		})},
	)
	a.loaders[res.typ] = res.load
	if res.kind == nil {
		return
	}
	a.operators[res.typ] = res
	if !res.made {
		a.add(Route{Method: http.MethodPost, Pattern: collection, Audience: res.permissions.Create, Handler: func(w http.ResponseWriter, r *http.Request) error {
			return res.create(a, w, r)
		}})
	}
	a.add(
		Route{Method: http.MethodPatch, Pattern: single, Audience: res.permissions.Change, Handler: res.withID(func(w http.ResponseWriter, r *http.Request, id ID) error {
			return res.change(a, w, r, id, false)
		})},
		Route{Method: http.MethodDelete, Pattern: single, Audience: res.permissions.Delete, Handler: res.withID(func(w http.ResponseWriter, r *http.Request, id ID) error {
			if err := res.repository.Delete(r.Context(), access.CallerFrom(r.Context()), id); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		})},
	)
}

// withID wraps a handler that needs the id in the path.
func (res *resource[T, ID]) withID(handle func(w http.ResponseWriter, r *http.Request, id ID) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := res.id(r)
		if err != nil {
			return err
		}
		return handle(w, r, id)
	}
}

// id returns the id in the path. One of the wrong form is the id of nothing.
func (res *resource[T, ID]) id(r *http.Request) (ID, error) {
	id, ok := res.ids.parse(r.PathValue("id"))
	if !ok {
		return id, errNotFound()
	}
	return id, nil
}

// relatedOne adds a route to the one thing that another one refers to.
func relatedOne[P any, PID comparable, T any, ID comparable](a *API, parent *resource[P, PID], name string, audience access.Audience,
	child *resource[T, ID], of func(*P) ID,
) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/" + name, Audience: audience,
		Handler: parent.withID(func(w http.ResponseWriter, r *http.Request, id PID) error {
			thing, err := parent.repository.Get(r.Context(), access.CallerFrom(r.Context()), id)
			if err != nil {
				return err
			}
			return child.get(a, w, r, of(&thing))
		}),
	})
}

// relatedMany adds a route to the things that refer to another one. The filter is as
// with listUnder.
func relatedMany[P any, PID comparable, T any, ID comparable](a *API, parent *resource[P, PID], name string, audience access.Audience,
	child *resource[T, ID], filter string,
) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/" + name, Audience: audience,
		Handler: listUnder(a, parent, child, filter),
	})
}

// listUnder answers with the things that refer to another one. Under a parent that does
// not exist for the caller there is no list. The filter is the one that picks them by
// their parent, whether or not requests may have it.
func listUnder[P any, PID comparable, T any, ID comparable](a *API, parent *resource[P, PID], child *resource[T, ID], filter string) Handler {
	return parent.withID(func(w http.ResponseWriter, r *http.Request, id PID) error {
		if _, err := parent.repository.Get(r.Context(), access.CallerFrom(r.Context()), id); err != nil {
			return err
		}
		return child.list(a, w, r, under{filter, parent.ids.format(id), func(text string) bool {
			named, ok := parent.ids.parse(text)
			return ok && named == id
		}})
	})
}

func int64ID(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0
}

func formatInt64(id int64) string { return strconv.FormatInt(id, 10) }
