package verdict_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func get(t testing.TB, id string) *profile.Profile {
	t.Helper()
	p, ok := profile.Get(id)
	if !ok {
		t.Fatalf("there is no profile %s", id)
	}
	return &p
}

// month returns the course of a month that is measured every ten minutes; a negative
// value is no sample.
func month(p airquality.Period, ppm func(local time.Time) int) *airquality.Analysis {
	a := airquality.Begin(p)
	series := a.Installation()
	for t := p.From.Add(-airquality.MaxGap); t.Before(p.To.Add(airquality.MaxGap)); t = t.Add(airquality.Step) {
		if v := ppm(t.In(p.From.Location())); v >= 0 {
			series.Add(airquality.Sample{Time: t, CO2PPM: v})
		}
	}
	series.End()
	a.End()
	return a
}

// schooldays returns a span a day, of local hours, on the weekdays of the period.
func schooldays(p airquality.Period, from, to int) []occupancy.Span {
	var spans []occupancy.Span
	for day := p.From; day.Before(p.To); day = day.AddDate(0, 0, 1) {
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			continue
		}
		at := func(hour int) time.Time {
			return time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, day.Location())
		}
		spans = append(spans, occupancy.Span{From: at(from), To: at(to), How: occupancy.Timetable})
	}
	return spans
}

func within(spans []occupancy.Span, t time.Time) bool {
	return slices.ContainsFunc(spans, func(s occupancy.Span) bool { return !t.Before(s.From) && t.Before(s.To) })
}

var scd30 = verdict.Sensor{RangePPM: 5100, ResolutionPPM: 20, AccuracyPPM: 30, AccuracyPercent: 3, Interval: 3 * time.Minute}

// What the medal of 2020 got wrong (research of verdicts, 4.1), by every profile.
func TestTwoMonthsThatTheMedalCalledGood(t *testing.T) {
	t.Parallel()
	loc := berlin(t)
	august := airquality.Month(2026, time.August, loc)
	empty := month(august, func(time.Time) int { return 420 })
	november := airquality.Month(2026, time.November, loc)
	lessons := schooldays(november, 8, 14)
	if len(lessons) != 21 {
		t.Fatalf("%d school days", len(lessons))
	}
	// 1950 ppm on the first 8 school days, 1490 ppm on the other 13, at night 420.
	stale := month(november, func(at time.Time) int {
		i := slices.IndexFunc(lessons, func(s occupancy.Span) bool { return within([]occupancy.Span{s}, at) })
		switch {
		case i < 0:
			return 420
		case i < 8:
			return 1950
		default:
			return 1490
		}
	})
	for name, a := range map[string]*airquality.Analysis{"august": empty, "november": stale} {
		if medal, broken := a.Medal(); !medal {
			t.Errorf("%s: no medal of 2020 (%v): this test is about nothing", name, broken)
		}
	}
	// The levels that a hygienist gives November, profile by profile.
	levels := map[string]string{
		"de-uba":            "conspicuous",  // all above 1000, never above 2000
		"de-school":         "missed",       // each lesson's mean above 1000
		"at":                "missed",       // the same
		"en-16798":          "iv",           // 8 of 21 days are 1530 above outdoors: 38 % > 5 % beyond 1350
		"nl-frisse-scholen": "none",         // always above 1200
		"fr-evaluation":     "insufficient", // 8 days above 1500
		"be":                "none",         // always above 1200
		"uk-dfe":            "act",          // the mean of 8 of 21 days is above 1500
	}
	for _, p := range profile.All() {
		if p.Averaging == profile.Calendar {
			continue
		}
		for name, in := range map[string]struct {
			verdict.Input
			why verdict.Reason
		}{
			"august, nobody knows when people were there": {verdict.Input{Air: empty, Sensor: scd30}, verdict.NoOccupiedTime},
			"august, of which somebody forgot to say that it is holidays": {
				verdict.Input{Air: empty, Occupied: schooldays(august, 8, 14), Sensor: scd30}, verdict.NoSignOfUse,
			},
		} {
			got := verdict.Judge(&p, in.Input)
			if got.Good || got.Judged() || got.NotJudged != in.why {
				t.Errorf("%s, %s: level %q, good %v, %s", p.ID, name, got.Level, got.Good, got.NotJudged)
			}
		}
		got := verdict.Judge(&p, verdict.Input{Air: stale, Occupied: lessons, Sensor: scd30})
		if got.Good || got.Level != levels[p.ID] {
			t.Errorf("%s, november: level %q (%s), good %v; want %q", p.ID, got.Level, got.NotJudged, got.Good, levels[p.ID])
		}
		if got.StaleDays() != 21 {
			t.Errorf("%s, november: %d stale days, want 21", p.ID, got.StaleDays())
		}
	}
}

