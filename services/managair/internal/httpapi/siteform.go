package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const (
	typeForm     = "Form"
	typeSiteForm = "SiteForm"
)

// siteForms answers what is asked of forms that laws ask for.
type siteForms struct {
	api   *API
	maker form.Maker
}

func (a *API) addSiteForms(maker form.Maker) {
	f := &siteForms{a, maker}
	const all, one = Base + "/sites/{id}/forms", Base + "/site-forms/{id}"
	read := access.SiteForms.Read
	a.add(
		Route{Method: http.MethodGet, Pattern: Base + "/forms", Audience: access.Everyone, Handler: f.forms},
		Route{Method: http.MethodGet, Pattern: all, Audience: read, Handler: f.with(jsonapi.Known{}, f.list)},
		Route{Method: http.MethodPost, Pattern: all, Audience: access.SiteForms.Create, Long: true, Handler: f.with(jsonapi.Known{}, f.make)},
		Route{Method: http.MethodGet, Pattern: one, Audience: read, Handler: f.with(ofVersion, f.get)},
		Route{Method: http.MethodPatch, Pattern: one, Audience: access.SiteForms.Change, Long: true, Handler: f.with(jsonapi.Known{}, f.change)},
		Route{Method: http.MethodDelete, Pattern: one, Audience: access.SiteForms.Delete, Handler: f.with(jsonapi.Known{}, f.delete)},
		Route{
			Method: http.MethodGet, Pattern: one + "/page", Audience: read,
			Media: []string{mediaHTML}, File: true, Page: true, Handler: f.with(ofVersion, f.page),
		},
		Route{
			Method: http.MethodGet, Pattern: one + "/document.pdf", Audience: read,
			Media: []string{mediaPDF}, File: true, Handler: f.with(ofVersion, f.pdf),
		},
	)
}

// ofVersion is what may be asked of one form.
var ofVersion = jsonapi.Known{Extra: []string{"version", "lang"}, Unpaged: true}

// with hands on a view with its query, and the id in the path.
func (f *siteForms) with(known jsonapi.Known, do func(w http.ResponseWriter, r *http.Request, v *view, id int64) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		v := f.api.newView(r)
		defer v.free()
		var err error
		if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, known); err != nil {
			return err
		}
		return do(w, r, v, id)
	}
}

// What documents have of a form.
type (
	toldInfo  map[string]string
	askedInfo struct {
		ID        string    `json:"id"`
		Paragraph string    `json:"paragraph"`
		Name      toldInfo  `json:"name"`
		Kind      form.Kind `json:"kind"`
		Optional  bool      `json:"optional"`
		Known     bool      `json:"known"`
	}
	sourceInfo struct {
		Title   string `json:"title"`
		Article string `json:"article"`
		Since   string `json:"since_date"`
		URL     string `json:"url"`
	}
	roomValuesInfo struct {
		Room   string      `json:"room"`
		Name   string      `json:"name"`
		Fields form.Values `json:"fields"`
	}
	contentInfo struct {
		Fields form.Values      `json:"fields"`
		Rooms  []roomValuesInfo `json:"rooms"`
	}
	versionInfo struct {
		Version int   `json:"version"`
		MadeAt  int64 `json:"made_at_s"`
	}
)

func told(t words.Told) toldInfo {
	all := toldInfo{}
	for _, l := range words.ReportLanguages {
		all[l.Code] = t.In(l.Code)
	}
	return all
}

func askedOf(fields []form.Field) []askedInfo {
	all := make([]askedInfo, len(fields))
	for i := range fields {
		one := &fields[i]
		all[i] = askedInfo{one.ID, one.Paragraph, told(one.Name), one.Kind, one.Optional, one.Known != nil}
	}
	return all
}

// forms lists which there are, and what they ask.
func (f *siteForms) forms(w http.ResponseWriter, r *http.Request) error {
	v := f.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	var resources []jsonapi.Resource
	for _, one := range form.Forms() {
		var list attributes
		list.json("title", told(one.Title))
		list.add("country", jsonapi.String(one.Country))
		list.add("language", jsonapi.String(one.Language))
		list.add("profile", jsonapi.String(one.Profile))
		list.json("source", sourceInfo{one.Source.Title, one.Source.Article, one.Source.Since.String(), one.Source.URL})
		list.json("note", told(one.Note))
		list.json("site_fields", askedOf(one.Site))
		list.json("room_fields", askedOf(one.Room))
		if list.err != nil {
			return list.err
		}
		resources = append(resources, jsonapi.Resource{
			Identifier: jsonapi.Identifier{Type: typeForm, ID: one.ID}, Attributes: v.attributes(0, list.list), Self: v.url("forms"),
		})
	}
	return f.api.respondFew(w, r, v, resources)
}

