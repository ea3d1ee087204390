// Package verdict judges the air of a room over a period by a profile: only while
// somebody is there, with what stands for and against it. It is a pure function of the
// course of the air (package airquality), the occupied time (package occupancy), the
// profile and what is known of the sensor, so that everybody can repeat a verdict.
//
// The way:
//
//  1. The course of the air is that of package airquality: a value every ten minutes. A
//     point belongs to a span of occupied time when it lies in it, and stands for ten
//     minutes of it. Points after Input.Until do not count.
//  2. On a day on which CO2 never rises SignOfUsePPM above the baseline of the period
//     (the quantile occupancy.BaselineShare of its points) while people should be there, nobody is: its points do not count. Holidays
//     that nobody entered would make bad air good.
//  3. The points are gathered into what the profile is about: points, lessons or days. A
//     lesson or day of which less than MinKnownPercent is known is not known.
//  4. The level is the first of which neither its bound, nor that of a later one, is
//     exceeded more often than its tolerance allows.
//  5. There is none, but a reason, without occupied time, with less of it than
//     MinOccupied, or when less than MinKnownPercent of it was measured. Where the air
//     itself says when people are there, all of that time was measured; then it is asked
//     of how many days anything is known: MinKnownDaysPercent.
//  6. With all values as much lower, and as much higher, as the sensor may be wrong, the
//     same gives the levels between which the true one lies: each step is monotone.
//
// docs/air-quality.md tells the same in plain words.
package verdict

import (
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
)

const (
	// OutdoorPPM is taken for the concentration outdoors, which nobody measures: what
	// package simulate and the pages say, too. Mauna Loa had some 430 ppm in 2025.
	OutdoorPPM = profile.OutdoorPPM
	// SignOfUsePPM is how far CO2 must rise before somebody is said to be there. One
	// person at rest (18 l/h, EN 16798-1) raises a classroom of 180 m3 by 220 ppm at half
	// an air change an hour; sensors waver by less than 50 ppm.
	SignOfUsePPM = 50
	// MinKnownPercent of occupied time, of a lesson, or of a day must have been measured:
	// the share of valid data that Directive 2008/50/EC (annexes VII and XI) asks for in
	// means over an hour or eight.
	MinKnownPercent = 75
	// MinKnownDaysPercent of the days must be known where occupied time is inferred: as
	// many as the medal of 2020 asks for.
	MinKnownDaysPercent = airquality.MinValidPercent
	// MinOccupied is the least occupied time that a verdict is given on: a working day.
	MinOccupied = 8 * time.Hour
)

// Reason is why air is not judged.
type Reason string

// The reasons.
const (
	// NoOccupiedTime: it is not known that anybody was there.
	NoOccupiedTime Reason = "no_occupied_time"
	// NoSignOfUse: CO2 never rose as it does with people.
	NoSignOfUse Reason = "no_sign_of_use"
	// TooLittleOccupied: less than MinOccupied.
	TooLittleOccupied Reason = "too_little_occupied_time"
	// TooLittleKnown: less than MinKnownPercent was measured, or less than
	// MinKnownDaysPercent of the days is known.
	TooLittleKnown Reason = "too_little_measured"
	// NotOver: the period is not over, and whoever asks may know whole ones only. Judge
	// never says so.
	NotOver Reason = "not_over"
)

// Input is what a verdict is made of.
type Input struct {
	// Air is the course of the air over the period, ended.
	Air *airquality.Analysis
	// Occupied is when people are in the room: ascending and without overlap.
	Occupied []occupancy.Span
	// KnownDays is of how many days of the period it is known when people were there, or
	// that nobody was (occupancy.Day.Known). It is asked for where some of the time is inferred.
	KnownDays int
	// Until is when the future begins; the zero time when there is none.
	Until time.Time
	// OutdoorPPM is the concentration outdoors; 0 stands for the constant of that name.
	OutdoorPPM int
	// Sensor is the worst of the room's sensors, see Worst.
	Sensor Sensor
}

