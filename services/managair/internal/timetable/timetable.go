// Package timetable says when people are in rooms, as their organization has it: weekly
// hours of a site and of its rooms, exceptions, public holidays of the region, and
// holidays of a calendar. Where it says nothing, the air is asked (package occupancy).
//
// What was decided of a past day is kept, and stays as it is: a verdict can be repeated,
// and whoever changes a timetable says from which day on the past is to be decided anew.
package timetable

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// The bounds of a timetable. They are far beyond what a school needs, and keep anybody
// from filling the database.
const (
	// MaxExceptions is how many exceptions a site or a room may have.
	MaxExceptions = 200
	// MaxExceptionsSize is how long all exceptions may be together, in bytes of JSON. 200
	// with usual names and hours have 25 thousand.
	MaxExceptionsSize = 32 << 10
	// MaxName is how long the name of an exception may be, in characters.
	MaxName = 100
	// MaxExceptionDays is how many days an exception may have: a year.
	MaxExceptionDays = 366
	// MaxRecompute is how many days back the past is decided, or decided anew: three years.
	MaxRecompute = 3 * 366
	// CatchUp is how many days back a room of which nothing is decided yet is decided at
	// first; what is older comes when all rooms are so far.
	CatchUp = 35
	// Settle is how long after the end of a day it is decided: samples that were kept
	// somewhere for some hours have come in by then.
	Settle = 6 * time.Hour
)

// Range is some days with a name, the first and the last included.
type Range struct {
	From civil.Date `json:"from_date"`
	To   civil.Date `json:"to_date"`
	Name string     `json:"name"`
}

func (r *Range) has(date civil.Date) bool {
	return r.From.Compare(date) <= 0 && date.Compare(r.To) <= 0
}

func (r *Range) days() int { return r.From.DaysUntil(r.To) + 1 }

// Exception says that some days are not as the week has it: closed, or with other hours.
type Exception struct {
	Range

	// Hours are those of each of the days; none: closed.
	Hours []occupancy.Hours `json:"hours"`
}

// Timetable is that of a site or of a room.
type Timetable struct {
	// Weekly has the hours of a usual week; nil: nothing is said. For a room that means
	// that those of its site hold.
	Weekly *occupancy.Weekly
	// Exceptions hold before the week. Of several that have a day, the shortest holds, and
	// of these the last.
	Exceptions []Exception
	// Region is the id of the region whose public holidays are free; "": none. CalendarURL
	// is where the calendar is read every day. Rooms have neither: those of their site
	// hold.
	Region, CalendarURL string
	// Calendar is what is known from the calendar, by URL or upload.
	Calendar Calendar
	// Recomputing is from which day on past days wait to be decided anew, of the room or of
	// any room of the site; nil: none does.
	Recomputing *civil.Date
}

// Calendar is what was read from a calendar of holidays.
type Calendar struct {
	// Days are free.
	Days []Range
	// LeftOut counts the entries that are no whole days, or that are repeated in a way
	// other than each year.
	LeftOut int
	// ReadAt is when it was read or uploaded, TriedAt when one was last tried by URL, be it
	// another one, and Failure why that did not succeed, "" when it did.
	ReadAt, TriedAt *time.Time
	Failure         Failure
}

// Holder is what has a timetable: a site, or a room.
type Holder struct {
	// Room tells a room from a site.
	Room bool
	ID   int64
}

// Check returns what is wrong, and brings texts into the form in which they are kept.
func (t *Timetable) Check(h Holder) *fault.Violation {
	if t.Weekly != nil {
		if err := t.Weekly.Check(); err != nil {
			return broken("weekly", wrong(err))
		}
	}
	if len(t.Exceptions) > MaxExceptions {
		return broken("exceptions", reason.MaxValue, MaxExceptions)
	}
	for i := range t.Exceptions {
		if v := t.Exceptions[i].check(); v != nil {
			return v
		}
	}
	if text, err := json.Marshal(t.Exceptions); err != nil || len(text) > MaxExceptionsSize {
		return broken("exceptions", reason.MaxLength, MaxExceptionsSize)
	}
	if h.Room && t.Region != "" {
		return broken("holiday_region", reason.SiteOnly)
	}
	if h.Room && (t.CalendarURL != "" || t.Calendar.ReadAt != nil) {
		return broken("calendar_url", reason.SiteOnly)
	}
	if t.Region != "" && !IsRegion(t.Region) {
		return broken("holiday_region", reason.DoesNotExist, t.Region)
	}
	if t.CalendarURL != "" {
		clean, ok := cleanURL(t.CalendarURL)
		if !ok {
			return broken("calendar_url", reason.InvalidCalendarURL)
		}
		t.CalendarURL = clean
	}
	return nil
}

