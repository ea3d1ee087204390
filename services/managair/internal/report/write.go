package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Write says a report in a language of words.ReportLanguages.
func Write(r *Report, language string) *Content {
	w := writer{r, language}
	c := &Content{Language: language, Title: w.in(words.ReportTitle), Author: r.Organization}
	where := r.Site
	if r.One && len(r.Rooms) > 0 {
		where = r.Rooms[0].Name + " · " + r.Site
	}
	c.About = []string{where + " · " + r.Organization, w.period(r.Period), w.in(words.ReportMade, w.day(civil.DateOf(r.MadeAt.In(r.Zone))))}
	c.Foot = where + " · " + w.period(r.Period)
	legend := Section{Title: w.in(words.ReportLegend), Summary: true, Blocks: []Block{{Soft: w.in(words.ReportExplain)}}}
	if !r.One {
		c.Sections = append(c.Sections, w.overview(), legend)
	}
	for i := range r.Rooms {
		c.Sections = append(c.Sections, w.room(&r.Rooms[i]))
	}
	if r.One {
		c.Sections = append(c.Sections, legend)
	}
	return c
}

// writer says a report in one language.
type writer struct {
	r        *Report
	language string
}

func (w *writer) in(t words.Told, args ...any) string { return t.In(w.language, args...) }

func (w *writer) day(d civil.Date) string { return Day(w.language, d) }

// Day writes a day as a language does.
func Day(language string, d civil.Date) string {
	t := d.In(time.UTC)
	switch language {
	case "en":
		return t.Format("2 Jan 2006")
	case "fr":
		return t.Format("02/01/2006")
	default:
		return t.Format("2.1.2006")
	}
}

func (w *writer) period(p Period) string {
	if p.First == p.Last {
		return w.day(p.First)
	}
	return w.in(words.ReportPeriod, w.day(p.First), w.day(p.Last))
}

