package httpapi_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// collection adds two weeks of a store, an hour each: 20.0 °C and 50 %, but on the tenth day
// from 8 to 11 UTC 15.0 °C and on the eleventh at noon 30 % and 62 %, which is 46 % on the mean.
func (w *world) collection(t *testing.T, node string) {
	t.Helper()
	w.exec(t, `
		INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent)
		SELECT n.no, s, 420,
		       CASE WHEN s >= '2026-01-10T08:00:00Z' AND s < '2026-01-10T11:00:00Z' THEN 150 ELSE 200 END,
		       CASE s WHEN '2026-01-11T12:00:00Z' THEN 30 WHEN '2026-01-11T12:30:00Z' THEN 62 WHEN '2026-01-12T12:30:00Z' THEN 20 ELSE 50 END
		  FROM node n, generate_series('2026-01-01T00:00:00Z'::timestamptz, '2026-01-14T23:30:00Z', '30 minutes') s
		 WHERE n.id = $1::uuid`, node)
}

// The document is looked at as code is. By hand: three hours too cold; 46 % is inside; on the
// twelfth day at noon (50+20)/2 = 35 % is too dry, and (23·50+35)/24 - 35 = 14.4 from the mean.
func TestClimateOfACollection(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 1, 15, 0, 20, 0, 0, time.UTC))
	w.exec(t, `DELETE FROM sample`)
	w.exec(t, `UPDATE sample_rollup_state SET late_before = '2025-12-01T00:00:00Z', rolled_until = '2025-12-01T00:00:00Z'`)
	w.collection(t, node1)
	const path = "/api/v1/rooms/1/climate/2026-01/"
	told := func(who int64, path string) (a struct {
		Band    *string
		Outcome string
		History struct {
			Months int `json:"month_count"`
		}
	},
	) {
		t.Helper()
		var document struct {
			Data struct{ Attributes json.RawMessage }
		}
		if err := json.Unmarshal([]byte(w.get(t, who, path).body), &document); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(document.Data.Attributes, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := told(anonymous, path); a.Band != nil || a.Outcome != "" {
		t.Errorf("nobody chose a band: %+v", a)
	}
	if a := told(anonymous, path+"?band=bizot"); a.Band == nil || a.Outcome != "exceeded" {
		t.Errorf("asked for: %+v", a)
	}
	if got := w.do(t, request{path: path + "?band=x"}); got.status != 400 || !strings.Contains(got.body, "bizot") {
		t.Errorf("of nobody: %d %s", got.status, got.body)
	}
	// Each choice is nearer than the one before.
	for _, tt := range []struct {
		set  string
		band string
	}{
		{`UPDATE organization SET climate_band = 'bizot' WHERE id = 1`, "bizot"},
		{`UPDATE site SET climate_band = 'none'`, ""},
		{`UPDATE room SET climate_band = 'bizot' WHERE id = 1`, "bizot"},
		{`UPDATE room SET climate_band = 'of-a-later-version' WHERE id = 1`, ""},
		{`UPDATE room SET climate_band = 'bizot' WHERE id = 1`, "bizot"},
	} {
		w.exec(t, tt.set)
		if a := told(anonymous, path); (a.Band == nil) != (tt.band == "") {
			t.Errorf("%s: %+v", tt.set, a)
		}
	}
	compareGolden(t, filepath.Join("testdata", "climate.json"), indent(t, w.get(t, anonymous, path).body))
	compareGolden(t, filepath.Join("testdata", "climate_bands.json"), indent(t, w.get(t, anonymous, "/api/v1/climate-bands/").body))
	for _, path := range []string{"/api/v1/rooms/1/climate/2025-03/", "/api/v1/rooms/1/climate/2031-07/"} {
		if a := told(anonymous, path); a.Outcome != "not_judged" {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
