package occupancy_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func date(t *testing.T, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hours reads times like 08:00-14:00.
func hours(t *testing.T, texts ...string) (all []occupancy.Hours) {
	t.Helper()
	for _, text := range texts {
		from, err := civil.ParseClock(text[:5])
		if err != nil {
			t.Fatal(err)
		}
		to, err := civil.ParseClock(text[6:])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, occupancy.Hours{From: from, To: to})
	}
	return all
}

// shown writes spans as UTC sees them.
func shown(spans []occupancy.Span) (all []string) {
	for _, s := range spans {
		const form = "01-02 15:04"
		all = append(all, s.From.UTC().Format(form)+" to "+s.To.UTC().Format(form)+" "+string(s.How))
	}
	return all
}

func TestWeekOfASite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, day string
		hours           []string
		want            []string
	}{
		{
			"lessons that touch stay two", "Europe/Berlin", "2026-11-16",
			[]string{"08:00-08:45", "08:45-09:30"},
			[]string{"11-16 07:00 to 11-16 07:45 timetable", "11-16 07:45 to 11-16 08:30 timetable"},
		},
		{
			"in any order", "Europe/Berlin", "2026-07-13",
			[]string{"13:00-17:00", "09:00-12:00"},
			[]string{"07-13 07:00 to 07-13 10:00 timetable", "07-13 11:00 to 07-13 15:00 timetable"},
		},
		{"a night", "Europe/Berlin", "2026-11-16", []string{"20:00-02:00"}, []string{"11-16 19:00 to 11-17 01:00 timetable"}},
		{"until midnight", "Europe/Berlin", "2026-11-16", []string{"20:00-24:00"}, []string{"11-16 19:00 to 11-16 23:00 timetable"}},
		{"all day", "Europe/Berlin", "2026-11-16", []string{"00:00-24:00"}, []string{"11-15 23:00 to 11-16 23:00 timetable"}},
		{"a night in which clocks are put back", "Europe/Berlin", "2026-10-24", []string{"20:00-03:00"}, []string{"10-24 18:00 to 10-25 02:00 timetable"}},
		{"a night that ends in the hour that comes twice", "Europe/Berlin", "2026-10-24", []string{"20:00-02:30"}, []string{"10-24 18:00 to 10-25 00:30 timetable"}},
		{"a night in which clocks are put forward", "Europe/Berlin", "2026-03-28", []string{"20:00-04:00"}, []string{"03-28 19:00 to 03-29 02:00 timetable"}},
		{"a night that ends in the hour that is skipped", "Europe/Berlin", "2026-03-28", []string{"20:00-02:30"}, []string{"03-28 19:00 to 03-29 01:00 timetable"}},
		{"all of it skipped", "Europe/Berlin", "2026-03-29", []string{"02:10-02:50"}, nil},
		{"the day of the change", "Europe/Berlin", "2026-03-29", []string{"08:00-14:00"}, []string{"03-29 06:00 to 03-29 12:00 timetable"}},
		{"clocks put forward at midnight", "America/Santiago", "2026-09-06", []string{"00:00-08:00"}, []string{"09-06 04:00 to 09-06 11:00 timetable"}},
		{"a day that was left out", "Pacific/Apia", "2011-12-30", []string{"08:00-14:00"}, nil},
		{"a site far in the east", "Pacific/Kiritimati", "2026-11-16", []string{"08:00-14:00"}, []string{"11-15 18:00 to 11-16 00:00 timetable"}},
		{"nobody there", "Europe/Berlin", "2026-11-16", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w occupancy.Weekly
			day := date(t, tt.day)
			w[day.Weekday()] = hours(t, tt.hours...)
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
			got := w.On(day, zone(t, tt.zone))
			if diff := cmp.Diff(tt.want, shown(got.Spans)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if got.How != occupancy.Timetable || !got.Known() {
				t.Errorf("the day is known by %s", got.How)
			}
		})
	}
}

func TestWhatNoTimetableMayHave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		week map[time.Weekday][]string
		want error
	}{
		{"nothing", nil, nil},
		{"every day and night", map[time.Weekday][]string{0: {"00:00-24:00"}, 1: {"00:00-24:00"}, 2: {"00:00-24:00"}, 6: {"00:00-24:00"}}, nil},
		{"one after the other", map[time.Weekday][]string{1: {"08:00-09:00", "09:00-10:00"}}, nil},
		{"two at once", map[time.Weekday][]string{1: {"08:00-09:30", "09:00-10:00"}}, occupancy.ErrOverlap},
		{"the same twice", map[time.Weekday][]string{1: {"08:00-09:00", "08:00-09:00"}}, occupancy.ErrOverlap},
		{"a night until the day begins", map[time.Weekday][]string{1: {"22:00-06:00"}, 2: {"06:00-07:00"}}, nil},
		{"a night into the next day", map[time.Weekday][]string{1: {"22:00-06:01"}, 2: {"06:00-07:00"}}, occupancy.ErrOverlap},
		{"a night into the next week", map[time.Weekday][]string{6: {"22:00-06:01"}, 0: {"06:00-07:00"}}, occupancy.ErrOverlap},
		{"no time", map[time.Weekday][]string{1: {"08:00-08:00"}}, occupancy.ErrClock},
		{"from the end of the day", map[time.Weekday][]string{1: {"24:00-08:00"}}, occupancy.ErrClock},
	} {
		var w occupancy.Weekly
		for day, texts := range tt.week {
			w[day] = hours(t, texts...)
		}
		if got := w.Check(); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	var w occupancy.Weekly
	for i := range civil.Clock(occupancy.MaxHours + 1) {
		w[1] = append(w[1], occupancy.Hours{From: i * 2, To: i*2 + 1})
	}
	if err := w.Check(); !errors.Is(err, occupancy.ErrTooMany) {
		t.Errorf("one more than the most: %v", err)
	}
}

// A night that reaches into hours of the next day is told once.
func TestSpansDoNotOverlap(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	var night, day occupancy.Weekly
	night[time.Monday], day[time.Tuesday] = hours(t, "22:00-04:00"), hours(t, "00:00-03:00", "03:30-05:00")
	days := []occupancy.Day{day.On(date(t, "2026-11-17"), berlin), night.On(date(t, "2026-11-16"), berlin)}
	want := []string{"11-16 21:00 to 11-17 03:00 timetable", "11-17 03:00 to 11-17 04:00 timetable"}
	if diff := cmp.Diff(want, shown(occupancy.Spans(days))); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestATimeHasBothEnds(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"from":"20:00"}`, `{"to":"20:00"}`, `{"from":"20:00","to":null}`, `{}`, `null`, `{"from":"08:00","to":"09:00","until":"10:00"}`} {
		var h occupancy.Hours
		if err := json.Unmarshal([]byte(text), &h); err == nil {
			t.Errorf("%s was read as %v", text, h)
		}
	}
}

// A week is read as it is written, and what is no week is an error.
func FuzzWeekly(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"Mo":[{"from":"8:00","to":"14:00"}]}`, `{"Su":[{"from":"22:00","to":"02:00"}],"Sa":[]}`, `{"Xx":[]}`, `[]`, `null`, `{"Mo":[{"from":"25:00"}]}`,
		`{"Mo":[{"from":"08:00","until":"9:00"}]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w, again occupancy.Weekly
		if json.Unmarshal([]byte(text), &w) != nil {
			return
		}
		written, err := json.Marshal(&w)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s, written and read:\n%s", text, diff)
		}
		_ = w.Check()
	})
}
