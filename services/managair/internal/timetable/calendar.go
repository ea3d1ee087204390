package timetable

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// The bounds of calendars.
const (
	// MaxCalendar is the size of a calendar in bytes. School holidays of a state have some
	// ten thousand for several years.
	MaxCalendar = 1 << 20
	// MaxCalendarDays is how many ranges of days a calendar may have, of those that are
	// neither long past nor far in the future.
	MaxCalendarDays = 1000
	// MaxCalendarEntries is how many entries it may have, with those that are left out.
	MaxCalendarEntries = 5000
	// MaxURL is the length of its address in bytes.
	MaxURL = 500
	// ReadEvery is how often a calendar is read by its URL.
	ReadEvery = 24 * time.Hour
	// ReadNewAfter is how long after the address before was tried another one is: whoever
	// changes it again and again has us fetch no more often.
	ReadNewAfter = 10 * time.Minute
	// calendarsAtOnce is how many are fetched at the same time, so that one that answers
	// slowly keeps nobody waiting.
	calendarsAtOnce = 4
	// readTime is how long reading one may take, with keeping it.
	readTime = 30 * time.Second

	// calendarPast and calendarFuture are how many years of a calendar are kept.
	calendarPast, calendarFuture = 4, 4
	// maxHolidays is how many days an entry may have; longer ones are no holidays.
	maxHolidays = 366
	// maxYear is the last one that can be written.
	maxYear = 9999
)

// Failure is why a calendar could not be read.
type Failure string

// The reasons.
const (
	// Unreachable: nothing came back in time, or an error, or it leads into a network that is
	// not the public one. Which of them is not told: strangers would learn what there is in
	// the network of the server.
	Unreachable Failure = "unreachable"
	// TooLarge: it has more than MaxCalendar bytes, MaxCalendarEntries or MaxCalendarDays.
	TooLarge Failure = "too_large"
	// NoCalendar: it is none in the form of RFC 5545, or one without whole days.
	NoCalendar Failure = "no_calendar"
)

// Error says what went wrong.
func (f Failure) Error() string { return "calendar: " + string(f) }

// FailureOf tells why reading failed, "" when it did not.
func FailureOf(err error) Failure {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[Failure](err); ok {
		return f
	}
	return Unreachable
}

// cleanURL returns the address with https, in which webcal is only another word for it.
// Names without a dot are those of hosts nearby.
func cleanURL(text string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || len(text) > MaxURL || !utf8.ValidString(text) || u.Opaque != "" || u.User != nil || u.Hostname() == "" {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "https", "webcal", "webcals":
		u.Scheme = "https"
	default:
		return "", false
	}
	if port := u.Port(); port != "" && port != "443" {
		return "", false
	}
	if !strings.Contains(strings.TrimSuffix(u.Hostname(), "."), ".") {
		return "", false
	}
	clean := u.String() // letters beyond ASCII are six bytes there
	return clean, len(clean) <= MaxURL
}

// ParseCalendar reads a calendar (RFC 5545) of holidays. Its entries of whole days are
// free days; those with hours are something else (parents' evening), and left out. What
// is repeated each year is. Times in UTC are those of the zone of the site. Errors are a
// Failure, or that of the context.
func ParseCalendar(ctx context.Context, data []byte, zone *time.Location, now time.Time) (Calendar, error) {
	if len(data) > MaxCalendar {
		return Calendar{}, TooLarge
	}
	if !bytes.Contains(data, []byte("BEGIN:VCALENDAR")) {
		return Calendar{}, NoCalendar
	}
	parsed, err := ics.ParseCalendar(bytes.NewReader(data))
	if err != nil {
		return Calendar{}, NoCalendar
	}
	events := parsed.Events()
	if len(events) > MaxCalendarEntries {
		return Calendar{}, TooLarge
	}
	today := civil.DateOf(now.In(zone))
	first, last := today, today
	first.Year, last.Year = first.Year-calendarPast, last.Year+calendarFuture
	c := Calendar{ReadAt: &now}
	for _, event := range events {
		if err := ctx.Err(); err != nil {
			return Calendar{}, err
		}
		ranges, ok := rangesOf(event, zone, first, last)
		if !ok {
			c.LeftOut++
			continue
		}
		if c.Days = append(c.Days, ranges...); len(c.Days) > MaxCalendarDays {
			return Calendar{}, TooLarge
		}
	}
	if len(events) == c.LeftOut {
		return Calendar{}, NoCalendar
	}
	slices.SortStableFunc(c.Days, func(a, b Range) int { return a.From.Compare(b.From) })
	return c, nil
}

// rangesOf returns the days of an event between two, and false when it is not understood.
func rangesOf(event *ics.VEvent, zone *time.Location, first, last civil.Date) ([]Range, bool) {
	if text(event, ics.ComponentPropertyStatus) == "CANCELLED" {
		return nil, true
	}
	from, wholeFrom := dayOf(text(event, ics.ComponentPropertyDtStart), zone)
	if !wholeFrom {
		return nil, false
	}
	to := from
	if end := text(event, ics.ComponentPropertyDtEnd); end != "" {
		day, whole := dayOf(end, zone)
		switch {
		case whole && from.Compare(day) < 0:
			to = day.AddDays(-1) // the end is no part of it
		case whole || !lateForm.MatchString(end):
			if from != day || !whole {
				return nil, false
			}
		default:
			to = day
		}
	}
	length := from.DaysUntil(to)
	if length < 0 || length >= maxHolidays {
		return nil, false
	}
	r := Range{From: from, To: to, Name: short(text(event, ics.ComponentPropertySummary))}
	begins, ok := beginsOf(event, from, first, last)
	if !ok {
		return nil, false
	}
	var ranges []Range
	for _, begin := range begins {
		r.From, r.To = begin, begin.AddDays(length)
		if r.To.Compare(first) >= 0 && r.From.Compare(last) <= 0 {
			ranges = append(ranges, r)
		}
	}
	return ranges, true
}

