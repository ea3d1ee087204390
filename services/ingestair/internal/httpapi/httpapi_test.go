package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// memory keeps samples in memory: node 1 is registered, all others are not.
type memory struct {
	samples map[uuid.UUID]map[int64]string
	// readings are all that came.
	readings []quantity.Reading
	away     bool
}

// conflicting are the steps of readings of which there is another value.
const conflicting = 9999

var registered = uuid.MustParse("00000000-0000-0000-0000-000000000001")

func (m *memory) Keep(_ context.Context, f *keeping.Flush) error {
	if m.away {
		return fault.New(fault.Unavailable, "the database is not available")
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		id := f.Uplinks[r.Uplink].NodeID
		values, at := jsonOf(r.Sample), r.Sample.Time.Unix()
		there, ok := m.samples[id][at]
		switch {
		case id != registered:
			r.Outcome = keeping.Parked
		case !ok:
			r.Outcome = keeping.Stored
			m.samples[id][at] = values
		case there == values:
			r.Outcome = keeping.Duplicate
		default:
			r.Outcome = keeping.Conflict
		}
	}
	for i := range f.Readings {
		r := &f.Readings[i]
		r.Outcome = keeping.Stored
		if f.Uplinks[r.Uplink].NodeID != registered {
			r.Outcome = keeping.Parked
		}
		if r.Steps == conflicting {
			r.Outcome = keeping.Conflict
			continue
		}
		m.readings = append(m.readings, r.Reading)
	}
	return nil
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (*memory) KeepUndecoded(context.Context, []ingest.UndecodedUplink) error { return nil }

func newHandler(t testing.TB, legacy Legacy) (http.Handler, *memory) {
	t.Helper()
	store := &memory{samples: map[uuid.UUID]map[int64]string{registered: {}}}
	log := slog.New(slog.DiscardHandler)
	in := ingest.New(store, nil, log, func() time.Time { return now }, ingest.NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(done)
		_ = in.Run(ctx, func() { close(ready) })
	}()
	<-ready
	t.Cleanup(func() { cancel(); <-done })
	return New(in, log, Options{Admit: func(_ context.Context, token, _ string) (ingest.Scope, error) {
		switch token {
		case "secret":
			return nil, nil
		case "spent":
			return spent{}, nil
		case "away":
			return nil, fault.New(fault.Unavailable, "away")
		default:
			return nil, fault.New(fault.Unauthenticated, "a valid bearer token is needed")
		}
	}, Legacy: legacy}).Handler, store
}

// spent is the scope of somebody who has sent enough for now.
type spent struct{ ingest.Scope }

func (spent) Spend(context.Context, int) (giveBack func(), err error) {
	return nil, fault.NewExhausted(200*time.Second, "try again in 200 s")
}

// Who is told to come again is told when.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, LegacyToken)
	sample := `{"data":{"type":"Sample","attributes":{"timestamp_s":1795345200,"co2_ppm":612},"relationships":{"node":{"data":{"type":"Node","id":"` + registered.String() + `"}}}}}`
	for path, body := range map[string]string{"/ingest/v1/samples": `{"samples":[]}`, "/ingest/v1/ingest": sample} {
		for token, want := range map[string]string{"spent": "429 200", "away": "503 5", "wrong": "401 "} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := fmt.Sprintf("%d %s", w.Code, w.Header().Get("Retry-After")); got != want {
				t.Errorf("%s, %s: %s, want %s", path, token, got, want)
			}
		}
	}
}

type request struct {
	method, path, media, auth, body string
}

func (r request) send(h http.Handler) (status int, body string) {
	req := httptest.NewRequestWithContext(context.Background(), r.method, r.path, strings.NewReader(r.body))
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	b, _ := io.ReadAll(w.Result().Body)
	return w.Code, strings.TrimSpace(string(b))
}