func (f *siteForms) list(w http.ResponseWriter, r *http.Request, v *view, site int64) error {
	all, err := f.maker.Store.Documents(r.Context(), v.caller, site)
	if err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, len(all))
	for i := range all {
		if resources[i], err = showSiteForm(v, &all[i], nil); err != nil {
			return err
		}
	}
	return f.api.respondFew(w, r, v, resources)
}

// showSiteForm makes the resource; in lists, without versions, without what stands in it.
func showSiteForm(v *view, d *form.Document, versions []form.Version) (jsonapi.Resource, error) {
	id, site := formatInt64(d.ID), formatInt64(d.Site)
	var list attributes
	list.add("form", jsonapi.String(d.Form))
	list.add("from_date", jsonapi.String(d.From.String()))
	list.add("to_date", jsonapi.String(d.To.String()))
	list.add("version", jsonapi.Int(d.Version))
	list.add("made_at_s", jsonapi.Int(d.MadeAt.Unix()))
	list.add("page_url", jsonapi.String(v.url("site-forms", id, "page")))
	list.add("pdf_url", jsonapi.String(fileURL(v, "site-forms", id, "document.pdf")))
	if versions != nil {
		missing := 0
		if kind, ok := form.Find(d.Form); ok {
			missing = d.Missing(kind)
		}
		list.add("missing_count", jsonapi.Int(missing))
		filled := contentOf(&d.Filled)
		list.json("fields", filled.Fields)
		list.json("rooms", filled.Rooms)
		list.json("known", contentOf(&d.Known))
		all := make([]versionInfo, len(versions))
		for i, one := range versions {
			all[i] = versionInfo{one.Version, one.MadeAt.Unix()}
		}
		list.json("versions", all)
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeSiteForm, ID: id},
		Attributes: v.attributes(0, list.list),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "site", Linkage: jsonapi.ToOne(typeSite, site), Related: v.url("sites", site)},
		}),
		Self: v.url("site-forms", id),
	}, list.err
}

func contentOf(c *form.Content) contentInfo {
	info := contentInfo{Fields: c.Site, Rooms: make([]roomValuesInfo, len(c.Rooms))}
	for i, r := range c.Rooms {
		info.Rooms[i] = roomValuesInfo{formatInt64(r.Room), r.Name, r.Fields}
	}
	return info
}

// answer shows a form with what stands in it.
func (f *siteForms) answer(w http.ResponseWriter, r *http.Request, v *view, id int64, version, status int) error {
	d, versions, err := f.maker.Store.Document(r.Context(), v.caller, id, version)
	if err != nil {
		return err
	}
	resource, err := showSiteForm(v, &d, versions)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		w.Header().Set("Location", resource.Self)
	}
	return f.api.respond(w, r, status, v, &jsonapi.Document{One: &resource})
}

// versionOf is the version that is asked for, 0 for the latest.
func versionOf(v *view) (int, error) {
	text, given := v.query.Extra["version"]
	if !given {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > form.MaxVersions {
		return 0, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.Invalid, Parameter: "version", Args: []any{text}}}
	}
	return n, nil
}

func (f *siteForms) get(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	version, err := versionOf(v)
	if err != nil {
		return err
	}
	return f.answer(w, r, v, id, version, http.StatusOK)
}

// make makes a form with what is known of it: 201, or 200 with the one that there is.
func (f *siteForms) make(w http.ResponseWriter, r *http.Request, v *view, site int64) error {
	body, err := readBody(w, r, typeSiteForm, "")
	if err != nil {
		return err
	}
	key := form.Key{Site: site}
	fields := jsonapi.NewFields(body, true)
	fields.Take("form", rule.Choice(form.IDs()), jsonapi.Required, jsonapi.NotNull, func(text *string) (wrong *fault.Violation) {
		key.Form, wrong = rule.Choice(form.IDs()).Clean(*text)
		return wrong
	})
	takeDay(fields, "from_date", &key.From)
	takeDay(fields, "to_date", &key.To)
	if err := fields.Err(); err != nil {
		return err
	}
	type made struct {
		d     form.Document
		fresh bool
	}
	one, err := inTurn(r, f.api.charts, func() (made, error) {
		d, fresh, err := f.maker.Make(r.Context(), v.caller, key, f.api.now())
		return made{d, fresh}, err
	})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if one.fresh {
		status = http.StatusCreated
	}
	return f.answer(w, r, v, one.d.ID, 0, status)
}

