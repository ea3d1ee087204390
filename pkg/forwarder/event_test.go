package forwarder_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// What else happens to devices is counted as what it is, over MQTT and by the webhook; of a
// device's state the battery is handed on.
func TestChirpStackEvents(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-for-tests-only"
	broker, ingestair := startBroker(t), startIngestair(t)
	var ports ports
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, change: ports.watch, env: config.Env{
		"NETWORK_SERVER": "chirpstack", "TTS_APPLICATION": "", "CHIRPSTACK_APPLICATION": "17c82e96",
		"WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": secret,
	}})
	const device = `"time": "2026-11-22T12:00:00Z", "deviceInfo": {"applicationId": "17c82e96", "deviceName": "Room 1", "devEui": "a81758fffe053cab"}`
	events := map[string]string{
		"join": `"devAddr": "00189440"`, "ack": `"queueItemId": "6b"`, "txack": `"downlinkId": 3, "gatewayId": "00"`,
		"log": `"code": "UPLINK_F_CNT_RETRANSMISSION"`, "location": `"location": {}`, "integration": `"integrationName": "x"`,
		"status": `"margin": -6, "batteryLevel": 75.98`,
	}
	for kind, told := range events {
		event := []byte("{" + told + ", " + device + "}")
		broker.sendTo(t, "application/17c82e96/device/a81758fffe053cab/event/"+kind, event)
		hook := ttn.Hook{Header: http.Header{"Authorization": {"Bearer " + secret}}}
		if address := "http://" + ports.at(t, "WEBHOOK_ADDRESS") + "/webhook/?event=" + kind; !hook.Post(t.Context(), address, event) {
			t.Errorf("the webhook answers %v to %s", hook.Answers(), kind)
		}
	}
	for kind := range events {
		eventually(t, kind, func() bool { return ports.metric(t, `forwarder_events_total{kind="`+kind+`"}`) == 2 })
	}
	for _, told := range ingestair.wait(t, 2) {
		m := told.GetMetadata()
		if m.GetDevEui() != 0xA81758FFFE053CAB || m.GetBatteryPercent() != 76 || m.FCnt != nil || len(told.GetSamples()) != 0 || m.GetReceivedAt().GetSeconds() != 1795348800 {
			t.Errorf("the device's state is handed on as %v", told)
		}
	}
	if n := ports.metric(t, "forwarder_downlink_margin_db_count"); n != 2 {
		t.Errorf("%v margins are known, want 2", n)
	}
	if n := ports.metric(t, `forwarder_uplinks_total{result="undecodable",source="mqtt"}`); n != 0 {
		t.Errorf("%v events were taken for uplinks that cannot be decoded", n)
	}
}

// A broker that lets us to uplinks alone costs the other events, and no uplink; nor does a kind
// of event that somebody has written into the webhook's address.
func TestUplinksAlone(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-for-tests-only"
	broker, ingestair := startBroker(t), startIngestair(t)
	broker.only.Store("/event/up")
	var ports ports
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, change: ports.watch, env: config.Env{
		"NETWORK_SERVER": "chirpstack", "TTS_APPLICATION": "", "WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": secret,
	}})
	event := func(counter int) []byte {
		return fmt.Appendf(nil, `{"time": "2026-11-22T12:00:00.6Z", "deviceInfo": {"applicationId": "17c82e96", "deviceName": "Room 1", "devEui": "a81758fffe053cab"},
			"fPort": 5, "fCnt": %d, "data": "BgHC", "rxInfo": [{"gatewayId": "0016c001f153a14c"}]}`, counter)
	}
	broker.sendTo(t, "application/17c82e96/device/a81758fffe053cab/event/up", event(1))
	ingestair.wait(t, 1)
	hook := ttn.Hook{Header: http.Header{"Authorization": {"Bearer " + secret}}}
	if !hook.Post(t.Context(), "http://"+ports.at(t, "WEBHOOK_ADDRESS")+"/webhook?event=status", event(2)) {
		t.Errorf("the webhook answers %v", hook.Answers())
	}
	for _, got := range ingestair.wait(t, 2) {
		if len(got.GetSamples()) != 1 {
			t.Errorf("got %v, want an uplink", got)
		}
	}
}

// What a codec at the network server has made of an uplink is no error, and is kept where none
// of ours reads it.
func TestDecodedObjectIsKept(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, env: config.Env{"NETWORK_SERVER": "chirpstack", "TTS_APPLICATION": ""}})
	event := func(port int) []byte {
		return []byte(fmt.Sprintf(`{"time": "2026-11-22T12:00:00.6Z", "deviceInfo": {"applicationId": "17c82e96", "deviceName": "Room 1", "devEui": "a81758fffe053cab"},
			"fPort": %d, "fCnt": %[1]d, "data": "BgHC", "object": {"co2": 450.0, "nested": {"list": [1, null]}}, "rxInfo": [{"gatewayId": "0016c001f153a14c"}]}`, port))
	}
	const topic = "application/17c82e96/device/a81758fffe053cab/event/up"
	broker.sendTo(t, topic, event(5))
	if got := ingestair.wait(t, 1)[0].GetSamples()[0].GetCo2Ppm(); got != 450 {
		t.Errorf("got %d ppm", got)
	}
	broker.sendTo(t, topic, event(77))
	eventually(t, "kept with its object", func() bool {
		kept := ingestair.kept()
		return len(kept) == 1 && bytes.Contains(kept[0].GetEnvelope(), []byte(`"object": {"co2": 450.0`))
	})
}
