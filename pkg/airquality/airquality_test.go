package airquality_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clairberlin/clair-stack/pkg/airquality"
)

// analyze looks at the samples of each installation in the room.
func analyze(p airquality.Period, installations ...[]airquality.Sample) *airquality.Analysis {
	a := airquality.Begin(p)
	for _, samples := range installations {
		series := a.Installation()
		for _, s := range samples {
			series.Add(s)
		}
		series.End()
	}
	a.End()
	return a
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// every returns samples from one time to another (included) of the value that ppm
// gives; a negative one is no sample.
func every(step time.Duration, from, to time.Time, ppm func(time.Time) int) []airquality.Sample {
	var samples []airquality.Sample
	for t := from; !t.After(to); t = t.Add(step) {
		if v := ppm(t); v >= 0 {
			samples = append(samples, airquality.Sample{Time: t.UTC(), CO2PPM: v})
		}
	}
	return samples
}

func constant(ppm int) func(time.Time) int { return func(time.Time) int { return ppm } }

// month returns 5-minute samples of a whole month and a little around it.
func month(p airquality.Period, ppm func(time.Time) int) []airquality.Sample {
	return every(5*time.Minute, p.From.Add(-airquality.MaxGap), p.To.Add(airquality.MaxGap), ppm)
}

func TestDayIsReadEveryTenMinutes(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 6, day, hour, minute, second, 0, berlin)
	}
	june := airquality.Month(2026, 6, berlin)
	// The whole of 10 June, every 30 minutes, both midnights included.
	halfHourly := func(ppm func(time.Time) int) []airquality.Sample {
		return every(30*time.Minute, at(10, 0, 0, 0), at(11, 0, 0, 0), ppm)
	}
	tenMinutes := func(ppm func(time.Time) int) []airquality.Sample {
		return every(10*time.Minute, at(10, 0, 0, 0), at(10, 23, 50, 0), ppm)
	}
	without := func(from, to time.Time) func(time.Time) int {
		return func(t time.Time) int {
			if !t.Before(from) && !t.After(to) {
				return -1
			}
			return 1000
		}
	}
	cases := []struct {
		name    string
		samples []airquality.Sample
		want    airquality.Day
		valid   bool
	}{
		{
			name:    "constant",
			samples: halfHourly(constant(700)),
			want:    airquality.Day{Points: 144, Samples: 48, MaxCO2PPM: 700, MeanCO2PPM: 700},
			valid:   true,
		},
		{
			// 12:10..12:50 are 1300, 1600, 1900, 1600, 1300: 2700 above 1000 together, and
			// above 1500 three points with 100 + 400 + 100.
			name: "one peak, straight lines to and from it",
			samples: halfHourly(func(t time.Time) int {
				if t.Equal(at(10, 12, 30, 0)) {
					return 1900
				}
				return 1000
			}),
			want: airquality.Day{
				Points: 144, Samples: 48, MaxCO2PPM: 1900, MeanCO2PPM: 1000 + 2700.0/144, ExcessPoints: 3, ExcessScore: 600.0 / 144,
			},
			valid: true,
		},
		{
			name: "a peak between two points is a maximum and no excess",
			samples: append(tenMinutes(func(t time.Time) int {
				if t.After(at(10, 12, 0, 0)) {
					return -1
				}
				return 1000
			}), append([]airquality.Sample{{Time: at(10, 12, 4, 0), CO2PPM: 1000}, {Time: at(10, 12, 5, 0), CO2PPM: 2345}, {Time: at(10, 12, 6, 0), CO2PPM: 1000}},
				every(10*time.Minute, at(10, 12, 10, 0), at(10, 23, 50, 0), constant(1000))...)...),
			want:  airquality.Day{Points: 144, Samples: 147, MaxCO2PPM: 2345, MeanCO2PPM: 1000},
			valid: true,
		},
		{
			name:    "half an hour without a sample is bridged",
			samples: tenMinutes(without(at(10, 10, 10, 0), at(10, 10, 20, 0))),
			want:    airquality.Day{Points: 144, Samples: 142, MaxCO2PPM: 1000, MeanCO2PPM: 1000},
			valid:   true,
		},
		{
			name:    "more than that is missing, but for the ends",
			samples: tenMinutes(without(at(10, 10, 10, 0), at(10, 10, 30, 0))),
			want:    airquality.Day{Points: 144, Missing: 3, Samples: 141, MaxCO2PPM: 1000, MeanCO2PPM: 1000},
			valid:   true,
		},
		{
			name:    "an hour missing is still a valid day",
			samples: tenMinutes(without(at(10, 10, 0, 0), at(10, 10, 50, 0))),
			want:    airquality.Day{Points: 144, Missing: 6, Samples: 138, MaxCO2PPM: 1000, MeanCO2PPM: 1000},
			valid:   true,
		},
		{
			name:    "ten minutes more are not",
			samples: tenMinutes(without(at(10, 10, 0, 0), at(10, 11, 0, 0))),
			want:    airquality.Day{Points: 144, Missing: 7, Samples: 137, MaxCO2PPM: 1000, MeanCO2PPM: 1000},
		},
		{
			name: "samples of one minute are averaged and stand at its begin",
			samples: []airquality.Sample{
				{Time: at(10, 9, 0, 5), CO2PPM: 800}, {Time: at(10, 9, 0, 50), CO2PPM: 1000}, {Time: at(10, 9, 20, 59), CO2PPM: 1300},
			},
			// 900 at 9:00, 1100 at 9:10, 1300 at 9:20.
			want: airquality.Day{Points: 144, Missing: 141, Samples: 3, MaxCO2PPM: 1300, MeanCO2PPM: 1100},
		},
		{
			name:    "exactly the limit is time of excess without a score",
			samples: halfHourly(constant(1500)),
			want:    airquality.Day{Points: 144, Samples: 48, MaxCO2PPM: 1500, MeanCO2PPM: 1500, ExcessPoints: 144},
			valid:   true,
		},
		{
			name:    "the score is a share of what is known",
			samples: []airquality.Sample{{Time: at(10, 9, 0, 0), CO2PPM: 1400}, {Time: at(10, 9, 10, 0), CO2PPM: 1800}},
			want:    airquality.Day{Points: 144, Missing: 142, Samples: 2, MaxCO2PPM: 1800, MeanCO2PPM: 1600, ExcessPoints: 1, ExcessScore: 150},
		},
		{
			name:    "without samples nothing is invented",
			samples: nil,
			want:    airquality.Day{Points: 144, Missing: 144, MeanCO2PPM: math.NaN()},
		},
		{
			name:    "the line from yesterday's last sample to today's first is read",
			samples: []airquality.Sample{{Time: at(9, 23, 55, 0), CO2PPM: 500}, {Time: at(10, 0, 5, 0), CO2PPM: 700}},
			want:    airquality.Day{Points: 144, Missing: 143, Samples: 1, MaxCO2PPM: 700, MeanCO2PPM: 600},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := analyze(june, c.samples).Days[9]
			c.want.Start, c.want.End = at(10, 0, 0, 0), at(11, 0, 0, 0)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
			if got.Valid() != c.valid {
				t.Errorf("valid: %v, want %v", got.Valid(), c.valid)
			}
		})
	}
}

