package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

const (
	typeTimetable     = "Timetable"
	typeOccupiedDay   = "OccupiedDay"
	typeHolidayRegion = "HolidayRegion"
)

// timetables answers what is asked of occupied time.
type timetables struct {
	api   *API
	store timetable.Store
}

func (a *API) addTimetables(store timetable.Store) {
	t := &timetables{a, store}
	for path, room := range map[string]bool{"/sites/{id}/timetable": false, "/rooms/{id}/timetable": true} {
		a.add(
			Route{Method: http.MethodGet, Pattern: Base + path, Audience: access.Timetables.Read, Handler: t.of(room, t.get)},
			Route{Method: http.MethodPatch, Pattern: Base + path, Audience: access.Timetables.Read, Handler: t.of(room, t.change)},
		)
	}
	a.add(
		Route{Method: http.MethodGet, Pattern: Base + "/rooms/{id}/occupied-days", Audience: access.Timetables.Read, Handler: t.of(true, t.days)},
		Route{Method: http.MethodGet, Pattern: Base + "/holiday-regions", Audience: access.Everyone, Handler: t.regions},
	)
}

// of hands the holder in the path on.
func (t *timetables) of(room bool, do func(http.ResponseWriter, *http.Request, timetable.Holder) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, ok := int64ID(r.PathValue("id"))
		if !ok {
			return errNotFound()
		}
		return do(w, r, timetable.Holder{Room: room, ID: id})
	}
}

// place returns the type and the path of a holder, and the id of its timetable.
func place(h timetable.Holder) (typ, path, id string) {
	if h.Room {
		return typeRoom, "rooms", "room-" + formatInt64(h.ID)
	}
	return typeSite, "sites", "site-" + formatInt64(h.ID)
}

func (t *timetables) get(w http.ResponseWriter, r *http.Request, h timetable.Holder) error {
	v := t.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	found, err := t.store.Timetable(r.Context(), v.caller, h)
	if err != nil {
		return err
	}
	return t.answer(w, r, v, h, &found)
}

func (t *timetables) answer(w http.ResponseWriter, r *http.Request, v *view, h timetable.Holder, table *timetable.Timetable) error {
	resource, err := showTimetable(v, h, table)
	if err != nil {
		return err
	}
	return t.api.respond(w, r, http.StatusOK, v, &jsonapi.Document{One: &resource})
}

func showTimetable(v *view, h timetable.Holder, t *timetable.Timetable) (jsonapi.Resource, error) {
	weekly := jsonapi.Null()
	if t.Weekly != nil {
		text, err := json.Marshal(t.Weekly)
		if err != nil {
			return jsonapi.Resource{}, err
		}
		weekly = jsonapi.Raw(string(text))
	}
	exceptions, err := list(t.Exceptions)
	if err != nil {
		return jsonapi.Resource{}, err
	}
	days, err := list(t.Calendar.Days)
	if err != nil {
		return jsonapi.Resource{}, err
	}
	recomputing := jsonapi.Null()
	if t.Recomputing != nil {
		recomputing = jsonapi.String(t.Recomputing.String())
	}
	typ, path, id := place(h)
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeTimetable, ID: id},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "weekly", Value: weekly},
			{Name: "exceptions", Value: exceptions},
			{Name: "holiday_region", Value: optText(t.Region)},
			{Name: "calendar_url", Value: optText(t.CalendarURL)},
			{Name: "calendar_days", Value: days},
			{Name: "calendar_left_out", Value: jsonapi.Int(t.Calendar.LeftOut)},
			{Name: "calendar_read_at_s", Value: seconds(t.Calendar.ReadAt)},
			{Name: "calendar_tried_at_s", Value: seconds(t.Calendar.TriedAt)},
			{Name: "calendar_failure", Value: optText(string(t.Calendar.Failure))},
			{Name: "recomputing_from", Value: recomputing},
		}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "holder", Linkage: jsonapi.ToOne(typ, formatInt64(h.ID)), Related: v.url(path, formatInt64(h.ID))},
		}),
		Self: v.url(path, formatInt64(h.ID), "timetable"),
	}, nil
}