// Result is a verdict.
type Result struct {
	ProfileID      string
	ProfileVersion int
	// Level is the id of a level of the profile, empty when the air is not judged.
	Level string
	// NotJudged is why it is not.
	NotJudged Reason
	// Good reports whether the level is a good one, and the sensor may say so.
	Good bool
	// GoodAtWorst reports whether it is Good and Worst is good, too. Where Worst is not
	// known, as far as the sensor can tell.
	GoodAtWorst bool
	// Best and Worst are the levels between which the true one lies when the sensor is
	// wrong by as much as its maker allows; empty when nobody knows how much that is. That
	// air outdoors may have another concentration is not in it.
	Best, Worst string
	// Bounds are the levels with a bound, and how they were kept.
	Bounds []Bound
	// Fitness says whether the sensor may judge by the profile.
	Fitness Fitness
	// Occupied is the occupied time that counts.
	Occupied Occupied
	// Limit is the bound of the last good level, in ppm as sensors measure it; 0 when the
	// profile has none.
	LimitPPM int
	// Days are those with occupied time that counts, in order.
	Days []Day
	// Exceedances are when the air was not good: above LimitPPM at points, in the mean of
	// lessons or of days. In order; those that follow each other are one.
	Exceedances []Exceedance
	// Hours says when in the week air is above LimitPPM.
	Hours Hours
	// Obstacles are the rules broken of a profile that judges calendar days.
	Obstacles []airquality.Reason
}

// Judged reports whether there is a level.
func (r *Result) Judged() bool { return r.Level != "" }

// Bound is how the bound of a level was kept.
type Bound struct {
	LevelID string
	// PPM is the bound as sensors measure it.
	PPM int
	// Units is how many points, lessons or days are known; Beyond how many of them are
	// beyond the bound.
	Units, Beyond int
	// BeyondPercent is their share, TolerancePercent what the profile allows.
	BeyondPercent, TolerancePercent float64
	Kept                            bool
}

// Occupied is how much time a verdict is about.
type Occupied struct {
	// Time is the occupied time that counts, in steps of ten minutes; Known how much of it
	// was measured.
	Time, Known time.Duration
	// Hows are the ways in which it is known that somebody was there.
	Hows []occupancy.How
	// DaysWithoutUse counts the days on which nobody was there, as CO2 tells.
	DaysWithoutUse int
}

// KnownPercent is how much of the occupied time was measured, 0 when there is none.
func (o Occupied) KnownPercent() float64 {
	return percent(int(o.Known/airquality.Step), int(o.Time/airquality.Step))
}

// Day is a day with occupied time.
type Day struct {
	// Start is its midnight.
	Start time.Time
	// Occupied is its occupied time, Known how much of it was measured.
	Occupied, Known time.Duration
	// MeanPPM and MaxPPM are of the points that are known; 0 when there is none.
	MeanPPM, MaxPPM float64
	// Stale: judged by its own points, lessons or mean the day would not be good.
	Stale bool
}

// Exceedance is a time during which air was not good.
type Exceedance struct {
	From, To time.Time
	// MeanPPM and MaxPPM are of the points in it.
	MeanPPM, MaxPPM float64
}

// Hours has, for each weekday (Monday first) and hour of local time, how many points of
// occupied time are known, and at how many of them air is above the limit.
type Hours [7][24]struct{ Known, Beyond int }

// Stretch is some hours of a weekday.
type Stretch struct {
	Weekday int // Monday is 0
	From    int // hour, 0 to 23
	To      int // hour that is no part of it, 1 to 24
	// Time is how long air was above the limit in it, over the period.
	Time time.Duration
}

// Worst returns the hours of the week in which air was above the limit for longest: the
// weekday with most of it, and around its worst hour those that have at least half as
// much. ok is false when it never was.
func (h *Hours) Worst() (s Stretch, ok bool) {
	most := 0
	for day := range h {
		sum := 0
		for hour := range h[day] {
			sum += h[day][hour].Beyond
		}
		if sum > most {
			most, s.Weekday = sum, day
		}
	}
	if most == 0 {
		return Stretch{}, false
	}
	hours := &h[s.Weekday]
	for hour := range hours {
		if hours[hour].Beyond > hours[s.From].Beyond {
			s.From = hour
		}
	}
	peak := hours[s.From].Beyond
	s.To = s.From + 1
	for s.To < len(hours) && 2*hours[s.To].Beyond >= peak {
		s.To++
	}
	for s.From > 0 && 2*hours[s.From-1].Beyond >= peak {
		s.From--
	}
	for _, hour := range hours[s.From:s.To] {
		s.Time += time.Duration(hour.Beyond) * airquality.Step
	}
	return s, true
}

// StaleDays counts the days that are not good by themselves.
func (r *Result) StaleDays() int {
	n := 0
	for _, d := range r.Days {
		if d.Stale {
			n++
		}
	}
	return n
}

