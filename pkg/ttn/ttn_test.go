package ttn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

var app = ttn.Application{ID: "clair-berlin", Tenant: "ttn"}

// recorded is an uplink as The Things Stack documents it.
const recorded = `{
  "end_device_ids": {"device_id": "clairchen-1", "application_ids": {"application_id": "clair-berlin"}, "dev_eui": "9876B600001193E0", "dev_addr": "260B1234"},
  "correlation_ids": ["as:up:01"],
  "received_at": "2021-09-20T12:25:53.184Z",
  "uplink_message": {
    "session_key_id": "AXw", "f_port": 1, "f_cnt": 7, "frm_payload": "Aie0KLQotA==",
    "rx_metadata": [
      {"gateway_ids": {"gateway_id": "far"}, "rssi": -107, "channel_rssi": -107, "snr": 5.5},
      {"gateway_ids": {"gateway_id": "near"}, "rssi": -61, "channel_rssi": -61, "snr": 9.25},
      {"gateway_ids": {"gateway_id": "silent"}, "location": {}}
    ],
    "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}}, "data_rate_index": 3, "frequency": "867900000"},
    "received_at": "2021-09-20T12:25:52.973476075Z", "consumed_airtime": "0.185344s",
    "version_ids": {"brand_id": "clair", "model_id": "clairchen"}
  }
}`

// arrived is when it came to us.
var arrived = time.Date(2021, 9, 20, 12, 25, 53, 9e8, time.UTC)