// list is an array in the form in which it is kept; no element is an array, too.
func list[T any](all []T) (jsonapi.Value, error) {
	text, err := json.Marshal(append([]T{}, all...))
	return jsonapi.Raw(string(text)), err
}

// change takes what is given, and leaves the rest as it is.
func (t *timetables) change(w http.ResponseWriter, r *http.Request, h timetable.Holder) error {
	v := t.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	if err = t.store.MayChange(r.Context(), v.caller, h); err != nil {
		return err
	}
	_, _, id := place(h)
	body, err := readBody(w, r, typeTimetable, id)
	if err != nil {
		return err
	}
	zone, err := t.zone(r, v.caller, h)
	if err != nil {
		return err
	}
	apply, again, err := t.wanted(r.Context(), body, zone)
	if err != nil {
		return err
	}
	changed, err := t.store.Change(r.Context(), v.caller, h, again, func(table *timetable.Timetable) error {
		apply(table)
		if broken := table.Check(h); broken != nil {
			return broken
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.answer(w, r, v, h, &changed)
}

// zone returns the time zone of a site; for rooms, which have no calendar, any.
func (t *timetables) zone(r *http.Request, caller access.Caller, h timetable.Holder) (*time.Location, error) {
	if h.Room {
		return time.UTC, nil
	}
	site, err := t.api.inventory.Sites.Get(r.Context(), caller, h.ID)
	if err != nil {
		return nil, err
	}
	return inventory.LocationOrUTC(site.TimeZone), nil
}

// wanted reads what is to be changed, a calendar as well: that takes a while, in which
// nothing is locked. It may be applied several times.
func (t *timetables) wanted(ctx context.Context, body jsonapi.Body, zone *time.Location) (apply func(*timetable.Timetable), again *civil.Date, err error) {
	now := t.api.now()
	var edits []func(*timetable.Timetable)
	edit := func(do func(*timetable.Timetable)) { edits = append(edits, do) }
	f := jsonapi.NewFields(body, false)
	f.JSON("weekly", jsonapi.Nullable, func(data json.RawMessage) *fault.Violation {
		week, wrong := parseWeekly(data)
		edit(func(table *timetable.Timetable) { table.Weekly = week })
		return wrong
	})
	f.JSON("exceptions", jsonapi.NotNull, func(data json.RawMessage) *fault.Violation {
		exceptions, wrong := parseExceptions(data)
		edit(func(table *timetable.Timetable) { table.Exceptions = exceptions })
		return wrong
	})
	take := func(name string, set func(*string) *fault.Violation) {
		f.Take(name, rule.Free, jsonapi.Optional, jsonapi.Nullable, func(text *string) *fault.Violation {
			if text == nil {
				text = new(string)
			}
			return set(text)
		})
	}
	take("holiday_region", func(text *string) *fault.Violation {
		edit(func(table *timetable.Timetable) { table.Region = *text })
		return nil
	})
	take("calendar_url", func(text *string) *fault.Violation {
		edit(func(table *timetable.Timetable) { table.Point(*text) })
		return nil
	})
	take("calendar", func(text *string) *fault.Violation {
		var uploaded timetable.Calendar
		uploaded, err = timetable.ParseUpload(ctx, *text, zone, now)
		if broken, ok := errors.AsType[*fault.Violation](err); ok {
			return broken
		}
		edit(func(table *timetable.Timetable) { table.Upload(uploaded) })
		return nil
	})
	take("recompute_from", func(text *string) *fault.Violation {
		if *text == "" {
			return nil
		}
		from, err := civil.ParseDate(*text)
		if err != nil {
			return &fault.Violation{Reason: reason.InvalidDate, Args: []any{*text}}
		}
		again = &from
		return timetable.CheckRecompute(from, now)
	})
	if wrong := f.Err(); wrong != nil {
		return nil, nil, wrong
	}
	return func(table *timetable.Timetable) {
		for _, do := range edits {
			do(table)
		}
	}, again, err
}

// parseWeekly reads the hours of a week; of nothing there are none.
func parseWeekly(data json.RawMessage) (week *occupancy.Weekly, wrong *fault.Violation) {
	if data != nil && json.Unmarshal(data, &week) != nil {
		return nil, &fault.Violation{Reason: reason.InvalidTimetable}
	}
	return week, nil
}

func parseExceptions(data json.RawMessage) (exceptions []timetable.Exception, wrong *fault.Violation) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&exceptions) != nil {
		return nil, &fault.Violation{Reason: reason.InvalidTimetable}
	}
	return exceptions, nil
}

const (
	// daysBack and daysAhead are what is told of days when nobody says which.
	daysBack, daysAhead = 7, 7
)

// days tells the days of a room: what they were, and what they are going to be.
func (t *timetables) days(w http.ResponseWriter, r *http.Request, h timetable.Holder) error {
	v := t.api.newView(r)
	defer v.free()
	var err error
	// Pages are asked for by yesterday's pages, and all days are in one.
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: []string{"from", "to"}}); err != nil {
		return err
	}
	from, err := dayFilter(v.query, "from", -daysBack)
	if err != nil {
		return err
	}
	to, err := dayFilter(v.query, "to", daysAhead)
	if err != nil {
		return err
	}
	days, err := timetable.Days(r.Context(), t.store, v.caller, h.ID, from, to, t.api.now())
	if wrong, ok := errors.AsType[*fault.Violation](err); ok {
		return jsonapi.Errors{{Status: http.StatusBadRequest, Reason: wrong.Reason, Args: wrong.Args, Parameter: "filter[" + wrong.Field + "]"}}
	}
	if err != nil {
		return err
	}
	resources := make([]jsonapi.Resource, len(days))
	for i := range days {
		resources[i] = showDay(v, h.ID, &days[i])
	}
	return t.api.respondFew(w, r, v, resources)
}