// block is some occupied points of the same value.
type block struct{ n, ppm int }

// Ten school days of October 2026 (1st to 14th), a span of 4 hours each: 24 points a
// day, 240 in all, 12 of them are 5 %. Nights have 420 ppm.
func decade(t testing.TB, blocks ...block) verdict.Input {
	t.Helper()
	p := airquality.Month(2026, time.October, berlin(t))
	spans := schooldays(p, 8, 12)[:10]
	var values []int
	for _, b := range blocks {
		values = append(values, slices.Repeat([]int{b.ppm}, b.n)...)
	}
	if len(values) != 240 {
		t.Fatalf("%d points", len(values))
	}
	at := 0
	air := month(p, func(local time.Time) int {
		if !within(spans, local) {
			return 420
		}
		at++
		return values[at-1]
	})
	return verdict.Input{Air: air, Occupied: spans, Sensor: scd30}
}

// lessons returns blocks for a day of four hours: a span of 240 minutes has five lessons
// of 45 (points at minute 0-40, 50-80, 90-130, 140-170, and 180-230, to which the rest of
// 15 minutes belongs), of 5, 4, 5, 4 and 6 points.
func lessons(ppm ...int) []block {
	lengths := []int{5, 4, 5, 4, 6}
	var blocks []block
	for i, v := range ppm {
		blocks = append(blocks, block{lengths[i%5], v})
	}
	return blocks
}

