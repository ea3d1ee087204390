// Package airquality says whether the air in a room was good: per day, per hour
// of the week, and over a period, for which the clean-air medal is awarded or not.
//
// Everything here is a pure function of samples and a time zone. Which samples
// belong to a room (an installation is a node in a room from one time to another)
// is the store's matter; it hands over one series per installation.
//
// The way is the predecessor's (managair, core/data_analysis), with its wrong
// answers put right:
//
//  1. Samples are averaged per minute, since nodes have clock skew and repeat.
//  2. The minutes are joined by straight lines, and the lines read every ten
//     minutes. Nothing is read strictly between two samples that are more than
//     half an hour apart, nor before the first and after the last sample.
//  3. Where several installations overlap, the worst (highest) value counts.
//  4. Days are those of the room's time zone, from midnight to midnight, also
//     when they have 23 or 25 hours.
//
// docs/air-quality.md tells the same in plain words.
package airquality

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
)

// The figures behind the medal. They are the predecessor's; where a public rule is
// behind one of them, it is named.
const (
	// Step is the distance of the points at which the course of a day is read.
	Step = 10 * time.Minute
	// MaxGap is how far two samples may be apart so that the course between them is
	// still known.
	MaxGap = 30 * time.Minute
	// MaxMissing is how much of a valid day may be unknown.
	MaxMissing = time.Hour
	// ExcessPPM is the concentration from which air is stale: the hygienic limit of
	// DIN 1946-2:1994 for occupied rooms.
	ExcessPPM = 1500
	// BadPPM must not be reached once. Above it the German Environment Agency calls
	// air hygienically unacceptable (Bundesgesundheitsblatt 2008, 51:1358-1369).
	BadPPM = 2000
	// MaxExcessScore must not be reached on any day. 150 is, for example, 30 % of a
	// day at 500 ppm above ExcessPPM.
	MaxExcessScore = 150
	// MinValidPercent is how many of the calendar days of the period must be valid.
	MinValidPercent = 60
	// MaxYellowPercent is the share of valid days with any excess that must not be
	// reached.
	MaxYellowPercent = 30
	// LastDays is the length of the period that ends with yesterday.
	LastDays = 30
)

// Sample is the CO2 concentration that a node measured at one time.
type Sample struct {
	Time   time.Time
	CO2PPM int
}

// Period is a span of whole calendar days. Its times carry the time zone in which
// those days are cut.
type Period struct {
	// From is the begin of the first day, To the begin of the day after the last.
	From, To time.Time
}

// Reach is from when to when samples count for the period, both included: the course of the
// air at its ends is drawn from neighbours beyond them.
func (p Period) Reach() (from, to time.Time) { return p.From.Add(-MaxGap), p.To.Add(MaxGap) }

// Between returns the days from the first to the last one in a time zone.
func Between(first, last civil.Date, loc *time.Location) Period {
	return Period{From: first.In(loc), To: last.AddDays(1).In(loc)}
}

// Month returns the calendar month in a time zone.
func Month(year int, month time.Month, loc *time.Location) Period {
	return Period{From: startOfDay(year, month, 1, loc), To: startOfDay(year, month+1, 1, loc)}
}

// Recent returns the last thirty whole days before now in a time zone: they end at
// the midnight with which today began.
func Recent(now time.Time, loc *time.Location) Period {
	year, month, day := now.In(loc).Date()
	return Period{From: startOfDay(year, month, day-LastDays, loc), To: startOfDay(year, month, day, loc)}
}

var monthForm = regexp.MustCompile(`^([0-9]{4})-([0-9]{1,2})$`)

// ParseMonth reads a month written as 2020-01. The predecessor took 2020-1 too.
func ParseMonth(s string) (year int, month time.Month, err error) {
	parts := monthForm.FindStringSubmatch(s)
	if parts == nil {
		return 0, 0, fmt.Errorf("%q is not a month like 2020-01", s)
	}
	year, _ = strconv.Atoi(parts[1])
	m, _ := strconv.Atoi(parts[2])
	if year < 1 || m < 1 || m > 12 {
		return 0, 0, fmt.Errorf("there is no month %s", s)
	}
	return year, time.Month(m), nil
}

// Day is what is known of the air on one calendar day.
type Day struct {
	// Start and End are the midnights around it, in the time zone of the period.
	Start, End time.Time
	// Points is how often the day's course is read: 144 times, unless clocks change.
	Points int
	// Missing is at how many of them nothing is known.
	Missing int
	// Samples counts the samples taken on this day.
	Samples int
	// MaxCO2PPM is the highest of them; 0 when there is none. It is taken before
	// averaging and resampling, which would hide a short peak.
	MaxCO2PPM int
	// MeanCO2PPM is the mean of the known points, NaN when there is none.
	MeanCO2PPM float64
	// ExcessPoints is at how many of the known points ExcessPPM was reached.
	ExcessPoints int
	// ExcessScore is the share of ExcessPoints in the known points, times the mean
	// of how far they were above ExcessPPM, in ppm; 0 when nothing is known.
	ExcessScore float64
}

