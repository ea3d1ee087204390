package httpapi_test

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// judged is what an answer says of the air in a room.
type judged struct {
	Profile   string   `json:"profile"`
	Level     *string  `json:"level"`
	NotJudged *string  `json:"not_judged"`
	Unused    *int     `json:"days_without_use"`
	Good      bool     `json:"good"`
	Medal     bool     `json:"clean_air_medal"`
	KnownBy   []string `json:"occupied_known_by"`
	Days      int      `json:"day_count"`
	OccupiedS int      `json:"occupied_s"`
	MeasuredS int      `json:"measured_s"`
	Stale     int      `json:"stale_day_count"`
	Limit     *int     `json:"limit_ppm"`
	Hours     *struct {
		Weekday int
		From    int  `json:"from_hour"`
		To      int  `json:"to_hour"`
		StaleS  *int `json:"stale_s"`
	} `json:"worst_hours"`
	Bounds []struct {
		Units   *int    `json:"unit_count"`
		Percent float64 `json:"beyond_percent"`
	} `json:"bounds"`
	Sensor struct {
		Verdict string
		Missing []string
	}
	DayList     []map[string]any `json:"days"`
	Exceedances []map[string]any `json:"exceedances"`
}

func (j judged) level() string {
	if j.Level == nil {
		return ""
	}
	return *j.Level
}

func (w *world) verdict(t *testing.T, user int64, path string) judged {
	t.Helper()
	var document struct {
		Data struct {
			Type, ID   string
			Attributes judged
		}
	}
	if err := json.Unmarshal([]byte(w.get(t, user, path).body), &document); err != nil {
		t.Fatal(err)
	}
	if document.Data.Type != "room-verdict" || document.Data.ID != "1" {
		t.Errorf("%s: %s %s", path, document.Data.Type, document.Data.ID)
	}
	return document.Data.Attributes
}

// lessons adds a month of a classroom in Berlin: on weekdays CO2 rises from 420 at 8:00
// by 3 ppm a minute, to 1500 at 14:00, and is gone by 17:00.
func (w *world) lessons(t testing.TB, node, from, to string) {
	t.Helper()
	w.exec(t, `SELECT ensure_sample_partition(m) FROM generate_series($1::timestamptz, $2::timestamptz + interval '14 days', interval '14 days') m`, from, to)
	w.exec(t, `
		INSERT INTO sample (node_no, time, co2_ppm)
		SELECT n.no, s, CASE WHEN extract(isodow FROM at) > 5 OR minute NOT BETWEEN 0 AND 540 THEN 420
		                     WHEN minute <= 360 THEN 420 + 3 * minute
		                     ELSE 1500 - 6 * (minute - 360) END
		  FROM node n, generate_series($2::timestamptz, $3::timestamptz, interval '5 minutes') s,
		       LATERAL (SELECT s AT TIME ZONE 'Europe/Berlin' AS at) local,
		       LATERAL (SELECT extract(epoch FROM at::time)::int / 60 - 480 AS minute) clock
		 WHERE n.id = $1::uuid AND s < $3 ON CONFLICT DO NOTHING`, node, from, to)
}