func TestSamples(t *testing.T) {
	t.Parallel()
	h, store := newHandler(t, LegacyOff)
	const node1, node2 = `"node":"00000000-0000-0000-0000-000000000001"`, `"node":"00000000-0000-0000-0000-000000000002"`
	for _, tt := range []struct {
		name   string
		body   string
		status int
		want   string
	}{
		{
			"each sample has its outcome",
			`{"samples":[
				{` + node1 + `,"time":"2026-11-22T12:00:00+01:00","co2_ppm":612,"temperature_celsius":21.46,"rel_humidity_percent":40.4},
				{` + node1 + `,"time_s":1795345200,"co2_ppm":612,"temperature_celsius":21.5,"rel_humidity_percent":40,"status":"M"},
				{` + node1 + `,"time_s":1795345200,"co2_ppm":613},
				{` + node1 + `,"time_s":1795345201,"co2_ppm":-1},
				{` + node1 + `,"time_s":1795349400,"co2_ppm":400},
				{` + node1 + `,"time_s":1795345201,"co2_ppm":400,"status":"X"},
				{` + node2 + `,"time_s":1795345200,"co2_ppm":612}]}`, 200,
			`{"outcomes":["STORED","DUPLICATE","CONFLICT","REJECTED","REJECTED","REJECTED","PARKED"],"rejections":[` +
				`{"sample":3,"reason":"OUT_OF_RANGE","field":"co2_ppm","detail":"-1 is less than 0"},` +
				`{"sample":4,"reason":"IN_FUTURE","field":"time_s","detail":"2026-11-22T12:10:00Z is 10m0s ahead of the server's clock, at most 5m0s are allowed"},` +
				`{"sample":5,"reason":"OUT_OF_RANGE","field":"status","detail":"the status is unknown"}]}`,
		},
		{"nothing", `{"samples":[]}`, 200, `{"outcomes":[]}`},
		{"no JSON", `{"samples":[`, 400, `{"error":"not the JSON that is expected here: unexpected EOF"}`},
		{"two documents", `{"samples":[]}{}`, 400, `{"error":"not the JSON that is expected here: there is something after it"}`},
		{"misspelt", `{"samples":[{"co2":1}]}`, 400, `{"error":"not the JSON that is expected here: json: unknown field \"co2\""}`},
		{"no samples", `{}`, 400, `{"error":"\"samples\" is missing"}`},
		{"no node", `{"samples":[{"time_s":1,"co2_ppm":1}]}`, 400, `{"error":"sample 0: \"node\" is missing"}`},
		{"no time", `{"samples":[{` + node1 + `,"co2_ppm":1}]}`, 400, `{"error":"sample 0: give either \"time\" or \"time_s\""}`},
		{"no CO2", `{"samples":[{` + node1 + `,"time_s":1}]}`, 400, `{"error":"sample 0: \"co2_ppm\" is missing, and there are no readings"}`},
		{
			"readings beside CO2 and without any",
			`{"samples":[
				{` + node1 + `,"time_s":1795345300,"co2_ppm":612,"readings":{"pressure_hpa":1013.24,"light_lux":1e9}},
				{` + node1 + `,"time_s":1795345300,"temperature_celsius":21.46,"rel_humidity_percent":40},
				{` + node2 + `,"time_s":1795345300,"readings":{"radon_bqm3":120}},
				{` + node1 + `,"time_s":1795345300,"readings":{"radon_bqm3":-1}}]}`, 200,
			`{"outcomes":["STORED","STORED","PARKED","REJECTED"],"rejections":[` +
				`{"sample":0,"quantity":"light_lux","reason":"OUT_OF_RANGE","field":"light_lux","detail":"1000000000 is outside of 0 to 200000"},` +
				`{"sample":3,"quantity":"radon_bqm3","reason":"OUT_OF_RANGE","field":"radon_bqm3","detail":"-1 is outside of 0 to 60000"}]}`,
		},
		{
			"what is no reading costs nothing beside it", `{"samples":[{` + node1 + `,"time_s":1795345100,"co2_ppm":700,"readings":{` +
				`"pm0_5_ugm3":3,"temperature_celsius":1,"voc_index":null,"light_lux":1e99,"co_ppm":1e9,"pressure_hpa":1013}},` +
				`{` + node1 + `,"time_s":1795345100,"readings":{"pm0_5_ugm3":3}}]}`, 200,
			`{"outcomes":["STORED","REJECTED"],"rejections":[` +
				`{"sample":0,"quantity":"co_ppm","reason":"OUT_OF_RANGE","field":"co_ppm","detail":"this is no number that can be kept"},` +
				`{"sample":0,"quantity":"light_lux","reason":"OUT_OF_RANGE","field":"light_lux","detail":"this is no number that can be kept"},` +
				`{"sample":0,"quantity":"pm0_5_ugm3","reason":"OUT_OF_RANGE","field":"pm0_5_ugm3","detail":"there is no such quantity"},` +
				`{"sample":0,"quantity":"temperature_celsius","reason":"OUT_OF_RANGE","field":"temperature_celsius","detail":"beside CO2 it belongs to the sample, not among its readings"},` +
				`{"sample":1,"quantity":"pm0_5_ugm3","reason":"OUT_OF_RANGE","field":"pm0_5_ugm3","detail":"there is no such quantity"}]}`,
		},
		{
			"conflicts of readings are told", `{"samples":[{` + node1 + `,"time_s":1795345000,"co2_ppm":700,"readings":{"pressure_hpa":999.9,"light_lux":3}}]}`, 200,
			`{"outcomes":["STORED"],"rejections":[{"sample":0,"quantity":"pressure_hpa","reason":"CONFLICT","field":"time_s",` +
				`"detail":"another value of this quantity, node and second was there before"}]}`,
		},
		{"nothing but null", `{"samples":[{` + node1 + `,"time_s":1,"readings":{"light_lux":null}}]}`, 400, `{"error":"sample 0: \"co2_ppm\" is missing, and there are no readings"}`},
	} {
		status, body := request{"POST", "/ingest/v1/samples", "application/json; charset=utf-8", "bearer secret", tt.body}.send(h)
		if diff := cmp.Diff(tt.want, body); status != tt.status || diff != "" {
			t.Errorf("%s: status %d, want %d; body (-want +got):\n%s", tt.name, status, tt.status, diff)
		}
	}
	at := time.Unix(1795345300, 0).UTC()
	want := []quantity.Reading{
		{Time: at, Value: quantity.Value{Quantity: quantity.Pressure, Steps: 10132}},
		{Time: at, Value: quantity.Value{Quantity: quantity.RelHumidity, Steps: 40}},
		{Time: at, Value: quantity.Value{Quantity: quantity.Temperature, Steps: 215}},
		{Time: at, Value: quantity.Value{Quantity: quantity.Radon, Steps: 120}},
		{Time: time.Unix(1795345100, 0).UTC(), Value: quantity.Value{Quantity: quantity.Pressure, Steps: 10130}},
		{Time: time.Unix(1795345000, 0).UTC(), Value: quantity.Value{Quantity: quantity.Light, Steps: 3}},
	}
	if diff := cmp.Diff(want, store.readings); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	store.away = true
	if status, body := (request{"POST", "/ingest/v1/samples/", "application/json", "Bearer secret", `{"samples":[{` + node1 + `,"time_s":1795345200,"co2_ppm":1}]}`}).send(h); status != 503 {
		t.Errorf("without a database: %d %s, want 503", status, body)
	}
}