func TestMedal(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	june := airquality.Month(2026, 6, berlin)
	// days is 700 ppm, and something else on the first n days of the month.
	days := func(n, other int) func(time.Time) int {
		return func(t time.Time) int {
			if lt := t.In(berlin); lt.Month() == time.June && lt.Day() <= n {
				return other
			}
			return 700
		}
	}
	// blocks keeps the days apart, so that no line leads from one level to another:
	// the score of a day is then exactly that of its samples.
	blocks := func(ppm func(time.Time) int) func(time.Time) int {
		return func(t time.Time) int {
			if lt := t.In(berlin); lt.Hour() == 23 && lt.Minute() >= 20 {
				return -1
			}
			return ppm(t)
		}
	}
	once := func(day, hour, minute, ppm int, otherwise func(time.Time) int) func(time.Time) int {
		return func(t time.Time) int {
			if t.Equal(time.Date(2026, 6, day, hour, minute, 0, 0, berlin)) {
				return ppm
			}
			return otherwise(t)
		}
	}
	cases := []struct {
		name string
		ppm  func(time.Time) int
		want []airquality.Reason
	}{
		{"good air all month", constant(700), nil},
		{"no sample at all", constant(-1), []airquality.Reason{airquality.TooFewValidDays}},
		{"18 of 30 days are 60 %", days(12, -1), nil},
		{"17 of 30 days are fewer", days(13, -1), []airquality.Reason{airquality.TooFewValidDays}},
		{"1999 ppm once", once(3, 12, 0, 1999, constant(700)), nil},
		{"2000 ppm once", once(3, 12, 0, 2000, constant(700)), []airquality.Reason{airquality.BadAir}},
		{"2000 ppm between two points", once(3, 12, 5, 2000, constant(700)), []airquality.Reason{airquality.BadAir}},
		{"2000 ppm on a day that is not valid", once(1, 12, 5, 2000, days(1, -1)), []airquality.Reason{airquality.BadAir}},
		{"2000 ppm in the last minutes of the month", once(30, 23, 55, 2000, constant(700)), []airquality.Reason{airquality.BadAir}},
		{"2000 ppm at the midnight after the month", func(t time.Time) int {
			if t.Equal(june.To) {
				return 2000
			}
			return 700
		}, nil},
		{"a day at 1649 ppm scores 149", blocks(days(1, 1649)), nil},
		{"a day at 1650 ppm scores 150", blocks(days(1, 1650)), []airquality.Reason{airquality.StaleDay}},
		{"8 of 30 days with excess", blocks(days(8, 1510)), nil},
		{"9 of 30 days with excess are 30 %", blocks(days(9, 1510)), []airquality.Reason{airquality.TooManyYellowDays}},
		{"1500 ppm is no excess", days(30, 1500), nil},
		{"everything wrong", func(t time.Time) int {
			if t.In(berlin).Day() > 17 {
				return -1
			}
			return 2500
		}, []airquality.Reason{airquality.TooFewValidDays, airquality.BadAir, airquality.StaleDay, airquality.TooManyYellowDays}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			awarded, broken := analyze(june, month(june, c.ppm)).Medal()
			if diff := cmp.Diff(c.want, broken); diff != "" || awarded != (c.want == nil) {
				t.Errorf("awarded %v; broken rules, want(-) got(+):\n%s", awarded, diff)
			}
		})
	}
}

