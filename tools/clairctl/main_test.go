package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
)

// clairctl runs a command line.
func clairctl(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &complaints)
	return out.String(), complaints.String(), code
}

// want runs a command line that must succeed, and compares what it prints.
func want(t *testing.T, stdin, printed string, args ...string) {
	t.Helper()
	stdout, stderr, code := clairctl(t, stdin, args...)
	if code != exitOK {
		t.Fatalf("%s: exit code %d: %s", args, code, stderr)
	}
	if diff := cmp.Diff(printed, stdout); diff != "" {
		t.Errorf("%s (-want +got):\n%s", args, diff)
	}
}

func TestDeviceID(t *testing.T) {
	t.Parallel()
	want(t, "", "9876B600001193E0  c727b2f8-8377-d4cb-0e95-ac03200b8c93\n", "device-id", "--codec", "clairchen", "9876b600001193e0")
	want(t, "9876B600001193E0\n\nA81758FFFE052B0F\n",
		`[
  {
    "dev_eui": "9876B600001193E0",
    "node_id": "c416f44b-74f9-f8ce-70bf-ddb14697a456"
  },
  {
    "dev_eui": "A81758FFFE052B0F",
    "node_id": "9d02faee-4260-1377-22ec-936428b572ee"
  }
]
`, "device-id", "--codec", "elsys", "--json")
}

func TestDecode(t *testing.T) {
	t.Parallel()
	want(t, "", `TIME                  CO2 ppm  TEMPERATURE °C  HUMIDITY %
2020-09-01T13:11:35Z  540      28.0            50
2020-09-01T13:14:33Z  520      28.0            50
2020-09-01T13:17:31Z  500      28.0            40
`, "decode", "--codec", "clairchen", "--data-rate", "SF9BW125", "--at", "2020-09-01T13:17:31Z", "02", "1BE41AE419E3")
	u := lorawan.Uplink{
		DevEUI: 0xA81758FFFE052B0F, DeviceID: "ers", FPort: 5, Payload: []byte{0x06, 0x01, 0xC2, 0x07, 0x0E, 0x10},
		ReceivedAt: time.Unix(1598966251, 0), DataRate: lorawan.SF7BW125,
	}
	want(t, string(ttn.EncodeUplink(ttn.Application{ID: "a"}, &u)), `{
  "node_id": "9d02faee-4260-1377-22ec-936428b572ee",
  "dev_eui": "A81758FFFE052B0F",
  "received_at": "2020-09-01T13:17:31Z",
  "battery_millivolts": 3600,
  "samples": [
    {
      "timestamp_s": 1598966251,
      "co2_ppm": 450
    }
  ]
}
`, "decode", "--json", "--codec", "elsys", "-")
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"--help"}, exitOK},
		{"version", []string{"--version"}, exitOK},
		{"completion", []string{"completion", "bash"}, exitOK},
		{"unknown command", []string{"fly"}, exitUsage},
		{"unknown flag", []string{"decode", "--fly"}, exitUsage},
		{"missing flag", []string{"decode", "00"}, exitUsage},
		{"too few arguments", []string{"decode", "--codec", "elsys"}, exitUsage},
		{"unknown codec", []string{"decode", "--codec", "morse", "00"}, exitUsage},
		{"bad digits", []string{"decode", "--codec", "elsys", "0X"}, exitUsage},
		{"bad payload", []string{"decode", "--codec", "elsys", "06"}, exitFailure},
		{"bad EUI", []string{"device-id", "--codec", "elsys", "123"}, exitUsage},
		{"bad speed", []string{"simulate", "--list", "--speed", "0.5"}, exitUsage},
		{"unknown reason", []string{"samples", "rejudge", "--reason", "banana"}, exitUsage},
		{"unknown codec of a profile", []string{"uplinks", "redecode", "--codec-by-profile", "x=morse"}, exitUsage},
		{"unknown codec, though nothing needs it", []string{"uplinks", "redecode", "--codec", "morse"}, exitUsage},
		{"bad backlog", []string{"simulate", "--list", "--backlog", "-3d"}, exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, stderr, code := clairctl(t, "", tt.args...); code != tt.want {
				t.Errorf("got %d, want %d: %s", code, tt.want, stderr)
			}
		})
	}
}

func TestNFCConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, picture := filepath.Join(dir, "key"), filepath.Join(dir, "qr.png")
	if err := os.WriteFile(key, []byte("000102030405060708090a0b0c0d0e0f\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := clairctl(t, "", "nfc-config", "--join-eui", "70B3D57ED0000000", "--app-key-file", key, "--png", picture)
	if code != exitOK || !strings.Contains(stdout, "AppKey:000102030405060708090A0B0C0D0E0F\n") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	file, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	img, err := png.Decode(file)
	if err != nil || img.Bounds().Dx() < 200 {
		t.Errorf("got a picture of %v, %v", img.Bounds(), err)
	}
}

func TestStorageFixtures(t *testing.T) {
	t.Parallel()
	app := ttn.Application{ID: "clair-ers", Tenant: "ttn"}
	server := ttntest.New(t, app)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i, payload := range [][]byte{{0x01, 0x00, 0xE2, 0x02, 0x29, 0x06, 0x03, 0x08}, {0xFF}} {
		server.Receive(&lorawan.Uplink{
			DevEUI: 0xA81758FFFE052B0F, DeviceID: "ers", FPort: 5, FCnt: uint32(i), Payload: payload, ReceivedAt: at.Add(time.Duration(i) * time.Minute),
			DataRate: lorawan.SF7BW125,
		})
	}
	server.Flush()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(server.Key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := clairctl(t, "", "storage-fixtures", "--application", app.ID, "--key-file", key, "--codec", "elsys", "--url", server.URL)
	if code != exitPartly || !strings.Contains(stderr, "uplink 1 of device A81758FFFE052B0F: format: unknown record type 0x3f") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	wantFixture := fmt.Sprintf(`[{"model":"core.sample","pk":1,"fields":{"node":"9d02faee-4260-1377-22ec-936428b572ee","timestamp_s":%d,
		"co2_ppm":776,"temperature_celsius":"22.6","rel_humidity_percent":41,"measurement_status":"M"}}]`, at.Unix())
	sameJSON(t, wantFixture, stdout)
}

func TestSampleDump(t *testing.T) {
	t.Parallel()
	nodes := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(nodes, []byte("# the red one\nCLAIRCHEN 9876B600001193E0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _, err := idsOf([]string{"CLAIRCHEN", "9876B600001193E0"})
	if err != nil {
		t.Fatal(err)
	}
	line := func(id []byte, rest string) string {
		return fmt.Sprintf(`{"_id":{"$oid":"5f4e"},"node_ref":{"$binary":{"base64":%q,"subType":"04"}},"timestamp_s":{"$numberLong":"1601653724"},"co2_ppm":{"$numberInt":"760"}%s}`+"\n",
			base64.StdEncoding.EncodeToString(id), rest)
	}
	dump := line(before[:], `,"temperature_celsius":{"$numberInt":"25"},"rel_humidity_percent":{"$numberInt":"40"}`) + line(make([]byte, 16), "")
	stdout, stderr, code := clairctl(t, dump, "sampledump2fixture", "--map", nodes)
	if code != exitPartly || !strings.Contains(stderr, "node 00000000-0000-0000-0000-000000000000 is not in the map: 1 samples left out") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	sameJSON(t, `[{"model":"core.sample","pk":1,"fields":{"node":"c727b2f8-8377-d4cb-0e95-ac03200b8c93","timestamp_s":1601653724,
		"co2_ppm":760,"temperature_celsius":"25.0","rel_humidity_percent":40,"measurement_status":"M"}}]`, stdout)
	if _, stderr, code := clairctl(t, "{", "sampledump2fixture", "--map", nodes); code != exitFailure || !strings.Contains(stderr, "line 1: not JSON") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func FuzzDumpedSample(f *testing.F) {
	f.Add([]byte(`{"node_ref":{"$binary":{"base64":"AAAAAAAAAAAAAAAAAAAAAA=="}},"timestamp_s":1,"co2_ppm":{"$numberInt":"400"}}`))
	f.Fuzz(func(_ *testing.T, line []byte) { _, _, _ = dumpedSample(line) })
}

// Nodes are registered with the documents that the API's description asks for.
func TestRegisterNode(t *testing.T) {
	t.Parallel()
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost {
			got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		}
		if language := r.Header.Get("Accept-Language"); language != "en" {
			t.Errorf("%s: the language is %q", r.URL, language)
		}
		w.Header().Set("Content-Type", "application/vnd.api+json")
		switch {
		case r.URL.Path == "/api/v1/protocols/":
			_, _ = io.WriteString(w, `{"data":[{"id":"4","attributes":{"identifier":"ELSYSERSPROT_V01"}},{"id":"1","attributes":{"identifier":"CLAIRCHENPROT_V01"}}]}`)
		case r.URL.Path == "/api/v1/models/":
			_, _ = io.WriteString(w, `{"data":[{"id":"2","attributes":{"name":"CLAIRCHEN_ROT","trade_name":"Clairchen Rot"}},{"id":"5","attributes":{"name":"ERS"}}]}`)
		case r.URL.Path == "/api/v1/organizations/":
			_, _ = io.WriteString(w, `{"data":[{"id":"3","attributes":{"name":"School"}}]}`)
		case r.URL.Path == "/api/v1/auth/login/":
			_, _ = io.WriteString(w, `{"data":{"type":"LoginView","attributes":{"key":"secret"}}}`)
		case strings.Contains(string(body), "003CB7EA62A7DCBB"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"errors":[{"status":"400","code":"unique","detail":"taken","source":{"pointer":"/data/attributes/eui64"}}]}`)
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"data":{}}`)
		}
	}))
	t.Cleanup(server.Close)
	table := filepath.Join(t.TempDir(), "nodes.csv")
	if err := os.WriteFile(table, []byte("alias,dev_eui\nRed,9876B600001193E0\nBlack,003CB7EA62A7DCBB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := clairctl(t, "ada\nlovelace\n", "register-node", "--api-root", server.URL+"/api/v1", "--csv", table,
		"--codec", "clairchen", "--model", "Clairchen Rot")
	if code != exitPartly || stdout != "9876B600001193E0  c727b2f8-8377-d4cb-0e95-ac03200b8c93\n" ||
		!strings.Contains(stderr, "node 003CB7EA62A7DCBB: 400 Bad Request: /data/attributes/eui64 taken") {
		t.Errorf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	wantRequests := []string{
		`POST /api/v1/auth/login/  {"data":{"attributes":{"password":"lovelace","username":"ada"},"type":"LoginView"}}`,
		`POST /api/v1/nodes/ Token secret {"data":{"attributes":{"alias":"Red","eui64":"9876B600001193E0"},"id":"c727b2f8-8377-d4cb-0e95-ac03200b8c93",` +
			`"relationships":{"model":{"data":{"id":"2","type":"Model"}},"owner":{"data":{"id":"3","type":"Organization"}},"protocol":{"data":{"id":"1","type":"Protocol"}}},"type":"Node"}}`,
	}
	if diff := cmp.Diff(wantRequests, got[:2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What cannot be meant is told with what there is.
	for _, tt := range []struct {
		codec, model, want string
	}{
		{"clairchen", "", `--model: there are several: choose one of "CLAIRCHEN_ROT", "ERS"`},
		{"clairchen", "Blau", `--model: "Blau" is not there: choose one of "CLAIRCHEN_ROT", "ERS"`},
		{"oy1210", "ERS", `--protocol: there is none in the inventory`},
	} {
		if _, stderr, code := clairctl(t, "ada\nlovelace\n", "register-node", "--api-root", server.URL+"/api/v1",
			"--codec", tt.codec, "--model", tt.model, "9876B600001193E0"); code == exitOK || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s, %q: exit code %d: %s", tt.codec, tt.model, code, stderr)
		}
	}
}

func TestSimulateList(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := clairctl(t, "", "simulate", "--list", "--nodes", "2", "--json")
	var rows []struct {
		NodeID string `json:"node_id"`
		Model  string `json:"model"`
	}
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != exitOK || len(rows) != 2 || rows[0].Model != "clairchen" || rows[1].Model != "ers" {
		t.Errorf("exit code %d: %s%s %v", code, stdout, stderr, err)
	}
}

func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v:\n%s", err, got)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
