package timetable

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Undecided is how far the days of a room are decided.
type Undecided struct {
	Room, Site int64
	TimeZone   string
	// DecidedFrom and DecidedUntil are the first and the last day that are decided, nil: none
	// is. Oldest is the first day that its sensors have samples of; it may be nil where it is
	// not before DecidedFrom.
	DecidedFrom, DecidedUntil, Oldest *civil.Date
	// Again says from when on the past is to be decided anew, nil: it stays.
	Again *Again
}

// decided reports whether a day is: where nothing of it is kept, it is unknown for good.
func (r *Undecided) decided(date civil.Date) bool {
	return r.DecidedUntil != nil && date.Compare(*r.DecidedUntil) <= 0
}

// Room is what it takes to decide the days of a room, beside what its site says.
type Room struct {
	Timetable Timetable
	// Installations are the times in which nodes were in the room; an open end is the zero
	// time.
	Installations []telemetry.Span
}

// Again is the wish that the past is decided anew.
type Again struct {
	From     civil.Date
	WantedAt time.Time
}

// Decisions are those that are to be kept.
type Decisions struct {
	Room int64
	// From and Until are the first and the last day that was decided. What is kept of them
	// is replaced by Days, which has those of which something is known.
	From, Until civil.Date
	Days        []occupancy.Day
	At          time.Time
	// Again is what is answered, nil: nothing is. It is done with, unless there are More days after Until, or it
	// was wanted once more in the meantime.
	Again *Again
	More  bool
}

// DecisionStore is what a Decider needs.
type DecisionStore interface {
	// Alone calls decide, unless it is called elsewhere in this moment.
	Alone(ctx context.Context, decide func() error) error
	// TimeZones returns those of all sites.
	TimeZones(ctx context.Context) ([]string, error)
	// Undecided returns the rooms with a day that is to be decided, or to be decided anew,
	// by the last day of their time zone, or that have samples of days before those that are
	// decided, as far as MaxRecompute goes.
	Undecided(ctx context.Context, last map[string]civil.Date) ([]Undecided, error)
	// SiteTimetable returns what a site says, the zero Timetable if that is nothing.
	SiteTimetable(ctx context.Context, site int64) (Timetable, error)
	// Room returns NotFound when the room is gone.
	Room(ctx context.Context, room int64) (Room, error)
	Keep(ctx context.Context, d Decisions) error
}

// Decider decides what past days were.
type Decider struct {
	Store   DecisionStore
	Samples telemetry.Store
	Log     *slog.Logger
}

// daysAtOnce is how many days of a room are decided before they are kept, and before it is
// the turn of the next room.
const daysAtOnce = 31

// Run decides the days that are past, of all rooms, and returns how many. Days that are
// decided stay as they are, except for those that are to be decided anew: these come after
// all new ones, and last the days of which there are older samples, some of each room in
// turn. Rooms that cannot be decided are told in the
// log. What is done before it is interrupted is kept.
func (d Decider) Run(ctx context.Context, now time.Time) (days int, err error) {
	err = d.Store.Alone(ctx, func() error {
		zones, err := d.Store.TimeZones(ctx)
		if err != nil {
			return err
		}
		last := make(map[string]civil.Date, len(zones))
		for _, name := range zones {
			if _, err := inventory.Location(name); err != nil {
				d.Log.WarnContext(ctx, "a site's time zone is unknown; its days are cut in UTC", "zone", name, "err", err)
			}
			last[name] = lastDay(now, inventory.LocationOrUTC(name))
		}
		rooms, err := d.Store.Undecided(ctx, last)
		if err != nil {
			return err
		}
		run := &deciding{Decider: d, now: now, last: last}
		sites := bySite(rooms)
		defer func() { days = run.days }()
		for _, next := range []next{(*Undecided).nextDue, (*Undecided).nextAgain, (*Undecided).nextOlder} {
			if err := run.turns(ctx, sites, next); err != nil {
				return err
			}
		}
		return nil
	})
	return days, err
}

// lastDay returns the last day that is over long enough.
func lastDay(now time.Time, zone *time.Location) civil.Date {
	return civil.DateOf(now.In(zone).Add(-Settle)).AddDays(-1)
}