func TestTenGoodDaysMakeNoGoodMonth(t *testing.T) {
	t.Parallel()
	june := airquality.Month(2026, 6, zone(t, "Europe/Berlin"))
	samples := every(5*time.Minute, june.From, june.From.AddDate(0, 0, 10), constant(600))
	a := analyze(june, samples)
	awarded, broken := a.Medal()
	if a.ValidDays() != 10 || len(a.Days) != 30 || awarded || !cmp.Equal(broken, []airquality.Reason{airquality.TooFewValidDays}) {
		t.Errorf("%d valid of %d days, medal %v %v", a.ValidDays(), len(a.Days), awarded, broken)
	}
}

func TestSeveralInstallationsCountByTheirWorst(t *testing.T) {
	t.Parallel()
	june := airquality.Month(2026, 6, zone(t, "Europe/Berlin"))
	noon := june.From.Add(12 * time.Hour)
	upTo := func(end time.Time, ppm int) func(time.Time) int {
		return func(t time.Time) int {
			if t.After(end) {
				return -1
			}
			return ppm
		}
	}
	cases := []struct {
		name    string
		series  [][]airquality.Sample
		mean    float64
		missing int
	}{
		{"one", [][]airquality.Sample{month(june, constant(800))}, 800, 0},
		{"two", [][]airquality.Sample{month(june, constant(800)), month(june, constant(900))}, 900, 0},
		{"three, in another order", [][]airquality.Sample{month(june, constant(800)), month(june, constant(1000)), month(june, constant(900))}, 1000, 0},
		{
			"the better one alone while the other is silent",
			[][]airquality.Sample{month(june, constant(800)), month(june, upTo(noon, 1000))},
			(1000*73 + 800*71) / 144.0, 0, // 0:00 to 12:00 are 73 points
		},
		{
			// 12:00 belongs to the first, 12:20 to the second; 12:10 to nobody.
			"no line leads from one sensor to its successor",
			[][]airquality.Sample{month(june, upTo(noon, 1000)), every(5*time.Minute, noon.Add(20*time.Minute), june.To, constant(800))},
			(1000*73 + 800*70) / 143.0, 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			day := analyze(june, c.series...).Days[0]
			if math.Abs(day.MeanCO2PPM-c.mean) > 1e-9 || day.Missing != c.missing {
				t.Errorf("mean %v, %d missing; want %v, %d", day.MeanCO2PPM, day.Missing, c.mean, c.missing)
			}
		})
	}
}

