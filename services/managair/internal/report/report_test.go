package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

func date(text string) civil.Date {
	d, err := civil.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// november is a known month: a class of four lessons' length each school day, with air that
// peak says how bad it gets; the sensor is silent on the days of skip.
func november(loc *time.Location, p report.Period, peak float64, member bool, skip ...int) (roomair.Judgement, roomair.Evidence) {
	period := airquality.Between(p.First, p.Last, loc)
	readings := verdict.Read(period)
	reading := readings.Sensor(verdict.Sensor{RangePPM: 5000, ResolutionPPM: 1, Interval: 5 * time.Minute, AccuracyPPM: 30, AccuracyPercent: 3})
	var days []occupancy.Day
	for day := p.First; day.Compare(p.Last) <= 0; day = day.AddDays(1) {
		one := occupancy.Day{Date: day, How: occupancy.Timetable}
		school := day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
		if school {
			begin := day.In(loc).Add(8 * time.Hour)
			one.Spans = []occupancy.Span{{From: begin, To: begin.Add(5 * time.Hour), How: occupancy.Timetable}}
		}
		days = append(days, one)
		silent := false
		for _, s := range skip {
			silent = silent || s == day.Day
		}
		for at := day.In(loc); !silent && at.Before(day.AddDays(1).In(loc)); at = at.Add(5 * time.Minute) {
			ppm := 420.0
			if h := at.Sub(day.In(loc)).Hours() - 8; school && h > 0 && h < 12 {
				ppm += (peak - 420) * (0.8 + 0.2*math.Sin(float64(day.Day))) * min(h/2, 1, (12-h)/7)
			}
			reading.Add(airquality.Sample{Time: at, CO2PPM: int(ppm)})
		}
	}
	reading.End()
	in := verdict.Input{Occupied: occupancy.Spans(days)}
	in.Air, in.Sensor = readings.End()
	norm, _ := profile.Get(profile.Default)
	j := roomair.Judgement{Period: period, Profile: norm, Member: member, Result: verdict.Judge(&norm, in)}
	e := roomair.Evidence{Air: in.Air}
	if member {
		e.Occupied = in.Occupied
	}
	return j, e
}

// school is the report of a month.
func school(t testing.TB, member bool) *report.Report {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	p := report.Period{First: date("2025-11-01"), Last: date("2025-11-30")}
	r := &report.Report{
		Organization: "Bezirk Mitte", Site: "Grundschule am Park", SiteID: 7, Period: p, Zone: loc, MadeAt: time.Date(2025, 12, 1, 5, 0, 0, 0, time.UTC), More: 2,
	}
	battery := 12
	for i, room := range []struct {
		name         string
		peak, before float64
		skip         []int
	}{
		{"Raum 101", 1900, 1500, nil},
		{"Raum 102", 850, 900, nil},
		{"Naturwissenschaftlicher Fachraum (Chemie/Biologie)", 2700, 2700, []int{4, 5, 6, 7, 8}},
		{"Außenstelle Ødegård – Київ שלום 🐸", 1050, 1400, nil},
		{"Lager", 0, 0, nil},
	} {
		one := report.Room{ID: int64(i + 1), Name: room.name}
		skip, earlier := room.skip, []int(nil)
		if room.peak == 0 {
			for d := 1; d <= 31; d++ {
				skip = append(skip, d)
			}
			earlier = skip
		}
		var e roomair.Evidence
		one.Now, e = november(loc, p, room.peak, member, skip...)
		one.Course = report.CourseOf(e, p)
		one.Before, _ = november(loc, p.Before(), room.before, member, earlier...)
		if member {
			one.Sensors = []report.Sensor{{RoomID: one.ID, Name: "Sensor " + room.name[:4]}}
			if i == 2 {
				one.Sensors = append(one.Sensors, report.Sensor{RoomID: one.ID, Name: "ERS-9", Silences: 2, Silent: 121 * time.Hour, Suspected: true, BatteryPercent: &battery})
			}
		}
		r.Rooms = append(r.Rooms, one)
	}
	return r
}

// The content of a known month, in all languages: what it says is read in the diff.
func TestContentOfAKnownMonth(t *testing.T) {
	t.Parallel()
	r := school(t, true)
	for _, l := range words.ReportLanguages {
		got, err := json.MarshalIndent(report.Write(r, l.Code), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("testdata", "november."+l.Code+".json")
		if *update {
			if err := os.WriteFile(name, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPrintedReport(t *testing.T) {
	t.Parallel()
	r := school(t, true)
	for language, said := range map[string][]string{
		"de": {"Luftbericht", "Die Luft war nicht gut", "Raum 101", "Seite 5 von 5", "Ødegård", "Київ", "montags", "ERS-9: Batterie bei 12 %"},
		"en": {"Air report", "The air was not good", "Page 5 of 5", "ERS-9: silent 2×, 121 hours together"},
		"fr": {"Rapport sur l’air", "L’air n’était pas bon", "hygiéniquement préoccupant", "Page 1 sur 5"},
	} {
		var out bytes.Buffer
		if _, err := report.Print(report.Write(r, language), r.MadeAt).WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		d := pdftest.Read(t, out.Bytes())
		if d.Pages != 5 || d.Language != language || !strings.Contains(d.Title, "Grundschule am Park") {
			t.Errorf("%s: %d pages in %q, %q", language, d.Pages, d.Language, d.Title)
		}
		for _, text := range said {
			if !d.Has(text) {
				t.Errorf("%s: no %q in\n%s", language, text, d.Text)
			}
		}
	}
}

// A row that no page has room for goes on with the next one, and paragraphs begin lines.
func TestLongRows(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 240 {
		fmt.Fprintf(&text, "Zeile%d\n", i)
	}
	c := &report.Content{Language: "de", Title: "Titel", Foot: "Fuß", Sections: []report.Section{{Title: "Lang", Blocks: []report.Block{{Table: &report.Table{
		Head: []string{"Feld", "Wert"}, Shares: []float64{1, 3}, Roles: []profile.Role{"", ""},
		Rows: [][]string{{"kurz", "eins"}, {"lang", text.String()}},
	}}}}}}
	var out bytes.Buffer
	if _, err := report.Print(c, time.Unix(0, 0)).WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	d := pdftest.Read(t, out.Bytes())
	if d.Pages < 4 || strings.Count(d.Text, "Wert") != d.Pages || !d.Has("Zeile0") || !d.Has("Zeile239") {
		t.Errorf("%d pages, %d heads:\n%s", d.Pages, strings.Count(d.Text, "Wert"), d.Text)
	}
}

// Strangers are not told when people were in rooms, and nothing of sensors.
func TestReportForStrangers(t *testing.T) {
	t.Parallel()
	c := report.Write(school(t, false), "en")
	for _, s := range c.Sections {
		for _, b := range s.Blocks {
			for _, private := range []string{"Used:", "While people were there", "CO2 while", "Worst: ", "Sensors:", "Grey:"} {
				if strings.Contains(b.Text+b.Soft, private) {
					t.Errorf("%s: %s", s.Title, b.Text+b.Soft)
				}
			}
			if b.Drawing != nil && strings.Contains(b.Drawing.SVG(), "#e9eef0") {
				t.Errorf("%s: occupied time is drawn", s.Title)
			}
		}
	}
}

// What was not judged is compared with nothing.
func TestComparedWithWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	r := school(t, true)
	for i := range r.Rooms {
		r.Rooms[i].Before.Level, r.Rooms[i].Before.NotJudged = "", verdict.TooLittleKnown
	}
	got, _ := json.Marshal(report.Write(r, "en"))
	if !strings.Contains(string(got), "to 31 Oct 2025): Not judged.") {
		t.Errorf("%s", got)
	}
	for _, said := range []string{"about as before", "better than before", "worse than before"} {
		if strings.Contains(string(got), said) {
			t.Errorf("%q in %s", said, got)
		}
	}
}

func TestNoRoomsAndNoSamples(t *testing.T) {
	t.Parallel()
	r := school(t, true)
	r.Rooms = r.Rooms[4:]
	for _, text := range []string{"Nothing was measured here", "Not judged"} {
		if got, _ := json.Marshal(report.Write(r, "en")); !strings.Contains(string(got), text) {
			t.Errorf("no %q in %s", text, got)
		}
	}
	r.Rooms, r.More = nil, 0
	if got, _ := json.Marshal(report.Write(r, "en")); !strings.Contains(string(got), "There are no rooms") {
		t.Errorf("%s", got)
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	period := func(first, last string) report.Period { return report.Period{First: date(first), Last: date(last)} }
	for _, tt := range []struct{ got, want report.Period }{
		{report.LastWeek(date("2026-11-30")), period("2026-11-23", "2026-11-29")}, // a Monday
		{report.LastWeek(date("2026-11-29")), period("2026-11-16", "2026-11-22")}, // a Sunday
		{report.LastMonth(date("2026-03-01")), period("2026-02-01", "2026-02-28")},
		{report.LastMonth(date("2026-01-31")), period("2025-12-01", "2025-12-31")},
		{period("2026-03-01", "2026-03-31").Before(), period("2026-02-01", "2026-02-28")},
		{period("2026-01-01", "2026-03-31").Before(), period("2025-10-01", "2025-12-31")},
		{period("2026-11-23", "2026-11-29").Before(), period("2026-11-16", "2026-11-22")},
	} {
		if tt.got != tt.want {
			t.Errorf("%v, want %v", tt.got, tt.want)
		}
	}
}

// Each level of each norm has a French name, and no other has.
func TestNormsInFrench(t *testing.T) {
	t.Parallel()
	for _, p := range profile.All() {
		if words.FrenchNorm(p.ID) == "" {
			t.Errorf("%s has no name", p.ID)
		}
		for _, l := range p.Levels {
			if words.FrenchLevel(p.ID, l.ID) == "" {
				t.Errorf("%s: %s has no name", p.ID, l.ID)
			}
		}
	}
}

// A month of ten rooms, from judgements to the last byte.
func BenchmarkPrint(b *testing.B) {
	r := school(b, true)
	r.Rooms = append(r.Rooms[:4], append(r.Rooms[:4], r.Rooms[:2]...)...)
	for b.Loop() {
		var out bytes.Buffer
		if _, err := report.Print(report.Write(r, "de"), r.MadeAt).WriteTo(&out); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(out.Len()), "bytes")
	}
}

// What comes after what came before is the same again, of weeks and of months.
func TestPeriodsFollowEachOther(t *testing.T) {
	t.Parallel()
	for _, of := range [][4]string{
		{"2026-11-23", "2026-11-29", "2026-11-30", "2026-12-06"},
		{"2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28"},
		{"2027-12-01", "2028-01-31", "2028-02-01", "2028-03-31"},
		{"2026-12-31", "2026-12-31", "2027-01-01", "2027-01-01"},
		{"2026-01-01", "2026-12-31", "2027-01-01", "2027-12-31"},
	} {
		p, after := report.Period{First: date(of[0]), Last: date(of[1])}, report.Period{First: date(of[2]), Last: date(of[3])}
		if got := p.After(); got != after {
			t.Errorf("after %v comes %v, want %v", p, got, after)
		}
		if got := after.Before(); got.Last != p.Last || p.First.Day == 1 && got != p {
			t.Errorf("before %v comes %v, want %v", after, got, p)
		}
	}
}
