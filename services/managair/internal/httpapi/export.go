package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzhttp"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const typeExport = "Export"

// exports answers what is asked of files that are made in the background.
type exports struct {
	api     *API
	service export.Service
}

func (a *API) addExports(service export.Service) {
	service.Now, service.Finder = a.now, dataset.Finder{Inventory: a.inventory, Telemetry: a.telemetry}
	e := &exports{a, service}
	const all, one = Base + "/exports", Base + "/exports/{id}"
	a.add(
		Route{Method: http.MethodGet, Pattern: all, Audience: access.Accounts, Handler: e.list},
		Route{Method: http.MethodPost, Pattern: all, Audience: access.Accounts, Handler: e.make},
		Route{Method: http.MethodGet, Pattern: one, Audience: access.Accounts, Handler: e.one(jsonapi.Known{}, e.get)},
		Route{Method: http.MethodDelete, Pattern: one, Audience: access.Accounts, Handler: e.one(jsonapi.Known{}, e.delete)},
		// Whoever has the link that was mailed needs no account.
		Route{
			Method: http.MethodGet, Pattern: one + "/file", Audience: access.Everyone, Media: []string{"application/octet-stream"},
			File: true, Stream: true, Handler: e.one(jsonapi.Known{Extra: []string{"key"}}, e.file),
		},
	)
}

// one hands on the number in the path.
func (e *exports) one(known jsonapi.Known, do func(http.ResponseWriter, *http.Request, *view, int64) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		v := e.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, known); err != nil {
			return err
		}
		return do(w, r, v, id)
	}
}

// resolutionName is how the API calls a resolution.
func resolutionName(r telemetry.Resolution) string {
	for name, known := range resolutions {
		if known == r && name != "" {
			return name
		}
	}
	return ""
}

func showExport(v *view, e *export.Export) jsonapi.Resource {
	id := v.id(e.ID)
	w := &e.Wanted
	reader, sheets := forPrograms, oneSheet
	if w.People {
		reader = forPeople
	}
	if w.SheetPerRoom {
		sheets = sheetPerRoom
	}
	var list attributes
	list.add("name", jsonapi.String(e.File()))
	list.add("state", jsonapi.String(string(e.State)))
	list.add("why", optText(e.Why))
	list.add("file", jsonapi.String(w.Format))
	list.add("for", jsonapi.String(reader))
	list.add("language", jsonapi.String(w.Language))
	list.add("sheets", jsonapi.String(sheets))
	list.add("resolution", jsonapi.String(resolutionName(w.Resolution)))
	list.json("quantities", w.Quantities.Names())
	list.add("from_timestamp_s", seconds(w.From))
	list.add("to_timestamp_s", seconds(w.To))
	list.add("mail", jsonapi.Bool(w.Mail))
	list.add("public", jsonapi.Bool(w.Public))
	list.add("sample_count", jsonapi.Int(e.Samples))
	list.add("samples_done", jsonapi.Int(e.SamplesDone))
	list.add("size_bytes", jsonapi.Int(e.Size))
	list.add("made_at_s", jsonapi.Int(e.MadeAt.Unix()))
	list.add("begun_at_s", seconds(e.BegunAt))
	list.add("ended_at_s", seconds(e.EndedAt))
	list.add("expires_at_s", seconds(e.ExpiresAt))
	file := jsonapi.Null()
	if e.State == export.Done {
		file = jsonapi.String(fileURL(v, "exports", id, "file"))
	}
	list.add("file_url", file)
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeExport, ID: id}, Attributes: v.attributes(0, list.list),
		Relationships: v.relationships([]jsonapi.Relationship{
			toNumbered(v, "organization", typeOrganization, "organizations", orNil(w.Organization)),
			toNumbered(v, "site", typeSite, "sites", orNil(w.Site)),
			{Name: "rooms", Linkage: jsonapi.ToMany(identifiers(typeRoom, w.Rooms, formatInt64))},
			{Name: "nodes", Linkage: jsonapi.ToMany(identifiers(typeNode, w.Nodes, uuid.UUID.String))},
		}),
		Self: v.url("exports", id),
	}
}

// orNil is the number of what is named, if it is.
func orNil(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func identifiers[T any](typ string, all []T, format func(T) string) []jsonapi.Identifier {
	list := make([]jsonapi.Identifier, len(all))
	for i, one := range all {
		list[i] = jsonapi.Identifier{Type: typ, ID: format(one)}
	}
	return list
}

func (e *exports) list(w http.ResponseWriter, r *http.Request) error {
	v := e.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	found, err := e.service.Store.List(r.Context(), v.caller)
	if err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, len(found))
	for i := range found {
		resources[i] = showExport(v, &found[i])
	}
	page := &jsonapi.Page{Number: 1, Count: len(found), URL: e.api.BaseURL(r) + r.URL.Path + "/", Query: v.query.Values}
	return e.api.respond(w, r, http.StatusOK, v, &jsonapi.Document{Many: resources, Page: page})
}