// bySite has the rooms of each site together. The order of sites is another one each time:
// no site is always the first, nor always the one for which there is no time any more.
func bySite(rooms []Undecided) [][]*Undecided {
	at := map[int64]int{}
	var sites [][]*Undecided
	for i := range rooms {
		n, known := at[rooms[i].Site]
		if !known {
			n = len(sites)
			at[rooms[i].Site], sites = n, append(sites, nil)
		}
		sites[n] = append(sites[n], &rooms[i])
	}
	rand.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	return sites
}

// deciding is one run of a Decider.
type deciding struct {
	Decider

	now  time.Time
	last map[string]civil.Date // by time zone
	days int
}

// next says which days of a room are next: those of Decisions, without what they were. It
// takes them for decided.
type next func(r *Undecided, last civil.Date) (Decisions, bool)

// turns decides the days that are next, some of each room in turn, until there are no more.
func (d *deciding) turns(ctx context.Context, sites [][]*Undecided, next next) error {
	for len(sites) > 0 {
		var left [][]*Undecided
		for _, rooms := range sites {
			rooms, err := d.site(ctx, rooms, next)
			if err != nil {
				return err
			}
			if len(rooms) > 0 {
				left = append(left, rooms)
			}
		}
		sites = left
	}
	return nil
}

// site decides some days of rooms of one site, and returns those that may have more.
func (d *deciding) site(ctx context.Context, rooms []*Undecided, next next) (left []*Undecided, err error) {
	plan := Plan{Zone: inventory.LocationOrUTC(rooms[0].TimeZone)}
	read := false
	for _, r := range rooms {
		decisions, more := next(r, d.last[r.TimeZone])
		if !more {
			continue
		}
		if !read {
			if plan.Site, err = d.Store.SiteTimetable(ctx, r.Site); err != nil {
				return nil, d.skip(ctx, err, "site", r.Site)
			}
			read = true
		}
		if err := d.room(ctx, r.Room, &plan, &decisions); err != nil {
			if err := d.skip(ctx, err, "room", r.Room); err != nil {
				return nil, err
			}
			continue
		}
		d.days += decisions.From.DaysUntil(decisions.Until) + 1
		left = append(left, r)
	}
	return left, nil
}

// skip tells in the log that a room, or all of a site, cannot be decided: the others are no
// worse for it. It returns the error if that is one of all.
func (d *deciding) skip(ctx context.Context, err error, what string, id int64) error {
	switch {
	case ctx.Err() != nil || fault.Is(err, fault.Unavailable):
		return err
	case !fault.Is(err, fault.NotFound): // it is gone in the meantime
		d.Log.ErrorContext(ctx, "days cannot be decided", what, id, "err", err)
	}
	return nil
}

func (d *deciding) room(ctx context.Context, id int64, plan *Plan, decisions *Decisions) error {
	r, err := d.Store.Room(ctx, id)
	if err != nil {
		return err
	}
	plan.Room = r.Timetable
	decisions.At = d.now
	if decisions.Days, err = decide(ctx, d.Samples, &r, plan, decisions.From, decisions.Until); err != nil {
		return err
	}
	return d.Store.Keep(ctx, *decisions)
}

// nextDue is the next of the days that were never decided.
func (r *Undecided) nextDue(last civil.Date) (Decisions, bool) {
	from := last.AddDays(1 - CatchUp)
	if r.DecidedUntil != nil {
		from = r.DecidedUntil.AddDays(1)
	}
	until, _, ok := some(from, last)
	if ok {
		r.DecidedUntil = &until
		if r.DecidedFrom == nil {
			r.DecidedFrom = &from
		}
	}
	return Decisions{Room: r.Room, From: from, Until: until}, ok
}

// nextOlder is the next of the days before those that are decided. It goes backwards: the
// newer a month is, the sooner somebody asks for it.
func (r *Undecided) nextOlder(civil.Date) (Decisions, bool) {
	if r.Oldest == nil || r.DecidedFrom == nil || r.Oldest.Compare(*r.DecidedFrom) >= 0 {
		return Decisions{}, false
	}
	until := r.DecidedFrom.AddDays(-1)
	from := until.AddDays(1 - daysAtOnce)
	if from.Compare(*r.Oldest) < 0 {
		from = *r.Oldest
	}
	r.DecidedFrom = &from
	return Decisions{Room: r.Room, From: from, Until: until}, true
}

