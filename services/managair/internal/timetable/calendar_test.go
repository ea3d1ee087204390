package timetable_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

func calendar(events ...string) []byte {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\r\nUID:x\r\n" + strings.ReplaceAll(e, "\n", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	return []byte(b.String())
}

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func TestCalendarOfHolidays(t *testing.T) {
	t.Parallel()
	const open = "SUMMARY:Ferien\nDTSTART;VALUE=DATE:20261019\nDTEND;VALUE=DATE:20261101"
	for _, tt := range []struct {
		name, event string
		want        []string
		leftOut     int
	}{
		{"whole days, the end of which is none of them", "DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20270103", []string{"2026-12-21 2027-01-02"}, 0},
		{"one day", "DTSTART;VALUE=DATE:20261221", []string{"2026-12-21 2026-12-21"}, 0},
		{"one day that ends as it begins", "DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20261221", []string{"2026-12-21 2026-12-21"}, 0},
		{"from midnight to midnight", "DTSTART:20261221T000000\nDTEND:20261223T000000", []string{"2026-12-21 2026-12-22"}, 0},
		{"until a minute before midnight", "DTSTART:20261221T000000\nDTEND:20261222T235900", []string{"2026-12-21 2026-12-22"}, 0},
		{"midnights of the site in UTC", "DTSTART:20261220T230000Z\nDTEND:20261222T230000Z", []string{"2026-12-21 2026-12-22"}, 0},
		{"each year", "DTSTART;VALUE=DATE:20200224\nRRULE:FREQ=YEARLY;UNTIL=20280101", []string{
			"2023-02-24 2023-02-24", "2024-02-24 2024-02-24", "2025-02-24 2025-02-24", "2026-02-24 2026-02-24", "2027-02-24 2027-02-24",
		}, 0},
		{"leap days", "DTSTART;VALUE=DATE:20200229\nRRULE:FREQ=YEARLY", []string{"2024-02-29 2024-02-29", "2028-02-29 2028-02-29"}, 0},
		{"each year since the first", "DTSTART;VALUE=DATE:00010224\nRRULE:FREQ=YEARLY;UNTIL=20250101", []string{"2023-02-24 2023-02-24", "2024-02-24 2024-02-24"}, 0},
		{"each third year", "DTSTART;VALUE=DATE:20010224\nRRULE:FREQ=YEARLY;INTERVAL=3", []string{"2025-02-24 2025-02-24", "2028-02-24 2028-02-24"}, 0},
		{"three times", "DTSTART;VALUE=DATE:20210224\nRRULE:FREQ=YEARLY;COUNT=3", []string{"2023-02-24 2023-02-24"}, 0},
		{"over a turn of the year that is long past", "DTSTART;VALUE=DATE:20011201\nDTEND;VALUE=DATE:20020101\nRRULE:FREQ=YEARLY;UNTIL=20230101", []string{"2022-12-01 2022-12-31"}, 0},
		{"never again", "DTSTART;VALUE=DATE:20261221\nRRULE:FREQ=YEARLY;INTERVAL=9223372036854775807", []string{"2026-12-21 2026-12-21"}, 0},
		{"long past", "DTSTART;VALUE=DATE:20151221", nil, 0},
		{"called off", "DTSTART;VALUE=DATE:20261221\nSTATUS:CANCELLED", nil, 0},
		{"an evening", "DTSTART:20261221T180000\nDTEND:20261221T200000", nil, 1},
		{"each week", "DTSTART;VALUE=DATE:20261221\nRRULE:FREQ=WEEKLY", nil, 1},
		{"each second", "DTSTART;VALUE=DATE:20261221\nRRULE:FREQ=SECONDLY", nil, 1},
		{"Easter or so", "DTSTART;VALUE=DATE:20261221\nRRULE:FREQ=YEARLY;BYDAY=1MO", nil, 1},
		{"backwards", "DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20261220", nil, 1},
		{"for ever", "DTSTART;VALUE=DATE:20261221\nDTEND;VALUE=DATE:20291220", nil, 1},
		{"without a begin", "SUMMARY:x", nil, 1},
	} {
		got, err := timetable.ParseCalendar(t.Context(), calendar(open, tt.event), berlin(t), now)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var ranges []string
		for _, r := range got.Days {
			if r.Name != "Ferien" {
				ranges = append(ranges, r.From.String()+" "+r.To.String())
			}
		}
		if diff := cmp.Diff(tt.want, ranges); diff != "" || got.LeftOut != tt.leftOut {
			t.Errorf("%s: %d left out, want %d; days (-want +got):\n%s", tt.name, got.LeftOut, tt.leftOut, diff)
		}
	}
}

