// Package occupancy says when people are in a room, and how that is known. Every
// judgement of air speaks of occupied time, so a wrong guess here is a wrong verdict:
// what is not known is Unknown, and never an empty room.
//
// The calendar is that of the site: days, hours of the week and closed days are those
// of its time zone, also when clocks change. Which room has which timetable is the
// store's matter, and what is made of occupied time that of the evaluator.
//
// The trap: a day has what begins on it. The Friday of a bar ends on Saturday at two.
package occupancy

import (
	"cmp"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// How says how it is known that people are in a room, or that nobody is.
type How string

// The ways, the most certain last to first: what somebody said about the very day
// outweighs what is said about every week, and both outweigh what the air tells.
const (
	// Timetable: the weekly timetable of the room, or of its site, says so.
	Timetable How = "timetable"
	// Exception: somebody said so about this day: closed, or open at other times.
	Exception How = "exception"
	// Holiday: the day is a public holiday of the region, or one of a calendar of
	// holidays. Spans never have it, only days without any.
	Holiday How = "holiday"
	// Inferred: nobody said anything, and CO2 rose above the room's own baseline as it
	// does with people only. It finds when the air was used, not who was there, and
	// misses people who leave no trace: few of them, or beside an open window.
	Inferred How = "inferred"
	// Unknown: nobody said anything, and the air tells nothing. Spans never have it. A
	// day like that must not be judged.
	Unknown How = "unknown"
)

// Span is a time during which people are in a room.
type Span struct {
	// From is the begin, To the end, which is no part of it: From is before To. Both
	// carry the time zone of the site when a timetable made them, and UTC when they come
	// from the store.
	From, To time.Time
	// How is Timetable, Exception or Inferred.
	How How
}

// Day is the occupied time of a calendar day of the site.
type Day struct {
	Date civil.Date
	// How says how the day is known, also when nobody is there: a Sunday on which the
	// timetable has nothing is known by the Timetable, and empty.
	How How
	// Name is that of the exception or holiday, as it was given; else empty.
	Name string
	// Spans begin on the day, in ascending order, and do not overlap. The last one may
	// reach into the next day.
	Spans []Span
}

// Known reports whether it is known when people were there, or that nobody was.
func (d *Day) Known() bool { return d.How != Unknown }

// Spans returns those of days in ascending order, so that none overlaps another: where
// a night of one day reaches into hours of the next, those begin later. Spans that only
// touch stay apart, for lessons that follow each other are two.
func Spans(days []Day) []Span {
	var all []Span
	for i := range days {
		all = append(all, days[i].Spans...)
	}
	slices.SortStableFunc(all, func(a, b Span) int { return cmp.Or(a.From.Compare(b.From), b.To.Compare(a.To)) })
	var end time.Time
	kept := all[:0]
	for _, s := range all {
		if s.From.Before(end) {
			s.From = end
		}
		if !s.From.Before(s.To) {
			continue // another one has all of it
		}
		kept, end = append(kept, s), s.To
	}
	return kept
}