// beginsOf returns the days on which an event begins, in the years from that before the
// first day, since it may last until then, to that of the last one. It may be repeated each
// year.
func beginsOf(event *ics.VEvent, from, first, last civil.Date) ([]civil.Date, bool) {
	rules, err := event.GetRRules()
	if err != nil || len(rules) > 1 {
		return nil, false
	}
	if len(rules) == 0 {
		return []civil.Date{from}, true
	}
	rule := rules[0]
	if rule.Freq != ics.FrequencyYearly || len(rule.ByDay)+len(rule.ByWeekNo)+len(rule.ByYearDay)+len(rule.BySetPos) > 0 ||
		len(rule.ByMonth) > 1 || len(rule.ByMonth) == 1 && rule.ByMonth[0] != int(from.Month) ||
		len(rule.ByMonthDay) > 1 || len(rule.ByMonthDay) == 1 && rule.ByMonthDay[0] != from.Day {
		return nil, false
	}
	var begins []civil.Date
	step := min(max(rule.Interval, 1), maxYear)
	past := max(first.Year-1-from.Year, 0)
	for i := (past + step - 1) / step; rule.Count == 0 || i < rule.Count; i++ {
		day := from
		day.Year += i * step
		if day.Year > last.Year || !rule.Until.IsZero() && day.Compare(civil.DateOf(rule.Until)) > 0 {
			break
		}
		if day.AddDays(0) == day { // there is no 29 February in most years
			begins = append(begins, day)
		}
	}
	return begins, true
}

var (
	momentForm = regexp.MustCompile(`^([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?$`)
	// lateForm is an end that is meant to be the end of its day.
	lateForm = regexp.MustCompile(`T2359[0-9]{2}$`)
)

// dayOf returns the day of a date or time, and whether it is its begin.
func dayOf(text string, zone *time.Location) (civil.Date, bool) {
	parts := momentForm.FindStringSubmatch(text)
	if parts == nil {
		return civil.Date{}, false
	}
	day, err := civil.ParseDate(parts[1] + "-" + parts[2] + "-" + parts[3])
	if err != nil {
		return day, false
	}
	if parts[4] == "" {
		return day, true
	}
	var clock [3]int
	for i := range clock {
		clock[i], _ = strconv.Atoi(parts[4+i])
	}
	if parts[7] == "Z" {
		t := time.Date(day.Year, day.Month, day.Day, clock[0], clock[1], clock[2], 0, time.UTC).In(zone)
		day = civil.DateOf(t)
		return day, t.Equal(day.In(zone))
	}
	return day, clock == [3]int{}
}

func text(event *ics.VEvent, name ics.ComponentProperty) string {
	if p := event.GetProperty(name); p != nil {
		return strings.TrimSpace(p.Value)
	}
	return ""
}

// short brings the name of an entry to MaxName.
func short(name string) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
	for i := range name {
		if utf8.RuneCountInString(name[:i]) == MaxName {
			return name[:i]
		}
	}
	return name
}

// DueCalendar is a calendar that is to be read.
type DueCalendar struct {
	ID            int64 // of its timetable
	URL, TimeZone string
}

// CalendarStore is what reading calendars needs.
type CalendarStore interface {
	// DueCalendar returns a calendar that was not tried within ReadEvery, or whose address
	// is new and nothing was tried within ReadNewAfter; false when there is none. The next
	// is that of the organization of which none was tried for the longest time. It counts
	// as tried from now on.
	DueCalendar(ctx context.Context, now time.Time) (DueCalendar, bool, error)
	// KeepCalendar keeps what was read, or why that failed: then the days stay that were
	// known before. It is nothing to a timetable that has another address by now.
	KeepCalendar(ctx context.Context, due DueCalendar, c Calendar) error
}

// Fetcher fetches what is at an address, of the public network only. What goes wrong is a
// Failure, if it can be told.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// ReadCalendars reads the calendars that are due, some at the same time, and returns how
// many could be read, and how many not. Those that it has begun when ctx ends it ends.
func ReadCalendars(ctx context.Context, store CalendarStore, fetcher Fetcher, now func() time.Time) (read, failed int, err error) {
	var count struct{ read, failed atomic.Int64 }
	group, ctx := errgroup.WithContext(ctx)
	for range calendarsAtOnce {
		group.Go(func() error {
			for ctx.Err() == nil {
				due, ok, err := store.DueCalendar(ctx, now())
				if err != nil || !ok {
					return err
				}
				c, err := readCalendar(ctx, store, fetcher, due, now())
				if err != nil {
					return err
				}
				if c.Failure != "" {
					count.failed.Add(1)
				} else {
					count.read.Add(1)
				}
			}
			return ctx.Err()
		})
	}
	err = group.Wait()
	return int(count.read.Load()), int(count.failed.Load()), err
}

// readCalendar fetches a calendar and keeps it. It counts as tried, and so does not end
// with ctx.
func readCalendar(ctx context.Context, store CalendarStore, fetcher Fetcher, due DueCalendar, now time.Time) (Calendar, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	c, err := fetchCalendar(ctx, fetcher, due, now)
	if err != nil {
		c = Calendar{Failure: FailureOf(err)}
	}
	return c, store.KeepCalendar(ctx, due, c)
}

func fetchCalendar(ctx context.Context, fetcher Fetcher, due DueCalendar, now time.Time) (Calendar, error) {
	data, err := fetcher.Fetch(ctx, due.URL)
	if err != nil {
		return Calendar{}, err
	}
	return ParseCalendar(ctx, data, inventory.LocationOrUTC(due.TimeZone), now)
}
