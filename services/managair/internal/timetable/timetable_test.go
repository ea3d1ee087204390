package timetable_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

func day(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func hours(from, to civil.Clock) []occupancy.Hours {
	return []occupancy.Hours{{From: from * 60, To: to * 60}}
}

func exception(t testing.TB, from, to, name string, h ...occupancy.Hours) timetable.Exception {
	t.Helper()
	return timetable.Exception{Range: timetable.Range{From: day(t, from), To: day(t, to), Name: name}, Hours: h}
}

func weekdays(h []occupancy.Hours) *occupancy.Weekly {
	return &occupancy.Weekly{1: h, 2: h, 3: h, 4: h, 5: h}
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestWhatHoldsOnADay(t *testing.T) {
	t.Parallel()
	school := timetable.Timetable{
		Weekly: weekdays(hours(8, 14)), Region: "DE-BE",
		Exceptions: []timetable.Exception{
			exception(t, "2026-12-21", "2027-01-01", "Christmas holidays"),
			exception(t, "2026-12-22", "2026-12-22", "Open day", hours(10, 13)...),
			exception(t, "2026-10-03", "2026-10-03", "Night of the museums", hours(18, 2)...),
		},
		Calendar: timetable.Calendar{Days: []timetable.Range{{From: day(t, "2026-10-19"), To: day(t, "2026-10-31"), Name: "Herbstferien"}}},
	}
	for _, tt := range []struct {
		name, day string
		room      timetable.Timetable
		how       occupancy.How
		called    string
		want      string
	}{
		{"a school day", "2026-11-16", timetable.Timetable{}, occupancy.Timetable, "", "16 08:00 to 14:00"},
		{"a Sunday", "2026-11-15", timetable.Timetable{}, occupancy.Timetable, "", ""},
		{"school holidays", "2026-10-20", timetable.Timetable{}, occupancy.Holiday, "Herbstferien", ""},
		{"a public holiday", "2027-03-08", timetable.Timetable{}, occupancy.Holiday, "Frauentag", ""},
		{"closed", "2026-12-23", timetable.Timetable{}, occupancy.Exception, "Christmas holidays", ""},
		{"open within closed days", "2026-12-22", timetable.Timetable{}, occupancy.Exception, "Open day", "22 10:00 to 13:00"},
		{"open on a public holiday", "2026-10-03", timetable.Timetable{}, occupancy.Exception, "Night of the museums", "03 18:00 to 02:00"},
		{"a room of its own", "2026-11-16", timetable.Timetable{Weekly: weekdays(hours(14, 18))}, occupancy.Timetable, "", "16 14:00 to 18:00"},
		{"a room that nobody uses", "2026-11-16", timetable.Timetable{Weekly: &occupancy.Weekly{}}, occupancy.Timetable, "", ""},
		{"a room of its own in holidays", "2026-10-20", timetable.Timetable{Weekly: weekdays(hours(14, 18))}, occupancy.Holiday, "Herbstferien", ""},
		{
			"care in holidays", "2026-10-20",
			timetable.Timetable{Exceptions: []timetable.Exception{exception(t, "2026-10-19", "2026-10-23", "Care", hours(9, 12)...)}},
			occupancy.Exception, "Care", "20 09:00 to 12:00",
		},
	} {
		p := timetable.Plan{Site: school, Room: tt.room, Zone: berlin(t)}
		got := p.Day(day(t, tt.day))
		spans := ""
		for _, s := range got.Spans {
			spans += s.From.Format("02 15:04") + " to " + s.To.Format("15:04")
		}
		if got.How != tt.how || got.Name != tt.called || spans != tt.want {
			t.Errorf("%s: %s %q %q, want %s %q %q", tt.name, got.How, got.Name, spans, tt.how, tt.called, tt.want)
		}
	}
	nothing := timetable.Plan{Site: timetable.Timetable{Region: "DE-BE"}, Zone: berlin(t)}
	if got := nothing.Day(day(t, "2026-11-16")); got.Known() {
		t.Errorf("a site that says nothing of its weeks: %+v", got)
	}
}

func TestPublicHolidays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		region, day string
		want        bool
	}{
		{"DE-BE", "2026-03-08", true},
		{"DE-BY", "2026-03-08", false},
		{"DE-BY", "2026-06-04", true},
		{"DE-BE", "2026-06-04", false},
		{"DE-SN", "2026-11-18", true},
		{"DE-BE", "2026-10-03", true},
		{"AT", "2026-10-26", true},
		{"FR", "2026-07-14", true},
		{"NL", "2026-04-27", true},
		{"BE", "2026-07-21", true},
		{"CH-ZH", "2026-08-01", true},
		{"GB-EAW", "2026-12-28", true},
		{"GB-EAW", "2026-12-29", false},
		{"", "2026-12-25", false},
		{"XX", "2026-12-25", false},
		{"GB", "2026-12-25", false}, // Scotland has other ones
	} {
		if name, got := timetable.PublicHoliday(tt.region, day(t, tt.day)); got != tt.want {
			t.Errorf("%s in %q: %t (%s), want %t", tt.day, tt.region, got, name, tt.want)
		}
	}
	for _, r := range timetable.Regions() {
		if name, ok := timetable.PublicHoliday(r.ID, day(t, "2027-12-25")); !ok || name == "" {
			t.Errorf("%s has no Christmas", r.ID)
		}
		if !strings.HasPrefix(r.ID, r.Country) || !timetable.IsRegion(r.ID) {
			t.Errorf("%+v", r)
		}
	}
}

