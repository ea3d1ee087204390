package civil_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/clairberlin/clair-stack/pkg/civil"
)

func date(t *testing.T, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDates(t *testing.T) {
	t.Parallel()
	d := date(t, "2026-02-27")
	if got := d.AddDays(2).String(); got != "2026-03-01" {
		t.Errorf("two days after %s: %s", d, got)
	}
	if got := d.DaysUntil(date(t, "2026-03-29")); got != 30 {
		t.Errorf("%d days until the change of clocks, want 30", got)
	}
	if d.Compare(d.AddDays(1)) != -1 || d.Compare(d) != 0 || d.AddDays(1).Compare(d) != 1 {
		t.Error("the order of days is wrong")
	}
	for _, text := range []string{"", "2026-02-30", "2026-2-3", "0000-01-01", "2026-02-03T00:00:00Z", "12026-01-01"} {
		if got, err := civil.ParseDate(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

// Where clocks are changed, a time comes twice, or not at all.
func TestTimesInAZone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, day, clock, zone, want string }{
		{"an ordinary time", "2026-11-29", "08:00", "Europe/Berlin", "2026-11-29T07:00:00Z"},
		{"the end of a day is the begin of the next", "2026-11-29", "24:00", "Europe/Berlin", "2026-11-29T23:00:00Z"},
		{"a skipped time is the change", "2026-03-29", "02:30", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"of two, the first", "2026-10-25", "02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"},
		{"a midnight that was skipped", "2026-04-24", "00:00", "Africa/Cairo", "2026-04-23T22:00:00Z"},
		{"a day that was left out", "2011-12-30", "12:00", "Pacific/Apia", "2011-12-30T10:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			clock, err := civil.ParseClock(test.clock)
			if err != nil {
				t.Fatal(err)
			}
			if got := date(t, test.day).At(clock, zone).UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func FuzzParseClock(f *testing.F) {
	for _, text := range []string{"08:00", "8:00", "24:00", "24:01", "7:5", "-1:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := civil.ParseClock(text)
		if err != nil {
			return
		}
		if again, err := civil.ParseClock(c.String()); err != nil || again != c {
			t.Errorf("%q is %s, which is read as %s, %v", text, c, again, err)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2026-11-29", "2024-02-29", "0001-01-01", "9999-12-31"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := civil.ParseDate(text)
		if err != nil {
			return
		}
		if d.String() != text || !slices.Contains([]int{-1, 0}, d.Compare(d.AddDays(1))) {
			t.Errorf("%q is %s", text, d)
		}
	})
}
