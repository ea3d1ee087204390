package airfile_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

// school is a classroom in October 2026, in which clocks change: two sensors, one of which
// came in the middle of the month, lessons from 8 to 14 h on weekdays, and a holiday.
type school struct{ export airfile.Export }

var (
	berlin = func() *time.Location {
		loc, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			panic(err)
		}
		return loc
	}()
	october = airfile.NewPeriod(day(1), day(31), berlin)
	came    = day(15).At(9*60, berlin).Unix()
)

func day(n int) civil.Date { return civil.Date{Year: 2026, Month: time.October, Day: n} }

func newSchool() *school {
	s := &school{export: airfile.Export{}}
	from, to, err := october.Window()
	if err != nil {
		panic(err)
	}
	for t := from - 3600; t <= to+3600; t += 178 {
		local := time.Unix(t, 0).In(berlin)
		ppm := 430 + int(t/178)%20
		if lesson(local) {
			ppm = 700 + 11*int(local.Sub(civil.DateOf(local).At(8*60, berlin)).Minutes())/5
		}
		s.add(4, t, ppm, measurement.Measured)
		if t >= came {
			s.add(9, t, ppm-20, measurement.Repeated)
		}
	}
	s.export[4][100].Status = measurement.Faulty
	return s
}

func lesson(local time.Time) bool {
	return local.Weekday() != time.Saturday && local.Weekday() != time.Sunday && local.Hour() >= 8 && local.Hour() < 14 && local.Day() != 9
}

func (s *school) add(installation, at int64, ppm int, status measurement.Status) {
	s.export[installation] = append(s.export[installation], airfile.Sample{Time: at, CO2PPM: ppm, Status: status})
}

// document is what the instance knows of the month, judged and signed.
func (s *school) document(t testing.TB) *airfile.Document {
	t.Helper()
	var week occupancy.Weekly
	for _, weekday := range []time.Weekday{1, 2, 3, 4, 5} {
		week[weekday] = []occupancy.Hours{{From: 8 * 60, To: 11 * 60}, {From: 11 * 60, To: 14 * 60}}
	}
	var days []occupancy.Day
	for date := day(0); date.Compare(day(31)) <= 0; date = date.AddDays(1) {
		one := week.On(date, berlin)
		if date == day(9) {
			one = occupancy.Day{Date: date, How: occupancy.Exception, Name: "Wandertag <&> Überraschung"}
		}
		days = append(days, one)
	}
	norm, _ := profile.Get("de-school")
	sensor := airfile.NewSensor("clairchen", verdict.Sensor{RangePPM: 5000, ResolutionPPM: 20, AccuracyPPM: 50, AccuracyPercent: 3})
	d := &airfile.Document{
		Format: airfile.Format, Software: "test", Instance: "https://clair.example",
		Room:   airfile.Room{ID: 7, Name: "Klasse 4b", Site: "Schule am See", Organization: "Träger"},
		Period: october, Norm: airfile.NewNorm(&norm), OutdoorPPM: verdict.OutdoorPPM, OccupiedDays: airfile.NewDays(days),
		Installations: []airfile.Installation{
			{ID: 4, Node: "c727b2f8-8377-d4cb-0e95-ac03200b8c93", From: 1_700_000_000, Sensor: sensor},
			{ID: 9, Node: "00000000-0000-4000-8000-000000000004", From: came, Sensor: sensor, Health: &airfile.Health{
				Silence: "too_few_nights", Calibrations: []airfile.Calibration{{At: came, Method: "outdoor"}},
			}},
		},
	}
	if err := d.Judge(s.export.Read); err != nil {
		t.Fatal(err)
	}
	sign(t, d, 1)
	return d
}

func sign(t testing.TB, d *airfile.Document, version int) {
	t.Helper()
	if err := d.Sign(key(t, 1), time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), version); err != nil {
		t.Fatal(err)
	}
}

