package report

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Measures of drawings, in millimetres.
const (
	chartWidth  = 174.0
	chartHeight = 66.0
	plotLeft    = 12.0
	plotRight   = 172.0
	plotTop     = 3.0
	plotBottom  = 59.0
)

// Colours of charts that are none of the house's.
const (
	occupiedColour paper.Colour = 0xe9eef0
	rangeColour    paper.Colour = 0xbcdde3
)

var small = paper.Style{Points: 7.5, Colour: paper.InkSoft}

// stretch is how long the stretches are that a line is drawn of.
func (p Period) stretch() (time.Duration, words.Told) {
	switch days := p.Days(); {
	case days <= 8:
		return 10 * time.Minute, words.ReportTenMinutes
	case days <= 35:
		return time.Hour, words.ReportHour
	case days <= 100:
		return 6 * time.Hour, words.ReportSixHours
	default:
		return 24 * time.Hour, words.ReportDay
	}
}

func (w *writer) caption(room *Room) string {
	step, name := w.r.Period.stretch()
	text := w.in(words.ReportCaption, w.in(name))
	if step == 10*time.Minute {
		text = w.in(words.ReportCaptionRaw, w.in(name))
	}
	if len(room.Course.occupied) > 0 {
		return w.in(words.ReportCourse) + ". " + text + " " + w.in(words.ReportShaded)
	}
	return w.in(words.ReportCourse) + ". " + text + " " + w.in(words.ReportDashed)
}

// plot is where times and values are in a chart.
type plot struct {
	from, to time.Time
	top      float64 // ppm at the upper edge
}

func (p *plot) x(t time.Time) float64 {
	share := t.Sub(p.from).Seconds() / p.to.Sub(p.from).Seconds()
	return plotLeft + min(max(share, 0), 1)*(plotRight-plotLeft)
}

func (p *plot) y(ppm float64) float64 {
	share := (ppm - lowestPPM) / (p.top - lowestPPM)
	return plotBottom - min(max(share, 0), 1)*(plotBottom-plotTop)
}

// lowestPPM is at the lower edge: no air has less.
const lowestPPM = 300

// course draws the course of CO2.
func (w *writer) course(room *Room) *paper.Drawing {
	d := &paper.Drawing{Width: chartWidth, Height: chartHeight, Alt: w.in(words.ReportCourse) + ", " + room.Name + ", " + w.period(w.r.Period)}
	within := w.r.Period.in(w.r.Zone)
	step, _ := w.r.Period.stretch()
	runs, highest := room.Course.runs, room.Course.highest
	p := &plot{from: within.From, to: within.To, top: max(1200, math.Ceil(highest/200)*200)}
	scale := room.Now.Profile.Scale()
	for _, o := range room.Course.occupied {
		if x := p.x(o.From); p.x(o.To) > x {
			d.Area(x, plotTop, p.x(o.To)-x, plotBottom-plotTop, occupiedColour)
		}
	}
	w.axes(d, p)
	for _, l := range scale.Levels {
		if ppm := float64(max(l.BelowPPM, l.UpToPPM)); ppm > 0 && ppm < p.top {
			d.Line([]paper.Point{{X: plotLeft, Y: p.y(ppm)}, {X: plotRight, Y: p.y(ppm)}}, 0.3, paper.High, true)
			d.Label(plotRight, p.y(ppm)-3.4, strconv.Itoa(int(ppm)), paper.Style{Points: 7, Colour: paper.High}, paper.Right)
		}
	}
	for _, run := range runs {
		if step > 10*time.Minute && len(run) > 1 {
			area := make([]paper.Point, 0, 2*len(run))
			for _, s := range run {
				area = append(area, paper.Point{X: p.x(s.at), Y: p.y(s.highest)})
			}
			for _, s := range slices.Backward(run) {
				area = append(area, paper.Point{X: p.x(s.at), Y: p.y(s.lowest)})
			}
			d.Polygon(area, rangeColour)
		}
	}
	for _, run := range runs {
		line := make([]paper.Point, 0, len(run)+1)
		for _, s := range run {
			line = append(line, paper.Point{X: p.x(s.at), Y: p.y(s.mean())})
		}
		if len(line) == 1 {
			line = append(line, paper.Point{X: line[0].X + 0.3, Y: line[0].Y})
		}
		d.Line(line, 0.35, paper.Accent, false)
	}
	return d
}

// some is what was measured in a stretch.
type some struct {
	at              time.Time // its middle
	sum             float64
	n               int
	lowest, highest float64
}

func (s *some) mean() float64 { return s.sum / float64(s.n) }

// Course is what is drawn of a period: a year of ten rooms is kept as some thousand stretches,
// and not as half a million points.
type Course struct {
	occupied []occupancy.Span
	runs     [][]some
	highest  float64
}

// CourseOf returns what is drawn of a period.
func CourseOf(e roomair.Evidence, p Period) Course {
	step, _ := p.stretch()
	runs, highest := gather(e, step)
	return Course{e.Occupied, runs, highest}
}

// Measured reports whether anything was.
func (c *Course) Measured() bool { return len(c.runs) > 0 }

