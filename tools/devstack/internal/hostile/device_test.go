package hostile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const webhookSecret = "the network server's secret"

var application = ttn.Application{ID: stack.ClairchenApplication, Tenant: stack.Tenant}

// radio is what a device, or whoever plays one, reaches: the webhook of a forwarder, and
// by the network server the broker.
type radio struct {
	running *stacktest.Stack
	webhook string
}

// startRadio starts a stack whose forwarder has a webhook.
func startRadio(t *testing.T) radio {
	t.Helper()
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort(server.Host, strconv.Itoa(port))
	running := stacktest.Start(t, stacktest.Options{Change: func(o *stack.Options) {
		o.ForwarderEnv = map[string][]string{stack.ClairchenApplication: {
			"WEBHOOK_ADDRESS=" + address, "WEBHOOK_SECRET=" + webhookSecret, "TTS_APPLICATION=" + stack.ClairchenApplication,
		}}
	}})
	running.Load(t, house())
	return radio{running, "http://" + address + "/webhook"}
}

// post posts to the webhook. Status 0 is a connection that was cut.
func (r radio) post(t *testing.T, header http.Header, body []byte) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stacktest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.webhook, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// count counts rows of the database.
func (r radio) count(t *testing.T, of string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.running.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+of).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// sent is an uplink as the network server tells it, of one sample.
func sent(device lorawan.EUI64, count uint32, at time.Time) []byte {
	return ttn.EncodeUplink(application, &lorawan.Uplink{
		DevEUI: device, DeviceID: fmt.Sprintf("node-%v", device), FPort: clairchen.FPort, FCnt: count,
		Payload: []byte{0, 0x1B, 0xE4}, ReceivedAt: at, DataRate: lorawan.SF7BW125,
	})
}

// Somebody has found the webhook, or plays a device: what is sent there ends nobody, is
// not taken for another's, and the sensor of the school is heard all the same.
func TestDeviceSendsNonsense(t *testing.T) {
	t.Parallel()
	s := newScore(t, "device")
	r := startRadio(t)
	key := http.Header{"Authorization": {"Bearer " + webhookSecret}, "Content-Type": {"application/json"}}
	honest := sent(devEUI, 1, time.Now())
	const ofSchool = "sample"

	for name, header := range map[string]http.Header{
		"no secret":        {},
		"another one":      {"Authorization": {"Bearer x"}},
		"a part of it":     {"Authorization": {"Bearer " + webhookSecret[:20]}},
		"as basic":         {"Authorization": {"Basic " + webhookSecret}},
		"empty":            {"Authorization": {"Bearer "}},
		"in another field": {"X-Downlink-Apikey": {webhookSecret}},
	} {
		got := r.post(t, header, honest)
		s.check(t, got == http.StatusUnauthorized, "%s: %d", name, got)
	}
	s.check(t, r.count(t, ofSchool) == 0, "something was stored without the secret")

	// Whoever has the secret is a network server, which may be broken.
	for name, body := range map[string][]byte{
		"nothing":              {},
		"no JSON":              []byte("\x00\xff{"),
		"a list":               []byte("[]"),
		"deep":                 []byte(strings.Repeat(`{"a":`, 50_000)),
		"of another":           bytes.ReplaceAll(honest, []byte(`"`+application.ID+`"`), []byte(`"evil-app"`)),
		"no EUI":               bytes.ReplaceAll(honest, []byte(devEUI.String()), []byte("")),
		"a long EUI":           bytes.ReplaceAll(honest, []byte(devEUI.String()), []byte(strings.Repeat("A", 4000))),
		"an EUI with NUL":      bytes.ReplaceAll(honest, []byte(devEUI.String()), []byte(`02C1A1FA0000000\u0000`)),
		"a payload of a book":  bytes.ReplaceAll(honest, []byte(`"frm_payload":"`), []byte(`"frm_payload":"`+strings.Repeat("AAAA", 100_000))),
		"a payload that is no": bytes.ReplaceAll(honest, []byte(`"frm_payload":"`), []byte(`"frm_payload":"%%%`)),
		"a port that is none":  bytes.ReplaceAll(honest, fmt.Appendf(nil, `"f_port":%d`, clairchen.FPort), []byte(`"f_port":-1`)),
		"a large port":         bytes.ReplaceAll(honest, fmt.Appendf(nil, `"f_port":%d`, clairchen.FPort), []byte(`"f_port":1e300`)),
		// A clock that cannot be right costs no measurement, also of strangers.
		"from year one":  sent(0xBADC10C000000001, 2, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)),
		"from year 9999": sent(0xBADC10C000000002, 3, time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)),
	} {
		if name != "nothing" && bytes.Equal(body, honest) {
			t.Fatalf("%s: the uplink was not changed", name)
		}
		got := r.post(t, key, body)
		s.check(t, got == http.StatusNoContent || got >= 400 && got < 500, "%s: %d", name, got)
	}
	got := r.post(t, key, make([]byte, 4<<20))
	s.check(t, got == 0 || got >= 400 && got < 500, "four megabytes: %d", got)

	network := r.running.NetworkServer(t)
	for _, topic := range []string{
		application.UplinkTopic("node"), application.UplinkTopic("a b"), application.UplinkTopic(strings.Repeat("x", 5000)), application.UplinkTopic("%00"),
	} {
		for _, message := range [][]byte{nil, []byte("null"), bytes.Repeat([]byte{0xff}, 1<<20), []byte(strings.Repeat("[", 1<<20))} {
			stacktest.Publish(t, network, topic, message)
		}
	}

	// Devices that nobody knows, as many as a morning brings.
	const strangers = 500
	for i := range lorawan.EUI64(strangers) {
		if got := r.post(t, key, sent(0xBAD0000000000000+i, 1, time.Now())); got != http.StatusNoContent {
			s.check(t, false, "unknown device %d: %d", i, got)
		}
	}
	s.check(t, r.count(t, ofSchool) == 0, "somebody wrote for the school's sensor: %d samples", r.count(t, ofSchool))

	for range 100 { // the same again and again, by both ways
		stacktest.Publish(t, network, application.UplinkTopic("node"), honest)
	}
	got = r.post(t, key, honest)
	s.check(t, got == http.StatusNoContent, "the school's sensor: %d", got)
	stacktest.Eventually(t, "samples of the school's sensor", "1", func() string { return strconv.Itoa(r.count(t, ofSchool)) })
	t.Logf("kept of unknown devices: %d parked samples; rejected %d, not decoded %d",
		r.count(t, "parked_sample"), r.count(t, "rejected_sample"), r.count(t, "undecoded_uplink"))
}
