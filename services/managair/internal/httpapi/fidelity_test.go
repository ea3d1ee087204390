package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

func TestFidelityAndOutages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := postgres.Fidelity{Pool: w.as}
	contact := func(node string, at time.Time) {
		w.exec(t, `INSERT INTO node_status (node_no, last_contact_at) SELECT no, $2 FROM node WHERE id = $1
			ON CONFLICT (node_no) DO UPDATE SET last_contact_at = excluded.last_contact_at`, node, at)
	}
	check := func(at time.Time) {
		if _, err := store.Check(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	contact(node1, worldNow.Add(-10*time.Hour))
	check(worldNow.Add(-7 * time.Hour))
	check(worldNow.Add(-5 * time.Hour))
	contact(node1, worldNow.Add(-time.Hour))
	contact(node3, worldNow.Add(-9*time.Hour))
	w.exec(t, `UPDATE node_status SET battery_percent = 91, battery_millivolts = 3620, rssi_dbm = -97
		WHERE node_no = (SELECT no FROM node WHERE id = $1)`, node1)
	check(worldNow.Add(-time.Minute))

	for _, c := range []struct {
		name string
		user int64
		path string
	}{
		{"fidelity", inspector, "/api/v1/fidelity/"},
		{"fidelity_node", owner, "/api/v1/fidelity/" + node1 + "/"},
		{"outages", owner, "/api/v1/outages/"},
		{"sensor_health", inspector, "/api/v1/sensor-health/"},
		{"alert_rules", owner, "/api/v1/alert-rules/"},
		{"alert_episodes", inspector, "/api/v1/alert-episodes/"},
		{"alert_templates", inspector, "/api/v1/alert-templates/"},
		{"calibrations", inspector, "/api/v1/nodes/" + node1 + "/calibrations/"},
		{"outages_of_node", foreigner, "/api/v1/nodes/" + node3 + "/outages/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			compareGolden(t, filepath.Join("testdata", c.name+".json"), indent(t, w.get(t, c.user, c.path).body))
		})
	}
	for _, c := range []struct {
		user int64
		path string
		want int // nodes or outages; or a status
	}{
		{stranger, "fidelity", 0},
		{superuser, "fidelity", 0},
		{foreigner, "fidelity", 1},
		{owner, "fidelity", 2},
		{owner, "fidelity?filter[organization]=1", 2},
		{owner, "fidelity?filter[organization]=2", 0},
		{owner, "fidelity?filter[site]=1", 1},
		{owner, "fidelity?filter[room]=1", 1},
		{owner, "fidelity?filter[site]=2", 0}, // node 2 left in February
		{owner, "fidelity?filter[node]=" + node2, 1},
		{owner, "fidelity?sort=-fidelity", 2},
		{owner, "outages", 3},
		{owner, "outages?filter[room]=1", 2},
		{owner, "outages?filter[node]=" + node2, 1},
		{inspector, "nodes/" + node1 + "/outages", 2},
		{anonymous, "fidelity", http.StatusUnauthorized},
		{anonymous, "outages", http.StatusUnauthorized},
		{stranger, "fidelity/" + node1, http.StatusNotFound},
		{stranger, "nodes/" + node1 + "/outages", http.StatusNotFound},
		{stranger, "outages/1", http.StatusNotFound},
		{owner, "outages/3", http.StatusNotFound},
		{owner, "fidelity/eins", http.StatusNotFound},
		{owner, "nodes/eins/outages", http.StatusNotFound},
		{owner, "fidelity?filter[site]=eins", http.StatusBadRequest},
		{owner, "fidelity?filter[state]=D", http.StatusBadRequest},
	} {
		t.Run(fmt.Sprint(c.user, " ", c.path), func(t *testing.T) {
			t.Parallel()
			got := w.do(t, request{user: c.user, path: "/api/v1/" + c.path})
			if c.want >= 400 {
				if got.status != c.want {
					t.Errorf("%d %s", got.status, got.body)
				}
				return
			}
			var document struct{ Data []json.RawMessage }
			if err := json.Unmarshal([]byte(got.body), &document); err != nil || got.status != http.StatusOK || len(document.Data) != c.want {
				t.Errorf("%d with %d, want %d: %s", got.status, len(document.Data), c.want, got.body)
			}
		})
	}
}

// TestRadio: how nodes were received is told of the last days alone, by whoever may see
// the node, and what nobody told is null.
func TestRadio(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO node_status (node_no, last_contact_at, spreading_factor, bandwidth_khz, frequency_hz, gateways, rssi_dbm, snr_db)
		SELECT no, $2, 12, 125, 868100000, 1, -119, -17.5 FROM node WHERE id = $1`, node1, worldNow)
	for _, day := range []struct{ ago, uplinks, expected, received int }{{0, 40, 44, 40}, {6, 60, 66, 50}, {7, 1, 1000, 1}} {
		w.exec(t, `INSERT INTO node_radio_day (node_no, day, last_at, f_cnt, missing, uplinks, expected, received, rssi_dbm, snr_10_db, spreading_factor, gateways)
			SELECT no, (now() AT TIME ZONE 'UTC')::date - $2::integer, now(), 7, '', $3::integer, $4, $5::integer, -117 * $5::bigint, -165 * $5::bigint, 11 * $5::bigint, 2 * $5::bigint
			  FROM node WHERE id = $1`, node1, day.ago, day.uplinks, day.expected, day.received)
	}
	compareGolden(t, filepath.Join("testdata", "radio.json"), indent(t, w.get(t, owner, "/api/v1/radio/").body))
	for path, want := range map[string]string{
		"radio?filter[site]=1": node1, "radio/" + node1: `"reception":"weak"`, "radio/" + node2: `"reception":"unknown"`,
		"radio?filter[site]=2": `"data":[]`,
	} {
		if got := w.get(t, owner, "/api/v1/"+path).body; !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestANodeHasItsOwnInterval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	patch := func(value string) answer {
		return w.do(t, request{user: owner, method: http.MethodPatch, path: "/api/v1/nodes/" + node1 + "/", body: `{"data":{"type":"Node","id":"` + node1 +
			`","attributes":{"expected_interval_s":` + value + `}}}`})
	}
	for value, want := range map[string]int{"300": 200, "60": 200, "604800": 200, "59": 400, "604801": 400, `"oft"`: 400, "null": 200} {
		if got := patch(value); got.status != want {
			t.Errorf("%s: %d %s", value, got.status, got.body)
		}
	}
	patch("300")
	w.exec(t, `INSERT INTO node_status (node_no, last_contact_at) SELECT no, $2 FROM node WHERE id = $1`, node1, worldNow.Add(-11*time.Minute))
	if _, err := (postgres.Fidelity{Pool: w.as}).Check(t.Context(), worldNow); err != nil {
		t.Fatal(err)
	}
	if got := w.get(t, owner, "/api/v1/fidelity/"+node1).body; !strings.Contains(got, `"fidelity":"M"`) {
		t.Error(got)
	}
}