// number writes a number as the language does.
func (w *writer) number(v float64, places int) string {
	text := strconv.FormatFloat(v, 'f', places, 64)
	if w.language != "en" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

func (w *writer) hours(d time.Duration) string {
	h := d.Hours()
	if h == math.Trunc(h) || h >= 100 {
		return w.number(h, 0)
	}
	return w.number(h, 1)
}

// level is what a level of the norm is called.
func (w *writer) level(p *profile.Profile, id string) string {
	l, _ := p.Level(id)
	return cmp.Or(words.LevelIn(w.language, p.ID, id, l.Name), id)
}

func (w *writer) norm(p *profile.Profile) string { return words.NormIn(w.language, p.ID, p.Name) }

// role is the colour of a verdict, "" of none.
func role(j *roomair.Judgement) profile.Role {
	l, _ := j.Profile.Level(j.Level)
	if l.Role == profile.Good && !j.Good {
		return profile.Elevated // the sensor may not say so
	}
	return l.Role
}

// overview is all rooms in a table.
func (w *writer) overview() Section {
	s := Section{Title: w.in(words.ReportOverview), Summary: true}
	if len(w.r.Rooms) == 0 {
		s.Blocks = []Block{{Text: w.in(words.ReportNoRooms)}}
		return s
	}
	measured := false
	table := &Table{
		Head: []string{
			w.in(words.ReportRoom), w.in(words.ReportVerdict), w.in(words.ReportStale), w.in(words.ReportWorst), w.in(words.ReportBefore),
		},
		Shares: []float64{26, 30, 15, 22, 24},
	}
	for i := range w.r.Rooms {
		room := &w.r.Rooms[i]
		measured = measured || room.Course.Measured()
		table.Rows = append(table.Rows, []string{room.Name, w.short(&room.Now), w.staleDays(&room.Now), w.worst(&room.Now), w.short(&room.Before)})
		table.Roles = append(table.Roles, role(&room.Now))
	}
	if !measured {
		s.Blocks = append(s.Blocks, Block{Text: w.in(words.ReportNothing)})
	}
	good, judged := w.good(func(r *Room) *roomair.Judgement { return &r.Now })
	if judged > 0 {
		b := Block{Verdict: w.in(words.ReportGoodRooms, good, judged), Role: profile.Elevated}
		if good == judged {
			b.Role = profile.Good
		}
		s.Blocks = append(s.Blocks, b)
		if good, judged := w.good(func(r *Room) *roomair.Judgement { return &r.Before }); judged > 0 {
			s.Blocks = append(s.Blocks, Block{Text: w.in(words.ReportGoodBefore, good, judged)})
		}
	}
	s.Blocks = append(s.Blocks, w.findings()...)
	if rest := len(w.r.Rooms) - judged; rest > 0 {
		s.Blocks = append(s.Blocks, Block{Text: w.in(words.ReportUnjudged, rest)})
	}
	s.Blocks = append(s.Blocks, Block{Table: table})
	if w.r.More > 0 {
		s.Blocks = append(s.Blocks, Block{Text: w.in(words.ReportMore, w.r.More, MaxRooms)})
	}
	return s
}

// good counts the rooms that were good in a period, and those that were judged.
func (w *writer) good(of func(*Room) *roomair.Judgement) (good, judged int) {
	for i := range w.r.Rooms {
		j := of(&w.r.Rooms[i])
		if j.Judged() {
			judged++
		}
		if j.Good {
			good++
		}
	}
	return good, judged
}

// maxNamed is how many rooms or sensors are named in a sentence.
const maxNamed = 5

// findings is what to know of a site beside its verdict: a paragraph each.
func (w *writer) findings() (all []Block) {
	if rooms := w.stalest(); len(rooms) > 0 {
		all = append(all, Block{Text: w.in(words.ReportStalest, strings.Join(rooms, "; "))})
	}
	var sensors []string
	for i := range w.r.Rooms {
		room := &w.r.Rooms[i]
		for k := range room.Sensors {
			if s := &room.Sensors[k]; s.ailing() && len(sensors) <= maxNamed {
				sensors = append(sensors, s.Name+", "+room.Name)
			}
		}
	}
	if len(sensors) > maxNamed {
		sensors[maxNamed] = "…"
	}
	if len(sensors) > 0 {
		all = append(all, Block{Text: w.in(words.ReportLookAfter, strings.Join(sensors, "; "))})
	}
	return all
}

// stalest are the rooms whose air was stale on the largest part of their days.
func (w *writer) stalest() []string {
	type stale struct {
		name       string
		days, most int
	}
	var rooms []stale
	for i := range w.r.Rooms {
		if j := &w.r.Rooms[i].Now; j.Judged() && j.StaleDays() > 0 {
			rooms = append(rooms, stale{w.r.Rooms[i].Name, j.StaleDays(), len(j.Days)})
		}
	}
	slices.SortStableFunc(rooms, func(a, b stale) int { return cmp.Compare(b.days*a.most, a.days*b.most) })
	var told []string
	for _, r := range rooms[:min(3, len(rooms))] {
		told = append(told, w.in(words.ReportStaleOf, r.name, r.days, r.most))
	}
	return told
}

// short is a verdict in a table.
func (w *writer) short(j *roomair.Judgement) string {
	if j.Judged() {
		return w.level(&j.Profile, j.Level)
	}
	return strings.TrimSuffix(w.in(words.ReportNotJudged), ".")
}

func (w *writer) staleDays(j *roomair.Judgement) string {
	if !j.Judged() || len(j.Days) == 0 {
		return "–"
	}
	return w.in(words.ReportOf, j.StaleDays(), len(j.Days))
}

func (w *writer) worst(j *roomair.Judgement) string {
	h, some := j.Hours.Worst()
	if !j.Judged() || !some {
		return "–"
	}
	return w.in(words.ReportWeekdays[h.Weekday]) + " " + strconv.Itoa(h.From) + "–" + strconv.Itoa(h.To)
}

// room is all of one room.
func (w *writer) room(room *Room) Section {
	s := Section{Title: room.Name, Summary: w.r.One}
	text := func(parts ...string) {
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		if len(parts) > 0 {
			s.Blocks = append(s.Blocks, Block{Text: strings.Join(parts, " ")})
		}
	}
	j := &room.Now
	if !room.Course.Measured() {
		s.Blocks = []Block{{Verdict: w.in(words.ReportNothing)}}
		text(w.compared(room))
		text(w.sensors(room))
		return s
	}
	s.Blocks = append(s.Blocks, w.verdict(j))
	for _, facts := range w.facts(j) {
		text(facts...)
	}
	text(w.compared(room))
	s.Blocks = append(s.Blocks, Block{Drawing: w.course(room)}, Block{Soft: w.caption(room)})
	if grid := w.grid(j); grid != nil {
		s.Blocks = append(s.Blocks, Block{Soft: w.in(words.ReportHours, j.LimitPPM)}, Block{Drawing: grid})
	}
	text(w.sensors(room))
	soft := []string{w.in(words.ReportNormIs, w.norm(&j.Profile))}
	if j.Profile.Base == profile.Outdoor {
		soft = append(soft, w.in(words.ReportOutdoors, verdict.OutdoorPPM))
	}
	s.Blocks = append(s.Blocks, Block{Soft: strings.Join(soft, " ")})
	return s
}

func (w *writer) verdict(j *roomair.Judgement) Block {
	if !j.Judged() {
		why := words.ReportReasons[string(j.NotJudged)]
		return Block{Verdict: strings.TrimSpace(w.in(words.ReportNotJudged) + " " + w.in(why))}
	}
	said := words.ReportNotGood
	if j.Good {
		said = words.ReportGood
	}
	b := Block{Verdict: w.in(said, w.level(&j.Profile, j.Level)), Role: role(j)}
	if j.Fitness.Verdict == verdict.Unfit {
		b.Verdict += " " + w.in(words.ReportUnfit)
	}
	return b
}

// facts is what a verdict rests on, as far as the reader may know: paragraphs of sentences.
func (w *writer) facts(j *roomair.Judgement) [][]string {
	if !j.Judged() && !j.Member {
		return nil
	}
	var days, air, use []string
	say := func(to *[]string, so bool, t words.Told, args ...any) {
		if so {
			*to = append(*to, w.in(t, args...))
		}
	}
	say(&days, len(j.Days) > 0, words.ReportStaleDays, j.StaleDays(), len(j.Days))
	if h, some := j.Hours.Worst(); some {
		say(&days, true, words.ReportWorstLine, w.in(words.ReportOnWeekdays[h.Weekday]), h.From, h.To)
	}
	between := []string{}
	say(&between, j.Best != j.Worst, words.ReportBetween, w.level(&j.Profile, j.Best), w.level(&j.Profile, j.Worst))
	if !j.Member {
		return [][]string{days, between}
	}
	mean, highest, known := meanPPM(j)
	say(&air, known, words.ReportMean, w.number(mean, 0), w.number(highest, 0))
	say(&air, known && j.LimitPPM > 0, words.ReportAbove, w.hours(above(j)), j.LimitPPM)
	peaks := w.peaks(j)
	say(&air, peaks != "", words.ReportPeaks, peaks)
	say(&use, j.Occupied.Time > 0, words.ReportUsed, w.hours(j.Occupied.Time), len(j.Days), w.number(j.Occupied.KnownPercent(), 0))
	hows := make([]string, len(j.Occupied.Hows))
	for i, how := range j.Occupied.Hows {
		hows[i] = w.in(words.ReportHows[string(how)])
	}
	say(&use, len(hows) > 0, words.ReportKnownBy, strings.Join(hows, ", "))
	say(&use, j.Occupied.DaysWithoutUse > 0, words.ReportUnused, j.Occupied.DaysWithoutUse)
	return [][]string{days, air, use, between}
}

// above is how long occupied air was above the limit.
func above(j *roomair.Judgement) (sum time.Duration) {
	for day := range j.Hours {
		for _, hour := range j.Hours[day] {
			sum += time.Duration(hour.Beyond) * 10 * time.Minute
		}
	}
	return sum
}

// peaks are the three worst times, the worst first.
func (w *writer) peaks(j *roomair.Judgement) string {
	worst := slices.Clone(j.Exceedances)
	slices.SortStableFunc(worst, func(a, b verdict.Exceedance) int { return cmp.Compare(b.MaxPPM, a.MaxPPM) })
	var told []string
	for _, e := range worst[:min(3, len(worst))] {
		from, to := e.From.In(w.r.Zone), e.To.In(w.r.Zone)
		day := w.in(words.ReportWeekdays[(int(from.Weekday())+6)%7]) + " " + w.day(civil.DateOf(from))
		told = append(told, w.in(words.ReportPeak, day, from.Format("15:04"), to.Format("15:04"), w.number(e.MaxPPM, 0)))
	}
	return strings.Join(told, "; ")
}

// samePPM is how far two means may differ and be told as about the same: what sensors waver.
const samePPM = 50

// compared holds the period against the one before.
func (w *writer) compared(room *Room) string {
	before := w.in(words.ReportWas, w.period(w.r.Period.Before()), w.was(&room.Before))
	now, _, known := meanPPM(&room.Now)
	then, _, knew := meanPPM(&room.Before)
	if !known || !knew || !room.Now.Judged() || !room.Before.Judged() || !room.Now.Member {
		return before
	}
	switch {
	case now-then > samePPM:
		return before + " " + w.in(words.ReportWorse, w.number(now-then, 0))
	case then-now > samePPM:
		return before + " " + w.in(words.ReportBetter, w.number(then-now, 0))
	default:
		return before + " " + w.in(words.ReportSame)
	}
}

// was is a verdict in a sentence.
func (w *writer) was(j *roomair.Judgement) string {
	if !j.Judged() {
		return w.in(words.ReportNotJudged)
	}
	said := w.level(&j.Profile, j.Level) + "."
	if len(j.Days) > 0 {
		said += " " + w.in(words.ReportStaleDays, j.StaleDays(), len(j.Days))
	}
	return said
}

// lowBattery is from when on a battery is told, in percent.
const lowBattery = 25

// ailing reports whether somebody should look after a sensor.
func (s *Sensor) ailing() bool {
	return s.Faulty || s.Suspected || s.Silences > 0 || s.BatteryPercent != nil && *s.BatteryPercent <= lowBattery
}

func (w *writer) sensors(room *Room) string {
	var told []string
	for i := range room.Sensors {
		s := &room.Sensors[i]
		n := len(told)
		say := func(so bool, t words.Told, args ...any) {
			if so {
				told = append(told, w.in(t, append([]any{s.Name}, args...)...))
			}
		}
		say(s.Faulty, words.ReportFaulty)
		say(s.Suspected, words.ReportSuspected)
		say(s.Silences > 0, words.ReportSilent, s.Silences, w.hours(s.Silent.Round(time.Minute)))
		if s.BatteryPercent != nil {
			say(*s.BatteryPercent <= lowBattery, words.ReportBattery, *s.BatteryPercent)
		}
		say(len(told) == n, words.ReportFine)
	}
	if len(told) == 0 {
		return ""
	}
	return w.in(words.ReportSensors, strings.Join(told, "; "))
}
