package chirpstack_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// documented is an event as ChirpStack's documentation shows it.
const documented = `{
  "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
  "time": "2022-07-18T09:34:15.775023242+00:00",
  "deviceInfo": {
    "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242", "tenantName": "ChirpStack",
    "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97", "applicationName": "Test application",
    "deviceProfileId": "14855bf7-d10d-4aee-b618-ebfcb64dc7ad", "deviceProfileName": "Test device-profile",
    "deviceName": "Test device", "devEui": "0101010101010101", "tags": {"key": "value"}
  },
  "devAddr": "00189440", "dr": 1, "fPort": 1, "data": "qg==",
  "rxInfo": [
    {"gatewayId": "0016c001f153a14c", "uplinkId": 4217106255, "rssi": -36, "snr": 10.5, "context": "E3OWOQ==", "metadata": {"region_name": "eu868"}},
    {"gatewayId": "0016c001f153a14d", "uplinkId": 4217106256, "rssi": -80, "snr": 2}
  ],
  "txInfo": {"frequency": 867100000, "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 11, "codeRate": "CR_4_5"}}}
}`

var arrived = time.Date(2022, 7, 18, 9, 34, 17, 0, time.UTC)

func TestParseUplink(t *testing.T) {
	t.Parallel()
	got, err := chirpstack.ParseUplink([]byte(documented), arrived)
	if err != nil {
		t.Fatal(err)
	}
	want := lorawan.Uplink{
		DevEUI: 0x0101010101010101, DeviceID: "Test device", Application: "17c82e96-be03-4f38-aef3-f83d48582d97",
		Profile: "Test device-profile", FPort: 1, Payload: []byte{0xAA},
		ReceivedAt: time.Date(2022, 7, 18, 9, 34, 15, 775023242, time.UTC),
		DataRate:   lorawan.SF11BW125, DataRateIndex: new(uint8(1)), FrequencyHz: 867100000, Gateways: 2, Session: "00189440",
		Reception: &lorawan.Reception{RSSIdBm: -36, SNRdB: 10.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Data rate 0 is left out.
	slow := strings.NewReplacer(`"dr": 1, `, "", `"spreadingFactor": 11`, `"spreadingFactor": 12`).Replace(documented)
	if got, err = chirpstack.ParseUplink([]byte(slow), arrived); err != nil || got.DataRate != lorawan.SF12BW125 || *got.DataRateIndex != 0 {
		t.Errorf("got %s, index %d, %v, want SF12BW125, index 0", got.DataRate, *got.DataRateIndex, err)
	}
}

func TestParseUplinkErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, replacement, want string }{
		{"cut short", `"txInfo"`, "", "envelope: not JSON; ChirpStack's integration has to have json=true"},
		{"no device", "devEui", "eui", `envelope: deviceInfo.devEui: the device has no EUI; give it one at the network server`},
		{"zeros", "0101010101010101", "0000000000000000", `envelope: deviceInfo.devEui: the device has no EUI; give it one at the network server`},
		{"encrypted", `"fPort": 1`, `"fPort": 1, "joinServerContext": {"sessionKeyId": "x"}`, "content: the payload is encrypted: ChirpStack does not have the device's AppSKey"},
		{"bad port", `"fPort": 1`, `"fPort": -1`, "envelope: fPort: -1"},
		{"bad data", "qg==", "q", "envelope: data: illegal base64 data at input byte 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := chirpstack.ParseUplink([]byte(strings.Replace(documented, tt.old, tt.replacement, 1)), arrived)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// The network server's time is before the gateway's, and that before ours.
func TestBestClock(t *testing.T) {
	t.Parallel()
	const told = `"time": "2022-07-18T09:34:15.775023242+00:00"`
	at := func(s string) time.Time { d, _ := time.Parse(time.RFC3339, s); return d }
	for _, tt := range []struct {
		name, time string // of the event
		nsTimes    [2]string
		want       time.Time
	}{
		{"gateway without a clock, two times of the server", "2022-07-18T09:34:15Z", [2]string{"2022-07-18T09:34:16Z", "2022-07-18T09:34:15.5Z"}, time.Date(2022, 7, 18, 9, 34, 15, 5e8, time.UTC)},
		{"gateway is in 1980", "1980-01-21T00:00:00Z", [2]string{"2022-07-18T09:34:16Z", ""}, at("2022-07-18T09:34:16Z")},
		{"gateway is half an hour ahead", "2022-07-18T10:04:16Z", [2]string{"2022-07-18T09:34:16Z", ""}, at("2022-07-18T09:34:16Z")},
		{
			"it waited at a gateway with a satellite receiver", "2022-07-18T09:30:00Z",
			[2]string{`2022-07-18T09:34:16Z", "timeSinceGpsEpoch": "1342172118s", "gwTime": "2022-07-18T09:30:00Z`, "2022-07-18T09:34:16Z"},
			at("2022-07-18T09:30:00Z"),
		},
		{
			"a gateway without one is late", "2022-07-18T09:30:00Z",
			[2]string{`2022-07-18T09:34:16Z", "gwTime": "2022-07-18T09:30:00Z`, "2022-07-18T09:34:16Z"},
			at("2022-07-18T09:34:16Z"),
		},
		{"network server in 1970", "2022-07-18T09:34:16Z", [2]string{"1970-01-01T00:00:16Z", ""}, at("2022-07-18T09:34:16Z")},
		{"network server in 1970, gateway in 1980", "1980-01-21T00:00:00Z", [2]string{"1970-01-01T00:00:16Z", ""}, arrived},
		{"network server ahead", "2022-07-18T09:34:16Z", [2]string{"2022-07-18T10:34:16Z", ""}, at("2022-07-18T09:34:16Z")},
		{"network server ahead, and the event, which it fills", "2022-07-18T10:34:15Z", [2]string{"2022-07-18T10:34:16Z", ""}, at("2022-07-18T10:34:16Z")},
		{
			"network server ahead, and satellites: it is we who are behind", "2022-07-18T10:34:15Z",
			[2]string{`2022-07-18T10:34:16Z", "timeSinceGpsEpoch": "1342175673s", "gwTime": "2022-07-18T10:34:15Z`, ""},
			at("2022-07-18T10:34:16Z"),
		},
		{"the event's time cannot be read", "soon", [2]string{"2022-07-18T09:34:16Z", ""}, at("2022-07-18T09:34:16Z")},
		{"only the gateway's, held by the broker for a day", "2022-07-17T09:34:16Z", [2]string{}, at("2022-07-17T09:34:16Z")},
		{"only the gateway's, in 1980", "1980-01-21T00:00:00Z", [2]string{}, arrived},
		{"only the gateway's, ahead", "2022-07-18T10:04:16Z", [2]string{}, arrived},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			message := strings.Replace(documented, told, `"time": "`+tt.time+`"`, 1)
			for i, rssi := range []string{`"rssi": -36`, `"rssi": -80`} {
				if tt.nsTimes[i] != "" {
					message = strings.Replace(message, rssi, rssi+`, "nsTime": "`+tt.nsTimes[i]+`"`, 1)
				}
			}
			got, err := chirpstack.ParseUplink([]byte(message), arrived)
			if err != nil || !got.ReceivedAt.Equal(tt.want) {
				t.Errorf("got %v, %v, want %v", got.ReceivedAt, err, tt.want)
			}
		})
	}
}

// The events are those of ChirpStack's documentation, shortened.
func TestOtherEvents(t *testing.T) {
	t.Parallel()
	const device = `"time": "2022-07-18T09:34:15Z", "deviceInfo": {"devEui": "0101010101010101"}`
	for kind, message := range map[string]string{
		"join":        `{"deduplicationId": "c9", "devAddr": "00189440", ` + device + `}`,
		"status":      `{"deduplicationId": "c9", "margin": 7, "batteryLevel": 12, ` + device + `}`,
		"ack":         `{"deduplicationId": "c9", "queueItemId": "6b", "acknowledged": true, "fCntDown": 12, ` + device + `}`,
		"txack":       `{"downlinkId": 3, "queueItemId": "6b", "fCntDown": 12, "gatewayId": "00", "txInfo": {}, ` + device + `}`,
		"log":         `{"level": "ERROR", "code": "UPLINK_CODEC", "description": "x", ` + device + `}`,
		"location":    `{"location": {"latitude": 1}, ` + device + `}`,
		"integration": `{"integrationName": "lora_cloud", "eventType": "x", ` + device + `}`,
	} {
		_, err := chirpstack.ParseUplink([]byte(message), arrived)
		if event, ok := errors.AsType[*lorawan.OtherEvent](err); !ok || event.Kind != kind {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	// What is zero is left out: these are told apart by their topic alone.
	for kind, message := range map[string]string{
		"ack":    `{"deduplicationId": "c9", ` + device + `}`,
		"log":    `{"context": {}, ` + device + `}`,
		"status": `{"deduplicationId": "c9", ` + device + `}`,
	} {
		_, err := chirpstack.ParseEvent(chirpstack.Kind("application/a/device/0101010101010101/event/"+kind), []byte(message), arrived)
		if event, ok := errors.AsType[*lorawan.OtherEvent](err); !ok || event.Kind != kind {
			t.Errorf("%s by its topic: got %v", kind, err)
		}
	}
	if kind := chirpstack.Kind("clair/events"); kind != "" {
		t.Errorf("a topic of one's own: got the kind %q", kind)
	}
	commands := strings.Replace(documented, `"fPort": 1`, `"fPort": 0`, 1)
	if u, err := chirpstack.ParseUplink([]byte(commands), arrived); err != nil || len(u.Payload) != 0 {
		t.Errorf("commands to the network: got %v, %v, want an uplink without payload", u, err)
	}
}

func TestDeviceStatus(t *testing.T) {
	t.Parallel()
	const device = `"time": "2022-07-18T09:34:15Z", "deviceInfo": {"applicationId": "17c82e96", "deviceName": "Room 1", "deviceProfileName": "ERS", "devEui": "0101010101010101"}`
	want := func(battery *uint8, margin int) *lorawan.DeviceStatus {
		return &lorawan.DeviceStatus{
			DevEUI: 0x0101010101010101, DeviceID: "Room 1", Application: "17c82e96", Profile: "ERS",
			ReceivedAt: time.Date(2022, 7, 18, 9, 34, 15, 0, time.UTC), BatteryPercent: battery, MarginDB: margin,
		}
	}
	for _, tt := range []struct {
		name, told string
		want       *lorawan.DeviceStatus
	}{
		{"battery", `"margin": -7, "batteryLevel": 75.98425`, want(new(uint8(76)), -7)},
		{"external power", `"margin": 10, "externalPowerSource": true`, want(nil, 10)},
		{"not known", `"batteryLevelUnavailable": true`, want(nil, 0)},
		{"nonsense", `"batteryLevel": 1e9, "margin": "x"`, want(nil, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := chirpstack.ParseEvent("", []byte("{"+tt.told+", "+device+"}"), arrived)
			event, ok := errors.AsType[*lorawan.OtherEvent](err)
			if !ok || event.Kind != "status" {
				t.Fatalf("got %v, want a status event", err)
			}
			if diff := cmp.Diff(tt.want, event.Status); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	_, err := chirpstack.ParseEvent("status", []byte(`{"margin": 1, "deviceInfo": {}}`), arrived)
	if event, ok := errors.AsType[*lorawan.OtherEvent](err); !ok || event.Status != nil {
		t.Errorf("without a device: got %v, %v", event, err)
	}
}

func TestDownlink(t *testing.T) {
	t.Parallel()
	if got, want := chirpstack.DownlinkTopic("app", 0xA81758FFFE053CAB), "application/app/device/a81758fffe053cab/command/down"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	const want = `{"devEui":"a81758fffe053cab","confirmed":false,"fPort":6,"data":"Pg8="}`
	if got := string(chirpstack.EncodeDownlink(0xA81758FFFE053CAB, 6, []byte{0x3E, 0x0F})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseUplink(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte(`{"deviceInfo":[],"rxInfo":{},"txInfo":1}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		u, err := chirpstack.ParseUplink(message, arrived)
		_, _ = chirpstack.ParseEvent("status", message, arrived) // must not panic
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
	})
}

// What a codec there has made, and the tag by which an operator names a mapping, are handed on.
func TestDecodedThere(t *testing.T) {
	t.Parallel()
	message := strings.NewReplacer(`"tags": {"key": "value"}`, `"tags": {"clair_mapping": "decentlab"}`, `"data": "qg=="`, `"data": "qg==", "object": {"co2": 455 }`).Replace(documented)
	u, err := chirpstack.ParseUplink([]byte(message), arrived)
	if err != nil {
		t.Fatal(err)
	}
	if u.Decoded != `{"co2": 455 }` || u.Mapping != "decentlab" {
		t.Errorf("got %q by %q", u.Decoded, u.Mapping)
	}
	u, err = chirpstack.ParseUplink([]byte(strings.Replace(message, `{"co2": 455 }`, `"none"`, 1)), arrived)
	if err != nil || u.Decoded != "" {
		t.Errorf("of a text: got %q, %v, want nothing", u.Decoded, err)
	}
}
