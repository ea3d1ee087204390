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

// Evidence is what a judgement rests on.
type Evidence struct {
	// Air is the course of the air that the caller may see.
	Air *airquality.Analysis
	// Occupied is when people were in the room, ascending; of members only.
	Occupied []occupancy.Span
}

// Verdict judges a room over the period that is chosen by its time zone: by the profile
// of the id, or by its own when that is "". Who is no member learns of
// periods that are over.
func (s Service) Verdict(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, by string, now time.Time) (Judgement, error) {
	j, _, err := s.judge(ctx, caller, id, period, by, now, false)
	return j, err
}

// Explain judges a room by its own profile, and returns what that rests on. Who is no member
// learns the verdicts of whole months only: of any days, one more and one less would tell when
// people were there.
func (s Service) Explain(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, now time.Time) (Judgement, Evidence, error) {
	return s.judge(ctx, caller, id, period, "", now, true)
}

// NotWholeMonths is why whoever is no member is told no verdict of some days.
const NotWholeMonths verdict.Reason = "not_whole_months"

// wholeMonths reports whether a period begins and ends with a month.
func wholeMonths(p airquality.Period) bool { return p.From.Day() == 1 && p.To.Day() == 1 }

// judge judges a room. explain: what the judgement rests on is wanted also where there is none.
func (s Service) judge(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, by string, now time.Time, explain bool) (j Judgement, e Evidence, err error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return j, e, err
	}
	j = Judgement{Period: period(loc), Member: room.Member}
	j.Profile = room.Profile()
	if room.Chosen != nil && *room.Chosen != j.Profile.ID {
		// Another version of the program knew it.
		s.Log.WarnContext(ctx, "the room's profile is unknown; it is judged by that of its country", "room", id, "profile", *room.Chosen)
	}
	if p, ok := profile.Get(by); ok {
		j.Profile = p
	}
	if j.NotJudged = untold(&j, now, explain); j.NotJudged != "" {
		j.ProfileID, j.ProfileVersion, j.Fitness = j.Profile.ID, j.Profile.Version, verdict.Fitness{Verdict: verdict.Unknown}
		if explain {
			e.Air, _, err = s.read(ctx, id, room, j.Period)
		}
		return j, e, err
	}
	in := verdict.Input{Until: now}
	days, err := s.knownDays(ctx, id, j.Period, now)
	if err != nil {
		return j, e, err
	}
	if in.Air, in.Sensor, err = s.read(ctx, id, room, j.Period); err != nil {
		return j, e, err
	}
	in.Occupied = occupancy.Spans(days)
	if e.Air = in.Air; room.Member {
		e.Occupied = in.Occupied
	}
	in.KnownDays = verdict.CountKnown(days, j.Period)
	j.Result = verdict.Judge(&j.Profile, in)
	standard := j.Result
	if j.Profile.ID != profile.Default {
		p, _ := profile.Get(profile.Default)
		standard = verdict.Judge(&p, in)
	}
	j.Medal = standard.GoodAtWorst && !now.Before(j.Period.To)
	return j, e, nil
}

// untold is why whoever is no member is told no verdict: from one answer to the next the
// public would see when people were there.
func untold(j *Judgement, now time.Time, anyDays bool) verdict.Reason {
	switch {
	case j.Member:
		return ""
	case now.Before(j.Period.To):
		return verdict.NotOver
	case anyDays && !wholeMonths(j.Period):
		return NotWholeMonths
	default:
		return ""
	}
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
