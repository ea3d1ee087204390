package timetable

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Room is what it takes to decide the days of a room.
type Room struct {
	ID         int64
	TimeZone   string
	Site, Room Timetable
	// Installations are the times in which nodes were in the room; an open end is the zero
	// time.
	Installations []telemetry.Span
	// DecidedUntil is the last day that is decided, nil: none is.
	DecidedUntil *occupancy.Date
	// Again says from when on the past is to be decided anew, nil: it stays.
	Again *Again
}

// Again is the wish that the past is decided anew.
type Again struct {
	From     occupancy.Date
	WantedAt time.Time
}

// Decisions are those that are to be kept.
type Decisions struct {
	Room int64
	// From and Until are the first and the last day that was decided. What is kept of them
	// is replaced by Days, which has those of which something is known.
	From, Until occupancy.Date
	Days        []occupancy.Day
	At          time.Time
	// Again is Room.Again. It is done with, unless there are More days after Until, or it
	// was wanted once more in the meantime.
	Again *Again
	More  bool
}

// DecisionStore is what a Decider needs.
type DecisionStore interface {
	// Undecided returns rooms in the order of their ids, after one: those with a day to be
	// decided until the given last one, or anew.
	Undecided(ctx context.Context, after int64, last occupancy.Date, limit int) ([]Room, error)
	Keep(ctx context.Context, d Decisions) error
}

// Decider decides what past days were.
type Decider struct {
	Store   DecisionStore
	Samples telemetry.Store
	Log     *slog.Logger
}

const (
	// roomsAtOnce is how many rooms are read at once, daysAtOnce how many days of a room
	// are decided before they are kept.
	roomsAtOnce = 100
	daysAtOnce  = 31
	// eastmost is the largest offset of a zone: there, a day is over first.
	eastmost = 14 * time.Hour
)

// Run decides the days that are past, of all rooms, and returns how many. Days that are
// decided stay as they are, except for those that are to be decided anew. What is done
// before it is interrupted is kept.
func (d Decider) Run(ctx context.Context, now time.Time) (days int, err error) {
	last := occupancy.DateOf(now.UTC().Add(eastmost - Settle)).AddDays(-1)
	for after := int64(0); ; {
		rooms, err := d.Store.Undecided(ctx, after, last, roomsAtOnce)
		if err != nil || len(rooms) == 0 {
			return days, err
		}
		for i := range rooms {
			n, err := d.room(ctx, &rooms[i], now)
			days += n
			if err != nil {
				return days, fmt.Errorf("decide the days of room %d: %w", rooms[i].ID, err)
			}
		}
		after = rooms[len(rooms)-1].ID
	}
}

func (d Decider) room(ctx context.Context, r *Room, now time.Time) (days int, err error) {
	zone, err := inventory.Location(r.TimeZone)
	if err != nil {
		// It came by a way that asks no rule; managair check names the site, too.
		d.Log.WarnContext(ctx, "the site's time zone is unknown; its days are cut in UTC", "room", r.ID, "err", err)
		zone = time.UTC
	}
	plan := Plan{Site: r.Site, Room: r.Room, Zone: zone}
	last := occupancy.DateOf(now.In(zone).Add(-Settle)).AddDays(-1)
	from, ok := r.first(last)
	for ok && from.Compare(last) <= 0 {
		until := from.AddDays(daysAtOnce - 1)
		if until.Compare(last) > 0 {
			until = last
		}
		decided := Decisions{Room: r.ID, From: from, Until: until, At: now, Again: r.Again, More: until.Compare(last) < 0}
		if decided.Days, err = d.days(ctx, r, &plan, from, until); err != nil {
			return days, err
		}
		if err := d.Store.Keep(ctx, decided); err != nil {
			return days, err
		}
		days += from.DaysUntil(until) + 1
		from = until.AddDays(1)
	}
	return days, nil
}

// first returns the first day to be decided, and false when there is none.
func (r *Room) first(last occupancy.Date) (occupancy.Date, bool) {
	next := last.AddDays(1 - CatchUp)
	if r.DecidedUntil != nil {
		next = r.DecidedUntil.AddDays(1)
	}
	if r.Again != nil && r.Again.From.Compare(next) < 0 {
		next = r.Again.From
	}
	return next, next.Compare(last) <= 0
}

// days decides days of a room: by what is said, else by the air.
func (d Decider) days(ctx context.Context, r *Room, plan *Plan, from, until occupancy.Date) ([]occupancy.Day, error) {
	var days []occupancy.Day
	var air [][]occupancy.Reading
	read := false
	for date := from; date.Compare(until) <= 0; date = date.AddDays(1) {
		day := plan.Day(date)
		if !day.Known() {
			if !read {
				var err error
				if air, err = d.readings(ctx, r, plan.Zone, date, until); err != nil {
					return nil, err
				}
				read = true
			}
			day = occupancy.Infer(date, plan.Zone, air...)
		}
		if day.Known() {
			days = append(days, day)
		}
	}
	return days, nil
}

// readings returns what the room's sensors measured, as far as it tells of days.
func (d Decider) readings(ctx context.Context, r *Room, zone *time.Location, from, until occupancy.Date) ([][]occupancy.Reading, error) {
	begin := from.AddDays(-occupancy.InferenceDays).In(zone).Add(-occupancy.InferenceMargin)
	end := until.AddDays(1).In(zone).Add(occupancy.InferenceMargin)
	var all [][]occupancy.Reading
	for _, span := range r.Installations {
		if span.From.Before(begin) {
			span.From = begin
		}
		if span.To.IsZero() || span.To.After(end) {
			span.To = end
		}
		if !span.From.Before(span.To) {
			continue
		}
		var series []occupancy.Reading
		err := d.Samples.Samples(ctx, span, func(s measurement.Sample) error {
			// What a sensor itself calls faulty says nothing of the air.
			if s.Status != measurement.Faulty {
				series = append(series, occupancy.Reading{Time: s.Time, CO2PPM: s.CO2PPM})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		all = append(all, series)
	}
	return all, nil
}