func TestWhatIsNoCalendar(t *testing.T) {
	t.Parallel()
	crowd := make([]string, timetable.MaxCalendarDays+1)
	for i := range crowd {
		crowd[i] = "DTSTART;VALUE=DATE:20261221"
	}
	evenings := slices.Repeat([]string{"DTSTART:20261221T180000"}, timetable.MaxCalendarEntries)
	for name, tt := range map[string]struct {
		data []byte
		want timetable.Failure
	}{
		"nothing":                    {nil, timetable.NoCalendar},
		"a page":                     {[]byte("<html>"), timetable.NoCalendar},
		"no entry":                   {calendar(), timetable.NoCalendar},
		"evenings only":              {calendar("DTSTART:20261221T180000"), timetable.NoCalendar},
		"too long":                   {append(calendar(), make([]byte, timetable.MaxCalendar)...), timetable.TooLarge},
		"too many":                   {calendar(crowd...), timetable.TooLarge},
		"too many that are left out": {calendar(append(evenings, "DTSTART;VALUE=DATE:20261221")...), timetable.TooLarge},
	} {
		if _, err := timetable.ParseCalendar(t.Context(), tt.data, berlin(t), now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// shelf has calendars that are due, by their addresses.
type shelf struct {
	mu        sync.Mutex
	due, kept []string
}

func (s *shelf) DueCalendar(context.Context, time.Time) (timetable.DueCalendar, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 {
		return timetable.DueCalendar{}, false, nil
	}
	url := s.due[0]
	s.due = s.due[1:]
	return timetable.DueCalendar{URL: url, TimeZone: "Europe/Berlin"}, true, nil
}

func (s *shelf) KeepCalendar(ctx context.Context, due timetable.DueCalendar, c timetable.Calendar) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, due.URL+string(c.Failure))
	return ctx.Err()
}

// tarpit answers "slow" after a while.
type tarpit struct{}

func (tarpit) Fetch(ctx context.Context, url string) ([]byte, error) {
	if url == "slow" {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Second):
		}
	}
	return calendar("DTSTART;VALUE=DATE:20261221"), nil
}

func TestASlowCalendarKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{due: []string{"slow", "a", "b", "c", "d", "e"}}
		// It is ended while it is read: it is read all the same, as it counts as tried.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		read, failed, err := timetable.ReadCalendars(ctx, s, tarpit{}, func() time.Time { return now })
		if read != 6 || failed != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d read, %d failed, %v", read, failed, err)
		}
		if len(s.kept) != 6 || s.kept[5] != "slow" {
			t.Errorf("read in the order %s", s.kept)
		}
	})
}

// Whoever has gone is not worked for.
func TestReadingACalendarEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := timetable.ParseCalendar(ctx, calendar("DTSTART;VALUE=DATE:20261221"), berlin(t), now); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

func FuzzParseCalendar(f *testing.F) {
	for _, event := range []string{
		"SUMMARY:Ferien\nDTSTART;VALUE=DATE:20261019\nDTEND;VALUE=DATE:20261101", "DTSTART:20261220T230000Z\nDTEND:20261222T230000Z",
		"DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=YEARLY;INTERVAL=9223372036854775807;COUNT=3", "DTSTART;TZID=Europe/Berlin:20261221T000000", "RRULE:", "DTSTART:\nDTEND:",
		"DTSTART;VALUE=DATE:99991231\nRRULE:FREQ=YEARLY;UNTIL=99991231T000000Z",
	} {
		f.Add(calendar(event))
	}
	zone := berlin(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := timetable.ParseCalendar(t.Context(), data, zone, now)
		if err != nil {
			return
		}
		for i, r := range c.Days {
			if r.To.Compare(r.From) < 0 || r.From.DaysUntil(r.To) > 366 || len([]rune(r.Name)) > timetable.MaxName {
				t.Errorf("%+v", r)
			}
			if i > 0 && r.From.Compare(c.Days[i-1].From) < 0 {
				t.Error("not in order")
			}
		}
	})
}
