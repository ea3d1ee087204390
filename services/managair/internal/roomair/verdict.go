package roomair

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Occupancy knows when people were in rooms.
type Occupancy interface {
	// Decided returns the days of a room that are decided, from the first until the last, in
	// ascending order (timetable.Store). It does not ask who wants to know.
	Decided(ctx context.Context, room int64, from, to occupancy.Date) ([]timetable.Kept, error)
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
// of the id, or by its own when that is "". Who is no member learns of periods that are over. Past days on which nothing is decided yet are asked
// of the air.
func (s Service) Verdict(ctx context.Context, caller access.Caller, id int64, period func(*time.Location) airquality.Period, by string, now time.Time) (Judgement, error) {
	room, loc, err := s.room(ctx, caller, id)
	if err != nil {
		return Judgement{}, err
	}
	j := Judgement{Period: period(loc), Member: room.Member}
	if by == "" {
		by = room.Profile
	}
	var ok bool
	if j.Profile, ok = profile.Get(by); !ok {
		// Another version of the program knew it.
		s.Log.WarnContext(ctx, "the room's profile is unknown; it is judged by the default one", "room", id, "profile", by)
		j.Profile, _ = profile.Get(profile.Default)
	}
	if !room.Member && now.Before(j.Period.To) {
		// From one answer to the next the public would see when people were there.
		j.Result = verdict.Result{ProfileID: j.Profile.ID, ProfileVersion: j.Profile.Version, NotJudged: verdict.NotOver}
		return j, nil
	}
	in := verdict.Input{Air: airquality.Begin(j.Period), Until: now}
	days, toInfer, err := s.knownDays(ctx, id, j.Period, now)
	if err != nil {
		return Judgement{}, err
	}
	analyses := []*airquality.Analysis{in.Air}
	if len(toInfer) > 0 {
		longer := airquality.Begin(airquality.Period{From: toInfer[0].AddDays(-occupancy.InferenceDays).In(loc), To: j.Period.To})
		analyses = append(analyses, longer)
	}
	if in.Sensor, err = s.read(ctx, id, room, analyses...); err != nil {
		return Judgement{}, err
	}
	if len(toInfer) > 0 {
		days = append(days, infer(analyses[1], toInfer)...)
	}
	in.Occupied = occupancy.Spans(days)
	first := occupancy.DateOf(j.Period.From)
	for i := range days {
		if days[i].Known() && days[i].Date.Compare(first) >= 0 {
			in.KnownDays++
		}
	}
	j.Result = verdict.Judge(&j.Profile, in)
	standard := j.Result
	if j.Profile.ID != profile.Default {
		p, _ := profile.Get(profile.Default)
		standard = verdict.Judge(&p, in)
	}
	j.Medal = standard.GoodAtWorst && !now.Before(j.Period.To)
	return j, nil
}

// knownDays returns what is decided of the days of a period, and which past days have to be
// asked of the air. The night of the day before reaches into the first.
func (s Service) knownDays(ctx context.Context, id int64, p airquality.Period, now time.Time) (known []occupancy.Day, toInfer []occupancy.Date, err error) {
	first, end := occupancy.DateOf(p.From), occupancy.DateOf(p.To)
	if s.Occupancy != nil {
		decided, err := s.Occupancy.Decided(ctx, id, first.AddDays(-1), end.AddDays(-1))
		if err != nil {
			return nil, nil, fmt.Errorf("occupied time of room %d: %w", id, err)
		}
		for i := range decided {
			known = append(known, decided[i].Day)
		}
	}
	said := make(map[occupancy.Date]bool, len(known))
	for i := range known {
		said[known[i].Date] = known[i].Known()
	}
	for d := first; d.Compare(end) < 0 && d.In(p.From.Location()).Before(now); d = d.AddDays(1) {
		if !said[d] {
			toInfer = append(toInfer, d)
		}
	}
	return known, toInfer, nil
}

// infer asks the course of the air when people were there.
func infer(air *airquality.Analysis, dates []occupancy.Date) []occupancy.Day {
	times, ppm := air.Course()
	readings := make([]occupancy.Reading, 0, len(times))
	for i, v := range ppm {
		if !math.IsNaN(v) {
			readings = append(readings, occupancy.Reading{Time: time.Unix(times[i], 0), CO2PPM: int(math.Round(v))})
		}
	}
	days := make([]occupancy.Day, len(dates))
	for i, d := range dates {
		days[i] = occupancy.Infer(d, air.Period.From.Location(), readings)
	}
	return days
}

// gaps counts how far the samples of a series are apart.
type gaps struct {
	last   time.Time
	counts [361]int // in steps of ten seconds, up to an hour and beyond
	n      int
}

const gapStep = 10 * time.Second

func (g *gaps) add(t time.Time) {
	if !g.last.IsZero() && t.After(g.last) {
		steps := (t.Sub(g.last) + gapStep - 1) / gapStep
		g.counts[min(int(steps), len(g.counts)-1)]++
		g.n++
	}
	g.last = t
}

// median is the usual distance, rounded up; 0 when there is none.
func (g *gaps) median() time.Duration {
	sum := 0
	for i, n := range g.counts {
		if sum += n; n > 0 && 2*sum >= g.n {
			return time.Duration(i) * gapStep
		}
	}
	return 0
}