// TestVectors are verdicts made by hand, at and around each bound.
func TestVectors(t *testing.T) {
	t.Parallel()
	all := func(ppm int) []block { return []block{{240, ppm}} }
	// Of 50 lessons, n with their mean at one value, the others at another.
	mixed := func(n, high, low int) []block {
		return lessons(append(slices.Repeat([]int{high}, n), slices.Repeat([]int{low}, 50-n)...)...)
	}
	cases := []struct {
		profile, why string
		blocks       []block
		level        string
		good         bool
	}{
		{"de-uba", "999 is below 1000", all(999), "harmless", true},
		{"de-uba", "1000 is not below 1000", all(1000), "conspicuous", false},
		{"de-uba", "12 of 240 are 5 %, which is allowed", []block{{12, 1500}, {228, 900}}, "harmless", true},
		{"de-uba", "13 of 240 are 5.4 %", []block{{13, 1500}, {227, 900}}, "conspicuous", false},
		{"de-uba", "2000 is not above 2000", []block{{12, 2000}, {228, 900}}, "harmless", true},
		{"de-uba", "once above 2000 is too often, however good the rest", []block{{1, 2001}, {239, 600}}, "unacceptable", false},

		{"de-school", "a mean of 1000 is the target", all(1000), "met", true},
		{"de-school", "1001 is not", all(1001), "missed", false},
		{"de-school", "a lesson may begin above: (1500 + 4 · 800) / 5 = 940", append([]block{{1, 1500}, {4, 800}}, block{235, 800}), "met", true},
		{"de-school", "2 of 50 lessons are 4 %", mixed(2, 1400, 700), "met", true},
		{"de-school", "3 of 50 lessons are 6 %", mixed(3, 1400, 700), "missed", false},
		{"at", "the same rule", mixed(2, 1400, 700), "met", true},
		{"at", "and its other side", mixed(3, 1400, 700), "missed", false},

		{"en-16798", "420 + 550 = 970 is category I", all(970), "i", true},
		{"en-16798", "971 is II", all(971), "ii", true},
		{"en-16798", "420 + 800 = 1220 is II", all(1220), "ii", true},
		{"en-16798", "1221 is III, which is moderate", all(1221), "iii", false},
		{"en-16798", "420 + 1350 = 1770 is III", all(1770), "iii", false},
		{"en-16798", "1771 is IV", all(1771), "iv", false},
		{"en-16798", "5 % of the time in IV does not make it IV", []block{{12, 1900}, {228, 900}}, "i", true},
		{"en-16798", "13 of 240 beyond I, 12 beyond III: II", []block{{12, 1900}, {1, 1000}, {227, 900}}, "ii", true},

		{"nl-frisse-scholen", "at most 800", all(800), "a", true},
		{"nl-frisse-scholen", "once more is B", []block{{1, 801}, {239, 600}}, "b", true},
		{"nl-frisse-scholen", "once 951 is C, which is sufficient and not good", []block{{1, 951}, {239, 600}}, "c", false},
		{"nl-frisse-scholen", "once 1201 is no class", []block{{1, 1201}, {239, 600}}, "none", false},

		{"fr-evaluation", "below 800", all(799), "satisfying", true},
		{"fr-evaluation", "800 was reached once", []block{{1, 800}, {239, 600}}, "to-improve", false},
		{"fr-evaluation", "1500 is not above 1500", all(1500), "to-improve", false},
		{"fr-evaluation", "above 1500 once", []block{{1, 1501}, {239, 600}}, "insufficient", false},

		{"be", "below 900", all(899), "a", true},
		{"be", "12 of 240 at 1500 are 5 %", []block{{12, 1500}, {228, 899}}, "a", true},
		{"be", "900 is level B", all(900), "b", true},
		{"be", "1200 is none", all(1200), "none", false},

		{"uk-dfe", "a mean of 800 on each day: half at 600, half at 1000", slices.Repeat([]block{{12, 600}, {12, 1000}}, 10), "well", true},
		{"uk-dfe", "one day of ten at 801 is 10 % of the days", []block{{24, 801}, {216, 600}}, "watch", false},
		{"uk-dfe", "one day of ten at 1501", []block{{24, 1501}, {216, 600}}, "act", false},
		{"uk-dfe", "an hour at 3000 on one day: (6 · 3000 + 18 · 600) / 24 = 1200", []block{{6, 3000}, {18, 600}, {216, 600}}, "watch", false},

		{"clair-2020", "31 days measured, never 1500", all(1499), "medal", true},
		{"clair-2020", "2000 is bad", []block{{1, 2000}, {239, 600}}, "none", false},
		{"clair-2020", "10 of 31 days are yellow, which is 32 %", all(1510), "none", false},
	}
	for _, c := range cases {
		got := verdict.Judge(get(t, c.profile), decade(t, c.blocks...))
		if got.Level != c.level || got.Good != c.good {
			t.Errorf("%s, %s: %q (%s), good %v; want %q, %v\n%+v", c.profile, c.why, got.Level, got.NotJudged, got.Good, c.level, c.good, got.Bounds)
		}
	}
}

