package standin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const monitoringFolder = "../../../../compose/monitoring"

func readDashboard(t *testing.T, path string) Dashboard {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d Dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return d
}

func sources(t *testing.T) []grafanaSource {
	t.Helper()
	var s grafanaSources
	if err := ReadYAML(filepath.Join(monitoringFolder, "grafana-datasource.yml"), &s); err != nil {
		t.Fatal(err)
	}
	return s.Datasources
}

func TestDashboardsAreWhole(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(monitoringFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	variable := regexp.MustCompile(`\$\w+`)
	for _, file := range files {
		d := readDashboard(t, file)
		if err := d.check(sources(t)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				for _, v := range variable.FindAllString(q.Expr, -1) {
					if v != "$__rate_interval" {
						t.Errorf("%s, %s: nobody sets %s", file, p.Title, v)
					}
				}
			}
		}
	}
	var providers grafanaProviders
	if err := ReadYAML(filepath.Join(monitoringFolder, "grafana-dashboards.yml"), &providers); err != nil || len(providers.Providers) != 1 {
		t.Errorf("%v, %d providers", err, len(providers.Providers))
	}
}

func TestBrokenDashboardsAreFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		damage     func(*Dashboard)
	}{
		{"no uid", "uid", func(d *Dashboard) { d.UID = "" }},
		{"two panels with an id", "another panel's", func(d *Dashboard) { d.Panels[2].ID = d.Panels[1].ID }},
		{"one panel over another", "is over", func(d *Dashboard) { d.Panels[2].GridPos = d.Panels[1].GridPos }},
		{"beyond the right edge", "place", func(d *Dashboard) { d.Panels[1].GridPos.W = 25 }},
		{"an unknown type", "type", func(d *Dashboard) { d.Panels[1].Type = "graph" }},
		{"another datasource", "datasource", func(d *Dashboard) { d.Panels[1].Datasource.UID = "other" }},
		{"no query", "no query", func(d *Dashboard) { d.Panels[1].Targets = nil }},
		{"an empty query", "is none", func(d *Dashboard) { d.Panels[1].Targets[0].Expr = "" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := readDashboard(t, filepath.Join(monitoringFolder, "uplinks.json"))
			tt.damage(&d) // the first panel is a heading
			if err := d.check(sources(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
