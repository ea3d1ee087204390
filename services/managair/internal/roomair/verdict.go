package roomair

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Occupancy knows when people were in rooms.
type Occupancy interface {
	// Days returns the past days of a room of which something is known, from the first until
	// the last, in ascending order (timetable.Past). It does not ask who wants to know.
	Days(ctx context.Context, room int64, first, last civil.Date) ([]occupancy.Day, error)
}

// Judgement is a verdict with what it is about.
type Judgement struct {
	Period  airquality.Period
	Profile profile.Profile
	verdict.Result
	// Medal reports whether the period is over and good by the default profile, also when
	// the sensor is as wrong as it may be, whatever the room's own profile is: so medals can
	// be compared.
	Medal bool
	// Member: the caller is of the organization, and may know when people were there.
	Member bool
}

// Verdict judges a room over the period that is chosen by its time zone: by the profile
// of the id, or by its own when that is "". Who is no member learns of
// periods that are over.
func (s Service) Verdict(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, by string, now time.Time) (Judgement, error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return Judgement{}, err
	}
	j := Judgement{Period: period(loc), Member: room.Member}
	j.Profile = room.Profile()
	if room.Chosen != nil && *room.Chosen != j.Profile.ID {
		// Another version of the program knew it.
		s.Log.WarnContext(ctx, "the room's profile is unknown; it is judged by that of its country", "room", id, "profile", *room.Chosen)
	}
	if p, ok := profile.Get(by); ok {
		j.Profile = p
	}
	if !room.Member && now.Before(j.Period.To) {
		// From one answer to the next the public would see when people were there.
		j.Result = verdict.Result{
			ProfileID: j.Profile.ID, ProfileVersion: j.Profile.Version, NotJudged: verdict.NotOver,
			Fitness: verdict.Fitness{Verdict: verdict.Unknown},
		}
		return j, nil
	}
	in := verdict.Input{Until: now}
	days, err := s.knownDays(ctx, id, j.Period, now)
	if err != nil {
		return Judgement{}, err
	}
	if in.Air, in.Sensor, err = s.read(ctx, id, room, j.Period); err != nil {
		return Judgement{}, err
	}
	in.Occupied = occupancy.Spans(days)
	in.KnownDays = verdict.CountKnown(days, j.Period)
	j.Result = verdict.Judge(&j.Profile, in)
	standard := j.Result
	if j.Profile.ID != profile.Default {
		p, _ := profile.Get(profile.Default)
		standard = verdict.Judge(&p, in)
	}
	j.Medal = standard.GoodAtWorst && !now.Before(j.Period.To)
	return j, nil
}

// knownDays returns the days of a period of which something is known, until now. The night
// of the day before reaches into the first, so that day is with them.
func (s Service) knownDays(ctx context.Context, id int64, p airquality.Period, now time.Time) ([]occupancy.Day, error) {
	last := civil.DateOf(p.To).AddDays(-1)
	if today := civil.DateOf(now.In(p.From.Location())); today.Compare(last) < 0 {
		last = today
	}
	days, err := s.Occupancy.Days(ctx, id, civil.DateOf(p.From).AddDays(-1), last)
	if err != nil {
		return nil, fmt.Errorf("occupied time of room %d: %w", id, err)
	}
	return days, nil
}