func TestPeriodsFollowTheClockOfTheSite(t *testing.T) {
	t.Parallel()
	// Of the past, as far as it goes: parliaments change what the zone data of a
	// machine says of the future, and of last month.
	cases := []struct {
		name, zone string
		year       int
		month      time.Month
		from, to   string
		days       int
		odd        map[int]int // points of days that have not 144, by index
	}{
		{"summer in Berlin", "Europe/Berlin", 2026, 6, "2026-05-31T22:00:00Z", "2026-06-30T22:00:00Z", 30, nil},
		{"clocks forward in Berlin", "Europe/Berlin", 2026, 3, "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", 31, map[int]int{28: 138}},
		{"clocks back in Berlin", "Europe/Berlin", 2026, 10, "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", 31, map[int]int{24: 150}},
		{"leap year", "Europe/Berlin", 2024, 2, "2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z", 29, nil},
		{"after 2038", "Europe/Berlin", 2040, 12, "2040-11-30T23:00:00Z", "2040-12-31T23:00:00Z", 31, nil},
		{"a quarter of an hour off", "Asia/Kathmandu", 2026, 6, "2026-05-31T18:15:00Z", "2026-06-30T18:15:00Z", 30, nil},
		{"half an hour of change", "Australia/Lord_Howe", 2026, 4, "2026-03-31T13:00:00Z", "2026-04-30T13:30:00Z", 30, map[int]int{4: 147}},
		{"midnight is skipped", "Africa/Cairo", 2023, 4, "2023-03-31T22:00:00Z", "2023-04-30T21:00:00Z", 30, map[int]int{27: 138}},
		{"a month begins with a skipped midnight", "America/Asuncion", 2017, 10, "2017-10-01T04:00:00Z", "2017-11-01T03:00:00Z", 31, map[int]int{0: 138}},
		{"midnight comes twice", "America/Havana", 2020, 11, "2020-11-01T04:00:00Z", "2020-12-01T05:00:00Z", 30, map[int]int{0: 150}},
		{"23 o'clock comes twice", "Africa/Cairo", 2023, 10, "2023-09-30T21:00:00Z", "2023-10-31T22:00:00Z", 31, map[int]int{25: 150}},
		{"a day is left out", "Pacific/Apia", 2011, 12, "2011-12-01T10:00:00Z", "2011-12-31T10:00:00Z", 30, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := airquality.Month(c.year, c.month, zone(t, c.zone))
			from, to := p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339)
			if from != c.from || to != c.to {
				t.Errorf("from %s to %s, want %s to %s", from, to, c.from, c.to)
			}
			a := analyze(p, month(p, constant(700)))
			if len(a.Days) != c.days || a.ValidDays() != c.days {
				t.Errorf("%d days, %d valid; want %d", len(a.Days), a.ValidDays(), c.days)
			}
			odd := map[int]int{}
			for i, d := range a.Days {
				if d.Points != 144 {
					odd[i] = d.Points
				}
			}
			if diff := cmp.Diff(c.odd, odd, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("points of odd days, want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestRecentIsThirtyDaysUpToTheLastMidnight(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	cases := []struct{ name, now, from, to string }{
		{"a second after midnight", "2026-11-21T23:00:01Z", "2026-10-22T22:00:00Z", "2026-11-21T23:00:00Z"},
		{"a second before midnight", "2026-11-21T22:59:59Z", "2026-10-21T22:00:00Z", "2026-11-20T23:00:00Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			p := airquality.Recent(now, berlin)
			if from, to := p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339); from != c.from || to != c.to {
				t.Errorf("from %s to %s, want %s to %s", from, to, c.from, c.to)
			}
			if n := len(analyze(p).Days); n != airquality.LastDays {
				t.Errorf("%d days", n)
			}
		})
	}
}

