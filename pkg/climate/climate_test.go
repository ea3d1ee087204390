package climate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clairberlin/clair-stack/pkg/climate"
)

var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func at(hour int) time.Time { return begin.Add(time.Duration(hour) * time.Hour) }

// air makes hours of pairs: °C, %. A pair of zeros is an hour of which nothing is known.
func air(from int, pairs ...[2]float64) (hours []climate.Hour) {
	for i, p := range pairs {
		h := climate.Hour{Begin: at(from + i)}
		if p != [2]float64{} {
			h.TemperatureCelsius, h.RelHumidityPercent = &p[0], &p[1]
		}
		hours = append(hours, h)
	}
	return hours
}

func same(n int, pair [2]float64) [][2]float64 {
	pairs := make([][2]float64, n)
	for i := range pairs {
		pairs[i] = pair
	}
	return pairs
}

// The vectors are made by hand.
func TestJudgedByTheBizotBand(t *testing.T) {
	t.Parallel()
	steady := [2]float64{20, 50}
	for _, tt := range []struct {
		name  string
		hours []climate.Hour
		want  climate.Verdict
	}{
		{"steady", air(0, same(24, steady)...), climate.Verdict{Outcome: climate.Held, Hours: 24, Known: 24, Inside: 24}},
		{"at the bounds, which are inside", air(0, append(same(12, [2]float64{16, 50}), same(12, [2]float64{25, 60})...)...), climate.Verdict{
			// The mean of the last 24 hours is at the most 55 %: 60 lies 5 to 10 from it.
			Outcome: climate.Held, Hours: 24, Known: 24, Inside: 24,
		}},
		{"three hours too dry in a row, one alone", air(0, append(same(18, steady),
			[2]float64{20, 39}, [2]float64{20, 38.5}, [2]float64{20, 39.5}, steady, [2]float64{20, 39.9}, steady)...), climate.Verdict{
			Outcome: climate.Exceeded, Hours: 24, Known: 24, Inside: 20,
			Outside: map[climate.Kind]int{climate.TooDry: 4, climate.Unsteady: 2},
			Exceedances: []climate.Exceedance{
				{Kind: climate.TooDry, From: at(18), To: at(21), Extreme: 38.5},
				// The mean of 19 hours is (18·50+39)/19 = 49.421, 10.421 above 39; of 20 hours
				// (900+77.5)/20 = 48.875, 10.375 above 38.5; of 21 (900+117)/21 = 48.4286, 8.929
				// above 39.5.
				{Kind: climate.Unsteady, From: at(18), To: at(20), Extreme: 939.0/19 - 39},
				{Kind: climate.TooDry, From: at(22), To: at(23), Extreme: 39.9},
			},
		}},
		{"too warm and too humid at once", air(0, append(same(23, steady), [2]float64{25.1, 60.5})...), climate.Verdict{
			// The mean of 24 hours is (23·50+60.5)/24 = 50.4375, 10.0625 below 60.5.
			Outcome: climate.Exceeded, Hours: 24, Known: 24, Inside: 23,
			Outside: map[climate.Kind]int{climate.TooHumid: 1, climate.TooWarm: 1, climate.Unsteady: 1},
			Exceedances: []climate.Exceedance{
				{Kind: climate.TooHumid, From: at(23), To: at(24), Extreme: 60.5},
				{Kind: climate.TooWarm, From: at(23), To: at(24), Extreme: 25.1},
				{Kind: climate.Unsteady, From: at(23), To: at(24), Extreme: 10.0625},
			},
		}},
		{"too cold", air(5, append(same(18, steady), [2]float64{15.9, 50})...), climate.Verdict{
			Outcome: climate.Exceeded, Hours: 24, Known: 19, Inside: 18,
			Outside:     map[climate.Kind]int{climate.TooCold: 1},
			Exceedances: []climate.Exceedance{{Kind: climate.TooCold, From: at(23), To: at(24), Extreme: 15.9}},
		}},
		{"a quarter is not known", air(0, append(same(18, steady), make([][2]float64, 6)...)...), climate.Verdict{
			Outcome: climate.Held, Hours: 24, Known: 18, Inside: 18,
		}},
		{"more is not known", air(0, append(same(17, steady), make([][2]float64, 7)...)...), climate.Verdict{
			Outcome: climate.NotJudged, Hours: 24, Known: 17, Inside: 17,
		}},
		{"the day before counts for the first hours, and is not judged", append(air(-24, same(24, [2]float64{30, 45})...), air(0, same(24, [2]float64{20, 56})...)...), climate.Verdict{
			// After one hour the mean is (23·45+56)/24 = 45.4583, 10.5417 below; after two 45.9167,
			// 10.0833 below; after three 46.375, 9.625 below.
			Outcome: climate.Exceeded, Hours: 24, Known: 24, Inside: 22,
			Outside: map[climate.Kind]int{climate.Unsteady: 2},
			Exceedances: []climate.Exceedance{
				{Kind: climate.Unsteady, From: at(0), To: at(2), Extreme: 56 - (23*45+56)/24.0},
			},
		}},
		{"nothing", nil, climate.Verdict{Outcome: climate.NotJudged, Hours: 24}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.want.Outside == nil {
				tt.want.Outside = map[climate.Kind]int{}
			}
			if diff := cmp.Diff(tt.want, climate.Judge(climate.Bizot, at(0), at(24), tt.hours), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Of two sensors the worse counts in each hour, each moves by itself, and what one does not
// know the other may. By hand: A is at 50 % throughout but for 39 in the third hour; B comes
// after twelve hours, at 65 %, which is outside for twelve hours, and 38 % in the last one. The
// mean of B is never known for 18 hours. That of A in its third hour neither.
func TestOfSeveralSensorsTheWorseCounts(t *testing.T) {
	t.Parallel()
	a := air(0, same(20, [2]float64{20, 50})...)
	*a[2].RelHumidityPercent = 39
	b := air(12, same(12, [2]float64{20, 65})...)
	*b[11].RelHumidityPercent = 38
	got := climate.Judge(climate.Bizot, at(0), at(24), a, b)
	want := climate.Verdict{
		Outcome: climate.Exceeded, Hours: 24, Known: 24, Inside: 11,
		Outside: map[climate.Kind]int{climate.TooDry: 2, climate.TooHumid: 11},
		Exceedances: []climate.Exceedance{
			{Kind: climate.TooDry, From: at(2), To: at(3), Extreme: 39},
			{Kind: climate.TooHumid, From: at(12), To: at(23), Extreme: 65},
			{Kind: climate.TooDry, From: at(23), To: at(24), Extreme: 38},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if *a[2].RelHumidityPercent = 41; climate.Judge(climate.Bizot, at(0), at(24), a, air(0, same(24, [2]float64{20, 39})...)).Inside != 0 {
		t.Error("an hour is inside where one of two sensors is outside")
	}
}

func TestBandsAreFound(t *testing.T) {
	t.Parallel()
	for _, b := range climate.Bands() {
		if found, ok := climate.Find(b.ID); !ok || found != b || b.ID == climate.None || b.Name.In("de") == "" || b.Name.In("fr") != b.Name.EN {
			t.Errorf("%s: %+v, %v", b.ID, found, ok)
		}
	}
	if _, ok := climate.Find("of-nobody"); ok {
		t.Error("a band of nobody")
	}
}

func TestHowMuchHistoryThereIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	hours := func(first time.Time, share int) (all []climate.Hour) {
		value := 20.0
		for at := first; at.Before(now); at = at.Add(time.Duration(share) * time.Hour) {
			all = append(all, climate.Hour{Begin: at, TemperatureCelsius: &value, RelHumidityPercent: &value})
		}
		return all
	}
	long := time.Date(2025, 10, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name    string
		series  [][]climate.Hour
		months  int
		percent float64
		enough  bool
	}{
		{"nothing", nil, 0, 0, false},
		{"what is to come", [][]climate.Hour{{{Begin: now, TemperatureCelsius: new(1.0), RelHumidityPercent: new(1.0)}}}, 0, 0, false},
		{"no humidity", [][]climate.Hour{{{Begin: long, TemperatureCelsius: new(1.0)}}}, 0, 0, false},
		{"thirteen months", [][]climate.Hour{hours(long, 1)}, 13, 100, true},
		{"an hour less", [][]climate.Hour{hours(long.Add(time.Hour), 1)}, 12, 100, false},
		{"each second hour", [][]climate.Hour{hours(long, 2)}, 13, 50, false},
		{"each second hour by one, the others by another", [][]climate.Hour{hours(long, 2), hours(long.Add(time.Hour), 2)}, 13, 100, true},
		{"twice the same", [][]climate.Hour{hours(long, 2), hours(long, 2)}, 13, 50, false},
	} {
		got := climate.Past(now, tt.series...)
		if got.Months != tt.months || got.Percent != tt.percent || got.Enough != tt.enough {
			t.Errorf("%s: %+v, want %d months, %v %%, %v", tt.name, got, tt.months, tt.percent, tt.enough)
		}
	}
}

// A month by a band, with what is known of the thirteen months before its end.
func BenchmarkMonth(b *testing.B) {
	to := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	var hours []climate.Hour
	for at := to.AddDate(0, -climate.HistoryNeeded, 0); at.Before(to); at = at.Add(time.Hour) {
		temperature, humidity := 20+float64(at.Hour()%5), 45+float64(at.Hour()%12)
		hours = append(hours, climate.Hour{Begin: at, TemperatureCelsius: &temperature, RelHumidityPercent: &humidity})
	}
	b.ReportAllocs()
	for b.Loop() {
		climate.Judge(climate.Bizot, to.AddDate(0, -1, 0), to, hours)
		climate.Past(to, hours)
	}
}
