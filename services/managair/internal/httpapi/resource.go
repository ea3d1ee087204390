package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// maxBody bounds the documents of requests, in bytes. A document has a few
// hundred; descriptions may be long.
const maxBody = 256 << 10

// view is what building a resource needs of the request.
type view struct {
	caller access.Caller
	base   string // scheme, host and path of the API
	now    time.Time
	detail bool // the resource is asked for by its id
	query  jsonapi.Query
	// series fills the document's hole.
	series *series
	parts  *parts
}

// newView returns the view of a request, which is freed when the answer is written.
func (a *API) newView(r *http.Request) *view {
	return &view{caller: access.CallerFrom(r.Context()), base: a.BaseURL(r) + Base, now: a.now(), parts: newParts()}
}

func (v *view) free() { v.parts.free() }

// url returns the address of what the segments name.
func (v *view) url(segments ...string) string { return v.parts.url(v.base, segments) }

// id returns the text of an id.
func (v *view) id(id int64) string {
	if id < 100 {
		return formatInt64(id) // costs nothing
	}
	v.parts.scratch = strconv.AppendInt(v.parts.scratch[:0], id, 10)
	return v.parts.string(v.parts.scratch)
}

// attributes returns attributes to which some more can be added.
func (v *view) attributes(more int, list []jsonapi.Attribute) []jsonapi.Attribute {
	return v.parts.attributes.take(more, list)
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
			value = jsonapi.Int(inventory.OpenEnd)
			if *at != nil {
				value = jsonapi.Int((*at).Unix())
			}
		default:
			panic(fmt.Sprintf("httpapi: no attribute is made of a %T", at))
		}
		list = append(list, jsonapi.Attribute{Name: f.Name, Value: value})
	}
	return v.attributes(more, append(list, others...))
}

func (v *view) relationships(list []jsonapi.Relationship) []jsonapi.Relationship {
	return v.parts.relationships.take(0, list)
}

// resource is how the things of one kind appear in the API.
type resource[T any, ID comparable] struct {
	typ, path   string
	permissions access.Permissions
	repository  inventory.Repository[T, ID]
	// among finds the repository of things that can be written in a store.
	among    func(*inventory.Store) inventory.Repository[T, ID]
	parseID  func(string) (ID, bool)
	formatID func(ID) string
	// byIDs picks by identity.
	byIDs func(q *inventory.Query, ids []ID)
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

func int64ID(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0
}

func formatInt64(id int64) string { return strconv.FormatInt(id, 10) }

func byInt64s(q *inventory.Query, ids []int64) { q.IDs = ids }

// inventoryQuery translates what a list is asked for.
func inventoryQuery(q jsonapi.Query) (inventory.Query, error) {
	iq := inventory.Query{Limit: q.PageSize}
	if q.PageSize > 0 {
		iq.Last = q.PageNumber == 0
		iq.Offset = max(q.PageNumber-1, 0) * q.PageSize
	}
	for _, key := range q.Sort {
		iq.Sort = append(iq.Sort, inventory.Order{By: key.Name, Descending: key.Descending})
	}
	var errs jsonapi.Errors
	for _, name := range slices.Sorted(maps.Keys(q.Filter)) {
		value := q.Filter[name]
		if value == "" {
			continue
		}
		valid := true
		switch name {
		case "organization":
			iq.Organization, valid = int64ID(value)
		case "site":
			iq.Site, valid = int64ID(value)
		case "room":
			iq.Room, valid = int64ID(value)
		case "user":
			iq.User, valid = int64ID(value)
		case "node":
			iq.Node, valid = inventory.ParseNodeID(value)
		case "username":
			iq.Username = value
		case "email":
			iq.Email = strings.TrimSpace(value)
		case "box":
			iq.Box, valid = parseBox(value)
		case "search":
			iq.Search = strings.Fields(value)
		}
		if !valid {
			errs = append(errs, &jsonapi.Error{Status: 400, Reason: reason.Invalid, Parameter: "filter[" + name + "]"})
		}
	}
	if len(errs) > 0 {
		return iq, errs
	}
	return iq, nil
}

// under is the filter that a list's path stands for: what is asked for under a parent.
type under struct {
	filter, id string
	// names reports whether a text is the parent's id.
	names func(string) bool
}

// put sets the filter. A request that names another parent there asks for two things at once.
func (u under) put(q *jsonapi.Query) error {
	if u.filter == "" {
		return nil
	}
	if asked := q.Filter[u.filter]; asked != "" && !u.names(asked) {
		return jsonapi.Errors{{Status: 400, Reason: reason.OtherParent, Parameter: "filter[" + u.filter + "]"}}
	}
	if q.Filter == nil {
		q.Filter = map[string]string{}
	}
	q.Filter[u.filter] = u.id
	return nil
}

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

func (res *resource[T, ID]) respondOne(a *API, w http.ResponseWriter, r *http.Request, status int, v *view, thing T) error {
	resources, err := res.build(r.Context(), v, []T{thing})
	if err != nil {
		return err
	}
	return a.respond(w, r, status, v, &jsonapi.Document{One: &resources[0]})
}

// respond adds what is to be included, leaves the fields that are wanted, and
// writes the document.
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
	body, bodyErr := readBody(w, r, res.typ, res.formatID(id))
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

// readBody reads the document of a request in any of the accepted forms.
func readBody(w http.ResponseWriter, r *http.Request, typ, id string) (jsonapi.Body, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	media, err := bodyMedia(r)
	if err != nil {
		return jsonapi.Body{}, err
	}
	switch media {
	case jsonapi.MediaType:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
		return jsonapi.ParseBody(data, typ, id)
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return jsonapi.Body{}, bodyError(err)
		}
	default:
		return jsonapi.Body{}, unsupportedMedia(media)
	}
	return jsonapi.FormBody(r.PostForm), nil
}

