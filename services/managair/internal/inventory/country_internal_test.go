package inventory

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// territories are those whose rooms are judged as in the country. The rest is elsewhere.
var territories = map[string]string{
	"DE": "DE", "AT": "AT", "NL": "NL", "BE": "BE",
	"FR": "FR", "RE": "FR", "YT": "FR", "MQ": "FR", "GP": "FR", "GF": "FR", "MF": "FR", "BL": "FR", "PM": "FR",
	"GB": "GB", "JE": "GB", "GG": "GB", "IM": "GB",
}

// elsewhere are older names that have the clocks of a zone in zoneCountries, and are of no
// country, or of another one.
var elsewhere = map[string]bool{
	"Atlantic/Jan_Mayen": true, "America/Virgin": true, "CET": true, "MET": true,
}

// Every zone that a site can have and that is in a country with a norm of its own is known
// as such: those of IANA's table (testdata/zone.tab: its countries and zones), and older names.
func TestNoZoneOfACountryFallsThrough(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join("testdata", "zone.tab"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		territory, zone, _ := strings.Cut(strings.TrimSpace(line), "\t")
		listed[zone] = true
		if got, want := zoneCountries[zone], territories[territory]; got != want && isTimeZone(zone) {
			t.Errorf("%s in %s: %q, want %q", zone, territory, got, want)
		}
	}
	clocks := clocksOfZones(t)
	countries := map[string][]string{}
	for zone, country := range zoneCountries {
		if !isTimeZone(zone) {
			t.Errorf("no site can have %s", zone)
		}
		countries[clocks[zone]] = append(countries[clocks[zone]], country)
	}
	for zone := range zones() {
		if listed[zone] || elsewhere[zone] || zoneCountries[zone] != "" {
			continue
		}
		if of := countries[clocks[zone]]; len(of) > 0 {
			t.Errorf("%s has the clocks of %v, and is of none", zone, of)
		}
	}
}

// clocksOfZones has what Go knows of each zone: it is the same of a zone and its older names.
func clocksOfZones(t *testing.T) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // that of the tests is meant
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = archive.Close() }()
	clocks := map[string]string{}
	for _, f := range archive.File {
		if !isTimeZone(f.Name) {
			continue
		}
		file, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		_ = file.Close()
		if err != nil {
			t.Fatal(err)
		}
		clocks[f.Name] = string(content)
	}
	return clocks
}