func TestParseUplink(t *testing.T) {
	t.Parallel()
	got, err := ttn.ParseUplink([]byte(recorded), arrived)
	if err != nil {
		t.Fatal(err)
	}
	want := lorawan.Uplink{
		DevEUI: 0x9876B600001193E0, DeviceID: "clairchen-1", Application: "clair-berlin", Profile: "clair/clairchen", FPort: 1, FCnt: 7,
		Payload:    []byte{0x02, 0x27, 0xB4, 0x28, 0xB4, 0x28, 0xB4},
		ReceivedAt: time.Date(2021, 9, 20, 12, 25, 52, 973476075, time.UTC),
		DataRate:   lorawan.SF9BW125, DataRateIndex: new(uint8(3)), FrequencyHz: 867900000, Gateways: 3, Session: "AXw",
		Reception: &lorawan.Reception{RSSIdBm: -61, SNRdB: 9.25},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatMayBeAbsent(t *testing.T) {
	t.Parallel()
	parse := func(old, replacement string) lorawan.Uplink {
		t.Helper()
		if !strings.Contains(recorded, old) {
			t.Fatalf("%q is not in the uplink", old)
		}
		u, err := ttn.ParseUplink([]byte(strings.Replace(recorded, old, replacement, 1)), arrived)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if u := parse(`"received_at": "2021-09-20T12:25:52.973476075Z", `, ""); u.ReceivedAt.UnixMilli() != 1632140753184 {
		t.Errorf("without the inner received_at: got %v, want the outer one", u.ReceivedAt)
	}
	if u := parse(`, "data_rate_index": 3`, ""); u.DataRateIndex != nil || u.DataRate != lorawan.SF9BW125 {
		t.Errorf("without an index: got %s, index %v, want SF9BW125 as before, unknown", u.DataRate, u.DataRateIndex)
	}
	if u := parse(`"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}}, `, ""); u.DataRate.Known() {
		t.Errorf("without a data rate: got %s", u.DataRate)
	}
	if u := parse(`"f_port": 1, `, ""); u.FPort != 0 {
		t.Errorf("without a port: got %d", u.FPort)
	}
	if u := parse(`"frm_payload": "Aie0KLQotA==",`, ""); len(u.Payload) != 0 {
		t.Errorf("without a payload: got % x", u.Payload)
	}
}

// TestStalledBackhaul: what waited, and comes to the network server in one second, keeps the
// times at which it was received, where a gateway's satellite receiver or the Gateway Server
// tells them.
func TestStalledBackhaul(t *testing.T) {
	t.Parallel()
	const near = `"rssi": -61, `
	for _, tt := range []struct{ name, told, want string }{
		{"nobody tells", "", "2021-09-20T12:25:52.973476075Z"},
		{"the gateway's own clock is no help", `"time": "2021-09-20T12:20:00Z", `, "2021-09-20T12:25:52.973476075Z"},
		{"a first one, by satellite", `"time": "2021-09-20T12:20:00Z", "gps_time": "2021-09-20T12:20:01Z", "received_at": "2021-09-20T12:25:52.9Z", `, "2021-09-20T12:20:01Z"},
		{"a second one", `"gps_time": "2021-09-20T12:23:01Z", "received_at": "2021-09-20T12:25:52.9Z", `, "2021-09-20T12:23:01Z"},
		{"it waited behind the Gateway Server", `"received_at": "2021-09-20T12:25:08.5Z", `, "2021-09-20T12:25:08.5Z"},
		{"as always", `"gps_time": "2021-09-20T12:25:52.9Z", "received_at": "2021-09-20T12:25:52.95Z", `, "2021-09-20T12:25:52.973476075Z"},
		{"no times", `"gps_time": 7, "received_at": "soon", `, "2021-09-20T12:25:52.973476075Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, err := ttn.ParseUplink([]byte(strings.Replace(recorded, near, near+tt.told, 1)), arrived)
			if got := u.ReceivedAt.Format(time.RFC3339Nano); err != nil || got != tt.want {
				t.Errorf("%s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestBestClock: a time that the network server cannot mean does not cost the measurement,
// while somebody else knows better.
func TestBestClock(t *testing.T) {
	t.Parallel()
	const inner, outer = "2021-09-20T12:25:52.973476075Z", "2021-09-20T12:25:53.184Z"
	for _, tt := range []struct{ name, inner, outer, want string }{
		{"both", inner, outer, inner},
		{"network server in 1970", "1970-01-01T00:00:07Z", outer, outer},
		{"network server in year 1", "0001-01-01T00:00:00Z", outer, outer},
		{"network server in 2099", "2099-01-01T00:00:00Z", outer, outer},
		{"network server half an hour ahead", "2021-09-20T12:55:52Z", outer, outer},
		{"network server cannot say", "yesterday", outer, outer},
		{"application server in 1970", inner, "1970-01-01T00:00:07Z", inner},
		{"application server cannot say", inner, "today", inner},
		{"both in 1970", "1970-01-01T00:00:07Z", "1970-01-01T00:00:08Z", "2021-09-20T12:25:53.9Z"},
		{"it waited for us", "2021-09-18T12:25:52Z", "2021-09-18T12:25:53Z", "2021-09-18T12:25:52Z"},
		{"both servers, of one host, are an hour ahead", "2021-09-20T13:25:52Z", "2021-09-20T13:25:53Z", "2021-09-20T13:25:52Z"},
		{"satellites say so, too", `2021-09-20T13:25:52Z", "rx_metadata": [{"gps_time": "2021-09-20T13:25:51Z"}], "x": "`, "2021-09-20T13:25:53Z", "2021-09-20T13:25:52Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, err := ttn.ParseUplink([]byte(strings.NewReplacer(inner, tt.inner, outer, tt.outer).Replace(recorded)), arrived)
			if got := u.ReceivedAt.Format(time.RFC3339Nano); err != nil || got != tt.want {
				t.Errorf("%s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestParseUplinkErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, message, want string }{
		{"cut short", recorded[:100], "envelope: not JSON"},
		{"empty", "", "envelope: not JSON"},
		{"no object", "[]", "envelope: end_device_ids.dev_eui: the device has no EUI; give it one at the network server"},
		{"an EUI of zeros", strings.Replace(recorded, `"dev_eui": "9876B600001193E0"`, `"dev_eui": "0000000000000000"`, 1), "envelope: end_device_ids.dev_eui: the device has no EUI; give it one at the network server"},
		{"encrypted", strings.Replace(recorded, `"f_port": 1`, `"f_port": 1, "app_s_key": {"key": "AAA="}`, 1), "content: the payload is encrypted: the application skips payload crypto (skip_payload_crypto)"},
		{"an event that nobody knows", `{"end_device_ids":{"dev_eui":"9876B600001193E0"},"foreseen":{}}`, "envelope: no uplink_message"},
		{"bad port", strings.Replace(recorded, `"f_port": 1`, `"f_port": 256`, 1), "envelope: uplink_message.f_port: 256"},
		{"bad payload", strings.Replace(recorded, `Aie0`, `Ai!0`, 1), "envelope: uplink_message.frm_payload: illegal base64 data at input byte 2"},
		{
			"bad times", strings.NewReplacer(`2021-09-20T12:25:52.973476075Z`, `yesterday`, `2021-09-20T12:25:53.184Z`, `today`).Replace(recorded),
			`envelope: uplink_message.received_at: parsing time "yesterday" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "yesterday" as "2006"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ttn.ParseUplink([]byte(tt.message), arrived)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLastBattery(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]*uint8{
		`{"f_cnt": 4, "value": 62.598427, "received_at": "2021-09-19T12:25:52Z"}`: new(uint8(63)),
		`{"f_cnt": 4}`:     nil,
		`{"value": 1e300}`: nil,
	} {
		u, err := ttn.ParseUplink([]byte(strings.Replace(recorded, `"f_port": 1`, `"f_port": 1, "last_battery_percentage": `+told, 1)), arrived)
		if err != nil || !cmp.Equal(u.BatteryPercent, want) {
			t.Errorf("%s: got %v, %v, want %v", told, u.BatteryPercent, err, want)
		}
	}
}

func TestParseReversesEncode(t *testing.T) {
	t.Parallel()
	for index := range 7 {
		rate, _ := lorawan.EU868(index)
		want := lorawan.Uplink{
			DevEUI: 0x02C1A10000000001, DeviceID: "ers-02c1a10000000001", Application: app.ID, FPort: 5, FCnt: uint32(index),
			Payload: []byte{6, 1, 2}, ReceivedAt: time.Date(2026, 11, 22, 12, 0, 0, 1e6, time.UTC),
			DataRate: rate, Reception: &lorawan.Reception{RSSIdBm: -90, SNRdB: -7.5},
			// As encoded, whatever is asked for.
			Session: "260B0001", FrequencyHz: 867100000 + 200000*uint32(index), Gateways: 2,
		}
		encoded := ttn.EncodeUplink(app, &want)
		got, err := ttn.ParseUplink(encoded, want.ReceivedAt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rate, diff)
		}
	}
}

// The kinds are those that can be ticked at a webhook (lorawan-stack,
// pkg/webui/console/views/application-integrations-webhook-add).
func TestOtherEvents(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"join_accept", "downlink_ack", "downlink_nack", "downlink_sent", "downlink_failed", "downlink_queued",
		"downlink_queue_invalidated", "location_solved", "service_data", "uplink_normalized",
	} {
		_, err := ttn.ParseUplink([]byte(`{"end_device_ids":{"dev_eui":"9876B600001193E0"},"received_at":"2021-09-20T12:25:53Z","`+kind+`":{}}`), arrived)
		if event, ok := errors.AsType[*lorawan.OtherEvent](err); !ok || event.Kind != kind {
			t.Errorf("%s: got %v", kind, err)
		}
	}
}

func TestSimulated(t *testing.T) {
	t.Parallel()
	u, err := ttn.ParseUplink([]byte(strings.TrimSuffix(recorded, "}")+`, "simulated": true}`), arrived)
	if err != nil || !u.Simulated {
		t.Errorf("got %v, %v, want a simulated uplink", u, err)
	}
}

func TestPortZeroHasNoPayload(t *testing.T) {
	t.Parallel()
	u, err := ttn.ParseUplink([]byte(strings.Replace(recorded, `"f_port": 1`, `"f_port": 0`, 1)), arrived)
	if err != nil || len(u.Payload) != 0 {
		t.Errorf("got %v, %v, want no payload: it is commands to the network", u, err)
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	if got, want := app.UplinkTopic("+"), "v3/clair-berlin@ttn/devices/+/up"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := (ttn.Application{ID: "clair"}).DownlinkTopic("ers-1"), "v3/clair/devices/ers-1/down/push"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncodeDownlinks(t *testing.T) {
	t.Parallel()
	got := ttn.EncodeDownlinks(ttn.Downlink{FPort: 6, Payload: []byte{0x3E, 0x0F}, Priority: "NORMAL"})
	const want = `{"downlinks":[{"f_port":6,"frm_payload":"Pg8=","priority":"NORMAL"}]}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseUplink(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte(recorded[:400]))
	f.Add([]byte(`{"end_device_ids":{"dev_eui":"9876B600001193E0"},"join_accept":{},"simulated":true}`))
	f.Add([]byte(`{"end_device_ids":{"dev_eui":1},"uplink_message":{"settings":[],"rx_metadata":{}}}`))
	f.Add([]byte(strings.Replace(recorded, "2021-09-20T12:25:52.973476075Z", "0001-01-01T00:00:00Z", 1)))
	f.Fuzz(func(t *testing.T, message []byte) {
		u, err := ttn.ParseUplink(message, arrived)
		if err != nil {
			_, bad := errors.AsType[*codec.Error](err)
			if _, event := errors.AsType[*lorawan.OtherEvent](err); !bad && !event {
				t.Fatalf("the error is a %T, want a *codec.Error or a *lorawan.OtherEvent: %v", err, err)
			}
			return
		}
		if !json.Valid(message) {
			t.Errorf("read %v from what is not JSON", u)
		}
		if u.ReceivedAt.Before(lorawan.Earliest) {
			t.Errorf("received at %v, which cannot be", u.ReceivedAt)
		}
	})
}

func BenchmarkParseUplink(b *testing.B) {
	u, err := ttn.ParseUplink([]byte(recorded), arrived)
	if err != nil {
		b.Fatal(err)
	}
	message := ttn.EncodeUplink(app, &u)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ttn.ParseUplink(message, arrived); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDecodedThere(t *testing.T) {
	t.Parallel()
	const message = `{"end_device_ids":{"dev_eui":"0101010101010101"},"received_at":"2026-11-30T09:00:00Z",
		"uplink_message":{"f_port":1,"decoded_payload":%s,"normalized_payload":%s}}`
	for _, tt := range []struct{ decoded, normalized, wantDecoded, wantNormalized string }{
		{`{"co2": 455}`, `[{"air":{"co2":455}}]`, `{"co2": 455}`, `[{"air":{"co2":455}}]`},
		{`"x"`, `{}`, "", ""},
		{`null`, `null`, "", ""},
	} {
		u, err := ttn.ParseUplink(fmt.Appendf(nil, message, tt.decoded, tt.normalized), time.Time{})
		if err != nil || u.Decoded != tt.wantDecoded || u.Normalized != tt.wantNormalized {
			t.Errorf("of %s and %s: got %q, %q, %v", tt.decoded, tt.normalized, u.Decoded, u.Normalized, err)
		}
	}
}