// Judge returns the verdict by a profile.
func Judge(p *profile.Profile, in Input) Result {
	r := Result{ProfileID: p.ID, ProfileVersion: p.Version, Fitness: in.Sensor.fitness(p)}
	if p.Averaging == profile.Calendar {
		r.judgeCalendar(p, in)
		return r
	}
	if p.Base == profile.Outdoor {
		r.LimitPPM = in.outdoor()
	}
	base := r.LimitPPM
	r.LimitPPM += p.Limit().BoundPPM()
	found := find(in)
	r.Occupied = found.occupied
	units := found.units(p, base)
	var level int
	level, r.Bounds = judge(p, units, exactly)
	for i := range r.Bounds {
		r.Bounds[i].PPM += base
	}
	r.describe(p, found, units, base)
	if r.NotJudged = found.why(in, units); r.NotJudged != "" {
		return r
	}
	r.Level = p.Levels[level].ID
	r.Good = p.Levels[level].Good && r.Fitness.Verdict != Unfit
	r.GoodAtWorst = r.Good
	if in.Sensor.AccuracyKnown() {
		best, _ := judge(p, units, func(u *unit) float64 { return u.low(in.Sensor, base) })
		worst, _ := judge(p, units, func(u *unit) float64 { return u.high(in.Sensor, base) })
		r.Best, r.Worst = p.Levels[best].ID, p.Levels[worst].ID
		r.GoodAtWorst = r.Good && p.Levels[worst].Good
	}
	return r
}

func (in *Input) outdoor() int {
	if in.OutdoorPPM != 0 {
		return in.OutdoorPPM
	}
	return OutdoorPPM
}

// judgeCalendar leaves the verdict to the predecessor's rules.
func (r *Result) judgeCalendar(p *profile.Profile, in Input) {
	awarded, broken := in.Air.Medal()
	r.Obstacles = broken
	last := len(p.Levels) - 1
	switch {
	case in.Air.Samples() == 0:
		r.NotJudged = TooLittleKnown
	case awarded:
		r.Level, r.Good = p.Levels[0].ID, r.Fitness.Verdict != Unfit
		r.GoodAtWorst = r.Good
	default:
		r.Level = p.Levels[last].ID
	}
}

// why returns why the air cannot be judged.
func (f *findings) why(in Input, units []unit) Reason {
	known := 0
	for i := range units {
		if units[i].known() {
			known++
		}
	}
	switch {
	case f.occupied.Time == 0 && f.occupied.DaysWithoutUse > 0:
		return NoSignOfUse
	case f.occupied.Time == 0:
		return NoOccupiedTime
	case f.occupied.Time < MinOccupied:
		return TooLittleOccupied
	case f.occupied.KnownPercent() < MinKnownPercent, percent(known, len(units)) < MinKnownPercent, !f.daysKnown(in):
		return TooLittleKnown
	default:
		return ""
	}
}

// daysKnown reports whether enough of the days that have begun are known, where the air
// says when people were there.
func (f *findings) daysKnown(in Input) bool {
	if !slices.Contains(f.occupied.Hows, occupancy.Inferred) {
		return true
	}
	begun := 0
	for _, d := range in.Air.Days {
		if in.Until.IsZero() || d.Start.Before(in.Until) {
			begun++
		}
	}
	return in.KnownDays*100 >= MinKnownDaysPercent*begun
}

func exactly(u *unit) float64 { return u.mean() }

// judge returns the index of the level, and how the bounds were kept.
func judge(p *profile.Profile, units []unit, value func(*unit) float64) (level int, bounds []Bound) {
	bounds = make([]Bound, len(p.Levels)-1)
	for i := range bounds {
		l := p.Levels[i]
		b := Bound{LevelID: l.ID, PPM: l.BoundPPM(), TolerancePercent: l.TolerancePercent}
		for j := range units {
			if u := &units[j]; u.known() {
				b.Units++
				if l.Beyond(value(u)) {
					b.Beyond++
				}
			}
		}
		b.BeyondPercent = percent(b.Beyond, b.Units)
		// In whole numbers, so that 5 of 100 are 5 %.
		b.Kept = float64(b.Beyond)*100 <= l.TolerancePercent*float64(b.Units)
		bounds[i] = b
	}
	for i := range slices.Backward(bounds) {
		if !bounds[i].Kept {
			return i + 1, bounds
		}
	}
	return 0, bounds
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) * 100 / float64(whole)
}
