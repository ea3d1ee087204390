package forwarder_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Network servers join base URL and path as they like, and schemes come in any case.
func TestWebhookPathsAndSchemes(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-for-tests-only"
	var ports ports
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{env: config.Env{"WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": secret}, change: ports.watch})
	base := "http://" + ports.at(t, "WEBHOOK_ADDRESS")
	message := ttn.EncodeUplink(app, numbered(0, 0))
	elsewhere := ttn.EncodeUplink(ttn.Application{ID: "elsewhere", Tenant: app.Tenant}, numbered(0, 0))
	for _, tt := range []struct {
		name, method, path, authorization string
		want                              int
	}{
		{"as documented", "POST", "/webhook", "Bearer " + secret, 204},
		{"slash at the end", "POST", "/webhook/", "Bearer " + secret, 204},
		{"a path of the event", "POST", "/webhook/up", "Bearer " + secret, 204},
		{"scheme in lower case", "POST", "/webhook", "bearer " + secret, 204},
		{"two blanks", "POST", "/webhook", "Bearer  " + secret, 204},
		{"another scheme", "POST", "/webhook", "Basic " + secret, 401},
		{"the secret alone", "POST", "/webhook", secret, 401},
		{"another path", "POST", "/hook", "Bearer " + secret, 404},
		{"another application", "POST", "/webhook/other", "Bearer " + secret, 403},
		{"another method", "GET", "/webhook", "Bearer " + secret, 405},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, bytes.NewReader(map[bool][]byte{true: elsewhere, false: message}[tt.want == 403]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", tt.authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
	}
	for code, want := range map[string]float64{"204": 5, "401": 2, "403": 1, "404": 1, "405": 1} {
		if got := ports.metric(t, `forwarder_webhook_requests_total{code="`+code+`"}`); got != want {
			t.Errorf("%v answers %s are counted, want %v", got, code, want)
		}
	}
}

// What would fail at each connection, or put a password into the log, ends the start.
func TestBrokerURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, want string }{
		{"tcp://broker.example.org", ""},
		{"mqtts://broker.example.org:8883/", ""},
		{"http://broker.example.org", `unknown scheme "http"`},
		{"broker.example.org:1883", "unknown scheme"},
		{"ssl://", "no host"},
		{"tcp://broker.example.org ", "blank"},
		{"tcp://clair:hidden@broker.example.org", "MQTT_USER and MQTT_PASSWORD"},
		{"tcp://clair:hid%zzen@broker.example.org", "not a URL"},
	} {
		var cfg forwarder.Config
		err := config.Env{"TTS_APPLICATION": "a", "INGEST_TOKEN": token, "MQTT_URL": tt.url}.Load(&cfg)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: got %v, want %q", tt.url, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hid") {
			t.Errorf("the password is in %v", err)
		}
	}
}

// An uplink from the future proves that our clock is behind.
func TestClockBehind(t *testing.T) {
	t.Parallel()
	var ports ports
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{change: ports.watch})
	ready := func() (text string) {
		resp, err := http.Get("http://" + ports.at(t, "OPS_ADDRESS") + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var b bytes.Buffer
		_, _ = b.ReadFrom(resp.Body)
		return b.String()
	}
	broker.publish(t, numbered(0, 0))
	ingestair.wait(t, 1)
	if got := ready(); strings.Contains(got, "behind") {
		t.Errorf("with a clock that is right: %s", got)
	}
	broker.publish(t, numbered(1, -7*time.Minute))
	ingestair.wait(t, 2)
	if got := ready(); !strings.Contains(got, "behind the network server's") {
		t.Errorf("with a clock that is 7 minutes behind: %s", got)
	}
	if got := ports.metric(t, "forwarder_clock_offset_seconds"); got > -400 || got < -430 {
		t.Errorf("the offset is %v, want about -420", got)
	}
	if got := ports.metric(t, `forwarder_clock_disputes_total{believed="theirs"}`); got != 1 {
		t.Errorf("%v disputes were counted, want 1", got)
	}
}