func (e *exports) get(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	found, err := e.service.Store.Get(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	resource := showExport(v, &found)
	return e.api.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
}

func (e *exports) delete(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if err := e.service.Delete(r.Context(), v.caller, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// make has an export made: 202, because it is not there yet.
func (e *exports) make(w http.ResponseWriter, r *http.Request) error {
	v := e.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	body, err := readBody(w, r, typeExport, "")
	if err != nil {
		return err
	}
	wanted, err := wantedExport(r, body)
	if err != nil {
		return err
	}
	made, err := e.service.Make(r.Context(), v.caller, wanted)
	if err != nil {
		return err
	}
	resource := showExport(v, &made)
	w.Header().Set("Location", resource.Self)
	return e.api.respond(w, r, http.StatusAccepted, v, &jsonapi.Document{One: &resource})
}

// wantedExport reads what is to be exported.
func wantedExport(r *http.Request, body jsonapi.Body) (export.Wanted, error) {
	wanted := export.Wanted{Language: web.LanguageOf(r), SheetPerRoom: true}
	f := jsonapi.NewFields(body, true)
	choose := func(name string, need jsonapi.Need, set func(string), among ...string) {
		takeChoice(f, name, among, need, set)
	}
	formats := make([]string, len(dataset.Formats))
	for i, format := range dataset.Formats {
		formats[i] = format.Name
	}
	choose("file", jsonapi.Required, func(text string) {
		format, _ := dataset.FormatOf(text)
		wanted.Format, wanted.People = text, format.People
	}, formats...)
	readers := []string{forPrograms, forPeople}
	if format, ok := dataset.FormatOf(wanted.Format); ok && format.Name != "csv" { // each of the others is for the one or for the other
		readers = []string{readerOf(format)}
	}
	choose("for", jsonapi.Optional, func(text string) { wanted.People = text == forPeople }, readers...)
	choose("language", jsonapi.Optional, func(text string) { wanted.Language = text }, codes(words.Languages)...)
	choose("sheets", jsonapi.Optional, func(text string) { wanted.SheetPerRoom = text == sheetPerRoom }, sheetPerRoom, oneSheet)
	choose("resolution", jsonapi.Optional, func(text string) { wanted.Resolution = resolutions[text] }, "raw", "10m", "1h", "1d")
	f.JSON("quantities", jsonapi.Nullable, func(data json.RawMessage) *fault.Violation {
		var names []string
		if data == nil {
			return nil
		}
		if json.Unmarshal(data, &names) != nil || len(names) == 0 {
			return &fault.Violation{Reason: reason.Invalid}
		}
		var unknown string
		if wanted.Quantities, unknown = dataset.ParseQuantities(names); unknown != "" {
			return &fault.Violation{Reason: reason.InvalidChoice, Args: []any{unknown, strings.Join(dataset.QuantityNames, ", ")}}
		}
		return nil
	})
	takeEnd(f, "from_timestamp_s", &wanted.From)
	takeEnd(f, "to_timestamp_s", &wanted.To)
	for name, at := range map[string]*bool{"mail": &wanted.Mail, "public": &wanted.Public} {
		f.Take(name, rule.Bool{}, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
			clean, wrong := rule.Bool{}.Clean(*text)
			*at = clean == "true"
			return wrong
		})
	}
	takeSelection(f, &wanted)
	return wanted, f.Err()
}

// takeChoice takes one of a few texts.
func takeChoice(f *jsonapi.Fields, name string, among []string, need jsonapi.Need, set func(clean string)) {
	f.Take(name, rule.Choice(among), need, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, wrong := rule.Choice(among).Clean(*text)
		if wrong == nil {
			set(clean)
		}
		return wrong
	})
}

// takeEnd takes an end of the time that is wanted; without one, it is as far as there are measurements.
func takeEnd(f *jsonapi.Fields, name string, at **time.Time) {
	f.Moment(name, 0, inventory.MaxMoment, jsonapi.Optional, jsonapi.Nullable, func(seconds *int64) *fault.Violation {
		if seconds != nil {
			moment := time.Unix(*seconds, 0).UTC()
			*at = &moment
		}
		return nil
	})
}

// takeSelection takes what narrows an export.
func takeSelection(f *jsonapi.Fields, wanted *export.Wanted) {
	one := func(name, typ string, at *int64) {
		f.OptToOne(name, typ, func(id string) *fault.Violation {
			var ok bool
			*at, ok = int64ID(id)
			return unknownUnless(ok, id)
		})
	}
	one("organization", typeOrganization, &wanted.Organization)
	one("site", typeSite, &wanted.Site)
	many := func(name, typ string, add func(id string) bool) {
		ids, _ := f.ToManyTexts(name, typ, jsonapi.Optional)
		if len(ids) > export.MaxNamed {
			f.Fail(&fault.Violation{Field: name, Reference: true, Reason: reason.TooManyNamed, Args: []any{export.MaxNamed}})
			return
		}
		for _, id := range ids {
			if !add(id) {
				f.Fail(&fault.Violation{Field: name, Reference: true, Reason: reason.DoesNotExist, Args: []any{id}})
			}
		}
	}
	many("rooms", typeRoom, func(id string) bool {
		room, ok := int64ID(id)
		if ok && !slices.Contains(wanted.Rooms, room) {
			wanted.Rooms = append(wanted.Rooms, room)
		}
		return ok
	})
	many("nodes", typeNode, func(id string) bool {
		node, ok := inventory.ParseNodeID(id)
		if ok && !slices.Contains(wanted.Nodes, node) {
			wanted.Nodes = append(wanted.Nodes, node)
		}
		return ok
	})
}

// file hands out the file, any part of it: a download that broke off goes on where it was (RFC 9110, section 14).
func (e *exports) file(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	found, file, err := e.service.Open(r.Context(), v.caller, id, v.query.Extra["key"])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	format, _ := dataset.FormatOf(found.Wanted.Format)
	header := w.Header()
	attach(header, format.Media, found.File())
	header.Set("Cache-Control", "private, no-cache")
	header.Set("X-Robots-Tag", "noindex")
	// What was made stays as it is: packed once more on its way, places in it would be others.
	header.Set(gzhttp.HeaderNoCompression, "1")
	header.Set("ETag", `"export-`+formatInt64(found.ID)+"-"+formatInt64(int64(found.Attempt))+`"`)
	http.ServeContent(newStallGuard(w), r, "", *found.EndedAt, file)
	return nil
}