func TestWhatATimetableMayNotHave(t *testing.T) {
	t.Parallel()
	site := timetable.Holder{ID: 1}
	room := timetable.Holder{Room: true, ID: 1}
	now := time.Now()
	many := make([]timetable.Exception, timetable.MaxExceptions+1)
	for i := range many {
		many[i] = exception(t, "2026-01-01", "2026-01-01", "")
	}
	long := make([]timetable.Exception, timetable.MaxExceptions)
	for i := range long {
		long[i] = exception(t, "2026-01-01", "2026-01-01", strings.Repeat("ä", timetable.MaxName))
	}
	for _, tt := range []struct {
		name   string
		holder timetable.Holder
		table  timetable.Timetable
		field  string
		why    reason.Reason
	}{
		{"two at once", site, timetable.Timetable{Weekly: weekdays(append(hours(8, 10), hours(9, 11)...))}, "weekly", reason.HoursOverlap},
		{"no time", site, timetable.Timetable{Weekly: weekdays(hours(8, 8))}, "weekly", reason.InvalidHours},
		{"too many exceptions", site, timetable.Timetable{Exceptions: many}, "exceptions", reason.MaxValue},
		{"exceptions that are too long together", site, timetable.Timetable{Exceptions: long}, "exceptions", reason.MaxLength},
		{"backwards", site, timetable.Timetable{Exceptions: []timetable.Exception{exception(t, "2026-01-02", "2026-01-01", "")}}, "exceptions", reason.EndsBeforeStart},
		{"for ever", site, timetable.Timetable{Exceptions: []timetable.Exception{exception(t, "2026-01-01", "2027-01-02", "")}}, "exceptions", reason.MaxValue},
		{"no day", site, timetable.Timetable{Exceptions: []timetable.Exception{{}}}, "exceptions", reason.Required},
		{"no last day", site, timetable.Timetable{Exceptions: []timetable.Exception{{Range: timetable.Range{From: day(t, "2026-01-01")}}}}, "exceptions", reason.Required},
		{"a long name", site, timetable.Timetable{Exceptions: []timetable.Exception{exception(t, "2026-01-01", "2026-01-01", strings.Repeat("ä", 101))}}, "exceptions", reason.MaxLength},
		{"two at once on a day", site, timetable.Timetable{Exceptions: []timetable.Exception{exception(t, "2026-01-01", "2026-01-01", "", append(hours(8, 10), hours(9, 11)...)...)}}, "exceptions", reason.HoursOverlap},
		{"nowhere", site, timetable.Timetable{Region: "DE"}, "holiday_region", reason.DoesNotExist},
		{"a room somewhere", room, timetable.Timetable{Region: "DE-BE"}, "holiday_region", reason.SiteOnly},
		{"a room with a calendar", room, timetable.Timetable{Calendar: timetable.Calendar{ReadAt: &now}}, "calendar_url", reason.SiteOnly},
		{"a file", site, timetable.Timetable{CalendarURL: "file:///etc/passwd"}, "calendar_url", reason.InvalidCalendarURL},
		{"an unsafe address", site, timetable.Timetable{CalendarURL: "http://example.com/a.ics"}, "calendar_url", reason.InvalidCalendarURL},
		{"another port", site, timetable.Timetable{CalendarURL: "https://example.com:6379/a.ics"}, "calendar_url", reason.InvalidCalendarURL},
		{"an address that is long as it is kept", site, timetable.Timetable{CalendarURL: "https://example.com/" + strings.Repeat("ä", 100)}, "calendar_url", reason.InvalidCalendarURL},
		{"a name of our own network", site, timetable.Timetable{CalendarURL: "https://redis/a.ics"}, "calendar_url", reason.InvalidCalendarURL},
		{"one of the root", site, timetable.Timetable{CalendarURL: "https://redis./a.ics"}, "calendar_url", reason.InvalidCalendarURL},
		{"an address that is longer when it is written", site, timetable.Timetable{CalendarURL: "https://example.com/" + strings.Repeat(" ", 300) + "a"}, "calendar_url", reason.InvalidCalendarURL},
		{"a password", site, timetable.Timetable{CalendarURL: "https://a:b@example.com/a.ics"}, "calendar_url", reason.InvalidCalendarURL},
	} {
		v := tt.table.Check(tt.holder)
		if v == nil || v.Field != tt.field || !v.Reason.Equal(tt.why) {
			t.Errorf("%s: %v, want %s of %s", tt.name, v, tt.why.Code(), tt.field)
		}
	}
	good := timetable.Timetable{
		Weekly: weekdays(hours(8, 14)), Region: "DE-BE", CalendarURL: " webcal://example.com/a.ics",
		Exceptions: []timetable.Exception{exception(t, "2026-01-01", "2026-12-31", " a year ")},
	}
	if v := good.Check(site); v != nil {
		t.Fatal(v)
	}
	if got := []string{good.CalendarURL, good.Exceptions[0].Name}; !cmp.Equal(got, []string{"https://example.com/a.ics", "a year"}) {
		t.Errorf("kept as %q", got)
	}
}