func TestVerdictOfAClassroom(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z")
	const path = "/api/v1/rooms/1/verdicts/2026-02"

	got := w.verdict(t, inspector, path)
	if got.Profile != "de-uba" || got.level() != "conspicuous" || got.Good || got.Medal || got.Days != 20 || got.Stale != 20 || *got.Limit != 1000 {
		t.Errorf("%+v", got)
	}
	if len(got.KnownBy) != 1 || got.KnownBy[0] != "inferred" {
		t.Errorf("known by %v", got.KnownBy)
	}
	// 1000 ppm are reached after 194 minutes, at 11:14, and until 14:00.
	if got.Hours == nil || got.Hours.From != 11 || got.Hours.To != 14 {
		t.Errorf("worst hours: %+v", got.Hours)
	}
	// The world's protocols are none of ours, so only the interval is known.
	if diff := cmp.Diff([]string{"range"}, got.Sensor.Missing); got.Sensor.Verdict != "unknown" || diff != "" {
		t.Errorf("sensor: %+v", got.Sensor)
	}
	if len(got.DayList) != 20 || got.DayList[0]["date"] != "2026-02-02" || got.DayList[0]["stale"] != true || len(got.Exceedances) != 20 {
		t.Errorf("%d days, %d exceedances", len(got.DayList), len(got.Exceedances))
	}
	public := w.verdict(t, anonymous, path)
	if public.level() != "conspicuous" || public.DayList != nil || public.Exceedances != nil || public.Unused != nil || got.Unused == nil {
		t.Errorf("when people were there is no matter of the public: %+v", public)
	}
	// The public has whole tens of hours, whole percent, no counts of ten minutes, and the hours of the week.
	if public.OccupiedS == 0 || public.OccupiedS%36000 != 0 || got.OccupiedS%36000 == 0 {
		t.Errorf("occupied for %d s, to the public %d s", got.OccupiedS, public.OccupiedS)
	}
	if got.MeasuredS != got.OccupiedS || public.MeasuredS != public.OccupiedS {
		t.Errorf("all was measured: %d s of %d s, to the public %d s of %d s", got.MeasuredS, got.OccupiedS, public.MeasuredS, public.OccupiedS)
	}
	for i, b := range public.Bounds {
		if b.Units != nil || b.Percent != math.Trunc(b.Percent) || got.Bounds[i].Units == nil || math.Abs(b.Percent-got.Bounds[i].Percent) >= 1 {
			t.Errorf("bound %d: %+v, of members %+v", i, b, got.Bounds[i])
		}
	}
	if public.Hours == nil || public.Hours.StaleS != nil || public.Hours.From != 11 || got.Hours.StaleS == nil {
		t.Errorf("worst hours of the public: %+v", public.Hours)
	}
	// A month that goes on is for members; to others it says nothing.
	const running = "/api/v1/rooms/1/verdicts/2026-03"
	if public = w.verdict(t, anonymous, running); public.NotJudged == nil || *public.NotJudged != "not_over" || public.Days != 0 || len(public.Bounds) != 0 {
		t.Errorf("the running month, to the public: %+v", public)
	}
	if got = w.verdict(t, inspector, running); got.NotJudged == nil || *got.NotJudged == "not_over" {
		t.Errorf("the running month, to members: %+v", got)
	}

	// What is decided outweighs what the air tells: they were there from 12 to 14 h only.
	w.exec(t, `
		INSERT INTO occupied_day (room_id, day, how, name, begins, ends, decided_at)
		SELECT 1, d, 'timetable', '', CASE WHEN extract(isodow FROM d) > 5 THEN '{}'::timestamptz[] ELSE ARRAY[d + interval '11 hours'] END,
		       CASE WHEN extract(isodow FROM d) > 5 THEN '{}'::timestamptz[] ELSE ARRAY[d + interval '13 hours'] END, now()
		  FROM generate_series('2026-02-01T00:00:00Z'::timestamptz, '2026-02-28T00:00:00Z', '1 day') d`)
	if got := w.verdict(t, inspector, path); got.OccupiedS != 20*2*3600 || got.KnownBy[0] != "timetable" || got.level() != "conspicuous" {
		t.Errorf("by the timetable: %+v", got)
	}

	// Of 39 h 40 min two hours were not measured: that is 95 % of 40 hours to the public.
	w.exec(t, `UPDATE occupied_day SET begins = ARRAY[day + interval '11 hours'], ends = ARRAY[day + interval '12 hours 40 minutes'] WHERE day = '2026-02-02'`)
	w.exec(t, `DELETE FROM sample WHERE time >= '2026-02-03T10:30:00Z' AND time < '2026-02-03T13:30:00Z'`)
	if got := w.verdict(t, anonymous, path); got.OccupiedS != 400*360 || got.MeasuredS != got.OccupiedS/100*95 {
		t.Errorf("to the public: %d s measured of %d s", got.MeasuredS, got.OccupiedS)
	}

	for by, level := range map[string]string{"be": "none", "en-16798": "iii", "uk-dfe": "watch", "clair-2020": "medal"} {
		if got := w.verdict(t, anonymous, path+"?profile="+by); got.Profile != by || got.level() != level || got.Medal {
			t.Errorf("%s: %q, medal %v; want %q", by, got.level(), got.Medal, level)
		}
	}
	refused := w.do(t, get(anonymous, path+"?profile=be2"))
	if refused.status != http.StatusBadRequest {
		t.Errorf("a profile that is none: %d %s", refused.status, refused.body)
	}
}

