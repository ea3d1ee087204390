package httpapi

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

const typeAirFile = "AirFile"

// airFiles answers what is asked of air files.
type airFiles struct {
	api   *API
	files roomair.Files
}

func (a *API) addAirFiles(files roomair.Files) {
	f := &airFiles{a, files}
	const all, one = Base + "/rooms/{id}/air-files", Base + "/air-files/{id}"
	a.add(
		Route{Method: http.MethodGet, Pattern: all, Audience: access.Public, Handler: f.with(f.list)},
		Route{Method: http.MethodPost, Pattern: all, Audience: access.AirFiles.Create, Handler: f.with(f.make)},
		Route{Method: http.MethodGet, Pattern: one, Audience: access.Public, Handler: f.with(f.get)},
		Route{Method: http.MethodPatch, Pattern: one, Audience: access.AirFiles.Change, Handler: f.with(f.publish)},
		Route{Method: http.MethodDelete, Pattern: one, Audience: access.AirFiles.Delete, Handler: f.with(f.delete)},
		Route{
			Method: http.MethodGet, Pattern: one + "/document.json", Audience: access.Public,
			Media: []string{mediaJSON}, File: true, Handler: f.with(f.document),
		},
		Route{
			Method: http.MethodGet, Pattern: one + "/page", Audience: access.Public,
			Media: []string{mediaHTML}, File: true, Page: true, Handler: f.with(f.page),
		},
	)
}

// with hands on a view without a query, and the id in the path.
func (f *airFiles) with(do func(w http.ResponseWriter, r *http.Request, v *view, id int64) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		v := f.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
			return err
		}
		return do(w, r, v, id)
	}
}

func (f *airFiles) list(w http.ResponseWriter, r *http.Request, v *view, room int64) error {
	files, err := f.files.Store.Files(r.Context(), v.caller, room)
	if err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, len(files))
	for i := range files {
		resources[i] = showAirFile(v, &files[i], nil)
	}
	return f.api.respondFew(w, r, v, resources)
}

func (f *airFiles) get(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	return f.answer(w, r, v, id, http.StatusOK)
}

// answer shows a file with what it says.
func (f *airFiles) answer(w http.ResponseWriter, r *http.Request, v *view, id int64, status int) error {
	file, d, err := f.read(r, v, id)
	if err != nil {
		return err
	}
	resource := showAirFile(v, &file, d)
	if status == http.StatusCreated {
		w.Header().Set("Location", resource.Self)
	}
	return f.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
}

// read reads a file when it is its turn: documents are long.
func (f *airFiles) read(r *http.Request, v *view, id int64) (file roomair.File, d *airfile.Document, err error) {
	d, err = inTurn(r, f.api.charts, func() (*airfile.Document, error) {
		var text []byte
		if file, text, err = f.files.Store.File(r.Context(), v.caller, id); err != nil {
			return nil, err
		}
		return airfile.Kept(text)
	})
	return file, d, err
}

// showAirFile makes the resource; in lists without what stands in the document.
func showAirFile(v *view, f *roomair.File, d *airfile.Document) jsonapi.Resource {
	id, room := formatInt64(f.ID), formatInt64(f.Room)
	var list attributes
	list.add("from_date", jsonapi.String(f.From.String()))
	list.add("to_date", jsonapi.String(f.To.String()))
	list.add("profile", jsonapi.String(f.Profile))
	list.add("version", jsonapi.Int(f.Version))
	list.add("made_at_s", jsonapi.Int(f.MadeAt.Unix()))
	list.add("published_at_s", seconds(f.PublishedAt))
	list.add("page_url", jsonapi.String(v.url("air-files", id, "page")))
	list.add("document_url", jsonapi.String(fileURL(v, "air-files", id, "document.json")))
	if d != nil {
		list.add("profile_version", jsonapi.Int(d.Norm.Version))
		list.add("level", optText(d.Result.Level))
		list.add("not_judged", optText(string(d.Result.NotJudged)))
		list.add("good", jsonapi.Bool(d.Result.Good))
		list.add("sample_count", jsonapi.Int(d.Samples.Count))
		list.add("samples_sha256", jsonapi.String(d.Samples.SHA256))
		list.add("samples_url", jsonapi.String(samplesURL(v, f.Room, d)))
		list.json("changes", d.Changes)
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeAirFile, ID: id},
		Attributes: v.attributes(0, list.list),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "room", Linkage: jsonapi.ToOne(typeRoom, room), Related: v.url("rooms", room)},
		}),
		Self: v.url("air-files", id),
	}
}