// Valid reports whether enough of the day is known to judge it.
func (d Day) Valid() bool { return time.Duration(d.Missing)*Step <= MaxMissing }

// Yellow reports whether there was any excess.
func (d Day) Yellow() bool { return d.ExcessScore > 0 }

// startOfDay returns the first instant of a calendar day. Days beyond the month are
// carried over, as time.Date does.
func startOfDay(year int, month time.Month, day int, loc *time.Location) time.Time {
	return civil.Date{Year: year, Month: month, Day: day}.In(loc)
}

// Reason is why a medal was not awarded.
type Reason string

// The reasons, in the order in which they are reported.
const (
	TooFewValidDays   Reason = "too_few_valid_days"   // less than MinValidPercent
	BadAir            Reason = "bad_air"              // a sample of BadPPM or more
	StaleDay          Reason = "stale_day"            // a day's score of MaxExcessScore or more
	TooManyYellowDays Reason = "too_many_yellow_days" // MaxYellowPercent or more
)

// Analysis is what is known of the air in a room over a period.
type Analysis struct {
	Period Period
	// Days are the calendar days of the period, also those without a sample.
	Days []Day

	// The points of all days: their Unix seconds and values, NaN where nothing is known.
	times  []int64
	points []float64
}

// Begin returns an analysis of a period to which installations can be added, one
// after the other. It takes the same memory for any number of samples.
func Begin(p Period) *Analysis {
	a := &Analysis{Period: p}
	loc := p.From.Location()
	year, month, first := p.From.Date()
	for i := 0; ; i++ {
		d := Day{Start: startOfDay(year, month, first+i, loc), End: startOfDay(year, month, first+i+1, loc)}
		if !d.Start.Before(p.To) {
			break
		}
		// A day without length is one that a time zone skipped.
		if d.Points = int((d.End.Sub(d.Start) + Step - 1) / Step); d.Points > 0 {
			a.Days = append(a.Days, d)
		}
		for n := range d.Points {
			a.times = append(a.times, d.Start.Add(time.Duration(n)*Step).Unix())
		}
	}
	a.points = make([]float64, len(a.times))
	for i := range a.points {
		a.points[i] = math.NaN()
	}
	return a
}

// Installation returns what takes the samples of the next installation.
func (a *Analysis) Installation() *Series { return &Series{analysis: a} }

// End judges the days, when all installations were added.
func (a *Analysis) End() {
	rest := a.points
	for i := range a.Days {
		d := &a.Days[i]
		judge(d, rest[:d.Points])
		rest = rest[d.Points:]
	}
}

// Series reads the course of one installation.
type Series struct {
	analysis *Analysis
	// before is the last whole minute with samples, current the one after it that may
	// get more of them.
	before, current minute
	point, day      int // the first that is not before them
}

// minute is the samples of one minute.
type minute struct {
	at          int64 // Unix seconds of its begin
	sum, n      int
	first, last time.Time
}

func (m minute) mean() float64 { return float64(m.sum) / float64(m.n) }

// Add takes a sample. It must not be earlier than the one before.
func (s *Series) Add(sample Sample) {
	s.count(sample)
	if at := floor(sample.Time.Unix(), 60); s.current.n == 0 || at != s.current.at {
		s.advance()
		s.current = minute{at: at, first: sample.Time}
	}
	s.current.sum += sample.CO2PPM
	s.current.n++
	s.current.last = sample.Time
}

// End says that there are no more samples.
func (s *Series) End() {
	s.advance()
	if a := s.analysis; s.before.n > 0 && s.point < len(a.times) && a.times[s.point] == s.before.at {
		s.raise(s.before.mean())
	}
}

// advance raises the points up to the current minute to the course.
func (s *Series) advance() {
	if s.current.n == 0 {
		return
	}
	left, right := s.before, s.current
	known := left.n > 0 && right.first.Sub(left.last) <= MaxGap
	for a := s.analysis; s.point < len(a.times) && a.times[s.point] < right.at; {
		switch t := a.times[s.point]; {
		case left.n > 0 && t == left.at:
			s.raise(left.mean())
		case known:
			s.raise(left.mean() + (right.mean()-left.mean())*float64(t-left.at)/float64(right.at-left.at))
		default:
			s.point++
		}
	}
	s.before = s.current
}

// raise lifts the point to a value, unless it is higher already, and goes on.
func (s *Series) raise(v float64) {
	if at := &s.analysis.points[s.point]; math.IsNaN(*at) || v > *at {
		*at = v
	}
	s.point++
}