// change makes the next version of what is said of it.
func (f *siteForms) change(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	body, err := readBody(w, r, typeSiteForm, formatInt64(id))
	if err != nil {
		return err
	}
	change, anew, err := wantedForm(body)
	if err != nil {
		return err
	}
	if anew {
		d, _, err := f.maker.Store.Document(r.Context(), v.caller, id, 0)
		if err != nil {
			return err
		}
		if err := f.maker.Store.MayMake(r.Context(), v.caller, d.Site); err != nil {
			return err
		}
		known, err := inTurn(r, f.api.charts, func() (form.Content, error) {
			return f.maker.Known(r.Context(), v.caller, d.Key, f.api.now())
		})
		if err != nil {
			return err
		}
		change.Known = &known
	}
	_, err = f.maker.Store.Change(r.Context(), v.caller, id, func(d *form.Document) (bool, error) {
		kind, ok := form.Find(d.Form)
		if !ok { // of another version of the program
			return false, errNotFound()
		}
		return d.Apply(kind, change, f.api.now())
	})
	if err != nil {
		return err
	}
	return f.answer(w, r, v, id, 0, http.StatusOK)
}

// wantedForm reads what is to be changed; anew: what is known is to be asked once more.
func wantedForm(body jsonapi.Body) (c form.Change, anew bool, err error) {
	fields := jsonapi.NewFields(body, true)
	fields.Take("version", rule.Int{Low: 1, High: form.MaxVersions}, jsonapi.Required, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, wrong := rule.Int{Low: 1, High: form.MaxVersions}.Clean(*text)
		if wrong == nil {
			c.Of, _ = strconv.Atoi(clean) // it is one
		}
		return wrong
	})
	fields.JSON("fields", jsonapi.NotNull, func(data json.RawMessage) *fault.Violation {
		if json.Unmarshal(data, &c.Site) != nil {
			return &fault.Violation{Reason: reason.Invalid}
		}
		return nil
	})
	fields.JSON("rooms", jsonapi.NotNull, func(data json.RawMessage) *fault.Violation {
		var rooms []roomValuesInfo
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if d.Decode(&rooms) != nil {
			return &fault.Violation{Reason: reason.Invalid}
		}
		if len(rooms) > form.MaxRooms {
			return &fault.Violation{Reason: reason.TooManyNamed, Args: []any{form.MaxRooms}}
		}
		c.Rooms = []form.RoomValues{}
		for _, one := range rooms {
			room, _ := int64ID(one.Room) // 0 is none
			c.Rooms = append(c.Rooms, form.RoomValues{Room: room, Fields: one.Fields})
		}
		return nil
	})
	fields.Take("refresh", rule.Bool{}, jsonapi.Optional, jsonapi.NotNull, func(text *string) *fault.Violation {
		clean, wrong := rule.Bool{}.Clean(*text)
		anew = clean == "true"
		return wrong
	})
	return c, anew, fields.Err()
}

func (f *siteForms) delete(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	if err := f.maker.Store.Delete(r.Context(), v.caller, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// written is a version in words: in the language that is asked for, or else the authority's.
func (f *siteForms) written(r *http.Request, v *view, id int64) (d form.Document, c *report.Content, err error) {
	version, err := versionOf(v)
	if err != nil {
		return d, nil, err
	}
	if d, _, err = f.maker.Store.Document(r.Context(), v.caller, id, version); err != nil {
		return d, nil, err
	}
	kind, ok := form.Find(d.Form)
	if !ok {
		return d, nil, errNotFound()
	}
	language := kind.Language
	if _, given := v.query.Extra["lang"]; given {
		if language, err = reportLanguage(r, v.query); err != nil {
			return d, nil, err
		}
	}
	site, err := f.maker.Inventory.Sites.Get(r.Context(), v.caller, d.Site)
	if err != nil {
		return d, nil, err
	}
	organization, err := f.maker.Inventory.Organizations.Get(r.Context(), v.caller, site.OperatorID)
	if err != nil {
		return d, nil, err
	}
	return d, form.Write(kind, &d, organization.Name, language, inventory.LocationOrUTC(site.TimeZone)), nil
}

// page shows a form to people, made to be printed.
func (f *siteForms) page(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	_, c, err := f.written(r, v, id)
	if err != nil {
		return err
	}
	file := url.URL{Path: strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/page") + "/document.pdf", RawQuery: r.URL.RawQuery}
	web.Headers(w.Header())
	w.Header().Set("Cache-Control", "private, no-cache")
	return reportPage(contentShown(c, file.String())).Render(r.Context(), w)
}

// pdf sets a form on paper.
func (f *siteForms) pdf(w http.ResponseWriter, r *http.Request, v *view, id int64) error {
	d, c, err := f.written(r, v, id)
	if err != nil {
		return err
	}
	all, err := inTurn(r, f.api.downloads, func() ([]byte, error) { return setPDF(report.Print(c, d.MadeAt)) })
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	return writePDF(w, r, all, d.FileName()+".pdf")
}