func TestHistogramAveragesKnownHours(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	// June 2026 begins with a Monday, and has five of it.
	june := airquality.Month(2026, 6, berlin)
	h := analyze(june, month(june, func(t time.Time) int {
		lt := t.In(berlin)
		switch {
		case lt.Weekday() == time.Monday && lt.Hour() == 8: // 1200, 1205, .. 1255
			return 1200 + lt.Minute()
		case lt.Weekday() == time.Monday && lt.Hour() == 13 && lt.Day() > 1: // known on the first one only
			return -1
		case lt.Weekday() == time.Saturday:
			return -1
		}
		return 100 * lt.Day()
	})).Histogram()
	const monday, friday, saturday, sunday = 0, 4, 5, 6
	cases := []struct {
		name          string
		weekday, hour int
		want          airquality.Mean
	}{
		{"the six points of an hour", monday, 8, airquality.Mean{CO2PPM: 1225, Hours: 5}},
		{"mean of the mondays 1, 8, 15, 22, 29", monday, 10, airquality.Mean{CO2PPM: 1500, Hours: 5}},
		{"only whole hours count", monday, 13, airquality.Mean{CO2PPM: 100, Hours: 1}},
		{"nothing known", saturday, 12, airquality.Mean{}},
		{"fridays 5, 12, 19, 26", friday, 23, airquality.Mean{CO2PPM: 1550, Hours: 4}},
		{"sundays 7, 14, 21, 28", sunday, 1, airquality.Mean{CO2PPM: 1750, Hours: 4}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, h[c.weekday][c.hour], cmpopts.EquateApprox(1e-12, 0)); diff != "" {
				t.Errorf("want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestHistogramWhenClocksChange(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	const sunday = 6
	cases := []struct {
		name  string
		month time.Month
		want  int // hours at 2 o'clock on sundays; 1 and 3 o'clock have one per sunday
		other int
	}{
		{"2 o'clock is skipped once", time.March, 4, 5},
		{"2 o'clock comes twice", time.October, 5, 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := airquality.Month(2026, c.month, berlin)
			h := analyze(p, month(p, constant(700))).Histogram()
			got := []int{h[sunday][1].Hours, h[sunday][2].Hours, h[sunday][3].Hours}
			if diff := cmp.Diff([]int{c.other, c.want, c.other}, got); diff != "" {
				t.Errorf("hours at 1, 2, 3 o'clock, want(-) got(+):\n%s", diff)
			}
		})
	}
}

func TestParseMonth(t *testing.T) {
	t.Parallel()
	cases := []struct {
		in    string
		year  int
		month time.Month
		ok    bool
	}{
		{"2020-01", 2020, 1, true},
		{"2020-1", 2020, 1, true},
		{"2020-12", 2020, 12, true},
		{"2020-13", 0, 0, false},
		{"2020-00", 0, 0, false},
		{"0000-01", 0, 0, false},
		{"20-01", 0, 0, false},
		{"2020-001", 0, 0, false},
		{"2020", 0, 0, false},
		{"", 0, 0, false},
		{"2020-01-01", 0, 0, false},
		{"+020-01", 0, 0, false},
		{"２０２０-01", 0, 0, false},
	}
	for _, c := range cases {
		year, month, err := airquality.ParseMonth(c.in)
		if year != c.year || month != c.month || (err == nil) != c.ok {
			t.Errorf("%q: %d %d %v, want %d %d %v", c.in, year, month, err, c.year, c.month, c.ok)
		}
	}
}

func FuzzParseMonth(f *testing.F) {
	for _, s := range []string{"2020-01", "2020-1", "9999-12", "2020-13", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		year, month, err := airquality.ParseMonth(s)
		if err != nil {
			return
		}
		p := airquality.Month(year, month, time.UTC)
		if p.From.Year() != year || p.From.Month() != month || p.To.Sub(p.From) < 28*24*time.Hour {
			t.Errorf("%q: %v", s, p)
		}
	})
}

// FuzzAnalyze draws samples from bytes and checks what must hold for all of them.
func FuzzAnalyze(f *testing.F) {
	f.Add([]byte{0, 10, 0, 200, 5, 3}, uint8(0), uint16(315))
	f.Add([]byte{255, 255, 255, 255, 0, 0, 1, 1}, uint8(1), uint16(316))
	f.Add([]byte{60, 0, 60, 250, 60, 0, 60, 90}, uint8(5), uint16(309))
	zones := []string{"Europe/Berlin", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"}
	f.Fuzz(func(t *testing.T, raw []byte, zoneNo uint8, months uint16) {
		p := airquality.Month(2000, time.Month(1+months%600), zone(t, zones[int(zoneNo)%len(zones)]))
		// Two bytes a sample: minutes since the one before, and 40 ppm each.
		var samples []airquality.Sample
		at := p.From.Add(-time.Hour)
		low, high := math.Inf(1), math.Inf(-1)
		for i := 0; i+1 < len(raw); i += 2 {
			at = at.Add(time.Duration(raw[i])*time.Minute + 7*time.Second)
			ppm := int(raw[i+1]) * 40
			samples = append(samples, airquality.Sample{Time: at, CO2PPM: ppm})
			low, high = min(low, float64(ppm)), max(high, float64(ppm))
		}
		a := analyze(p, samples)
		var length time.Duration
		inPeriod := 0
		for _, s := range samples {
			if !s.Time.Before(p.From) && s.Time.Before(p.To) {
				inPeriod++
			}
		}
		for i, d := range a.Days {
			length += d.End.Sub(d.Start)
			if i > 0 && !d.Start.Equal(a.Days[i-1].End) {
				t.Errorf("day %d does not follow the one before", i)
			}
			if d.Missing < 0 || d.Missing > d.Points || (d.Missing == d.Points) != math.IsNaN(d.MeanCO2PPM) {
				t.Errorf("day %d: %+v", i, d)
			}
			if known := d.Missing < d.Points; known && (d.MeanCO2PPM < low-1e-6 || d.MeanCO2PPM > high+1e-6) {
				t.Errorf("day %d: a mean of %v is outside %v..%v", i, d.MeanCO2PPM, low, high)
			}
			if d.ExcessScore < 0 || d.ExcessScore > max(0, high-airquality.ExcessPPM)+1e-6 || d.ExcessPoints > d.Points-d.Missing {
				t.Errorf("day %d: %+v", i, d)
			}
		}
		if length != p.To.Sub(p.From) {
			t.Errorf("the days are %v long, the period %v", length, p.To.Sub(p.From))
		}
		if a.Samples() != inPeriod {
			t.Errorf("%d samples, want %d", a.Samples(), inPeriod)
		}
		awarded, broken := a.Medal()
		if awarded != (len(broken) == 0) {
			t.Errorf("awarded %v in spite of %v", awarded, broken)
		}
		for _, weekday := range a.Histogram() {
			for _, m := range weekday {
				if m.Hours > 0 && (m.CO2PPM < low-1e-6 || m.CO2PPM > high+1e-6) {
					t.Errorf("an hourly mean of %v is outside %v..%v", m.CO2PPM, low, high)
				}
			}
		}
		// More of the same changes nothing; a worse sensor never makes it better.
		twice := analyze(p, samples, samples)
		worse := make([]airquality.Sample, len(samples))
		for i, s := range samples {
			worse[i] = airquality.Sample{Time: s.Time, CO2PPM: s.CO2PPM + 500}
		}
		both := analyze(p, samples, worse)
		for i, d := range a.Days {
			if twice.Days[i].ExcessScore != d.ExcessScore || twice.Days[i].Missing != d.Missing {
				t.Errorf("day %d: %+v, twice %+v", i, d, twice.Days[i])
			}
			if both.Days[i].ExcessScore < d.ExcessScore || both.Days[i].MaxCO2PPM < d.MaxCO2PPM || both.Days[i].Missing != d.Missing {
				t.Errorf("day %d: %+v, with a worse one %+v", i, d, both.Days[i])
			}
		}
		if better, _ := both.Medal(); better && !awarded {
			t.Error("a worse sensor earned the medal")
		}
	})
}

// BenchmarkAnalyze reads a month of 5-minute samples with its histogram. The floor
// is one pass over the same samples.
func BenchmarkAnalyze(b *testing.B) {
	p := airquality.Month(2026, 10, zone(b, "Europe/Berlin"))
	samples := month(p, func(t time.Time) int { return 600 + int(t.Unix()/300%900) })
	b.Run("month", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a := analyze(p, samples)
			_, _ = a.Medal()
			_ = a.Histogram()
		}
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			sum, last := 0, p.From
			for _, s := range samples {
				if s.Time.Sub(last) < airquality.MaxGap {
					sum += s.CO2PPM
				}
				last = s.Time
			}
			if sum == 0 {
				b.Fatal("no sum")
			}
		}
	})
}