func (e *Exception) check() *fault.Violation {
	const field = "exceptions"
	e.Name = strings.TrimSpace(e.Name)
	switch {
	case !utf8.ValidString(e.Name) || strings.ContainsRune(e.Name, 0):
		return broken(field, reason.NullCharactersNotAllowed)
	case utf8.RuneCountInString(e.Name) > MaxName:
		return broken(field, reason.MaxLength, MaxName)
	case e.From == (civil.Date{}) || e.To == (civil.Date{}):
		return broken(field, reason.Required)
	case e.To.Compare(e.From) < 0:
		return broken(field, reason.EndsBeforeStart)
	case e.days() > MaxExceptionDays:
		return broken(field, reason.MaxValue, MaxExceptionDays)
	}
	if err := occupancy.CheckHours(e.Hours); err != nil {
		return broken(field, wrong(err))
	}
	return nil
}

func broken(field string, why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Field: field, Reason: why, Args: args}
}

// wrong says what is wrong with hours.
func wrong(err error) reason.Reason {
	switch {
	case errors.Is(err, occupancy.ErrOverlap):
		return reason.HoursOverlap
	case errors.Is(err, occupancy.ErrTooMany):
		return reason.TooManyHours
	default:
		return reason.InvalidHours
	}
}

// CheckRecompute looks whether the past may be decided anew from a day on.
func CheckRecompute(from civil.Date, now time.Time) *fault.Violation {
	if from.DaysUntil(civil.DateOf(now)) > MaxRecompute {
		return broken("recompute_from", reason.MaxValue, MaxRecompute)
	}
	if from.Compare(civil.DateOf(now.AddDate(0, 0, 1))) > 0 {
		return broken("recompute_from", reason.InFuture)
	}
	return nil
}

// Plan is what is said of a room: by itself, and by its site.
type Plan struct {
	Site, Room Timetable
	Zone       *time.Location
}

// Day returns what is said of a day: Unknown when that is nothing. The room's word holds
// before the site's, and what is said of the day before what is said of every week.
func (p *Plan) Day(date civil.Date) occupancy.Day {
	for _, t := range []*Timetable{&p.Room, &p.Site} {
		if e := t.exception(date); e != nil {
			return occupancy.Day{
				Date: date, How: occupancy.Exception, Name: e.Name,
				Spans: occupancy.SpansOf(e.Hours, date, p.Zone, occupancy.Exception),
			}
		}
	}
	if name, ok := p.Site.holiday(date); ok {
		return occupancy.Day{Date: date, How: occupancy.Holiday, Name: name}
	}
	for _, w := range []*occupancy.Weekly{p.Room.Weekly, p.Site.Weekly} {
		if w != nil {
			return w.On(date, p.Zone)
		}
	}
	return occupancy.Day{Date: date, How: occupancy.Unknown}
}

// exception returns the one that holds on a day, nil if none does.
func (t *Timetable) exception(date civil.Date) *Exception {
	var found *Exception
	for i := range t.Exceptions {
		if e := &t.Exceptions[i]; e.has(date) && (found == nil || e.days() <= found.days()) {
			found = e
		}
	}
	return found
}

// holiday returns the name of the holiday that a day is.
func (t *Timetable) holiday(date civil.Date) (string, bool) {
	if name, ok := PublicHoliday(t.Region, date); ok {
		return name, true
	}
	for i := range t.Calendar.Days {
		if r := &t.Calendar.Days[i]; r.has(date) {
			return r.Name, true
		}
	}
	return "", false
}

// Kept is a day of a room, as it was decided or as it is planned.
type Kept struct {
	occupancy.Day

	// DecidedAt is when it was decided; zero: it is not yet, and this is the plan, or that was
	// to the effect that nothing is known.
	DecidedAt time.Time
}