// What a verdict says beside the level, by hand. 10 days of 4 hours; on the first, a
// Thursday, 1200 ppm from 8 to 10 and the rest at 700; on the second 1100 ppm for the
// first half hour.
func TestWhatStandsForAndAgainst(t *testing.T) {
	t.Parallel()
	in := decade(t, block{12, 1200}, block{12, 700}, block{3, 1100}, block{213, 700})
	got := verdict.Judge(get(t, "de-uba"), in)
	loc := berlin(t)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 10, day, hour, minute, 0, 0, loc) }
	want := verdict.Result{
		ProfileID: "de-uba", ProfileVersion: 1,
		Level: "conspicuous", // 15 of 240 are 6.25 %
		// 1200 ± (30 + 36) is above 1000 in any case, and so is 1100 - 63; 700 + 51 never.
		Best: "conspicuous", Worst: "conspicuous",
		Bounds: []verdict.Bound{
			{LevelID: "harmless", PPM: 1000, Units: 240, Beyond: 15, BeyondPercent: 6.25, TolerancePercent: 5},
			{LevelID: "conspicuous", PPM: 2000, Units: 240, Kept: true},
		},
		Fitness:  verdict.Fitness{Verdict: verdict.Fit},
		Occupied: verdict.Occupied{Time: 40 * time.Hour, Known: 40 * time.Hour, Hows: []occupancy.How{occupancy.Timetable}},
		LimitPPM: 1000,
		Exceedances: []verdict.Exceedance{
			{From: at(1, 8, 0), To: at(1, 10, 0), MeanPPM: 1200, MaxPPM: 1200},
			{From: at(2, 8, 0), To: at(2, 8, 30), MeanPPM: 1100, MaxPPM: 1100},
		},
	}
	got.Days, got.Hours = nil, verdict.Hours{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = verdict.Judge(get(t, "de-uba"), in)
	// 3 of 24 points on the second day are 12.5 %: stale as well.
	if got.StaleDays() != 2 || len(got.Days) != 10 {
		t.Errorf("%d of %d days are stale, want 2 of 10", got.StaleDays(), len(got.Days))
	}
	if d := got.Days[0]; d.Occupied != 4*time.Hour || d.Known != 4*time.Hour || d.MaxPPM != 1200 || d.MeanPPM != 950 || !d.Stale {
		t.Errorf("first day: %+v", d)
	}
	if worst, ok := got.Hours.Worst(); !ok || worst != (verdict.Stretch{Weekday: 3, From: 8, To: 10, Time: 2 * time.Hour}) {
		t.Errorf("worst hours: %+v %v", worst, ok)
	}
}

func TestSensorAccuracyBoundsTheLevel(t *testing.T) {
	t.Parallel()
	// 960 ± (30 + 29) is 901 to 1019: harmless or conspicuous.
	got := verdict.Judge(get(t, "de-uba"), decade(t, block{240, 960}))
	if got.Level != "harmless" || got.Best != "harmless" || got.Worst != "conspicuous" || !got.Good || got.GoodAtWorst {
		t.Errorf("%s, between %s and %s; good %v, at worst %v", got.Level, got.Best, got.Worst, got.Good, got.GoodAtWorst)
	}
	if got = verdict.Judge(get(t, "de-uba"), decade(t, block{240, 900})); !got.Good || !got.GoodAtWorst {
		t.Errorf("900 ± 57: good %v, at worst %v", got.Good, got.GoodAtWorst)
	}
	in := decade(t, block{240, 960})
	in.Sensor = verdict.Sensor{RangePPM: 5000, Interval: time.Minute}
	if got = verdict.Judge(get(t, "de-uba"), in); got.Best != "" || got.Worst != "" || !got.Good || !got.GoodAtWorst {
		t.Errorf("of a sensor of which nothing is known: %q to %q, good %v", got.Best, got.Worst, got.Good)
	}
}

