package httpapi

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset/xlsx"
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

// tableFile is a kind of file that tables are written as.
type tableFile struct {
	extension, media string
	reader           string   // for whom it is, unless that is asked for
	extra            []string // parameters beside those of all
	// rows is how many a file for people takes, 0: any number.
	rows int64
	open func(io.Writer, dataset.Layout) dataset.Writer
}

var tableFiles = []tableFile{
	// A spreadsheet takes so many; those of Microsoft and of LibreOffice agree.
	{".csv", mediaCSV, forPrograms, []string{"for", "lang"}, xlsx.MaxRows, func(w io.Writer, l dataset.Layout) dataset.Writer {
		if l.People {
			return dataset.NewPeopleCSV(w, l)
		}
		return dataset.NewCSV(w, l)
	}},
	{".xlsx", mediaXLSX, forPeople, []string{"lang", "sheets"}, 0, dataset.NewWorkbook},
	{".parquet", mediaParquet, forPrograms, nil, 0, dataset.NewParquet},
}

// table is what was measured in an organization, at one of its sites, or in one of the rooms.
type table struct {
	name  string
	query inventory.Query // of its installations
	room  bool            // it is one room's
}

// addTables adds what was measured in a room, at a site, or in an organization, as one table.
func (a *API) addTables(organizations *resource[inventory.Organization, int64], sites *resource[inventory.Site, int64], rooms *resource[inventory.Room, int64]) {
	for _, file := range tableFiles {
		addTable(a, organizations, file, func(_ context.Context, _ access.Caller, o inventory.Organization) (table, error) {
			return table{name: o.Name, query: inventory.Query{Organization: o.ID}}, nil
		})
		addTable(a, sites, file, func(_ context.Context, _ access.Caller, s inventory.Site) (table, error) {
			return table{name: s.Name, query: inventory.Query{Site: s.ID}}, nil
		})
		addTable(a, rooms, file, func(ctx context.Context, caller access.Caller, r inventory.Room) (table, error) {
			site, err := a.inventory.Sites.Get(ctx, caller, r.SiteID)
			return table{name: site.Name + ", " + r.Name, query: inventory.Query{Room: r.ID}, room: true}, err
		})
	}
}

func addTable[T any](a *API, res *resource[T, int64], file tableFile, of func(context.Context, access.Caller, T) (table, error)) {
	known := jsonapi.Known{Filters: []string{"from", "to"}, Extra: append([]string{"resolution"}, file.extra...), Unpaged: true}
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + res.path + "/{id}/timeseries" + file.extension, Audience: res.permissions.Read,
		Media: []string{file.media}, File: true, Long: true,
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

// parts returns what the caller may see of the table and asks for: by site, room by room, and in each in the order of time.
func (a *API) parts(ctx context.Context, v *view, t table, language string) ([]dataset.Part, *asked, error) {
	iq := t.query
	iq.Sort, iq.Limit = []inventory.Order{{By: "from_timestamp_s"}}, maxParts
	installations, count, err := a.inventory.Installations.List(ctx, v.caller, iq)
	if err != nil {
		return nil, nil, err
	}
	if count > maxParts {
		return nil, nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyInstallations, Args: []any{count, maxParts}}}
	}
	asked, err := a.ask(ctx, v, installationSpans(installations))
	if err == nil {
		err = asked.checkOrder(v)
	}
	if err != nil {
		return nil, nil, err
	}
	sources, order, err := a.sources(ctx, v.caller, installations, language)
	if err != nil {
		return nil, nil, err
	}
	parts := make([]dataset.Part, len(order))
	for n, i := range order {
		parts[n] = dataset.Part{Source: sources[i], Span: asked.wanted[i]}
		if latest := asked.sums[i].Latest; latest != nil {
			parts[n].Latest = latest.Time
		}
	}
	return parts, &asked, nil
}

// sources returns where installations are, and the order of their rooms.
func (a *API) sources(ctx context.Context, caller access.Caller, installations []inventory.Installation, language string) (sources []dataset.Source, order []int, err error) {
	byName := []inventory.Order{{By: "name"}}
	ids := make([]int64, len(installations))
	for i := range installations {
		ids[i] = installations[i].RoomID
	}
	rooms, _, err := a.inventory.Rooms.List(ctx, caller, inventory.Query{IDs: ids, Sort: byName})
	if err != nil {
		return nil, nil, err
	}
	siteIDs := make([]int64, len(rooms))
	for i := range rooms {
		siteIDs[i] = rooms[i].SiteID
	}
	sites, _, err := a.inventory.Sites.List(ctx, caller, inventory.Query{IDs: siteIDs, Sort: byName})
	if err != nil {
		return nil, nil, err
	}
	sources = make([]dataset.Source, len(installations))
	for _, site := range sites {
		place := inventory.LocationOrUTC(site.TimeZone)
		for _, room := range rooms {
			if room.SiteID != site.ID {
				continue
			}
			numbers := map[inventory.NodeID]int{}
			for i, installation := range installations {
				if installation.RoomID != room.ID {
					continue
				}
				if numbers[installation.NodeID] == 0 {
					numbers[installation.NodeID] = len(numbers) + 1
				}
				order = append(order, i)
				sources[i] = dataset.Source{
					Site: site.Name, SiteID: site.ID, Room: room.Name, RoomID: room.ID, Sensor: sensorName(&installation, numbers[installation.NodeID], language),
					InstallationID: installation.ID, NodeID: installation.NodeID.String(), Place: place,
				}
			}
		}
	}
	return sources, order, nil
}

// sensorName is the name of the sensor for those who may read it. Others tell it by its number
// among the sensors that were in the room, whenever.
func sensorName(i *inventory.Installation, number int, language string) string {
	if i.NodeAlias != nil {
		return *i.NodeAlias
	}
	return words.TableSensor.In(language, number)
}

// writeTable writes a table while it is read.
func (a *API) writeTable(w http.ResponseWriter, r *http.Request, v *view, t table, file tableFile) error {
	layout, err := layoutOf(r, v.query, file)
	if err != nil {
		return err
	}
	layout.OneRoom = t.room
	parts, asked, err := a.parts(r.Context(), v, t, layout.Language)
	if err != nil {
		return err
	}
	layout.Resolution = asked.options.resolution
	rows, samples := asked.rows()
	if layout.People && file.rows > 0 && rows >= file.rows {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyRows, Parameter: "filter[from]", Args: []any{rows, file.rows}}}
	}

	attach(w.Header(), file.media, t.name+file.extension)
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
	writer := file.open(out, layout)
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

// layoutOf reads for whom the table is, in which language, and on which sheets.
func layoutOf(r *http.Request, q jsonapi.Query, file tableFile) (dataset.Layout, error) {
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
		People:       choice("for", file.reader, forPrograms, forPeople) == forPeople,
		SheetPerRoom: choice("sheets", sheetPerRoom, sheetPerRoom, oneSheet) == sheetPerRoom,
	}
	if len(errs) > 0 {
		return layout, errs
	}
	return layout, nil
}

// rows returns at most how many rows a table of what is asked for has, and how many samples it is made of.
func (q *asked) rows() (rows, samples int64) {
	for i, sum := range q.sums {
		n := sum.Count
		samples += n
		if length := int64(time.Duration(q.options.resolution) / time.Second); length > 0 {
			n = min(n, (q.wanted[i].To.Unix()-q.wanted[i].From.Unix())/length+2)
		}
		rows += n
	}
	return rows, samples
}
