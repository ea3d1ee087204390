package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// tell adds readings of a second, as the pen packs them.
func (w *world) tell(t *testing.T, node string, at time.Time, values ...quantity.Value) {
	t.Helper()
	w.exec(t, "INSERT INTO reading (node_no, time, readings) SELECT no, $2, $3 FROM node WHERE id = $1", node, at, quantity.AppendPacked(nil, values))
}

type readings struct {
	Data struct {
		Type, ID   string
		Attributes struct {
			From      int64           `json:"from_timestamp_s"`
			To        int64           `json:"to_timestamp_s"`
			Latest    json.RawMessage `json:"latest"`
			Quantity  string
			Unit      string
			Averaging string
			Points    json.RawMessage `json:"points"`
		}
	}
}

func (w *world) readings(t *testing.T, user int64, path string) readings {
	t.Helper()
	got := w.get(t, user, "/api/v1/"+path)
	if got.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	var r readings
	if err := json.Unmarshal([]byte(got.body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// A node without CO2 has no samples, and all its quantities.
func TestReadings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := time.Date(2026, 1, 15, 9, 50, 0, 0, time.UTC)
	for i, pressure := range []int32{10132, 10136, 10142} {
		w.tell(t, node1, begin.Add(time.Duration(i)*20*time.Minute), quantity.Value{Quantity: quantity.Pressure, Steps: pressure}, quantity.Value{Quantity: quantity.Motion, Steps: int32(i + 1)})
	}
	w.tell(t, node1, begin.Add(time.Hour), quantity.Value{Quantity: quantity.Light, Steps: 250}, quantity.Value{Quantity: 60000, Steps: 1})
	for _, tt := range []struct{ path, want string }{
		{"readings/pressure_hpa/", `[{"timestamp_s":1768470600,"value":1013.2},{"timestamp_s":1768471800,"value":1013.6},{"timestamp_s":1768473000,"value":1014.2}]`},
		{"readings/pressure_hpa/?resolution=1h", `[{"timestamp_s":1768467600,"value":1013.2,"min":1013.2,"max":1013.2,"count":1},{"timestamp_s":1768471200,"value":1013.9,"min":1013.6,"max":1014.2,"count":2}]`},
		{"readings/motion_count/?resolution=1d", `[{"timestamp_s":1768435200,"value":6,"min":1,"max":3,"count":3}]`},
		{"readings/motion_count/?filter[from]=1768471800&filter[to]=1768471800", `[{"timestamp_s":1768471800,"value":2}]`},
		{"readings/radon_bqm3/", `[]`},
		// Those of the samples are of the same quantity.
		{"readings/temperature_celsius/?resolution=1d", `[{"timestamp_s":1768003200,"value":21.5,"min":21.5,"max":21.5,"count":10}]`},
	} {
		for _, thing := range []string{"nodes/" + node1, "installations/1"} {
			got := w.readings(t, owner, thing+"/"+tt.path)
			if diff := cmp.Diff(tt.want, string(got.Data.Attributes.Points)); diff != "" {
				t.Errorf("%s/%s (-want +got):\n%s", thing, tt.path, diff)
			}
		}
	}
	got := w.readings(t, anonymous, "installations/1/readings/pressure_hpa/").Data
	if a := got.Attributes; got.Type != "Installation-Readings" || a.Quantity != "pressure_hpa" || a.Unit != "hPa" || a.Averaging != "mean" || a.To != worldNow.Unix() {
		t.Errorf("got %+v", got)
	}
	latest := string(w.readings(t, owner, "installations/1/readings/").Data.Attributes.Latest)
	want := `[{"quantity":"pressure_hpa","unit":"hPa","timestamp_s":1768473000,"value":1014.2},{"quantity":"light_lux","unit":"lx","timestamp_s":1768474200,"value":250},` +
		`{"quantity":"motion_count","unit":"","timestamp_s":1768473000,"value":3}]`
	if diff := cmp.Diff(want, latest); diff != "" {
		t.Errorf("latest (-want +got):\n%s", diff)
	}
	if latest := string(w.readings(t, owner, "installations/2/readings/").Data.Attributes.Latest); latest != "[]" {
		t.Errorf("latest of a node without readings: %s", latest)
	}
	rq := request{user: owner, method: http.MethodGet, path: "/api/v1/installations/1/readings/motion_count/?resolution=1h", header: map[string]string{"Accept": "text/csv"}}
	if diff := cmp.Diff("timestamp_s,motion_count,motion_count_min,motion_count_max,count\r\n1768467600,1,1,1,1\r\n1768471200,5,2,3,2\r\n", w.do(t, rq).body); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	for path, status := range map[string]int{
		"installations/1/readings/pressure/": 404, "installations/1/readings/pressure_hpa/?resolution=2h": 400,
		"installations/1/readings/?filter[from]=x": 400, "installations/1/readings/light_lux/?filter[from]=20&filter[to]=10": 400,
	} {
		if got := w.do(t, request{user: owner, method: http.MethodGet, path: "/api/v1/" + path}); got.status != status {
			t.Errorf("%s: %d, want %d: %s", path, got.status, status, got.body)
		}
	}
}

// Where the air of a room is public, strangers still do not read from it when people are there.
func TestReadingsForMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 1, 15, 9, 50, 0, 0, time.UTC)
	var all []quantity.Value
	for _, q := range quantity.Catalogue {
		all = append(all, quantity.Value{Quantity: q.ID, Steps: q.Min})
	}
	w.tell(t, node1, at, all...)
	inside := string(w.readings(t, owner, "installations/1/readings/").Data.Attributes.Latest)
	outside := string(w.readings(t, anonymous, "installations/1/readings/").Data.Attributes.Latest)
	withheld := []string{"light_lux", "motion_count", "people_count", "noise_dba", "noise_peak_dba", "battery_millivolts", "battery_percent"}
	for _, q := range quantity.Catalogue {
		hidden := slices.Contains(withheld, q.Name)
		if name := `"` + q.Name + `"`; !strings.Contains(inside, name) || strings.Contains(outside, name) == hidden {
			t.Errorf("%s: members see %s, strangers %s", q.Name, inside, outside)
		}
		path := "/api/v1/installations/1/readings/" + q.Name + "/"
		w.get(t, owner, path)
		want := http.StatusOK
		if hidden {
			want = http.StatusNotFound
		}
		for _, user := range []int64{anonymous, stranger} {
			if got := w.do(t, request{user: user, method: http.MethodGet, path: path}); got.status != want {
				t.Errorf("%s, user %d: %d, want %d", path, user, got.status, want)
			}
			csv := request{user: user, method: http.MethodGet, path: path, header: map[string]string{"Accept": "text/csv"}}
			if got := w.do(t, csv); got.status != want {
				t.Errorf("%s as CSV, user %d: %d, want %d", path, user, got.status, want)
			}
		}
	}
}

// The description lists the quantities of the catalogue.
func TestDescribedQuantities(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("openapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Components struct {
			Parameters struct {
				Quantity struct {
					Schema struct {
						Enum []string
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, q := range quantity.Catalogue {
		want = append(want, q.Name)
	}
	if got := description.Components.Parameters.Quantity.Schema.Enum; !slices.Equal(got, want) {
		t.Errorf("the description has\n%s, want\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}