func key(t testing.TB, n byte) airfile.Key {
	t.Helper()
	k, err := airfile.NewKey(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keys(t testing.TB, ns ...byte) airfile.Keys {
	t.Helper()
	var public []airfile.PublicKey
	for _, n := range ns {
		public = append(public, key(t, n).Public())
	}
	set, err := airfile.KeySet(public)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := airfile.ParseKeys(set)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func text(t testing.TB, d *airfile.Document) []byte {
	t.Helper()
	content, err := d.Text()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// csv is the export as the API writes it.
func (s *school) csv() string {
	var b strings.Builder
	b.WriteString("installation,node,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\r\n")
	for _, id := range []int64{4, 9} {
		for _, one := range s.export[id] {
			fmt.Fprintf(&b, "%d,node,%s,%d,%d,21.5,,%c\r\n", id, time.Unix(one.Time, 0).UTC().Format(time.RFC3339), one.Time, one.CO2PPM, one.Status)
		}
	}
	return b.String()
}

func parse(t testing.TB, text []byte) *airfile.Document {
	t.Helper()
	d, err := airfile.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func verify(t testing.TB, d *airfile.Document, k airfile.Keys, export string) map[string]airfile.Outcome {
	t.Helper()
	var e airfile.Export
	if export != "" {
		var err error
		if e, err = airfile.ParseExport(strings.NewReader(export)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.Verify(k, e)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]airfile.Outcome{}
	for _, c := range r.Checks {
		t.Log(c)
		outcomes[c.Of] = c.Outcome
	}
	return outcomes
}

func TestWhoeverHasTheSamplesComesToTheSameVerdict(t *testing.T) {
	t.Parallel()
	s := newSchool()
	d := s.document(t)
	if d.Result.Level == "" || len(d.Result.Exceedances) == 0 || d.Result.OccupiedS != 21*6*3600 || d.Result.KnownDays != 31 {
		t.Fatalf("the month is no example: %+v", d.Result)
	}
	all := map[string]airfile.Outcome{"signature": airfile.Matches, "norm": airfile.Matches, "samples": airfile.Matches, "result": airfile.Matches}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text(t, d), "", "  "); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"as it is": text(t, d), "indented": indented.Bytes()} {
		if diff := cmp.Diff(all, verify(t, parse(t, content), keys(t, 2, 1), s.csv())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// By parts, in another order, and overlapping.
	rows := strings.SplitAfter(s.csv(), "\n")
	header, half := rows[0], len(rows)/2
	late, err := airfile.ParseExport(strings.NewReader(header + strings.Join(rows[half-50:], "")))
	if err != nil {
		t.Fatal(err)
	}
	early, err := airfile.ParseExport(strings.NewReader(header + strings.Join(rows[1:half], "")))
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Add(early); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Verify(keys(t, 1), late); err != nil || r.Differs() {
		t.Errorf("by parts: %v, %v", r, err)
	}
	none := map[string]airfile.Outcome{"signature": airfile.NotChecked, "norm": airfile.Matches, "samples": airfile.NotChecked, "result": airfile.NotChecked}
	if diff := cmp.Diff(none, verify(t, d, nil, "")); diff != "" {
		t.Errorf("with nothing: %s", diff)
	}
}

// The hash can be made with cut, sort and sha256sum: this is what the documentation says.
func TestHashIsThatOfFourColumns(t *testing.T) {
	t.Parallel()
	s := newSchool()
	d := s.document(t)
	from, to, err := d.Period.Window()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, row := range strings.Split(s.csv(), "\r\n")[1:] {
		cells := strings.Split(row, ",")
		if len(cells) < 8 || cells[3] < fmt.Sprint(from) || cells[3] > fmt.Sprint(to) {
			continue
		}
		lines = append(lines, strings.Join([]string{cells[0], cells[3], cells[4], cells[7]}, ",")+"\n")
	}
	slices.Sort(lines) // ids of one digit, times of ten
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	if got := hex.EncodeToString(sum[:]); got != d.Samples.SHA256 || len(lines) != d.Samples.Count {
		t.Errorf("%d lines have %s, the file %d samples with %s", len(lines), got, d.Samples.Count, d.Samples.SHA256)
	}
	n := 0
	for _, one := range d.Samples.Days {
		n += one.Count
	}
	if n != d.Samples.Count || len(d.Samples.Days) != 31 {
		t.Errorf("days have %d of %d samples", n, d.Samples.Count)
	}
}

func TestTamperedFilesAreToldApart(t *testing.T) {
	t.Parallel()
	s := newSchool()
	whole := string(text(t, s.document(t)))
	is := func(signature, samples, result airfile.Outcome) map[string]airfile.Outcome {
		return map[string]airfile.Outcome{"signature": signature, "norm": airfile.Matches, "samples": samples, "result": result}
	}
	const ok, not = airfile.Matches, airfile.Differs
	csv := s.csv()
	rows := strings.SplitAfter(csv, "\n")
	otherPPM := strings.Replace(csv, rows[60], strings.Replace(rows[60], ",4", ",5", 1), 1)
	faulty := strings.Replace(csv, ",21.5,,M\r\n", ",21.5,,E\r\n", 1000)
	for _, tt := range []struct {
		name, file, export string
		key                byte
		want               map[string]airfile.Outcome
	}{
		{"nothing", whole, csv, 1, is(ok, ok, ok)},
		{"one digit of a figure", replace(t, whole, `"stale_day_count":`, `"stale_day_count":1`), csv, 1, is(not, ok, not)},
		{"one digit of a hash", replace(t, whole, `"sha256":"`+first(t, whole)[:1], `"sha256":"`+other(first(t, whole))), csv, 1, is(not, not, ok)},
		{"the name of the room", replace(t, whole, "Klasse 4b", "Klasse 4c"), csv, 1, is(not, ok, ok)},
		{"another key", whole, csv, 2, is(not, ok, ok)},
		{"one sample", whole, otherPPM, 1, is(ok, not, ok)},
		{"a thousand samples", whole, faulty, 1, is(ok, not, not)},
		{"a sample left out", whole, without(csv, 60), 1, is(ok, not, not)},
		{"a sensor left out", whole, strings.ReplaceAll(csv, "\r\n9,", "\r\n8,"), 1, is(ok, not, not)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, verify(t, parse(t, []byte(tt.file)), keys(t, tt.key), tt.export)); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := parse(t, []byte(replace(t, whole, "Klasse 4b", "Klasse 4c"))).CheckSignature(keys(t, 1))
	if got, want := fmt.Sprint(err), airfile.ErrChanged.Error(); got != want {
		t.Errorf("a changed file: %s", got)
	}
	if _, err = parse(t, []byte(whole)).CheckSignature(keys(t, 2)); fmt.Sprint(err) != airfile.ErrUnknownKey.Error() {
		t.Errorf("another key: %v", err)
	}
}

func replace(t testing.TB, text, from, to string) string {
	t.Helper()
	if !strings.Contains(text, from) {
		t.Fatalf("there is no %s", from)
	}
	return strings.Replace(text, from, to, 1)
}

func first(t testing.TB, text string) string {
	t.Helper()
	_, rest, _ := strings.Cut(text, `"sha256":"`)
	return rest
}

func other(text string) string {
	if text[0] == '0' {
		return "1"
	}
	return "0"
}

func without(csv string, row int) string {
	rows := strings.SplitAfter(csv, "\n")
	return strings.Join(append(rows[:row:row], rows[row+1:]...), "")
}

// A file that says more than we read could say something else to others.
func TestParseTakesNothingButAirFiles(t *testing.T) {
	t.Parallel()
	whole := string(text(t, newSchool().document(t)))
	for name, broken := range map[string]string{
		"nothing":               "",
		"another format":        replace(t, whole, "clair-air-file/1", "clair-air-file/2"),
		"a name more":           replace(t, whole, `{"changes"`, `{"more":1,"changes"`),
		"a name twice":          replace(t, whole, `"days_without_use":0`, `"days_without_use":1,"days_without_use":0`),
		"a name in capitals":    replace(t, whole, `"days_without_use":0`, `"Days_without_use":1,"days_without_use":0`),
		"a name left out":       replace(t, whole, `"days_without_use":0,`, ``),
		"something behind":      whole + "{}",
		"no time zone":          replace(t, whole, "Europe/Berlin", "Europe/Nowhere"),
		"a zone of the machine": replace(t, whole, "Europe/Berlin", "Local"),
		"another midnight":      replace(t, whole, fmt.Sprint(october.FromTime), fmt.Sprint(october.FromTime+1)),
		"a long period":         replace(t, whole, "2026-10-31", "2028-10-31"),
		"no norm":               replace(t, whole, `"lesson_minutes":45`, `"lesson_minutes":0`),
		"sensors in disorder":   replace(t, whole, `"id":9,`, `"id":4,`),
	} {
		if d, err := airfile.Parse([]byte(broken)); err == nil {
			t.Errorf("%s: %+v", name, d.Period)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func TestVersionsSayWhatChanged(t *testing.T) {
	t.Parallel()
	s := newSchool()
	before := s.document(t)
	same := s.document(t)
	same.Room.Name, same.Software, same.Installations[0].Health = "Klasse 5b", "later", &airfile.Health{}
	if a, b := content(t, before), content(t, same); a != b {
		t.Error("a name, a program and what is known of a sensor make no version")
	}
	// Samples of the 20th come late, and the 9th turns out to be a usual day.
	for i := range s.export[4] {
		if one := &s.export[4][i]; civil.DateOf(time.Unix(one.Time, 0).In(berlin)) == day(20) {
			one.CO2PPM += 300
		}
	}
	after := s.document(t)
	ninth := slices.IndexFunc(after.OccupiedDays, func(o airfile.OccupiedDay) bool { return o.Date == day(9) })
	after.OccupiedDays[ninth] = airfile.OccupiedDay{Date: day(9), How: occupancy.Timetable, Spans: []airfile.OccupiedSpan{}}
	if err := after.Judge(s.export.Read); err != nil {
		t.Fatal(err)
	}
	if content(t, before) == content(t, after) {
		t.Fatal("late samples make a version")
	}
	changes, err := after.Since(before)
	if err != nil {
		t.Fatal(err)
	}
	want := []airfile.ChangedDay{
		{Date: day(9), Of: []airfile.Subject{airfile.OfOccupied}},
		{Date: day(20), Of: []airfile.Subject{airfile.OfSamples, airfile.OfResult}},
	}
	if diff := cmp.Diff(want, changes.Days); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]airfile.Subject{airfile.OfOccupied, airfile.OfSamples, airfile.OfResult}, changes.Of); diff != "" {
		t.Error(diff)
	}
	names := map[string]string{}
	for _, f := range changes.Figures {
		names[f.Name] = fmt.Sprintf("%s -> %s", f.Before, f.After)
	}
	if names["bounds"] == "" || names["level"] != "" {
		t.Errorf("figures: %v", names)
	}
	after.Changes = changes
	sign(t, after, 2)
	if got := parse(t, text(t, after)); got.Version != 2 || got.Changes.Since != 1 {
		t.Errorf("version %d, %+v", got.Version, got.Changes)
	}
}

func content(t testing.TB, d *airfile.Document) string {
	t.Helper()
	sum, err := d.Content()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// A room nobody measured in has a file, too.
func TestFileOfNothing(t *testing.T) {
	t.Parallel()
	norm, _ := profile.Get(profile.Default)
	d := &airfile.Document{
		Format: airfile.Format, Period: october, Norm: airfile.NewNorm(&norm), OutdoorPPM: verdict.OutdoorPPM,
		OccupiedDays: []airfile.OccupiedDay{}, Installations: []airfile.Installation{},
	}
	if err := d.Judge(airfile.Export{}.Read); err != nil {
		t.Fatal(err)
	}
	sign(t, d, 1)
	d = parse(t, text(t, d))
	if d.Result.NotJudged != verdict.NoOccupiedTime || d.Samples.SHA256 != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("%+v %+v", d.Result, d.Samples)
	}
}

// RFC 8037, appendix A.3: a key of Ed25519 and its thumbprint.
func TestKeysAreKnownByTheirThumbprint(t *testing.T) {
	t.Parallel()
	got, err := airfile.ParseKeys([]byte(`{"kty":"OKP","crv":"Ed25519","kid":"a name","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := got["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]; !ok || k.ID() != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("%v", got)
	}
	if _, err := airfile.ParseKeys([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)); err == nil {
		t.Error("a secret is no public key")
	}
	secret := key(t, 1)
	if text := fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, &secret); strings.Contains(text, "1") {
		t.Error("the key shows")
	}
}

// With nothing but the standards: a detached signature over the canonical form.
func TestSignatureIsThatOfTheStandards(t *testing.T) {
	t.Parallel()
	d := newSchool().document(t)
	payload, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	head, signature, _ := strings.Cut(d.Signature, "..")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)).Public().(ed25519.PublicKey) //nolint:forcetypeassert // it is
	if !ed25519.Verify(public, []byte(head+"."+base64.RawURLEncoding.EncodeToString(payload)), raw) {
		t.Error("the signature is another one")
	}
	header, err := base64.RawURLEncoding.DecodeString(head)
	if want := `{"alg":"EdDSA","kid":"` + key(t, 1).Public().ID() + `"}`; err != nil || string(header) != want {
		t.Errorf("header %s, %v", header, err)
	}
}

func TestExportsOfPrograms(t *testing.T) {
	t.Parallel()
	want := airfile.Export{4: {{Time: 1761438600, CO2PPM: 800, Status: 'M'}, {Time: 1761442200, CO2PPM: 1000, Status: 'R'}}}
	for name, export := range map[string]string{
		"of a room": "installation,node,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\r\n4,x,y,1761442200,1000,,,R\r\n4,x,y,1761438600,800,-0.5,,M\r\n4,x,y,1761438600,800,-0.5,,M\r\n",
		"of a site": "room,installation,node,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\n1,4,x,y,1761438600,800,-0.5,,M\n1,4,x,y,1761442200,1000,,,R\n",
		"documents": `{"data":{"type":"Installation-Timeseries","id":"4","attributes":{"timeseries":[{"timestamp_s":1761438600,"co2_ppm":800,"temperature_celsius":"-0.5","measurement_status":"M"}]}}}
			{"data":{"type":"Installation-Timeseries","id":"4","attributes":{"timeseries":[{"timestamp_s":1761442200,"co2_ppm":1000,"measurement_status":"R"}]}}}`,
	} {
		got, err := airfile.ParseExport(strings.NewReader(export))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	const head = "installation,timestamp_s,co2_ppm,measurement_status\n"
	for name, export := range map[string]string{
		"nothing":                 "",
		"of people":               "\ufeffSite;Room;Sensor;Time",
		"of hours":                "installation,timestamp_s,sample_count,co2_ppm,co2_ppm_min\n",
		"two of one time":         head + "4,1761438600,800,M\n4,1761438600,801,M\n",
		"no status":               head + "4,1761438600,800,X\n",
		"no time":                 head + "4,0,800,M\n",
		"more than is ever kept":  head + "4,1761438600,32768,M\n",
		"a document of something": `{"data":{"type":"Room","id":"4"}}`,
		"a row too short":         head + "4,1761438600\n",
	} {
		if got, err := airfile.ParseExport(strings.NewReader(export)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	s := newSchool()
	d := s.document(f)
	f.Add(text(f, d))
	norm, _ := profile.Get(profile.Default)
	empty := &airfile.Document{Format: airfile.Format, Version: 1, Period: airfile.NewPeriod(day(1), day(2), berlin), Norm: airfile.NewNorm(&norm), OutdoorPPM: 420}
	f.Add(text(f, empty))
	f.Add([]byte(`{"format":"clair-air-file/1"}`))
	k := keys(f, 1)
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := airfile.Parse(content)
		if err != nil {
			return
		}
		again, err := airfile.Parse(text(t, d))
		if err != nil || !bytes.Equal(text(t, d), text(t, again)) {
			t.Fatalf("not read again: %v", err)
		}
		if _, err := d.Verify(k, s.export); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseExport(f *testing.F) {
	f.Add("installation,timestamp_s,co2_ppm,measurement_status\n4,1761438600,800,M\n")
	f.Add(`{"data":{"type":"Installation-Timeseries","id":"4","attributes":{"timeseries":[{"timestamp_s":1,"co2_ppm":8,"measurement_status":"M"}]}}}`)
	f.Fuzz(func(t *testing.T, content string) {
		e, err := airfile.ParseExport(strings.NewReader(content))
		if err != nil {
			return
		}
		for id, samples := range e {
			for i := 1; i < len(samples); i++ {
				if samples[i].Time <= samples[i-1].Time {
					t.Fatalf("installation %d is not in order", id)
				}
			}
		}
	})
}

// BenchmarkVerify is of a month of two sensors.
func BenchmarkVerify(b *testing.B) {
	s := newSchool()
	d, k := s.document(b), keys(b, 1)
	for b.Loop() {
		if r, err := d.Verify(k, s.export); err != nil || r.Differs() {
			b.Fatal(r, err)
		}
	}
}

var update = flag.Bool("update", false, "write the pinned norms anew, new ones only")

// A document of the first format that was signed in 2026 is read and verified for ever. If this
// test fails, do not write its file anew: add a format.
func TestFirstFormatIsReadForEver(t *testing.T) {
	t.Parallel()
	kept := filepath.Join("testdata", "format-1.json")
	s := newSchool()
	if _, err := os.Stat(kept); *update && errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(kept, text(t, s.document(t)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(kept) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	outcomes := verify(t, parse(t, content), keys(t, 1), s.csv())
	for _, of := range []string{"signature", "samples", "result"} {
		if outcomes[of] != airfile.Matches {
			t.Errorf("%s: %s", of, outcomes[of])
		}
	}
	if outcomes["norm"] == airfile.Differs {
		t.Error("its norm is another one, of the same version")
	}
}

// A rule that judges otherwise has another version: files name it by that.
func TestWhatJudgesIsPinnedToVersions(t *testing.T) {
	t.Parallel()
	name := filepath.Join("testdata", "norms.json")
	pinned := map[string]string{}
	content, err := os.ReadFile(name) //nolint:gosec // the test's own
	if err == nil {
		err = json.Unmarshal(content, &pinned)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, p := range profile.All() {
		judging, err := json.Marshal(airfile.NewNorm(&p).Judging())
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(judging)
		version, got := fmt.Sprintf("%s/%d", p.ID, p.Version), hex.EncodeToString(sum[:])
		switch want, known := pinned[version]; {
		case !known && *update:
			pinned[version] = got
		case got != want:
			t.Errorf("%s judges otherwise than it did: give it another version (and run -update, which pins that)", version)
		}
	}
	if *update {
		content, err := json.MarshalIndent(pinned, "", "  ")
		if err == nil {
			err = os.WriteFile(name, append(content, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Other words for the same rule make neither a version nor a difference.
func TestWordsOfNormsDoNotJudge(t *testing.T) {
	t.Parallel()
	s := newSchool()
	before, after := s.document(t), s.document(t)
	after.Norm.Name.DE, after.Norm.Paragraph, after.Norm.Levels[0].Name.EN = "anders", "§ 1", "other"
	if content(t, before) != content(t, after) {
		t.Error("words make a version")
	}
	if c, err := after.Since(before); err != nil || len(c.Of) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
	after.Norm.Levels[0].TolerancePercent++
	if content(t, before) == content(t, after) {
		t.Error("another rule makes no version")
	}
}

// What is kept is shown whatever clocks are known to have been by now, and whatever is typed as
// the name of an exception is in no file.
func TestKeptFilesAreShown(t *testing.T) {
	t.Parallel()
	whole := string(text(t, newSchool().document(t)))
	if strings.Contains(whole, "Wandertag") {
		t.Error("the name of an exception is in the file")
	}
	moved := replace(t, whole, fmt.Sprint(october.FromTime), fmt.Sprint(october.FromTime+1))
	if d, err := airfile.Kept([]byte(moved)); err != nil || d.Period.FromTime != october.FromTime+1 {
		t.Errorf("%v, %v", d, err)
	}
}