func TestSensorsThatMayNotJudge(t *testing.T) {
	t.Parallel()
	slow := scd30
	slow.Interval = 855 * time.Second
	short := scd30
	short.RangePPM = 2000
	vague := scd30
	vague.AccuracyPPM = 100
	cases := []struct {
		name    string
		profile string
		sensor  verdict.Sensor
		want    verdict.Fitness
	}{
		{"fit for France", "fr-evaluation", scd30, verdict.Fitness{Verdict: verdict.Fit}},
		{"855 s are too seldom for France", "fr-evaluation", slow, verdict.Fitness{Verdict: verdict.Unfit, Short: []verdict.Shortcoming{verdict.Interval}}},
		{"but not for Germany", "de-uba", slow, verdict.Fitness{Verdict: verdict.Fit}},
		{"a range up to 2000", "fr-evaluation", short, verdict.Fitness{Verdict: verdict.Unfit, Short: []verdict.Shortcoming{verdict.Range}}},
		{"100 ppm off", "fr-evaluation", vague, verdict.Fitness{Verdict: verdict.Unfit, Short: []verdict.Shortcoming{verdict.Accuracy}}},
		{
			"nothing known", "fr-evaluation",
			verdict.Sensor{},
			verdict.Fitness{Verdict: verdict.Unknown, Missing: []verdict.Shortcoming{verdict.Range, verdict.Interval, verdict.Accuracy}},
		},
		{"the worse of two", "fr-evaluation", verdict.Worst(scd30, slow), verdict.Fitness{Verdict: verdict.Unfit, Short: []verdict.Shortcoming{verdict.Interval}}},
		{
			"one known, one not", "fr-evaluation", verdict.Worst(scd30, verdict.Sensor{}),
			verdict.Fitness{Verdict: verdict.Unknown, Missing: []verdict.Shortcoming{verdict.Range, verdict.Interval, verdict.Accuracy}},
		},
	}
	for _, c := range cases {
		in := decade(t, block{240, 600})
		in.Sensor = c.sensor
		got := verdict.Judge(get(t, c.profile), in)
		if diff := cmp.Diff(c.want, got.Fitness); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if got.Good != (c.want.Verdict != verdict.Unfit) {
			t.Errorf("%s: good %v", c.name, got.Good)
		}
	}
}

func TestNotJudged(t *testing.T) {
	t.Parallel()
	loc := berlin(t)
	october := airquality.Month(2026, time.October, loc)
	days := schooldays(october, 8, 12)
	used := func(local time.Time) int {
		if within(days, local) {
			return 700
		}
		return 420
	}
	air := month(october, used)
	forgotten := month(october, func(local time.Time) int {
		if local.Day() > 14 {
			return 420 + local.Minute()%40 // holidays, with a sensor that wavers
		}
		if within(days, local) && local.Hour() == 9 {
			return 1400 // a quarter of ten days, an eighth of all
		}
		return used(local)
	})
	cases := []struct {
		name string
		in   verdict.Input
		want verdict.Reason
	}{
		{"two days of four hours are a working day", verdict.Input{Air: air, Occupied: days[:2]}, ""},
		{"one is not", verdict.Input{Air: air, Occupied: days[:1]}, verdict.TooLittleOccupied},
		{"the future does not count", verdict.Input{Air: air, Occupied: days, Until: days[0].To}, verdict.TooLittleOccupied},
		{"nor does it lack values", verdict.Input{Air: month(october, func(local time.Time) int {
			if local.Before(days[10].To) {
				return used(local)
			}
			return -1
		}), Occupied: days, Until: days[10].To}, ""},
		{"a third of the days is missing", verdict.Input{Air: month(october, func(local time.Time) int {
			if local.Day() > 20 {
				return -1
			}
			return used(local)
		}), Occupied: days}, verdict.TooLittleKnown},
		{"nothing was measured", verdict.Input{Air: month(october, func(time.Time) int { return -1 }), Occupied: days}, verdict.TooLittleKnown},
		{"days without anybody do not count", verdict.Input{Air: forgotten, Occupied: days}, ""},
	}
	for _, c := range cases {
		got := verdict.Judge(get(t, "de-uba"), c.in)
		if got.NotJudged != c.want || got.Judged() != (c.want == "") {
			t.Errorf("%s: %q, %q, want %q", c.name, got.Level, got.NotJudged, c.want)
		}
	}
	got := verdict.Judge(get(t, "de-uba"), verdict.Input{Air: forgotten, Occupied: days})
	if got.Occupied.DaysWithoutUse != 12 || len(got.Days) != 10 || got.Bounds[0].BeyondPercent != 25 {
		t.Errorf("%d days without use, %d days, %v %% beyond; want 12, 10, 25", got.Occupied.DaysWithoutUse, len(got.Days), got.Bounds[0].BeyondPercent)
	}
}

