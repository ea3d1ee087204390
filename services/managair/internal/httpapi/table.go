package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Whom a table is for.
const (
	forPrograms = "programs"
	forPeople   = "people"
)

// How the sheets of a workbook are made.
const (
	sheetPerRoom = "rooms"
	oneSheet     = "one"
)

// tableExtra are the parameters of tables beside those of all, by the kind of file.
var tableExtra = map[string][]string{"csv": {"for", "lang"}, "xlsx": {"lang", "sheets"}}

// table is what was measured in an organization, at one of its sites, or in one of the rooms.
type table struct {
	name string
	of   dataset.Selection
	room bool // it is one room's
}

// addTables adds what was measured in a room, at a site, or in an organization, as one table.
func (a *API) addTables(organizations *resource[inventory.Organization, int64], sites *resource[inventory.Site, int64], rooms *resource[inventory.Room, int64]) {
	for _, file := range dataset.Formats {
		addTable(a, organizations, file, func(_ context.Context, _ access.Caller, o inventory.Organization) (table, error) {
			return table{name: o.Name, of: dataset.Selection{Organization: o.ID}}, nil
		})
		addTable(a, sites, file, func(_ context.Context, _ access.Caller, s inventory.Site) (table, error) {
			return table{name: s.Name, of: dataset.Selection{Site: s.ID}}, nil
		})
		addTable(a, rooms, file, func(ctx context.Context, caller access.Caller, r inventory.Room) (table, error) {
			site, err := a.inventory.Sites.Get(ctx, caller, r.SiteID)
			return table{name: site.Name + ", " + r.Name, of: dataset.Selection{Rooms: []int64{r.ID}}, room: true}, err
		})
	}
}

func addTable[T any](a *API, res *resource[T, int64], file dataset.Format, of func(context.Context, access.Caller, T) (table, error)) {
	known := jsonapi.Known{Filters: []string{"from", "to"}, Extra: append([]string{"resolution"}, tableExtra[file.Name]...), Unpaged: true}
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + res.path + "/{id}/timeseries." + file.Name, Audience: res.permissions.Read,
		Media: []string{file.Media}, File: true, Long: true,
		Handler: res.withID(func(w http.ResponseWriter, r *http.Request, id int64) error {
			q, err := jsonapi.ParseQuery(r.URL.RawQuery, known)
			if err != nil {
				return err
			}
			v := a.newView(r)
			defer v.free()
			v.query = q
			thing, err := res.repository.Get(r.Context(), v.caller, id)
			if err != nil {
				return err
			}
			t, err := of(r.Context(), v.caller, thing)
			if err != nil {
				return err
			}
			return a.writeTable(w, r, v, t, file)
		}),
	})
}

// maxParts is how many installations a table is made of: as many as a page of them has, which
// everybody may ask for, too.
const maxParts = jsonapi.MaxPageSize

// parts returns what the caller may see of the table and asks for.
func (a *API) parts(ctx context.Context, v *view, t table, layout *dataset.Layout) ([]dataset.Part, error) {
	q, err := a.askWhen(v)
	if err == nil {
		err = q.checkOrder(v)
	}
	if err != nil {
		return nil, err
	}
	layout.Resolution = q.options.resolution
	t.of.From, t.of.To = q.from, q.to
	parts, err := dataset.Finder{Inventory: a.inventory, Telemetry: a.telemetry}.Find(ctx, v.caller, t.of, layout.Language, maxParts)
	if many, ok := errors.AsType[*dataset.TooManyError](err); ok {
		return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyInstallations, Args: []any{many.Count, many.Most}}}
	}
	return parts, err
}

// writeTable writes a table while it is read.
func (a *API) writeTable(w http.ResponseWriter, r *http.Request, v *view, t table, file dataset.Format) error {
	layout, err := layoutOf(r, v.query, file)
	if err != nil {
		return err
	}
	layout.OneRoom = t.room
	parts, err := a.parts(r.Context(), v, t, &layout)
	if err != nil {
		return err
	}
	rows, samples := dataset.Total(parts, layout.Resolution)
	if layout.People && file.MaxRows > 0 && rows >= file.MaxRows {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyRows, Parameter: "filter[from]", Args: []any{rows, file.MaxRows}}}
	}

	attach(w.Header(), file.Media, t.name+"."+file.Name)
	w.Header().Set("Cache-Control", "private, no-cache")
	if layout.People {
		w.Header().Add("Vary", "Accept-Language")
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if samples >= longSeries {
		leave, err := queue(r, a.downloads)
		if err != nil {
			return a.broken(w, r, false, err)
		}
		defer leave()
	}
	out := &beginning{Writer: newStallGuard(w)}
	writer := file.Open(out, layout)
	for i := range parts {
		if err = dataset.Write(r.Context(), a.telemetry, layout, parts[i], writer); err != nil {
			return a.broken(w, r, out.begun, err)
		}
	}
	if err := writer.Close(); err != nil {
		return a.broken(w, r, out.begun, err)
	}
	return nil
}

// beginning notes that something is out.
type beginning struct {
	io.Writer
	begun bool
}

func (b *beginning) Write(p []byte) (int, error) {
	b.begun = true
	return b.Writer.Write(p)
}

// readerOf is for whom a file is, unless somebody asks for the other.
func readerOf(f dataset.Format) string {
	if f.People {
		return forPeople
	}
	return forPrograms
}

// layoutOf reads for whom the table is, in which language, and on which sheets.
func layoutOf(r *http.Request, q jsonapi.Query, file dataset.Format) (dataset.Layout, error) {
	var errs jsonapi.Errors
	choice := func(name, fallback string, among ...string) string {
		value, given := q.Extra[name]
		if !given {
			return fallback
		}
		if !slices.Contains(among, value) {
			errs = append(errs, &jsonapi.Error{
				Status: 400, Reason: reason.InvalidChoice, Parameter: name, Args: []any{value, strings.Join(among, ", ")},
			})
		}
		return value
	}
	languages := make([]string, len(words.Languages))
	for i, l := range words.Languages {
		languages[i] = l.Code
	}
	layout := dataset.Layout{
		Language:     choice("lang", web.LanguageOf(r), languages...),
		People:       choice("for", readerOf(file), forPrograms, forPeople) == forPeople,
		SheetPerRoom: choice("sheets", sheetPerRoom, sheetPerRoom, oneSheet) == sheetPerRoom,
	}
	if len(errs) > 0 {
		return layout, errs
	}
	return layout, nil
}