func TestDoors(t *testing.T) {
	t.Parallel()
	const json, legacy = "/ingest/v1/samples", "/ingest/v1/ingest/"
	handlers := map[Legacy]http.Handler{}
	for _, l := range []Legacy{LegacyOff, LegacyToken, LegacyOpen} {
		handlers[l], _ = newHandler(t, l)
	}
	for _, tt := range []struct {
		name   string
		legacy Legacy
		request
		want int
	}{
		{"no token", LegacyOff, request{"POST", json, "application/json", "", "{}"}, 401},
		{"wrong token", LegacyOff, request{"POST", json, "application/json", "Bearer secrets", "{}"}, 401},
		{"another scheme", LegacyOff, request{"POST", json, "application/json", "Token secret", "{}"}, 401},
		{"wrong method", LegacyOff, request{"GET", json, "application/json", "Bearer secret", ""}, 405},
		{"wrong media type", LegacyOff, request{"POST", json, "text/plain", "Bearer secret", "{}"}, 415},
		{"no media type", LegacyOff, request{"POST", json, "", "Bearer secret", "{}"}, 415},
		{"too large", LegacyOff, request{"POST", json, "application/json", "Bearer secret", strings.Repeat(" ", maxBodyBytes+1)}, 413},
		{"predecessor's door is off", LegacyOff, request{"POST", legacy, "application/vnd.api+json", "Bearer secret", "{}"}, 404},
		{"predecessor's door with a token", LegacyToken, request{"POST", legacy, "application/vnd.api+json", "", "{}"}, 401},
		{"predecessor's door, wrong method", LegacyToken, request{"GET", legacy, "application/vnd.api+json", "Bearer secret", ""}, 405},
		{"predecessor's door, wrong media type", LegacyToken, request{"POST", legacy, "text/plain", "Bearer secret", "{}"}, 415},
		{"predecessor's door, too large", LegacyOpen, request{"POST", legacy, "application/json", "", strings.Repeat(" ", maxBodyBytes+1)}, 413},
		{"predecessor's door open", LegacyOpen, request{"POST", legacy, "application/vnd.api+json", "", "{}"}, 400},
	} {
		status, body := tt.send(handlers[tt.legacy])
		if status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.want)
		}
		if tt.legacy != LegacyOff && !strings.HasPrefix(body, `{"errors":[{`) {
			t.Errorf("%s: %s is no error document of JSON:API", tt.name, body)
		}
	}
}

