// Package report says how the air was in the rooms of a site, or in one room, over a period,
// and how it was before: what people forward to parents, and read by mail each week or month.
//
// A Report is made once, of the judgements of package roomair; Write says it in words, as a
// Content, of which there are three forms: PDF (Print), and the pages and mails that
// transports make. None of them knows a rule or a text of its own.
//
// What is told is what the reader may know: when people were in rooms, and the state of
// sensors, are matters of members.
package report

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

// Bounds of a report.
const (
	MaxRooms = 60
	MaxDays  = 366
)

// Period is some days of a site, both included.
type Period struct{ First, Last civil.Date }

// LastWeek is the last one, Monday to Sunday, that is over on a day.
func LastWeek(today civil.Date) Period {
	monday := today.AddDays(-(int(today.Weekday()) + 6) % 7)
	return Period{monday.AddDays(-7), monday.AddDays(-1)}
}

// LastMonth is the last one that is over on a day.
func LastMonth(today civil.Date) Period {
	first, last := roomair.LastMonth(today)
	return Period{first, last}
}

// Days is how many they are.
func (p Period) Days() int { return p.First.DaysUntil(p.Last) + 1 }

// wholeMonths is how many months they are, 0 when they are none.
func (p Period) wholeMonths() int {
	next := p.Last.AddDays(1)
	if p.First.Day != 1 || next.Day != 1 {
		return 0
	}
	return 12*(next.Year-p.First.Year) + int(next.Month) - int(p.First.Month)
}

// Before is what came before: as many months, or as many days.
func (p Period) Before() Period {
	last := p.First.AddDays(-1)
	n := p.wholeMonths()
	if n == 0 {
		return Period{last.AddDays(1 - p.Days()), last}
	}
	return Period{civil.DateOf(time.Date(p.First.Year, p.First.Month-time.Month(n), 1, 12, 0, 0, 0, time.UTC)), last}
}

// After is what comes after: as many months, or as many days.
func (p Period) After() Period {
	first := p.Last.AddDays(1)
	n := p.wholeMonths()
	if n == 0 {
		return Period{first, first.AddDays(p.Days() - 1)}
	}
	return Period{first, civil.DateOf(time.Date(first.Year, first.Month+time.Month(n), 0, 12, 0, 0, 0, time.UTC))}
}

// Check returns what is wrong with the days, of a request.
func (p Period) Check() *fault.Violation {
	switch {
	case p.First.Year < 2000:
		return &fault.Violation{Reason: reason.InvalidRange, Field: "from"}
	case p.Days() < 1:
		return &fault.Violation{Reason: reason.EndsBeforeStart, Field: "to"}
	case p.Days() > MaxDays:
		return &fault.Violation{Reason: reason.MaxValue, Field: "to", Args: []any{MaxDays}}
	}
	return nil
}

func (p Period) in(loc *time.Location) airquality.Period {
	return airquality.Between(p.First, p.Last, loc)
}

// Sensor is how a sensor in a room did over a period.
type Sensor struct {
	RoomID int64
	Name   string
	// Silences is how often it was silent, Silent for how long together.
	Silences int
	Silent   time.Duration
	// Suspected and Faulty are what is known of it now.
	Suspected, Faulty bool
	// BatteryPercent is nil when nobody told.
	BatteryPercent *int
}

// Store knows what other packages do not tell.
type Store interface {
	// Sensors returns those that were in rooms in a time, by name; none to whoever is no member.
	Sensors(ctx context.Context, caller access.Caller, rooms []int64, from, to time.Time) ([]Sensor, error)
}

// Room is a room over a period.
type Room struct {
	ID   int64
	Name string
	// Now and Before are the judgements of the period, and of the one before.
	Now, Before roomair.Judgement
	Course      Course
	Sensors     []Sensor
}

// Report is how the air was.
type Report struct {
	Organization, Site string
	SiteID             int64
	// One is set when it is about one room.
	One    bool
	Period Period
	Zone   *time.Location
	MadeAt time.Time
	Rooms  []Room
	// More is how many rooms there are beside them.
	More int
}