// bodyMedia returns the media type of a request's body. Plain JSON and nothing
// count as JSON:API.
func bodyMedia(r *http.Request) (string, error) {
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		return jsonapi.MediaType, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return "", unsupportedMedia(contentType)
	case media == mediaJSON:
		return jsonapi.MediaType, nil
	default:
		return media, nil
	}
}

func unsupportedMedia(media string) error {
	return jsonapi.Errors{{Status: http.StatusUnsupportedMediaType, Reason: reason.UnsupportedMediaType, Args: []any{media}}}
}

func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	status := http.StatusBadRequest
	if errors.Is(err, web.ErrSlowBody) {
		status = http.StatusRequestTimeout
	}
	return jsonapi.Errors{{Status: status, Reason: reason.ParseError, Pointer: "/data", Args: []any{err.Error()}}}
}

// id returns the id in the path. One of the wrong form is the id of nothing.
func (res *resource[T, ID]) id(r *http.Request) (ID, error) {
	id, ok := res.parseID(r.PathValue("id"))
	if !ok {
		return id, errNotFound()
	}
	return id, nil
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

// relatedMany adds a route to the things that refer to another one. Under a
// parent that does not exist for the caller there is no list. The filter is the one
// that picks them by their parent, whether or not requests may have it.
func relatedMany[P any, PID comparable, T any, ID comparable](a *API, parent *resource[P, PID], name string, audience access.Audience,
	child *resource[T, ID], filter string,
) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + parent.path + "/{id}/" + name, Audience: audience,
		Handler: parent.withID(func(w http.ResponseWriter, r *http.Request, id PID) error {
			if _, err := parent.repository.Get(r.Context(), access.CallerFrom(r.Context()), id); err != nil {
				return err
			}
			return child.list(a, w, r, under{filter, parent.formatID(id), func(text string) bool {
				named, ok := parent.parseID(text)
				return ok && named == id
			}})
		}),
	})
}

// loader returns the resources with the given ids that the caller may see.
type loader func(ctx context.Context, v *view, ids []string) ([]jsonapi.Resource, error)

func (res *resource[T, ID]) load(ctx context.Context, v *view, ids []string) ([]jsonapi.Resource, error) {
	parsed := make([]ID, 0, len(ids))
	for _, text := range ids {
		if id, ok := res.parseID(text); ok {
			parsed = append(parsed, id)
		}
	}
	var q inventory.Query
	res.byIDs(&q, parsed)
	things, _, err := res.repository.List(ctx, v.caller, q)
	if err != nil {
		return nil, err
	}
	return res.build(ctx, &view{caller: v.caller, base: v.base, parts: v.parts}, things)
}

// include follows the relationship paths that are asked for, a level of all
// resources at a time.
func (a *API) include(ctx context.Context, v *view, doc *jsonapi.Document) error {
	primary := doc.Many
	if doc.One != nil {
		primary = []jsonapi.Resource{*doc.One}
	}
	paths := v.query.Include
	if len(paths) == 0 && len(primary) > 0 && primary[0].Type == "Site" {
		// The predecessor's sites always came with their address.
		paths = []string{"address"}
	}
	if len(paths) > maxIncludes {
		paths = paths[:maxIncludes]
	}
	if len(paths) == 0 {
		return nil
	}
	seen := map[jsonapi.Identifier]bool{}
	for _, r := range primary {
		seen[r.Identifier] = true
	}
	for _, path := range paths {
		level := primary
		for name := range strings.SplitSeq(path, ".") {
			next, err := a.follow(ctx, v, level, name)
			if err != nil {
				return err
			}
			for _, r := range next {
				if !seen[r.Identifier] {
					seen[r.Identifier] = true
					doc.Included = append(doc.Included, r)
				}
			}
			level = next
		}
	}
	return nil
}

const maxIncludes = 20

// follow returns the resources that the relationship leads to from all of the
// given ones.
func (a *API) follow(ctx context.Context, v *view, from []jsonapi.Resource, name string) ([]jsonapi.Resource, error) {
	if len(from) == 0 {
		return nil, nil
	}
	ids := map[string][]string{}
	for i := range from {
		rel, ok := from[i].Relationship(name)
		if !ok || !rel.Linkage.Given() {
			return nil, jsonapi.Errors{{
				Status: http.StatusBadRequest, Reason: reason.IncludeUnknown, Parameter: "include",
				Args: []any{name, strings.Join(includable(&from[i]), ", ")},
			}}
		}
		for _, id := range rel.Linkage.Identifiers() {
			if !slices.Contains(ids[id.Type], id.ID) {
				ids[id.Type] = append(ids[id.Type], id.ID)
			}
		}
	}
	var found []jsonapi.Resource
	for _, typ := range slices.Sorted(maps.Keys(ids)) {
		load, ok := a.loaders[typ]
		if !ok {
			return nil, fmt.Errorf("nobody loads resources of type %s", typ)
		}
		resources, err := load(ctx, v, ids[typ])
		if err != nil {
			return nil, err
		}
		found = append(found, resources...)
	}
	return found, nil
}

func includable(r *jsonapi.Resource) []string {
	var names []string
	for _, rel := range r.Relationships {
		if rel.Linkage.Given() {
			names = append(names, rel.Name)
		}
	}
	return names
}
