package httpapi_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"
)

// airedLessons adds two days of a classroom in Berlin: CO2 rises from 420 ppm at 8:00 by 20 ppm a
// minute; from 8:50 on windows let half of what is above 420 out every five minutes, for ten
// minutes, and so on each hour until 12:50. Then they stay closed: half in 90 minutes.
func (w *world) airedLessons(t *testing.T, node string) {
	t.Helper()
	w.exec(t, `
		WITH RECURSIVE course AS (
			SELECT 0 AS minute, 420.0::float8 AS ppm
			UNION ALL
			SELECT minute + 1, CASE
				WHEN minute < 480 OR minute >= 1440 THEN 420
				WHEN minute < 770 AND (minute - 480) % 60 < 50 THEN ppm + 20
				WHEN minute < 780 THEN CASE WHEN (minute - 480) % 60 BETWEEN 50 AND 59 OR minute >= 770 THEN 420 + (ppm - 420) * 0.5 ^ (1 / 5.0) ELSE ppm END
				ELSE 420 + (ppm - 420) * 0.5 ^ (1 / 90.0) END
			  FROM course WHERE minute < 1439)
		INSERT INTO sample (node_no, time, co2_ppm)
		SELECT n.no, d + minute * interval '1 minute', round(ppm)
		  FROM node n, course, generate_series('2026-01-11T23:00:00Z'::timestamptz, '2026-01-12T23:00:00Z', '1 day') d
		 WHERE n.id = $1::uuid AND minute % 5 = 0`, node)
}

// The document is looked at as code is: ten airings of ten minutes; halved in five minutes,
// which is 12 · ln 2 = 8.3 an hour; and ln 2 / 1.5 = 0.46 an hour with closed windows.
func TestVentilationOfAClassroom(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC))
	w.exec(t, `DELETE FROM sample`)
	w.airedLessons(t, node1)
	const path = "/api/v1/rooms/1/ventilation/2026-01/"
	compareGolden(t, filepath.Join("testdata", "ventilation.json"), indent(t, w.get(t, anonymous, path).body))

	w.exec(t, `
		INSERT INTO occupied_day (room_id, day, how, name, begins, ends, decided_at)
		SELECT 1, d, 'timetable', '', ARRAY[d + interval '7 hours'], ARRAY[d + interval '12 hours'], now()
		  FROM generate_series('2026-01-12T00:00:00Z'::timestamptz, '2026-01-13T00:00:00Z', '1 day') d`)
	var document struct {
		Data struct {
			Attributes map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(w.get(t, inspector, path).body), &document); err != nil {
		t.Fatal(err)
	}
	if occupied := string(document.Data.Attributes["occupied"]); occupied == "" || occupied == "null" {
		t.Errorf("what people breathed is for members: %q", occupied)
	}
}

// Of a room of which nothing was measured, nothing is told; its volume and people are, where known.
func TestVentilationOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `UPDATE room SET height_m = NULL, max_occupancy = 0`)
	for _, path := range []string{"/api/v1/rooms/1/ventilation/2025-03/", "/api/v1/rooms/1/ventilation/2031-07/", "/api/v1/rooms/1/ventilation/"} {
		var document struct {
			Data struct {
				Attributes struct {
					Background *float64                `json:"background_ppm"`
					Volume     *float64                `json:"volume_m3"`
					People     *float64                `json:"people"`
					Closed     *struct{}               `json:"closed_windows"`
					Worst      *struct{}               `json:"worst_hour"`
					Airings    []struct{}              `json:"airings"`
					Days       []struct{ Airings int } `json:"days"`
					Abstained  map[string]int          `json:"abstained"`
				}
			}
		}
		if err := json.Unmarshal([]byte(w.get(t, anonymous, path).body), &document); err != nil {
			t.Fatal(err)
		}
		a := document.Data.Attributes
		if a.Volume != nil || a.People != nil || a.Closed != nil || a.Worst != nil || len(a.Airings) > 0 || len(a.Days) < 28 || len(a.Abstained) > 0 {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
