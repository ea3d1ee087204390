package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/verdict"
)

// signedDay writes the air file of a day in a classroom, the keys of its instance and the
// export of its samples into a directory.
func signedDay(t *testing.T) (dir string) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := civil.Date{Year: 2026, Month: time.November, Day: 2}
	norm, _ := profile.Get(profile.Default)
	hours := occupancy.SpansOf([]occupancy.Hours{{From: 8 * 60, To: 17 * 60}}, day, zone, occupancy.Timetable)
	d := airfile.Document{
		Format: airfile.Format, Period: airfile.NewPeriod(day, day, zone), Norm: airfile.NewNorm(&norm), OutdoorPPM: verdict.OutdoorPPM,
		OccupiedDays:  airfile.NewDays([]occupancy.Day{{Date: day, How: occupancy.Timetable, Spans: hours}}),
		Installations: []airfile.Installation{{ID: 4, Node: "c727b2f8-8377-d4cb-0e95-ac03200b8c93"}},
	}
	csv := strings.Builder{}
	csv.WriteString("installation,node,time,timestamp_s,co2_ppm,temperature_celsius,rel_humidity_percent,measurement_status\r\n")
	for at := d.Period.FromTime - 1200; at < d.Period.ToTime; at += 300 {
		ppm := 450
		if at >= hours[0].From.Unix() && at < hours[0].To.Unix() {
			ppm = 930
		}
		fmt.Fprintf(&csv, "4,c727b2f8-8377-d4cb-0e95-ac03200b8c93,%s,%d,%d,,,M\r\n", time.Unix(at, 0).UTC().Format(time.RFC3339), at, ppm)
	}
	export, err := airfile.ParseExport(strings.NewReader(csv.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Judge(export.Read); err != nil {
		t.Fatal(err)
	}
	key, err := airfile.NewKey([]byte("thirty-two bytes are a seed, yes"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sign(key, time.Unix(d.Period.ToTime, 0), 1); err != nil {
		t.Fatal(err)
	}
	text, err := d.Text()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := airfile.KeySet([]airfile.PublicKey{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	write(t, dir, "file.json", string(text))
	write(t, dir, "keys.json", string(keys))
	write(t, dir, "export.csv", csv.String())
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestVerdictsAreVerified(t *testing.T) {
	t.Parallel()
	dir := signedDay(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	file, csv := read(t, dir, "file.json"), read(t, dir, "export.csv")
	write(t, dir, "changed.json", strings.Replace(file, `"known_day_count":1,"level":"harmless"`, `"known_day_count":1,"level":"conspicuous"`, 1))
	write(t, dir, "other.csv", strings.Replace(csv, ",930,", ",931,", 1))
	write(t, dir, "worse.csv", strings.ReplaceAll(csv, ",930,", ",1930,"))
	write(t, dir, "broken.json", file[:len(file)-1])
	write(t, dir, "others.json", `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != airfile.KeysPath {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, read(t, dir, "keys.json"))
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"all", []string{in("file.json"), "--key", in("keys.json"), "--samples", in("export.csv")}, exitOK, "result     matches  harmless"},
		{"keys of an instance", []string{in("file.json"), "--key", server.URL}, exitOK, "samples    not checked"},
		{"keys at an address", []string{in("file.json"), "--key", server.URL + airfile.KeysPath}, exitOK, "signature  matches"},
		{"samples alone", []string{in("file.json"), "--samples", in("export.csv")}, exitUnchecked, "signature  not checked"},
		{"a changed file", []string{in("changed.json"), "--key", in("keys.json")}, exitDiffers, "changed after it was signed"},
		{"another key", []string{in("file.json"), "--key", in("others.json")}, exitDiffers, "none of those"},
		{"a changed file by its samples", []string{in("changed.json"), "--samples", in("export.csv")}, exitDiffers, `level: "conspicuous" in the file, "harmless" by the export`},
		{"another sample", []string{in("file.json"), "--samples", in("other.csv")}, exitDiffers, "2026-11-02: as many samples, but other ones"},
		{"worse air", []string{in("file.json"), "--samples", in("worse.csv")}, exitDiffers, "result     DIFFERS"},
		{"no air file", []string{in("broken.json"), "--key", in("keys.json")}, exitFailure, ""},
		{"no export", []string{in("file.json"), "--samples", in("keys.json")}, exitFailure, ""},
		{"no keys", []string{in("file.json"), "--key", in("export.csv")}, exitFailure, ""},
		{"keys by http", []string{in("file.json"), "--key", "http://clair.example"}, exitFailure, ""},
		{"nothing there", []string{in("file.json"), "--key", server.URL + "/nothing"}, exitFailure, ""},
		{"nothing to check by", []string{in("file.json")}, exitUsage, ""},
	} {
		stdout, stderr, code := clairctl(t, "", append([]string{"verdict", "verify"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stdout, tt.says) {
			t.Errorf("%s: exit code %d\n%s%s", tt.name, code, stdout, stderr)
		}
	}
	stdout, _, _ := clairctl(t, "", "verdict", "verify", in("file.json"), "--samples", in("export.csv"), "--json")
	var report airfile.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || len(report.Checks) != 4 {
		t.Errorf("%v: %s", err, stdout)
	}
}