// dayFilter reads a filter that is a day; without it the day is so many after today.
func dayFilter(q jsonapi.Query, name string, after int) (func(today civil.Date) civil.Date, error) {
	text, given := q.Filter[name]
	if !given {
		return func(today civil.Date) civil.Date { return today.AddDays(after) }, nil
	}
	day, err := civil.ParseDate(text)
	if err != nil {
		return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.InvalidDate, Args: []any{text}, Parameter: "filter[" + name + "]"}}
	}
	return func(civil.Date) civil.Date { return day }, nil
}

func showDay(v *view, room int64, d *timetable.Kept) jsonapi.Resource {
	type span struct {
		From int64 `json:"from_timestamp_s"`
		To   int64 `json:"to_timestamp_s"`
	}
	spans := make([]span, len(d.Spans))
	for i, s := range d.Spans {
		spans[i] = span{s.From.Unix(), s.To.Unix()}
	}
	text, _ := json.Marshal(spans) // numbers only
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeOccupiedDay, ID: formatInt64(room) + "-" + d.Date.String()},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "date", Value: jsonapi.String(d.Date.String())},
			{Name: "how", Value: jsonapi.String(string(d.How))},
			{Name: "name", Value: jsonapi.String(d.Name)},
			{Name: "spans", Value: jsonapi.Raw(string(text))},
			{Name: "decided_at_s", Value: optTime(d.DecidedAt)},
		}),
		Self: v.url("rooms", formatInt64(room), "occupied-days"),
	}
}

func (t *timetables) regions(w http.ResponseWriter, r *http.Request) error {
	v := t.api.newView(r)
	defer v.free()
	var err error
	if v.query, err = jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{}); err != nil {
		return err
	}
	all := timetable.Regions()
	resources := make([]jsonapi.Resource, len(all))
	for i, region := range all {
		resources[i] = jsonapi.Resource{
			Identifier: jsonapi.Identifier{Type: typeHolidayRegion, ID: region.ID},
			Attributes: v.attributes(0, []jsonapi.Attribute{
				{Name: "country", Value: jsonapi.String(region.Country)},
				{Name: "name", Value: jsonapi.String(region.Name)},
			}),
			Self: v.url("holiday-regions"),
		}
	}
	return t.api.respondFew(w, r, v, resources)
}