// floor returns the greatest multiple of step that is not above t.
func floor(t, step int64) int64 {
	rest := t % step
	if rest < 0 {
		rest += step
	}
	return t - rest
}

// count enters a sample into the day it was taken on.
func (s *Series) count(sample Sample) {
	days := s.analysis.Days
	for s.day < len(days) && !sample.Time.Before(days[s.day].End) {
		s.day++
	}
	if s.day == len(days) || sample.Time.Before(days[s.day].Start) {
		return
	}
	d := &days[s.day]
	d.Samples++
	d.MaxCO2PPM = max(d.MaxCO2PPM, sample.CO2PPM)
}

func judge(d *Day, points []float64) {
	sum, excess := 0.0, 0.0
	for _, v := range points {
		switch {
		case math.IsNaN(v):
			d.Missing++
			continue
		case v >= ExcessPPM:
			d.ExcessPoints++
			excess += v - ExcessPPM
		}
		sum += v
	}
	known := float64(d.Points - d.Missing)
	d.MeanCO2PPM = sum / known
	if d.ExcessPoints > 0 {
		// (points of excess / known points) * (excess / points of excess)
		d.ExcessScore = excess / known
	}
}

// ValidDays counts the days of which enough is known.
func (a *Analysis) ValidDays() int {
	return a.countDays(Day.Valid)
}

// YellowDays counts the valid days with any excess.
func (a *Analysis) YellowDays() int {
	return a.countDays(func(d Day) bool { return d.Valid() && d.Yellow() })
}

func (a *Analysis) countDays(is func(Day) bool) int {
	n := 0
	for _, d := range a.Days {
		if is(d) {
			n++
		}
	}
	return n
}

// Samples counts the samples taken in the period.
func (a *Analysis) Samples() int {
	n := 0
	for _, d := range a.Days {
		n += d.Samples
	}
	return n
}

// MaxCO2PPM is the highest sample of the period; ok is false when there is none.
func (a *Analysis) MaxCO2PPM() (ppm int, ok bool) {
	for _, d := range a.Days {
		ppm = max(ppm, d.MaxCO2PPM)
		ok = ok || d.Samples > 0
	}
	return ppm, ok
}

// Medal reports whether the clean-air medal is awarded, and if not, why: every rule
// that is broken.
//
// A single sample of BadPPM and a day's score of MaxExcessScore count on days that
// are not valid, too: a gap in the record does not make bad air good. Days still to
// come are not valid, so a month can earn its medal only when most of it is over.
func (a *Analysis) Medal() (awarded bool, broken []Reason) {
	valid := a.ValidDays()
	if valid == 0 || valid*100 < MinValidPercent*len(a.Days) {
		broken = append(broken, TooFewValidDays)
	}
	if ppm, _ := a.MaxCO2PPM(); ppm >= BadPPM {
		broken = append(broken, BadAir)
	}
	if a.countDays(func(d Day) bool { return d.ExcessScore >= MaxExcessScore }) > 0 {
		broken = append(broken, StaleDay)
	}
	if yellow := a.YellowDays(); yellow > 0 && yellow*100 >= MaxYellowPercent*valid {
		broken = append(broken, TooManyYellowDays)
	}
	return len(broken) == 0, broken
}

// Mean is the mean of some hourly means. The zero value stands for no hour at all.
type Mean struct {
	CO2PPM float64
	Hours  int
}

// Histogram is the usual course of a week: per weekday (Monday first) and local
// hour the mean of the hourly means.
type Histogram [7][24]Mean

// Histogram averages the hours of which all points are known. When clocks are put
// back, the hour that comes twice counts twice.
func (a *Analysis) Histogram() *Histogram {
	var h Histogram
	at := 0
	for _, d := range a.Days {
		weekday := (int(d.Start.Weekday()) + 6) % 7
		for i := 0; i < d.Points; {
			begin := d.Start.Add(time.Duration(i) * Step)
			sum, n := 0.0, 0
			for ; i < d.Points && sameHour(begin, d.Start.Add(time.Duration(i)*Step)); i++ {
				sum += a.points[at]
				at++
				n++
			}
			if hourly := sum / float64(n); !math.IsNaN(hourly) {
				h[weekday][begin.Hour()].add(hourly)
			}
		}
	}
	return &h
}

func sameHour(a, b time.Time) bool {
	_, offsetA := a.Zone()
	_, offsetB := b.Zone()
	return offsetA == offsetB && a.Hour() == b.Hour()
}

func (m *Mean) add(v float64) {
	m.Hours++
	m.CO2PPM += (v - m.CO2PPM) / float64(m.Hours)
}

// Course returns the points at which the air is known, of all days: their Unix seconds,
// Step apart but where days begin, and what was measured, NaN where nothing is known.
// They must not be changed.
func (a *Analysis) Course() (times []int64, co2PPM []float64) { return a.times, a.points }