// Store keeps timetables and days. What the caller may not see is not there.
type Store interface {
	// Timetable returns that of a site or room, the zero one if it has none. The address of
	// its calendar is hidden from those who may not change it.
	Timetable(ctx context.Context, caller access.Caller, h Holder) (Timetable, error)
	// MayChange returns an error of kind fault.Forbidden or fault.NotFound unless the caller
	// may change it.
	MayChange(ctx context.Context, caller access.Caller, h Holder) error
	// Change hands the timetable to change and keeps the result. Where recompute is given,
	// days from it on that are past are decided anew, soon.
	Change(ctx context.Context, caller access.Caller, h Holder, recompute *civil.Date, change func(*Timetable) error) (Timetable, error)
	// Plan returns what is said of a room.
	Plan(ctx context.Context, caller access.Caller, room int64) (Plan, error)
	// Decided returns the days of a room that are decided, from the first until the last,
	// in ascending order. Days of which nothing is known are not among them. It does not
	// ask who wants to know: presence is no matter of the public, and the caller looks
	// after that.
	Decided(ctx context.Context, room int64, from, to civil.Date) ([]Kept, error)
	// Progress returns how far they are decided. It does not ask either.
	Progress(ctx context.Context, room int64) (Undecided, error)
}

// MaxDays is how many days are told at once.
const MaxDays = 400

// Days returns the days of a room from the first until the last: those that are decided
// as they were, and the others as they are planned now.
func Days(ctx context.Context, store Store, caller access.Caller, room int64, from, to func(today civil.Date) civil.Date, now time.Time) (days []Kept, err error) {
	plan, err := store.Plan(ctx, caller, room)
	if err != nil {
		return nil, err
	}
	today := civil.DateOf(now.In(plan.Zone))
	first, last := from(today), to(today)
	switch n := first.DaysUntil(last) + 1; {
	case n > MaxDays:
		return nil, broken("to", reason.MaxValue, MaxDays)
	case n < 1:
		return nil, broken("to", reason.EndsBeforeStart)
	}
	decided, err := store.Decided(ctx, room, first, last)
	if err != nil {
		return nil, err
	}
	progress, err := store.Progress(ctx, room)
	if err != nil {
		return nil, err
	}
	for d := first; d.Compare(last) <= 0; d = d.AddDays(1) {
		switch {
		case len(decided) > 0 && decided[0].Date == d:
			days, decided = append(days, decided[0]), decided[1:]
		case progress.decided(d):
			days = append(days, Kept{Day: occupancy.Day{Date: d, How: occupancy.Unknown}})
		default:
			days = append(days, Kept{Day: plan.Day(d)})
		}
	}
	return days, nil
}

// HideAddress leaves of the address of the calendar only where it leads to. There often is
// a secret in the rest, by which everybody reads the calendar.
func (t *Timetable) HideAddress() {
	whole, err := url.Parse(t.CalendarURL)
	if err != nil {
		whole = &url.URL{}
	}
	t.CalendarURL = (&url.URL{Scheme: whole.Scheme, Host: whole.Host}).String()
}

// Point has the calendar read at another address from now on; "" at none. What was known
// of the former one is forgotten, but for when it was tried. The same address as before changes nothing.
func (t *Timetable) Point(address string) {
	address = strings.TrimSpace(address)
	if clean, ok := cleanURL(address); ok {
		address = clean
	}
	if address == t.CalendarURL {
		return // of no address, too: what was uploaded has none
	}
	t.CalendarURL, t.Calendar = address, Calendar{TriedAt: t.Calendar.TriedAt}
}

// Upload takes a calendar in place of the one before; the zero one takes that away. When an
// address was tried stays known.
func (t *Timetable) Upload(c Calendar) {
	c.TriedAt = t.Calendar.TriedAt
	t.CalendarURL, t.Calendar = "", c
}

// ParseUpload reads what somebody uploads as a calendar: "" is the zero one. What is wrong
// with it is a fault.Violation of calendar.
func ParseUpload(ctx context.Context, data string, zone *time.Location, now time.Time) (Calendar, error) {
	if data == "" {
		return Calendar{}, nil
	}
	c, err := ParseCalendar(ctx, []byte(data), zone, now)
	switch FailureOf(err) {
	case TooLarge:
		return c, broken("calendar", reason.CalendarTooLarge)
	case NoCalendar:
		return c, broken("calendar", reason.InvalidCalendar)
	}
	return c, err
}