// A sensor that begins on 25 October says nothing of October where the air itself says when
// people are there: of days without values it says nothing. Of 31 days 60 % are 18.6.
func TestInferredTimeNeedsTheDays(t *testing.T) {
	t.Parallel()
	october := airquality.Month(2026, time.October, berlin(t))
	inferred := func(from int) (spans []occupancy.Span) {
		for _, s := range schooldays(october, 8, 12) {
			if s.From.Day() >= from {
				s.How = occupancy.Inferred
				spans = append(spans, s)
			}
		}
		return spans
	}
	cases := []struct {
		name       string
		begin      int // day of the month
		known      int
		until      time.Time
		how        []occupancy.Span
		notJudged  verdict.Reason
		wantedGood bool
	}{
		{"since the 25th, known from the 28th on", 25, 4, time.Time{}, inferred(28), verdict.TooLittleKnown, false},
		{"18 days of 31", 11, 18, time.Time{}, inferred(14), verdict.TooLittleKnown, false},
		{"19 days of 31", 10, 19, time.Time{}, inferred(13), "", true},
		{"what is to come is not asked for", 1, 8, time.Date(2026, 10, 11, 0, 0, 0, 0, october.From.Location()), inferred(1), "", true},
		{"who was said to be there is known", 25, 31, time.Time{}, schooldays(october, 8, 12)[17:], "", true},
	}
	for _, c := range cases {
		air := month(october, func(local time.Time) int {
			if local.Month() == time.October && local.Day() < c.begin || local.Month() < time.October {
				return -1
			}
			if within(c.how, local) {
				return 700
			}
			return 420
		})
		got := verdict.Judge(get(t, "de-uba"), verdict.Input{Air: air, Occupied: c.how, KnownDays: c.known, Until: c.until, Sensor: scd30})
		if got.NotJudged != c.notJudged || got.Good != c.wantedGood || got.GoodAtWorst != c.wantedGood {
			t.Errorf("%s: %q (%s), good %v; want %q, %v", c.name, got.Level, got.NotJudged, got.Good, c.notJudged, c.wantedGood)
		}
	}
}

// One value that is too low makes no use of days on which nobody was there.
func TestASingleLowValueIsNoSignOfUse(t *testing.T) {
	t.Parallel()
	august := airquality.Month(2026, time.August, berlin(t))
	air := month(august, func(local time.Time) int {
		if local.Day() == 9 && local.Hour() == 3 {
			return 350
		}
		return 420
	})
	got := verdict.Judge(get(t, "de-uba"), verdict.Input{Air: air, Occupied: schooldays(august, 8, 14), Sensor: scd30})
	if got.NotJudged != verdict.NoSignOfUse || got.Good {
		t.Errorf("%q (%s), good %v", got.Level, got.NotJudged, got.Good)
	}
}

// When clocks are put back, the lesson that comes twice is as long as it is.
func TestNightOfTheClocks(t *testing.T) {
	t.Parallel()
	loc := berlin(t)
	october := airquality.Month(2026, time.October, loc)
	from := time.Date(2026, 10, 24, 22, 0, 0, 0, loc)
	to := time.Date(2026, 10, 25, 6, 0, 0, 0, loc)
	party := []occupancy.Span{{From: from, To: to, How: occupancy.Exception}}
	air := month(october, func(local time.Time) int {
		if within(party, local) {
			return 1600
		}
		return 450
	})
	got := verdict.Judge(get(t, "de-uba"), verdict.Input{Air: air, Occupied: party})
	if got.Occupied.Time != 9*time.Hour || len(got.Exceedances) != 1 || got.Exceedances[0].To.Sub(from) != 9*time.Hour {
		t.Errorf("%v occupied, %+v", got.Occupied.Time, got.Exceedances)
	}
	if n := got.Hours[6][2].Beyond; n != 12 {
		t.Errorf("the hour that came twice has %d points, want 12", n)
	}
}