// Measured reports whether anything was measured in a room.
func (r *Report) Measured() bool {
	return slices.ContainsFunc(r.Rooms, func(room Room) bool { return room.Course.Measured() })
}

// Maker makes reports.
type Maker struct {
	Air       roomair.Service
	Inventory inventory.Store
	Store     Store
}

// Today is the day at a site, for whoever may see it.
func (m Maker) Today(ctx context.Context, caller access.Caller, site int64, now time.Time) (civil.Date, error) {
	s, err := m.Inventory.Sites.Get(ctx, caller, site)
	return civil.DateOf(now.In(inventory.LocationOrUTC(s.TimeZone))), err
}

// OfSite makes that of a site.
func (m Maker) OfSite(ctx context.Context, caller access.Caller, id int64, p Period, now time.Time) (*Report, error) {
	site, err := m.Inventory.Sites.Get(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	rooms, count, err := m.Inventory.Rooms.List(ctx, caller, inventory.Query{Site: id, Sort: []inventory.Order{{By: "name"}}, Limit: MaxRooms})
	if err != nil {
		return nil, err
	}
	r, err := m.make(ctx, caller, &site, rooms, p, now)
	if err == nil {
		r.More = count - len(rooms)
	}
	return r, err
}

// OfRoom makes that of a room.
func (m Maker) OfRoom(ctx context.Context, caller access.Caller, id int64, p Period, now time.Time) (*Report, error) {
	room, err := m.Inventory.Rooms.Get(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	site, err := m.Inventory.Sites.Get(ctx, caller, room.SiteID)
	if err != nil {
		return nil, err
	}
	r, err := m.make(ctx, caller, &site, []inventory.Room{room}, p, now)
	if err == nil {
		r.One = true
	}
	return r, err
}

func (m Maker) make(ctx context.Context, caller access.Caller, site *inventory.Site, rooms []inventory.Room, p Period, now time.Time) (*Report, error) {
	organization, err := m.Inventory.Organizations.Get(ctx, caller, site.OperatorID)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Organization: organization.Name, Site: site.Name, SiteID: site.ID, Period: p, Zone: inventory.LocationOrUTC(site.TimeZone), MadeAt: now,
	}
	ids := make([]int64, len(rooms))
	for i := range rooms {
		ids[i] = rooms[i].ID
		room, err := m.room(ctx, caller, &rooms[i], p, now)
		if fault.Is(err, fault.NotFound) {
			continue // it was deleted since
		}
		if err != nil {
			return nil, err
		}
		r.Rooms = append(r.Rooms, room)
	}
	within := p.in(r.Zone)
	// Of a period that goes on, nobody has been silent in what is to come.
	until := within.To
	if now.Before(until) {
		until = now
	}
	sensors, err := m.Store.Sensors(ctx, caller, ids, within.From, until)
	if err != nil {
		return nil, err
	}
	for i := range r.Rooms {
		for _, s := range sensors {
			if s.RoomID == r.Rooms[i].ID {
				r.Rooms[i].Sensors = append(r.Rooms[i].Sensors, s)
			}
		}
	}
	return r, nil
}

func (m Maker) room(ctx context.Context, caller access.Caller, of *inventory.Room, p Period, now time.Time) (Room, error) {
	r := Room{ID: of.ID, Name: of.Name}
	var evidence roomair.Evidence
	var err error
	if r.Now, evidence, err = m.Air.Explain(ctx, caller, of.ID, p.in, now); err == nil {
		r.Course = CourseOf(evidence, p)
		r.Before, _, err = m.Air.Explain(ctx, caller, of.ID, p.Before().in, now)
	}
	if err != nil {
		return r, fmt.Errorf("report of room %d: %w", of.ID, err)
	}
	return r, nil
}

// meanPPM is the mean of occupied time, and the highest value of it; ok is false when none is known.
func meanPPM(j *roomair.Judgement) (mean, highest float64, ok bool) {
	known := time.Duration(0)
	for _, d := range j.Days {
		mean += d.MeanPPM * d.Known.Hours()
		highest = max(highest, d.MaxPPM)
		known += d.Known
	}
	if known == 0 {
		return 0, 0, false
	}
	return mean / known.Hours(), highest, true
}
