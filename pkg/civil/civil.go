// Package civil knows days and times as calendars and clocks on walls show them, without
// a time zone. What they are in a zone is asked with it, because clocks are changed: a
// time may be skipped, or come twice.
package civil

import (
	"fmt"
	"time"
)

// Date is a calendar day, without a time zone. It can be compared with ==, and is
// written like 2026-11-29.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day of a time, by the clocks of the zone that the time carries.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// ParseDate reads a day from the year 1 to 9999.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("%q is not a day like 2026-11-29", text)
	}
	return DateOf(t), nil
}

func (d Date) String() string { return d.noon().Format(time.DateOnly) }

// AddDays returns the day n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date { return DateOf(d.noon().AddDate(0, 0, n)) }

// Weekday returns that of the day.
func (d Date) Weekday() time.Weekday { return d.noon().Weekday() }

// Compare returns -1 when the day is before another, +1 when it is after, and 0 else.
func (d Date) Compare(other Date) int { return d.noon().Compare(other.noon()) }

// DaysUntil counts the days from this one to another.
func (d Date) DaysUntil(other Date) int {
	return int(other.noon().Sub(d.noon()) / (24 * time.Hour))
}

// MarshalText writes 2026-11-29.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDate.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

func (d Date) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// In returns the first instant of the day in a time zone. That is not always
// midnight: some zones put clocks forward at that time.
func (d Date) In(zone *time.Location) time.Time { return d.At(0, zone) }

// At returns when clocks of a zone show a time of the day, the first time when they
// show it twice. A time that clocks skip is the instant of the change; of a day that a
// zone left out as a whole, all times are the begin of the next. A day may be given
// beyond its month, as time.Date allows.
func (d Date) At(clock Clock, zone *time.Location) time.Time {
	utc := time.Date(d.Year, d.Month, d.Day, 0, int(clock), 0, 0, time.UTC)
	// Offsets are at most 14 hours, so the change, if any, lies between these.
	_, before := utc.Add(-36 * time.Hour).In(zone).Zone()
	_, after := utc.Add(36 * time.Hour).In(zone).Zone()
	// The larger offset is the earlier instant.
	for _, offset := range []int{max(before, after), min(before, after)} {
		t := utc.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, actual := t.Zone(); actual == offset {
			return t
		}
	}
	// It was skipped: clocks were put forward over it.
	change, _ := utc.Add(-time.Duration(before) * time.Second).In(zone).ZoneBounds()
	return change.In(zone)
}