// FuzzJudge draws air and occupied time from bytes and checks what must hold for all.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{0, 10, 0, 200, 5, 3}, []byte{48, 36, 200, 20}, uint8(0), int16(0))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 1, 1}, []byte{1, 255, 0, 255}, uint8(3), int16(40))
	f.Add([]byte{60, 0, 60, 250, 60, 0, 60, 90}, []byte{}, uint8(8), int16(-3))
	f.Fuzz(func(t *testing.T, raw, occupied []byte, which uint8, more int16) {
		all := profile.All()
		p := &all[int(which)%len(all)]
		period := airquality.Month(2026, time.March, berlin(t))
		judge := func(plus int) verdict.Result {
			a := airquality.Begin(period)
			series := a.Installation()
			at := period.From.Add(-time.Hour)
			for i := 0; i+1 < len(raw); i += 2 {
				at = at.Add(time.Duration(raw[i]) * time.Minute)
				series.Add(airquality.Sample{Time: at, CO2PPM: 300 + int(raw[i+1])*12 + plus})
			}
			series.End()
			a.End()
			var spans []occupancy.Span
			end := period.From.Add(-5 * time.Hour)
			for i := 0; i+1 < len(occupied); i += 2 {
				from := end.Add(time.Duration(occupied[i]) * 7 * time.Minute)
				end = from.Add(time.Duration(1+int(occupied[i+1])) * 3 * time.Minute)
				spans = append(spans, occupancy.Span{From: from, To: end, How: occupancy.Inferred})
			}
			return verdict.Judge(p, verdict.Input{Air: a, Occupied: spans, KnownDays: len(spans), Sensor: scd30})
		}
		r := judge(0)
		index := func(id string) int {
			return slices.IndexFunc(p.Levels, func(l profile.Level) bool { return l.ID == id })
		}
		if r.Judged() == (r.NotJudged != "") || r.Good && !r.Judged() || r.GoodAtWorst && !r.Good || r.Judged() && index(r.Level) < 0 {
			t.Fatalf("%+v", r)
		}
		if r.Best != "" && (index(r.Best) > index(r.Level) || index(r.Worst) < index(r.Level)) {
			t.Errorf("%s is not between %s and %s", r.Level, r.Best, r.Worst)
		}
		if r.Good && p.Averaging != profile.Calendar && (r.Occupied.Time < verdict.MinOccupied || r.Occupied.KnownPercent() < verdict.MinKnownPercent) {
			t.Errorf("good on %+v", r.Occupied)
		}
		for i, e := range r.Exceedances {
			if !e.From.Before(e.To) || i > 0 && e.From.Before(r.Exceedances[i-1].To) || e.MeanPPM > e.MaxPPM+1e-6 {
				t.Errorf("exceedance %+v after %+v", e, r.Exceedances[max(i, 1)-1])
			}
		}
		if r.Good && r.StaleDays() == len(r.Days) && len(r.Days) > 0 {
			t.Errorf("good, with %d stale days of %d", r.StaleDays(), len(r.Days))
		}
		// Worse air is never judged better.
		if worse := judge(int(uint16(more)) % 2000); worse.Judged() && r.Judged() && index(worse.Level) < index(r.Level) {
			t.Errorf("%s, with more CO2 %s", r.Level, worse.Level)
		}
	})
}

// BenchmarkMonth judges a month of five-minute samples by all profiles; the share of the
// course, which is one for all, is in airquality's own benchmark.
func BenchmarkMonth(b *testing.B) {
	p := airquality.Month(2026, time.November, berlin(b))
	spans := schooldays(p, 8, 16)
	air := func() *airquality.Analysis {
		a := airquality.Begin(p)
		series := a.Installation()
		for at := p.From; at.Before(p.To); at = at.Add(5 * time.Minute) {
			series.Add(airquality.Sample{Time: at, CO2PPM: 600 + int(at.Unix()/300%900)})
		}
		series.End()
		a.End()
		return a
	}
	b.ReportAllocs()
	for b.Loop() {
		in := verdict.Input{Air: air(), Occupied: spans, Sensor: scd30}
		for _, one := range profile.All() {
			if r := verdict.Judge(&one, in); !r.Judged() {
				b.Fatal(r.NotJudged)
			}
		}
	}
}
