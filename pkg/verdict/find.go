package verdict

import (
	"math"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
)

const stepS = int64(airquality.Step / time.Second)

// point is a point of the course of the air in occupied time.
type point struct {
	at   int64   // Unix seconds
	ppm  float64 // NaN when it is not known
	day  int     // index among the days of the period
	span int     // index among the spans
}

func (p point) known() bool { return !math.IsNaN(p.ppm) }

// findings are the occupied time with its air.
type findings struct {
	air      *airquality.Analysis
	spans    []occupancy.Span
	points   []point
	occupied Occupied
}

// find gathers the points of occupied time, without days on which nobody was there.
func find(in Input) *findings {
	f := &findings{air: in.Air, spans: in.Occupied}
	times, ppm := in.Air.Course()
	base := baseline(ppm)
	at, span := 0, 0
	for day, d := range in.Air.Days {
		begin := len(f.points)
		highest, known := math.Inf(-1), false
		for end := at + d.Points; at < end; at++ {
			t := times[at]
			if !in.Until.IsZero() && t >= in.Until.Unix() {
				continue
			}
			for span < len(f.spans) && f.spans[span].To.Unix() <= t {
				span++
			}
			if span == len(f.spans) || f.spans[span].From.Unix() > t {
				continue
			}
			f.points = append(f.points, point{at: t, ppm: ppm[at], day: day, span: span})
			if v := ppm[at]; !math.IsNaN(v) {
				highest, known = max(highest, v), true
			}
		}
		if known && highest < base+SignOfUsePPM {
			f.points = f.points[:begin]
			f.occupied.DaysWithoutUse++
		}
	}
	for _, p := range f.points {
		f.occupied.Time += airquality.Step
		if p.known() {
			f.occupied.Known += airquality.Step
		}
		if how := f.spans[p.span].How; !slices.Contains(f.occupied.Hows, how) {
			f.occupied.Hows = append(f.occupied.Hows, how)
		}
	}
	return f
}

// baseline is the level to which the air falls back. It is none of the lowest points, for
// one that is wrong would make people of everything above it; +Inf when none is known.
func baseline(ppm []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(ppm), math.IsNaN)
	if len(known) == 0 {
		return math.Inf(1)
	}
	return occupancy.Rest(known)
}

// unit is what is held against the bounds: a point, a lesson or a day.
type unit struct {
	points []point
	sum    float64 // of those that are known, above the base of the profile
	n      int     // how many are
}

// known reports whether enough of the unit was measured.
func (u *unit) known() bool { return u.n > 0 && u.n*100 >= MinKnownPercent*len(u.points) }

func (u *unit) mean() float64 { return u.sum / float64(u.n) }

// low is what the mean is when the sensor says as much too much as it may, high when it
// says too little. The error of a mean is that of the mean value: it is linear.
func (u *unit) low(s Sensor, base int) float64 { return u.mean() - s.ErrorPPM(u.mean()+float64(base)) }

func (u *unit) high(s Sensor, base int) float64 { return u.mean() + s.ErrorPPM(u.mean()+float64(base)) }

// units cuts the points into those of the profile, whose values are counted from base.
func (f *findings) units(p *profile.Profile, base int) []unit {
	var units []unit
	for begin := 0; begin < len(f.points); {
		end := begin + 1
		for end < len(f.points) && f.together(p, begin, end) {
			end++
		}
		u := unit{points: f.points[begin:end]}
		for _, one := range u.points {
			if one.known() {
				u.sum += one.ppm - float64(base)
				u.n++
			}
		}
		units = append(units, u)
		begin = end
	}
	return units
}

// together reports whether two points are of one unit.
func (f *findings) together(p *profile.Profile, i, j int) bool {
	a, b := f.points[i], f.points[j]
	switch p.Averaging {
	case profile.Lesson:
		return a.span == b.span && f.lesson(p, a) == f.lesson(p, b)
	case profile.Day:
		return a.day == b.day
	default:
		return false
	}
}

// lesson returns the number of the lesson in its span that a point is in. A rest that is
// shorter than half a lesson belongs to the one before.
func (f *findings) lesson(p *profile.Profile, one point) int64 {
	span := f.spans[one.span]
	length := int64(p.LessonMinutes) * 60
	whole := (span.To.Unix() - span.From.Unix() + length/2) / length
	return min((one.at-span.From.Unix())/length, max(whole, 1)-1)
}

// describe fills in the days, exceedances and hours of the week.
func (r *Result) describe(p *profile.Profile, f *findings, units []unit, base int) {
	limit := p.Limit()
	for _, one := range f.points {
		start := f.air.Days[one.day].Start
		if n := len(r.Days); n == 0 || !r.Days[n-1].Start.Equal(start) {
			r.Days = append(r.Days, Day{Start: start})
		}
		d := &r.Days[len(r.Days)-1]
		d.Occupied += airquality.Step
		if !one.known() {
			continue
		}
		d.Known += airquality.Step
		d.MaxPPM = max(d.MaxPPM, one.ppm)
		d.MeanPPM += one.ppm // their sum, for now
		local := time.Unix(one.at, 0).In(start.Location())
		hour := &r.Hours[(local.Weekday()+6)%7][local.Hour()]
		hour.Known++
		if limit.Beyond(one.ppm - float64(base)) {
			hour.Beyond++
		}
	}
	for i := range r.Days {
		if d := &r.Days[i]; d.Known > 0 {
			d.MeanPPM /= float64(d.Known / airquality.Step)
		}
	}
	r.findExceedances(limit, f, units)
	r.findStaleDays(limit, f, units)
}

func (r *Result) findExceedances(limit profile.Level, f *findings, units []unit) {
	end, sum, n := int64(0), 0.0, 0
	for i := range units {
		u := &units[i]
		if !u.known() || !limit.Beyond(u.mean()) {
			continue
		}
		first, last := u.points[0].at, u.points[len(u.points)-1].at
		if first != end {
			r.Exceedances = append(r.Exceedances, Exceedance{From: f.local(u.points[0].day, first)})
			sum, n = 0, 0
		}
		e := &r.Exceedances[len(r.Exceedances)-1]
		for _, one := range u.points {
			if one.known() {
				e.MaxPPM = max(e.MaxPPM, one.ppm)
				sum += one.ppm
				n++
			}
		}
		end = last + stepS
		e.To, e.MeanPPM = f.local(u.points[0].day, end), sum/float64(n)
	}
}

func (f *findings) local(day int, unix int64) time.Time {
	return time.Unix(unix, 0).In(f.air.Days[day].Start.Location())
}

// findStaleDays judges each day by its own units. One that reaches into the next day is
// of the day on which it begins.
func (r *Result) findStaleDays(limit profile.Level, f *findings, units []unit) {
	at := 0
	for i := range r.Days {
		known, beyond := 0, 0
		for ; at < len(units) && f.air.Days[units[at].points[0].day].Start.Equal(r.Days[i].Start); at++ {
			if u := &units[at]; u.known() {
				known++
				if limit.Beyond(u.mean()) {
					beyond++
				}
			}
		}
		r.Days[i].Stale = float64(beyond)*100 > limit.TolerancePercent*float64(known)
	}
}