func TestLegacy(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, LegacyOpen)
	document := func(node, attributes string) string {
		return `{"data":{"type":"Sample","attributes":` + attributes + `,"relationships":{"node":{"data":{"type":"Node","id":"` + node + `"}}}}}`
	}
	const full = `{"timestamp_s":1795345200,"co2_ppm":"612","temperature_celsius":"21.5","rel_humidity_percent":40.0,"unknown":1}`
	const created = `{"data":{"type":"Sample","id":"00000000-0000-0000-0000-000000000001-1795345200","attributes":{"timestamp_s":1795345200,"co2_ppm":612,` +
		`"temperature_celsius":"21.5","rel_humidity_percent":40,"measurement_status":"M"},"relationships":{"node":{"data":{"type":"Node","id":"00000000-0000-0000-0000-000000000001"}}}}}`
	for _, tt := range []struct {
		name   string
		path   string
		body   string
		status int
		want   string
	}{
		{"stored", "/ingest/v1/ingest/", document(registered.String(), full), 201, created},
		{"again, without the slash", "/ingest/v1/ingest", document(registered.String(), full), 201, created},
		{
			"other values", "/ingest/v1/ingest", document(registered.String(), `{"timestamp_s":1795345200,"co2_ppm":613}`), 409,
			`{"errors":[{"detail":"there is another sample of this node and time","status":"409","source":{"pointer":"/data"},"code":"unique"}]}`,
		},
		{
			"less than no CO2", "/ingest/v1/ingest", document(registered.String(), `{"timestamp_s":1795345200,"co2_ppm":-1}`), 400,
			`{"errors":[{"detail":"This is too little: the least is 0.","status":"400","source":{"pointer":"/data/attributes/co2_ppm"},"code":"min_value"}]}`,
		},
		{
			"more CO2 than can be measured", "/ingest/v1/ingest", document(registered.String(), `{"timestamp_s":1795345260,"co2_ppm":65535}`), 201,
			strings.NewReplacer("1795345200", "1795345260", "612", "32767", `"21.5"`, "null", `percent":40`, `percent":null`, `"M"`, `"E"`).Replace(created),
		},
		{
			"in the future", "/ingest/v1/ingest", document(registered.String(), `{"timestamp_s":1795349101,"co2_ppm":613}`), 400,
			`{"errors":[{"detail":"2026-11-22T12:05:01Z is 5m1s ahead of the server's clock, at most 5m0s are allowed","status":"400","source":{"pointer":"/data/attributes/timestamp_s"},"code":"invalid"}]}`,
		},
		{
			"two decimals", "/ingest/v1/ingest", document(registered.String(), `{"timestamp_s":1795345200,"co2_ppm":613,"temperature_celsius":21.55}`), 400,
			`{"errors":[{"detail":"This has too many decimal places: no more than 1 are allowed.","status":"400","source":{"pointer":"/data/attributes/temperature_celsius"},"code":"max_decimal_places"}]}`,
		},
	} {
		status, body := request{"POST", tt.path, "application/vnd.api+json", "", tt.body}.send(h)
		if diff := cmp.Diff(tt.want, body); status != tt.status || diff != "" {
			t.Errorf("%s: status %d, want %d; body (-want +got):\n%s", tt.name, status, tt.status, diff)
		}
	}
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"not registered": {document("00000000-0000-0000-0000-000000000002", full), 202},
		"no node id":     {document("12", full), 400},
		"a list":         {`{"data":[]}`, 400},
		"another type":   {`{"data":{"type":"Node"}}`, 409},
		"nothing":        {``, 400},
	} {
		if status, body := (request{"POST", "/ingest/v1/ingest/", "application/vnd.api+json", "", tt.body}).send(h); status != tt.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, tt.status)
		}
	}
}

// FuzzDoors: whatever is sent, the answer is JSON and no failure of ours.
func FuzzDoors(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", `{"samples":[{"node":"00000000-0000-0000-0000-000000000001","time_s":1795345200,"co2_ppm":612}]}`,
		`{"samples":[{"node":"00000000-0000-0000-0000-000000000001","time":"2026-11-22T11:00:00Z","co2_ppm":1e3,"temperature_celsius":1e400}]}`,
		`{"samples":[{"node":"00000000-0000-0000-0000-000000000001","time_s":1795345200,"readings":{"pressure_hpa":1013.2,"motion_count":-1}}]}`,
		`{"data":{"type":"Sample","attributes":{"timestamp_s":1795345200,"co2_ppm":1},"relationships":{"node":{"data":{"type":"Node","id":"00000000-0000-0000-0000-000000000001"}}}}}`,
		`{"data":{"type":"Sample","attributes":{"timestamp_s":9223372036854775807,"co2_ppm":1,"temperature_celsius":"0.0"},"relationships":{"node":{"data":{"type":"Node","id":"{00000000-0000-0000-0000-000000000001}"}}}}}`,
	} {
		f.Add([]byte(body))
	}
	h, _ := newHandler(f, LegacyOpen)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, r := range []request{
			{"POST", "/ingest/v1/samples", "application/json", "Bearer secret", string(body)},
			{"POST", "/ingest/v1/ingest/", "application/vnd.api+json", "", string(body)},
		} {
			status, answer := r.send(h)
			if status >= 500 || !json.Valid([]byte(answer)) {
				t.Errorf("%s: %d %s", r.path, status, answer)
			}
		}
	})
}