// nextAgain is the next of the days that are to be decided anew.
func (r *Undecided) nextAgain(last civil.Date) (Decisions, bool) {
	if r.Again == nil {
		return Decisions{}, false
	}
	from := r.Again.From
	until, more, ok := some(from, last)
	decisions := Decisions{Room: r.Room, From: from, Until: until, Again: r.Again, More: more}
	if ok {
		r.Again = &Again{From: until.AddDays(1), WantedAt: r.Again.WantedAt}
	}
	return decisions, ok
}

// some returns the last of the days that are decided at once, whether there are more after
// it, and false when there are none at all.
func some(from, last civil.Date) (until civil.Date, more, ok bool) {
	until = from.AddDays(daysAtOnce - 1)
	if until.Compare(last) >= 0 {
		return last, false, from.Compare(last) <= 0
	}
	return until, true, true
}

// decide decides days of a room: by what is said, else by the air.
func decide(ctx context.Context, samples telemetry.Store, r *Room, plan *Plan, from, until civil.Date) ([]occupancy.Day, error) {
	var days []occupancy.Day
	var air [][]occupancy.Reading
	read := false
	for date := from; date.Compare(until) <= 0; date = date.AddDays(1) {
		day := plan.Day(date)
		if !day.Known() {
			if !read {
				var err error
				if air, err = readings(ctx, samples, r, plan.Zone, date, until); err != nil {
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
func readings(ctx context.Context, samples telemetry.Store, r *Room, zone *time.Location, from, until civil.Date) ([][]occupancy.Reading, error) {
	begin := from.AddDays(-occupancy.InferenceDays).In(zone).Add(-occupancy.InferenceMargin)
	end := until.AddDays(1).In(zone).Add(occupancy.InferenceMargin)
	var all [][]occupancy.Reading
	for _, span := range r.Installations {
		span, some := span.Within(begin, end)
		if !some {
			continue
		}
		var series []occupancy.Reading
		err := telemetry.Sound(ctx, samples, span, func(s measurement.Sample) error {
			series = append(series, occupancy.Reading{Time: s.Time, CO2PPM: s.CO2PPM})
			return nil
		})
		if err != nil {
			return nil, err
		}
		all = append(all, series)
	}
	return all, nil
}

// PastStore is what Past needs.
type PastStore interface {
	// SiteTimetable and Room are those of DecisionStore.
	SiteTimetable(ctx context.Context, site int64) (Timetable, error)
	Room(ctx context.Context, room int64) (Room, error)
	// Decided and Progress are those of Store.
	Decided(ctx context.Context, room int64, from, to civil.Date) ([]Kept, error)
	Progress(ctx context.Context, room int64) (Undecided, error)
}

// Past knows the days of rooms before they are decided, too.
type Past struct {
	Store   PastStore
	Samples telemetry.Store
}

// Days returns the days of a room of which something is known, from the first until the
// last: as they were decided, and the others as a Decider would decide them now. It does
// not ask who wants to know.
func (p Past) Days(ctx context.Context, room int64, first, last civil.Date) ([]occupancy.Day, error) {
	decided, err := p.Store.Decided(ctx, room, first, last)
	if err != nil {
		return nil, err
	}
	progress, err := p.Store.Progress(ctx, room)
	if err != nil {
		return nil, err
	}
	days := make([]occupancy.Day, 0, len(decided))
	for i := range decided {
		days = append(days, decided[i].Day)
	}
	if progress.decided(first) {
		first = progress.DecidedUntil.AddDays(1)
	}
	if n := len(days); n > 0 && days[n-1].Date.Compare(first) >= 0 {
		first = days[n-1].Date.AddDays(1)
	}
	if first.Compare(last) > 0 {
		return days, nil
	}
	plan := Plan{Zone: inventory.LocationOrUTC(progress.TimeZone)}
	if plan.Site, err = p.Store.SiteTimetable(ctx, progress.Site); err != nil {
		return nil, err
	}
	r, err := p.Store.Room(ctx, room)
	if err != nil {
		return nil, err
	}
	plan.Room = r.Timetable
	open, err := decide(ctx, p.Samples, &r, &plan, first, last)
	return append(days, open...), err
}