// A client sends back what it got: a calendar that was uploaded has no address, and stays.
func TestWhatIsSentBackChangesNothing(t *testing.T) {
	t.Parallel()
	days := []timetable.Range{{From: day(t, "2026-10-19"), To: day(t, "2026-10-31"), Name: "Ferien"}}
	for _, tt := range []struct {
		name, was, sent string
		stays           bool
	}{
		{"an upload", "", "", true},
		{"an upload, by a field of blanks", "", " ", true},
		{"an address", "https://example.com/a.ics", "https://example.com/a.ics", true},
		{"another word for it", "https://example.com/a.ics", "webcal://example.com/a.ics", true},
		{"another one", "https://example.com/a.ics", "https://example.com/b.ics", false},
		{"none", "https://example.com/a.ics", "", false},
		{"one in place of an upload", "", "https://example.com/a.ics", false},
	} {
		table := timetable.Timetable{CalendarURL: tt.was, Calendar: timetable.Calendar{Days: days}}
		table.Point(tt.sent)
		if got := len(table.Calendar.Days) > 0; got != tt.stays {
			t.Errorf("%s: days are kept: %t, want %t", tt.name, got, tt.stays)
		}
	}
}

// Addresses of calendars often have a secret in them, by which everybody reads what is private.
func TestAddressIsHidden(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://example.com/private-7f3a/basic.ics?key=x#y": "https://example.com", "https://example.com:443/a.ics": "https://example.com:443", "": "",
	} {
		table := timetable.Timetable{CalendarURL: url}
		if table.HideAddress(); table.CalendarURL != want {
			t.Errorf("%q is shown as %q, want %q", url, table.CalendarURL, want)
		}
	}
}