// Where nobody chose a norm, that of the country holds; what is chosen for a new room holds at once.
func TestTheProfileOfTheCountryHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct{ zone, want string }{
		{"Europe/Brussels", "be"}, {"Europe/Paris", "fr-evaluation"}, {"Europe/Rome", "en-16798"}, {"Europe/Berlin", "de-uba"},
	} {
		zone, want := test.zone, test.want
		w.exec(t, `UPDATE site SET time_zone = $1`, zone)
		if got := w.verdict(t, anonymous, "/api/v1/rooms/1/verdicts/2026-01"); got.Profile != want {
			t.Errorf("verdict in %s: %s", zone, got.Profile)
		}
		if got := w.get(t, anonymous, "/api/v1/rooms/1/"); !strings.Contains(got.body, `"air_scale":{"profile":"`+want+`"`) {
			t.Errorf("scale in %s: %s", zone, got.body)
		}
	}
	made := w.do(t, create(owner, "Room", `"name":"Neu","verdict_profile":"be"`, ref("site", "Site", "1")))
	if made.status != http.StatusCreated || !strings.Contains(made.body, `"below_ppm":900`) {
		t.Errorf("a new room: %d %s", made.status, made.body)
	}
	if made := w.do(t, create(owner, "Room", `"name":"Neuer"`, ref("site", "Site", "1"))); made.status != http.StatusCreated || !strings.Contains(made.body, `"air_scale":{"profile":"de-uba"`) {
		t.Errorf("a new room of which nothing is said: %d %s", made.status, made.body)
	}
}

func TestTheNearestProfileHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "/api/v1/rooms/1/verdicts/2026-01"
	steps := []struct {
		change request
		want   string
	}{
		{change(owner, "Organization", "1", `"verdict_profile":"en-16798"`), "en-16798"},
		{change(owner, "Site", "1", `"verdict_profile":"be"`), "be"},
		{change(owner, "Room", "1", `"verdict_profile":"fr-evaluation"`), "fr-evaluation"},
		{change(owner, "Room", "1", `"verdict_profile":null`), "be"},
		{change(owner, "Site", "1", `"verdict_profile":null`), "en-16798"},
		{change(owner, "Organization", "1", `"verdict_profile":null`), "de-uba"},
	}
	for _, step := range steps {
		changed := w.do(t, step.change)
		if changed.status != http.StatusOK {
			t.Fatalf("%s: %d %s", step.change.path, changed.status, changed.body)
		}
		// What the air is held against now follows, in the answer to the change already.
		scale := `"air_scale":{"profile":"` + step.want + `"`
		if strings.Contains(step.change.path, "/rooms/") && !strings.Contains(changed.body, scale) {
			t.Errorf("the room that was changed: %s", changed.body)
		}
		for _, path := range []string{"/api/v1/rooms/1/", "/api/v1/rooms/", "/api/v1/sites/1/rooms/", "/api/v1/installations/1/?include=room", "/api/v1/public-sites/"} {
			if got := w.get(t, anonymous, path); !strings.Contains(got.body, scale) {
				t.Errorf("%s at %s: %s", step.want, path, got.body)
			}
		}
		if got := w.verdict(t, anonymous, path); got.Profile != step.want {
			t.Errorf("%s: %s, want %s", step.change.body, got.Profile, step.want)
		}
	}
	// A profile that another version of the program knew is no reason to fail.
	w.exec(t, `UPDATE room SET verdict_profile = 'of-tomorrow' WHERE id = 1`)
	if got := w.verdict(t, anonymous, path); got.Profile != "de-uba" {
		t.Errorf("an unknown profile: %s", got.Profile)
	}
}

// An empty room is not judged, whatever was measured, and has no medal.
func TestEmptyRoomsAreNotJudged(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.measure(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z", 420)
	for _, path := range []string{"/api/v1/rooms/1/verdicts/2026-02", "/api/v1/rooms/1/verdicts/", "/api/v1/rooms/1/verdicts/2031-07"} {
		public := w.verdict(t, anonymous, path)
		if public.NotJudged == nil || public.Days != 0 || public.KnownBy != nil || public.Hours != nil || len(public.Bounds) != 0 {
			t.Errorf("to the public: %+v", public)
		}
		got := w.verdict(t, inspector, path)
		if got.Level != nil || got.Good || got.Medal || got.NotJudged == nil || *got.NotJudged != "no_occupied_time" || got.Days != 0 {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestProfilesAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var document struct {
		Data []struct {
			ID         string
			Attributes struct {
				Name   struct{ DE, EN string }
				Levels []struct{ ID string }
			}
		}
	}
	if err := json.Unmarshal([]byte(w.get(t, anonymous, "/api/v1/verdict-profiles/").body), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Data) != 9 || document.Data[0].ID != "de-uba" || len(document.Data[0].Attributes.Levels) != 3 || document.Data[0].Attributes.Name.EN == "" {
		t.Errorf("%+v", document.Data)
	}
}
