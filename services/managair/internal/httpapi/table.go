package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Whom a table is for.
const (
	forPrograms = "programs"
	forPeople   = "people"
)

var tableKnown = jsonapi.Known{Filters: []string{"from", "to"}, Extra: []string{"for", "lang", "resolution"}}

// maxTableRows is how many rows a spreadsheet takes; those of Microsoft and of LibreOffice agree.
const maxTableRows = 1 << 20

// part is what one sensor measured in a room.
type part struct {
	room         string
	installation inventory.Installation
	seriesSpan
}

// table is what was measured at a site, or in one of its rooms.
type table struct {
	site inventory.Site
	room *inventory.Room // nil: the whole site
}

// addTables adds what was measured in a room, or at a site, as one table for people or for programs.
func (a *API) addTables(sites *resource[inventory.Site, int64], rooms *resource[inventory.Room, int64]) {
	addTable(a, sites, func(_ context.Context, _ access.Caller, site inventory.Site) (table, error) {
		return table{site: site}, nil
	})
	addTable(a, rooms, func(ctx context.Context, caller access.Caller, room inventory.Room) (table, error) {
		site, err := a.inventory.Sites.Get(ctx, caller, room.SiteID)
		return table{site, &room}, err
	})
}

func addTable[T any](a *API, res *resource[T, int64], of func(context.Context, access.Caller, T) (table, error)) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/" + res.path + "/{id}/timeseries.csv", Audience: res.permissions.Read,
		Media: []string{mediaCSV}, File: true, Long: true,
		Handler: res.withID(func(w http.ResponseWriter, r *http.Request, id int64) error {
			q, err := jsonapi.ParseQuery(r.URL.RawQuery, tableKnown)
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
			return a.writeTable(w, r, v, t)
		}),
	})
}

// maxParts is how many installations a table is made of: as many as a page of them has, which
// everybody may ask for, too.
const maxParts = jsonapi.MaxPageSize

// parts returns what the caller may see of the table, room by room, and in each in the order of time.
func (a *API) parts(ctx context.Context, caller access.Caller, t table) ([]part, error) {
	iq := inventory.Query{Site: t.site.ID, Sort: []inventory.Order{{By: "from_timestamp_s"}}, Limit: maxParts}
	if t.room != nil {
		iq.Site, iq.Room = 0, t.room.ID
	}
	installations, count, err := a.inventory.Installations.List(ctx, caller, iq)
	if err != nil {
		return nil, err
	}
	if count > maxParts {
		return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyInstallations, Args: []any{count, maxParts}}}
	}
	ids := make([]int64, len(installations))
	for i := range installations {
		ids[i] = installations[i].RoomID
	}
	rooms, _, err := a.inventory.Rooms.List(ctx, caller, inventory.Query{IDs: ids, Sort: []inventory.Order{{By: "name"}}})
	if err != nil {
		return nil, err
	}
	spans := installationSpans(installations)
	parts := make([]part, 0, len(installations))
	for _, room := range rooms {
		for i, installation := range installations {
			if installation.RoomID == room.ID {
				parts = append(parts, part{room.Name, installation, spans[i]})
			}
		}
	}
	return parts, nil
}

// writeTable writes a table while it is read.
func (a *API) writeTable(w http.ResponseWriter, r *http.Request, v *view, t table) error {
	people, language, err := readership(r, v.query)
	if err != nil {
		return err
	}
	place, err := inventory.Location(t.site.TimeZone)
	if err != nil {
		place = time.UTC // as for verdicts; managair check names the site
	}
	parts, err := a.parts(r.Context(), v.caller, t)
	if err != nil {
		return err
	}
	spans := make([]seriesSpan, len(parts))
	for i := range parts {
		spans[i] = parts[i].seriesSpan
	}
	asked, err := a.ask(r.Context(), v, spans)
	if err != nil {
		return err
	}
	rows, samples := asked.rows()
	if people && rows >= maxTableRows {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.TooManyRows, Parameter: "filter[from]", Args: []any{rows, maxTableRows}}}
	}

	name := t.site.Name
	if t.room != nil {
		name += ", " + t.room.Name
	}
	attach(w.Header(), name)
	w.Header().Set("Cache-Control", "private, no-cache")
	if people {
		w.Header().Add("Vary", "Accept-Language")
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	out := &seriesWriter{w: newStallGuard(w), buffer: make([]byte, 0, chunk+1024)}
	format := newTableFormat(people, language, place, t)
	out.format = format
	out.buffer = format.header(out.buffer, asked.options.resolution)
	return a.finishSeries(w, r, out, nil, a.readParts(r, &asked, samples, func(ctx context.Context, i int) error {
		format.begin(&parts[i])
		return asked.readPart(ctx, a.telemetry, i, people, place, out)
	}))
}

