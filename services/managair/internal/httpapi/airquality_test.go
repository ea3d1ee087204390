package httpapi_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// air is what an answer about the air in a room says.
type air struct {
	Medal     bool                  `json:"clean_air_medal"`
	Obstacles []string              `json:"medal_obstacles"`
	From      int64                 `json:"from_timestamp_s"`
	To        int64                 `json:"to_timestamp_s"`
	Now       int64                 `json:"query_timestamp_s"`
	Zone      string                `json:"time_zone"`
	Days      int                   `json:"day_count"`
	Valid     int                   `json:"valid_day_count"`
	Yellow    int                   `json:"yellow_day_count"`
	Samples   int                   `json:"sample_count"`
	Max       *int                  `json:"max_co2_ppm"`
	Histogram map[string][]*float64 `json:"airq_hist"`
	DayList   []map[string]any      `json:"days"`
}

func (w *world) air(t *testing.T, user int64, path string) air {
	t.Helper()
	var document struct {
		Data struct {
			Type, ID   string
			Attributes air
		}
	}
	if err := json.Unmarshal([]byte(w.get(t, user, path).body), &document); err != nil {
		t.Fatal(err)
	}
	if document.Data.Type != "room-airquality" || document.Data.ID != "1" {
		t.Errorf("%s: %s %s", path, document.Data.Type, document.Data.ID)
	}
	return document.Data.Attributes
}

// measure adds samples of a node every five minutes.
func (w *world) measure(t *testing.T, node, from, to string, ppm int) {
	t.Helper()
	w.exec(t, `SELECT ensure_sample_partition(m) FROM generate_series($1::timestamptz, $2::timestamptz + interval '14 days', interval '14 days') m`, from, to)
	w.exec(t, `INSERT INTO sample (node_no, time, co2_ppm)
		SELECT n.no, s, $4 FROM node n, generate_series($2::timestamptz, $3::timestamptz, interval '5 minutes') s
		 WHERE n.id = $1::uuid AND s < $3 ON CONFLICT DO NOTHING`, node, from, to, ppm)
}

func TestAirQuality(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Good air in the public room all of February, until noon of the last day.
	w.measure(t, node1, "2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z", 700)
	seven := func(n int) *int { return &n }

	february := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-02")
	want := air{
		Medal: true, Obstacles: []string{}, From: 1769900400, To: 1772319600, Now: worldNow.Unix(), Zone: "Europe/Berlin",
		Days: 28, Valid: 27, Samples: 27*288 + 13*12, Max: seven(700),
	}
	if diff := cmp.Diff(want, february); diff != "" {
		t.Errorf("february, want(-) got(+):\n%s", diff)
	}

	// 30 days up to the midnight before worldNow, of which a few samples are known.
	recent := w.air(t, anonymous, "/api/v1/rooms/1/airquality/")
	want = air{
		Obstacles: []string{"too_few_valid_days"}, From: 1766271600, To: 1768863600, Now: worldNow.Unix(), Zone: "Europe/Berlin",
		Days: 30, Samples: 10, Max: seven(500),
	}
	if diff := cmp.Diff(want, recent); diff != "" {
		t.Errorf("recent, want(-) got(+):\n%s", diff)
	}

	empty := w.air(t, owner, "/api/v1/rooms/1/airquality/2031-07?include_histogram=true&include_days=1")
	if empty.Medal || empty.Max != nil || empty.Samples != 0 || len(empty.DayList) != 31 || empty.DayList[30]["date"] != "2031-07-31" || empty.DayList[0]["mean_co2_ppm"] != nil {
		t.Errorf("an empty month: %+v", empty)
	}

	// A Saturday is known until noon; hours of which nothing is known are null.
	hist := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-2/?include_histogram=True").Histogram
	for day, hours := range hist {
		if len(hours) != 24 {
			t.Errorf("%s has %d hours", day, len(hours))
		}
		if slices.ContainsFunc(hours, func(h *float64) bool { return h == nil || *h != 700 }) {
			t.Errorf("%s: not 700 ppm", day)
		}
	}
	if len(hist) != 7 {
		t.Errorf("%d weekdays", len(hist))
	}
	first := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-01?include_histogram=true").Histogram
	known := 0
	for _, hours := range first {
		for _, h := range hours {
			if h != nil {
				known++
			}
		}
	}
	// On 10 January half an hour is known, on the 31st 13:00 to 24:00 in Berlin.
	if known != 11 || first["Sa"][12] != nil || first["Sa"][13] == nil {
		t.Errorf("%d hours are known", known)
	}
}

func TestAirQualityFollowsTheSitesClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `UPDATE site SET time_zone = 'America/New_York' WHERE id = 1`)
	got := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-03")
	if got.Zone != "America/New_York" || got.From != 1772341200 || got.To != 1775016000 || got.Days != 31 {
		t.Errorf("%+v", got)
	}
}

func TestAirQualityCountsWhatWasMeasuredInTheRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Node 1 leaves the room on 11 February; what it measures elsewhere is not counted.
	w.exec(t, `UPDATE installation SET to_time = '2026-02-10T23:00:00Z' WHERE id = 1`)
	w.measure(t, node1, "2026-01-31T23:00:00Z", "2026-02-10T23:00:00Z", 700)
	w.measure(t, node1, "2026-02-10T23:05:00Z", "2026-02-28T23:00:00Z", 3000)
	alone := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-02")
	if *alone.Max != 700 || alone.Valid != 10 {
		t.Errorf("%+v", alone)
	}
	// Node 2 takes over, for the members only. A third one overlaps with a worse value.
	w.exec(t, `INSERT INTO installation (node_id, room_id, from_time) VALUES ($1, 1, '2026-02-10T23:00:00Z')`, node2)
	w.measure(t, node2, "2026-02-10T23:00:00Z", "2026-02-28T23:00:00Z", 800)
	if got := w.air(t, owner, "/api/v1/rooms/1/airquality/2026-02"); *got.Max != 800 || !got.Medal {
		t.Errorf("a member: %+v", got)
	}
	if got := w.air(t, anonymous, "/api/v1/rooms/1/airquality/2026-02"); *got.Max != 700 || got.Valid != 10 || got.Medal {
		t.Errorf("anonymous: %+v", got)
	}
	// A fault of the sensor is no measurement.
	w.exec(t, `INSERT INTO sample (node_no, time, co2_ppm, status) SELECT no, '2026-02-20T12:01:00Z', 9999, 'E' FROM node WHERE id = $1`, node2)
	if got := w.air(t, owner, "/api/v1/rooms/1/airquality/2026-02"); *got.Max != 800 {
		t.Errorf("with a faulty sample: %+v", got)
	}
}

func TestAirQualityAccessAndBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO room (id, site_id, name) VALUES (50, 1, 'Ohne Sensor')`)
	for _, c := range []struct {
		name string
		user int64
		path string
		want int
	}{
		{"public room", anonymous, "1/airquality", 200},
		{"private room", anonymous, "2/airquality", 404},
		{"private room, inspector", inspector, "2/airquality/", 200},
		{"private room, stranger", stranger, "2/airquality/2026-01", 404},
		{"private room, superuser", superuser, "2/airquality", 404},
		{"a room without a sensor", owner, "50/airquality", 200},
		{"no such room", owner, "4711/airquality", 404},
		{"no number", owner, "eins/airquality", 404},
		{"too long a number", owner, "99999999999999999999/airquality", 404},
		{"no month", anonymous, "1/airquality/jetzt", 400},
		{"13th month", anonymous, "1/airquality/2026-13", 400},
		{"year 0", anonymous, "1/airquality/0000-01", 400},
		{"first month", anonymous, "1/airquality/0001-01", 200},
		{"last month", anonymous, "1/airquality/9999-12", 200},
		{"first month of the epoch", anonymous, "1/airquality/1970-01", 200},
		{"unknown parameter", anonymous, "1/airquality?foo=1", 400},
		{"deeper", anonymous, "1/airquality/2026-01/01", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := w.do(t, request{user: c.user, path: "/api/v1/rooms/" + c.path}); got.status != c.want {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}
