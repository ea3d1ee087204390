package occupancy

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

const week = 7 * civil.EndOfDay

// Hours is a time between two of the clock. Where To is not after From it is the time
// of the next day: 22:00 to 02:00.
type Hours struct {
	From civil.Clock `json:"from"`
	To   civil.Clock `json:"to"`
}

// on returns the hours of a day in a zone; what is empty because clocks skipped it is
// not there.
func (h Hours) on(date civil.Date, zone *time.Location, how How) (Span, bool) {
	end := date
	if h.To <= h.From {
		end = date.AddDays(1)
	}
	s := Span{From: date.At(h.From, zone), To: end.At(h.To, zone), How: how}
	return s, s.From.Before(s.To)
}

// length returns how long it is where no clock is changed.
func (h Hours) length() civil.Clock {
	if h.To <= h.From {
		return h.To + civil.EndOfDay - h.From
	}
	return h.To - h.From
}

// MaxHours is how many times a day may have.
const MaxHours = 24

// What is wrong with hours.
var (
	// ErrTooMany says that a day has more than MaxHours.
	ErrTooMany = errors.New("there are too many times")
	// ErrClock says that a time is none of the clock, or that one ends as it begins.
	ErrClock = errors.New("a time has to begin and end on the clock, and not at once")
	// ErrOverlap says that two times overlap.
	ErrOverlap = errors.New("two times overlap")
)

// CheckHours tells what is wrong with the hours of one day: ErrTooMany, ErrClock or
// ErrOverlap.
func CheckHours(hours []Hours) error {
	var w Weekly
	w[0] = hours
	return w.Check()
}

func checkHours(hours []Hours) error {
	if len(hours) > MaxHours {
		return ErrTooMany
	}
	for _, h := range hours {
		if h.From < 0 || h.From >= civil.EndOfDay || h.To < 0 || h.To > civil.EndOfDay || h.From == h.To {
			return ErrClock
		}
	}
	return nil
}

// Weekly is a timetable: the hours of each day of the week, Sunday being day 0 as it is
// in package time. It is about people being there, so breaks are left out.
type Weekly [7][]Hours

// Check tells what is wrong: ErrTooMany, ErrClock or ErrOverlap. Overlaps are looked for
// around the whole week, because a night reaches into the next day.
func (w *Weekly) Check() error {
	type stretch struct{ from, to civil.Clock } // since the midnight before Sunday
	var all []stretch
	for day, hours := range w {
		if err := checkHours(hours); err != nil {
			return err
		}
		for _, h := range hours {
			from := civil.Clock(day)*civil.EndOfDay + h.From
			all = append(all, stretch{from, from + h.length()})
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	for i, s := range all {
		next := all[(i+1)%len(all)].from
		if i == len(all)-1 {
			next += week
		}
		if s.to > next {
			return ErrOverlap
		}
	}
	return nil
}

// On returns the day as the timetable has it, by the clocks of a zone. The hours may be
// given in any order.
func (w *Weekly) On(date civil.Date, zone *time.Location) Day {
	return Day{Date: date, How: Timetable, Spans: SpansOf(w[date.Weekday()], date, zone, Timetable)}
}

// SpansOf returns the hours of a day, by the clocks of a zone, in ascending order.
func SpansOf(hours []Hours, date civil.Date, zone *time.Location, how How) []Span {
	var spans []Span
	for _, h := range hours {
		if s, ok := h.on(date, zone, how); ok {
			spans = append(spans, s)
		}
	}
	return Spans([]Day{{Spans: spans}})
}