// gather puts the course together to stretches; where nothing is known, a run of them ends.
func gather(e roomair.Evidence, step time.Duration) (runs [][]some, highest float64) {
	times, ppm := e.Air.Course()
	last := int64(-1)
	length := int64(step / time.Second)
	for i, at := range times {
		v := ppm[i]
		if math.IsNaN(v) {
			continue
		}
		highest = max(highest, v)
		slot := at / length
		switch n := len(runs); {
		case n > 0 && slot == last:
		case n > 0 && slot == last+1:
			runs[n-1] = append(runs[n-1], some{at: time.Unix(slot*length+length/2, 0), lowest: v, highest: v})
		default:
			runs = append(runs, []some{{at: time.Unix(slot*length+length/2, 0), lowest: v, highest: v}})
		}
		last = slot
		run := runs[len(runs)-1]
		s := &run[len(run)-1]
		s.sum, s.n, s.lowest, s.highest = s.sum+v, s.n+1, min(s.lowest, v), max(s.highest, v)
	}
	return runs, highest
}

// axes draws the scales of values and days.
func (w *writer) axes(d *paper.Drawing, p *plot) {
	every := 200.0
	for (p.top-400)/every > 6 {
		every *= 2
	}
	for ppm := 400.0; ppm <= p.top; ppm += every {
		d.Line([]paper.Point{{X: plotLeft, Y: p.y(ppm)}, {X: plotRight, Y: p.y(ppm)}}, 0.12, paper.Line, false)
		d.Label(plotLeft-1.5, p.y(ppm)-1.5, strconv.Itoa(int(ppm)), small, paper.Right)
	}
	d.Line([]paper.Point{{X: plotLeft, Y: plotBottom}, {X: plotRight, Y: plotBottom}}, 0.25, paper.LineStrong, false)
	days := w.r.Period.Days()
	for n := range days {
		day := w.r.Period.First.AddDays(n)
		text := w.tick(day, n, days)
		if text == "" {
			continue
		}
		x := p.x(day.In(w.r.Zone))
		d.Line([]paper.Point{{X: x, Y: plotBottom}, {X: x, Y: plotBottom + 1.5}}, 0.25, paper.LineStrong, false)
		if x < plotRight-9 {
			d.Label(x+0.6, plotBottom+1.2, text, small, paper.Left)
		}
	}
}

// tick is what a day is called below a chart, "" for those that are not.
func (w *writer) tick(day civil.Date, n, days int) string {
	weekday := w.in(words.ReportWeekdays[(int(day.Weekday())+6)%7])
	short := strconv.Itoa(day.Day) + "." + strconv.Itoa(int(day.Month)) + "."
	switch w.language {
	case "en":
		short = day.In(time.UTC).Format("2 Jan")
	case "fr":
		short = day.In(time.UTC).Format("02/01")
	}
	switch {
	case days <= 8:
		return weekday + " " + short
	case days <= 100 && day.Weekday() == time.Monday && (days <= 35 || n/7%2 == 0):
		return weekday + " " + short
	case days > 100 && day.Day == 1:
		return short
	default:
		return ""
	}
}

// Measures of the grid of hours.
const (
	gridLeft = 14.0
	cellHigh = 4.2
)

// grid draws in which hours of the week air was stale; nil for whoever may not know, and where it never was.
func (w *writer) grid(j *roomair.Judgement) *paper.Drawing {
	_, stale := j.Hours.Worst()
	if !j.Member || !stale || j.LimitPPM == 0 {
		return nil
	}
	first, last, days := 24, 0, [7]bool{}
	for day := range j.Hours {
		for hour, one := range j.Hours[day] {
			if one.Known > 0 {
				first, last, days[day] = min(first, hour), max(last, hour), true
			}
		}
	}
	cell := min(12, (plotRight-gridLeft)/float64(last-first+1))
	d := &paper.Drawing{Width: chartWidth, Alt: w.in(words.ReportHours, j.LimitPPM)}
	y := 0.0
	for day := range j.Hours {
		if !days[day] {
			continue
		}
		d.Label(gridLeft-2, y+0.6, w.in(words.ReportWeekdays[day]), small, paper.Right)
		for hour := first; hour <= last; hour++ {
			fill, ink, text := paper.White, paper.Ink, ""
			if one := j.Hours[day][hour]; one.Known > 0 {
				share := float64(one.Beyond) / float64(one.Known)
				fill, ink = shade(share)
				if one.Beyond > 0 {
					text = strconv.Itoa(int(math.Max(1, math.Round(100*share)))) + " %"
				}
			}
			x := gridLeft + float64(hour-first)*cell
			d.Area(x+0.15, y+0.15, cell-0.3, cellHigh-0.3, fill)
			if text != "" && cell >= 8 {
				d.Label(x+cell/2, y+0.7, text, paper.Style{Points: 6.5, Colour: ink}, paper.Centre)
			}
		}
		y += cellHigh
	}
	for hour := first; hour <= last+1; hour++ {
		d.Label(gridLeft+float64(hour-first)*cell, y+0.4, strconv.Itoa(hour), small, paper.Centre)
	}
	d.Height = y + 4.5
	return d
}

// shade is the colour of a share of stale air: that it is in steps is seen in print, too.
func shade(share float64) (fill, ink paper.Colour) {
	switch {
	case share == 0:
		return paper.GoodSoft, paper.Ink
	case share < 0.25:
		return paper.ElevatedSoft, paper.Ink
	case share < 0.6:
		return 0xf3bd57, paper.Ink
	default:
		return paper.High, paper.White
	}
}