// fileURL is the address of a file, which ends with its suffix.
func fileURL(v *view, parts ...string) string { return strings.TrimSuffix(v.url(parts...), "/") }

// samplesURL is where what was measured can be had, as the file is verified by.
func samplesURL(v *view, room int64, d *airfile.Document) string {
	from, to, err := d.Period.Window()
	if err != nil { // it was parsed
		return ""
	}
	query := url.Values{"filter[from]": {strconv.FormatInt(from, 10)}, "filter[to]": {strconv.FormatInt(to, 10)}}
	return fileURL(v, "rooms", formatInt64(room), "timeseries.csv") + "?" + query.Encode()
}

// make makes a file: 201, or 200 with the last version where nothing is new.
func (f *airFiles) make(w http.ResponseWriter, r *http.Request, v *view, room int64) error {
	body, err := readBody(w, r, typeAirFile, "")
	if err != nil {
		return err
	}
	wanted := roomair.FileKey{Room: room}
	fields := jsonapi.NewFields(body, true)
	takeDay(fields, "from_date", &wanted.From)
	takeDay(fields, "to_date", &wanted.To)
	fields.Take("profile", rule.Free, jsonapi.Optional, jsonapi.Nullable, func(text *string) *fault.Violation {
		if text == nil {
			return nil
		}
		if _, known := profile.Get(*text); !known {
			return &fault.Violation{Reason: reason.InvalidChoice, Args: []any{*text, strings.Join(inventory.ProfileID{}.IDs(), ", ")}}
		}
		wanted.Profile = *text
		return nil
	})
	if err := fields.Err(); err != nil {
		return err
	}
	type made struct {
		file  roomair.File
		fresh bool
	}
	one, err := inTurn(r, f.api.charts, func() (made, error) {
		file, fresh, err := f.files.Make(r.Context(), v.caller, wanted, strings.TrimSuffix(f.api.config.PublicURL, "/"), f.api.now())
		return made{file, fresh}, err
	})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if one.fresh {
		status = http.StatusCreated
	}
	return f.answer(w, r, v, one.file.ID, status)
}

func takeDay(fields *jsonapi.Fields, name string, day *civil.Date) {
	fields.Take(name, rule.Free, jsonapi.Required, jsonapi.NotNull, func(text *string) *fault.Violation {
		var err error
		if *day, err = civil.ParseDate(*text); err != nil {
			return &fault.Violation{Reason: reason.InvalidDate, Args: []any{*text}}
		}
		return nil
	})
}

// publish lets whoever sees the room read the file, or no more.
func (f *airFiles) publish(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	body, err := readBody(w, r, typeAirFile, formatInt64(id))
	if err != nil {
		return err
	}
	now := f.api.now()
	published := &now
	given := false
	fields := jsonapi.NewFields(body, false)
	fields.Take("published", rule.Bool{}, jsonapi.Required, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, wrong := rule.Bool{}.Clean(*text)
		if wrong != nil {
			return wrong
		}
		given = true
		if clean != "true" {
			published = nil
		}
		return nil
	})
	if err := fields.Err(); err != nil {
		return err
	}
	if given {
		if err := f.files.Store.Publish(r.Context(), v.caller, id, published); err != nil {
			return err
		}
	}
	return f.answer(w, r, v, id, http.StatusOK)
}

// delete deletes a file that is not published.
func (f *airFiles) delete(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if err := f.files.Store.Delete(r.Context(), v.caller, id, f.api.now()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// document hands out the file as it was signed.
func (f *airFiles) document(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	file, text, err := f.files.Store.File(r.Context(), v.caller, id)
	if err != nil {
		return err
	}
	name := "air-file-" + formatInt64(file.Room) + "-" + file.From.String() + "-" + file.To.String() + "-" + file.Profile + "-v" + strconv.Itoa(file.Version) + ".json"
	w.Header().Set("Content-Type", mediaJSON)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Header().Set("Cache-Control", "private, no-cache")
	if r.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
	return nil
}

// ServeKeys publishes what air files are checked with, at airfile.KeysPath.
func (a *API) ServeKeys(store roomair.FileStore) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, err := store.PublicKeys(r.Context())
		var set []byte
		if err == nil {
			set, err = airfile.KeySet(keys)
		}
		if err != nil {
			writeError(w, r, a.log, err)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		// Whoever checks a file may do so from a page of their own.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write(set)
	})
}