// readParts reads one part after the other, when it is their turn.
func (a *API) readParts(r *http.Request, q *asked, samples int64, read func(ctx context.Context, i int) error) error {
	ctx := r.Context()
	if samples >= longSeries {
		leave, err := queue(r, a.downloads)
		if err != nil {
			return err
		}
		defer leave()
	}
	for i := range q.wanted {
		if q.sums[i].Latest == nil {
			continue
		}
		if err := read(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// readership reads for whom the table is, and in which language.
func readership(r *http.Request, q jsonapi.Query) (people bool, language string, err error) {
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
	people = choice("for", forPrograms, forPrograms, forPeople) == forPeople
	languages := make([]string, len(words.Languages))
	for i, l := range words.Languages {
		languages[i] = l.Code
	}
	language = choice("lang", web.LanguageOf(r), languages...)
	if len(errs) > 0 {
		return false, "", errs
	}
	return people, language, nil
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

// readPart reads one of the spans. People's days are those of the place.
func (q *asked) readPart(ctx context.Context, store telemetry.Store, i int, people bool, place *time.Location, out *seriesWriter) error {
	switch resolution := q.options.resolution; {
	case resolution == telemetry.Raw:
		return store.Samples(ctx, q.wanted[i], out.sample)
	case resolution == telemetry.Day && people:
		// The end that is asked for may be far off, and the clocks turn twice in each year until then.
		span := q.wanted[i]
		span.To = q.sums[i].Latest.Time
		return telemetry.LocalDays(ctx, store, span, place, out.bucket)
	default:
		return telemetry.Buckets(ctx, store, q.wanted[i], resolution, out.bucket)
	}
}

// tableFormat writes the rows of a table: what its cells begin with names the room and the sensor.
type tableFormat interface {
	seriesFormat
	begin(p *part)
}

func newTableFormat(people bool, language string, place *time.Location, t table) tableFormat {
	if !people {
		return &programTable{rooms: t.room == nil}
	}
	f := &peopleTable{language: language, place: place, site: t.site.Name, comma: ',', point: '.'}
	if language == "de" {
		// What Excel takes for columns and decimals where Windows is German.
		f.comma, f.point = ';', ','
	}
	return f
}

// formula is where a spreadsheet may take a name for one: at its beginning, and after whatever ends a
// cell where the spreadsheet's country has another separator than the table (OWASP, CSV injection).
var formula = regexp.MustCompile(`((?:^|[,;|\t\r\n])[\s\p{Z}\p{Cc}\p{Cf}"]*)([=+\-@＝＋－＠])`)

// storey is the rest of a name that cannot be a formula, wherever it is split: a number with a sign,
// and up to the end nothing that could go on calculating ("Raum 12, -1. OG"). The end counts because
// the next cell may follow in the same one: no blank there, which could be an operator.
var storey = regexp.MustCompile(`^[,;] *[+\-]\d(?:[\p{L}\p{M}\p{N}.,;() ]*[\p{L}\p{N}.)])?$`)

// appendText appends a text as a cell in quotes, which no spreadsheet takes for a formula.
func appendText(dst []byte, name string) []byte {
	dst = append(dst, '"')
	written := 0
	for _, at := range formula.FindAllStringSubmatchIndex(name, -1) {
		if storey.MatchString(name[at[0]:]) {
			continue
		}
		sign := at[4]
		dst = append(append(dst, strings.ReplaceAll(name[written:sign], `"`, `""`)...), '\'')
		written = sign
	}
	return append(append(dst, strings.ReplaceAll(name[written:], `"`, `""`)...), '"')
}

// peopleTable is for spreadsheets: times by the clocks of the site, numbers and words of a
// language.
type peopleTable struct {
	language     string
	place        *time.Location
	site         string
	comma, point byte
	prefix       []byte
}

func (f *peopleTable) header(dst []byte, r telemetry.Resolution) []byte {
	in := func(t words.Text, args ...any) string { return t.In(f.language, args...) }
	columns := []string{
		in(words.Fields["site_id"]), in(words.Fields["room_id"]), in(words.Fields["node_id"]), in(words.TableTime), in(words.TableZone),
	}
	quantities := []string{in(words.Fields["co2_ppm"]), in(words.TableTemperature), in(words.Fields["rel_humidity_percent"])}
	if r == telemetry.Raw {
		columns = append(append(columns, quantities...), in(words.TableState))
	} else {
		columns = append(columns, in(words.TableCount))
		for _, quantity := range quantities {
			columns = append(columns, in(words.TableMean, quantity), in(words.TableLowest, quantity), in(words.TableHighest, quantity))
		}
	}
	dst = append(dst, "\ufeff"...) // without it, Excel takes UTF-8 for something else
	for i, column := range columns {
		if i > 0 {
			dst = append(dst, f.comma)
		}
		dst = appendText(dst, column)
	}
	return append(dst, '\r', '\n')
}

func (f *peopleTable) begin(p *part) {
	sensor := words.TableInstallation.In(f.language, p.installation.ID)
	if p.installation.NodeAlias != nil {
		sensor = *p.installation.NodeAlias
	}
	f.prefix = f.prefix[:0]
	for _, name := range []string{f.site, p.room, sensor} {
		f.prefix = append(appendText(f.prefix, name), f.comma)
	}
}

func (*peopleTable) separate(dst []byte) []byte { return dst }

// at begins a row.
func (f *peopleTable) at(dst []byte, t time.Time) []byte {
	dst = append(dst, f.prefix...)
	dst = t.In(f.place).AppendFormat(dst, time.DateTime)
	dst = append(dst, f.comma)
	return t.In(f.place).AppendFormat(dst, "UTC-07:00")
}

func (f *peopleTable) sample(dst []byte, s measurement.Sample) []byte {
	dst = append(f.at(dst, s.Time), f.comma)
	state := words.TableMeasured
	switch s.Status {
	case measurement.Faulty:
		// A number would become part of a sum. Programs get it with its mark.
		dst = append(dst, f.comma, f.comma, f.comma)
		return append(append(dst, words.TableFaulty.In(f.language)...), '\r', '\n')
	case measurement.Repeated:
		state = words.TableRepeated
	case measurement.Measured:
	}
	dst = append(appendInt(dst, s.CO2PPM), f.comma)
	if s.TemperatureDecicelsius.Known {
		dst = f.tenths(dst, s.TemperatureDecicelsius.Value)
	}
	dst = append(dst, f.comma)
	if s.RelHumidityPercent.Known {
		dst = appendInt(dst, s.RelHumidityPercent.Value)
	}
	dst = append(dst, f.comma)
	return append(append(dst, state.In(f.language)...), '\r', '\n')
}

func (f *peopleTable) bucket(dst []byte, b telemetry.Bucket) []byte {
	dst = appendInt(append(f.at(dst, b.Start), f.comma), b.CO2.N)
	return append(appendAggregates(dst, f.comma, b, f.tenths), '\r', '\n')
}

func (f *peopleTable) tenths(dst []byte, tenths int) []byte {
	from := len(dst)
	dst = appendTenths(dst, tenths)
	for i := from; i < len(dst); i++ {
		if dst[i] == '.' {
			dst[i] = f.point
		}
	}
	return dst
}

// programTable is RFC 4180 with a header: ids, times in UTC, decimal points, and of each sample
// what became of it.
type programTable struct {
	rooms  bool // say which
	prefix []byte
}

func (f *programTable) header(dst []byte, r telemetry.Resolution) []byte {
	if f.rooms {
		dst = append(dst, "room,"...)
	}
	dst = append(dst, "installation,node,time,"...)
	return csvFormat{}.header(dst, r)
}

func (f *programTable) begin(p *part) {
	f.prefix = f.prefix[:0]
	if f.rooms {
		f.prefix = append(strconv.AppendInt(f.prefix, p.installation.RoomID, 10), ',')
	}
	f.prefix = append(strconv.AppendInt(f.prefix, p.installation.ID, 10), ',')
	f.prefix = append(append(f.prefix, p.installation.NodeID.String()...), ',')
}

func (*programTable) separate(dst []byte) []byte { return dst }

func (f *programTable) at(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, f.prefix...), time.RFC3339), ',')
}

func (f *programTable) sample(dst []byte, s measurement.Sample) []byte {
	return csvFormat{}.sample(f.at(dst, s.Time), s)
}

func (f *programTable) bucket(dst []byte, b telemetry.Bucket) []byte {
	return csvFormat{}.bucket(f.at(dst, b.Start), b)
}
