package forwarder_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// ers is an uplink of an ERS with a payload in hexadecimal digits.
func ers(t *testing.T, fPort uint8, payload string) *lorawan.Uplink {
	t.Helper()
	bytes, err := hex.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	return &lorawan.Uplink{
		DevEUI: 0xA81758FFFE053CAB, DeviceID: "ers-1", FPort: fPort, FCnt: 9, Payload: bytes,
		ReceivedAt: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), DataRate: lorawan.SF7BW125,
		Reception: &lorawan.Reception{RSSIdBm: -61, SNRdB: 9.25},
	}
}

const good = "0100E20229060308"

// What a side value, an empty frame or a record that we do not know says must not cost
// the CO2, nor that the node was heard.
func TestWhatArrivesOfAnUplink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, payload string
		fPort         uint8
		co2           []uint32
		result        string
	}{
		{"usual", good, 5, []uint32{776}, "decoded"},
		{"humidity is an error code", "0100E202FF0603E8", 5, []uint32{1000}, "decoded"},
		{"hot", "0101C2020A0603E8", 5, []uint32{1000}, "decoded"},
		{"no CO2, but readings", "0100E20229", 5, nil, "decoded"},
		{"answer to settings", "3E0F140000014615000000011F00000002", 6, nil, "empty"},
		{"no payload", "", 5, nil, "empty"},
		{"no payload on another port", "", 8, nil, "empty"},
		{"a record that we do not know behind the group", "0100E202290603E82001", 5, []uint32{1000}, "partial"},
		{"a zero byte behind the group", "0100E202290603E800", 5, []uint32{1000}, "partial"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var ports ports
			broker, ingestair := startBroker(t), startIngestair(t)
			start(t, broker, ingestair, options{codec: elsys.Decoder{}, change: ports.watch})
			broker.publish(t, ers(t, tt.fPort, tt.payload))
			got := ingestair.wait(t, 1)[0]
			var co2 []uint32
			for _, s := range got.GetSamples() {
				co2 = append(co2, s.GetCo2Ppm())
			}
			if len(co2) != len(tt.co2) || len(co2) > 0 && co2[0] != tt.co2[0] {
				t.Errorf("got %v, want %v", co2, tt.co2)
			}
			if n := len(got.GetReadings()); (n > 0) != (tt.result == "decoded" && tt.co2 == nil) {
				t.Errorf("got %d readings: they are what a node without CO2 has", n)
			}
			if m := got.GetMetadata(); m.GetRssiDbm() != -61 || m.GetFCnt() != 9 || m.GetReceivedAt().GetSeconds() != 1795867200 {
				t.Errorf("got %v, want how the node was heard", m)
			}
			eventually(t, "it is counted as "+tt.result, func() bool {
				return ports.metric(t, `forwarder_uplinks_total{result="`+tt.result+`",source="mqtt"}`) == 1
			})
			if len(ingestair.kept()) != 0 {
				t.Errorf("kept as undecodable: %v", ingestair.kept())
			}
		})
	}
}

// What else a network server tells is no fault of a codec.
func TestOrdinaryTraffic(t *testing.T) {
	t.Parallel()
	var ports ports
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, change: ports.watch})
	u := ers(t, 5, good)
	message := string(ttn.EncodeUplink(app, u))
	for _, kind := range []string{"join_accept", "location_solved", "downlink_queued", "uplink_normalized"} {
		broker.send(t, []byte(strings.Replace(message, `"uplink_message"`, `"`+kind+`"`, 1)))
	}
	simulated := *u
	simulated.Simulated = true
	broker.publish(t, &simulated)
	// Of another application, readable or not.
	for _, payload := range [][]byte{u.Payload, {0xff}} {
		foreign := *u
		foreign.Payload = payload
		broker.send(t, ttn.EncodeUplink(ttn.Application{ID: "evil-app", Tenant: app.Tenant}, &foreign))
	}
	u.FCnt++
	broker.publish(t, u)
	if got := ingestair.wait(t, 1); len(got) != 1 || got[0].GetMetadata().GetFCnt() != u.FCnt || got[0].GetMetadata().GetApplication() != app.ID {
		t.Errorf("got %v, want the last uplink alone, with its application", got)
	}
	if got := ports.metric(t, `forwarder_uplinks_total{result="foreign",source="mqtt"}`); got != 2 {
		t.Errorf("%v of another application are counted, want 2", got)
	}
	for _, name := range []string{
		`forwarder_events_total{kind="join_accept"}`, `forwarder_events_total{kind="location_solved"}`,
		`forwarder_events_total{kind="downlink_queued"}`, `forwarder_events_total{kind="uplink_normalized"}`,
		`forwarder_uplinks_total{result="simulated",source="mqtt"}`,
	} {
		if got := ports.metric(t, name); got != 1 {
			t.Errorf("%s is %v, want 1", name, got)
		}
	}
	if len(ingestair.kept()) != 0 {
		t.Errorf("kept as undecodable: %v", ingestair.kept())
	}
}

// A frame that is delivered once more, a moment or minutes later, is one sample. In a new
// session, or long after, the same frame is a new measurement.
func TestFrameDeliveredAgain(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{codec: elsys.Decoder{}})
	first := ers(t, 5, good)
	send := func(after time.Duration, change func(message string) string) {
		u := *first
		u.ReceivedAt = first.ReceivedAt.Add(after)
		broker.send(t, []byte(change(string(ttn.EncodeUplink(app, &u)))))
	}
	same := func(message string) string { return message }
	for _, after := range []time.Duration{0, time.Second, 48 * time.Second, 59 * time.Minute} {
		send(after, same)
	}
	send(5*time.Minute, func(m string) string { return strings.Replace(m, `"f_cnt":9`, `"f_cnt":10`, 1) })
	send(6*time.Minute, func(m string) string { return strings.Replace(m, `"dev_addr":"`, `"dev_addr":"2`, 1) })
	send(2*time.Hour, same)
	var got []int64
	for _, u := range ingestair.wait(t, 7) {
		got = append(got, u.GetSamples()[0].GetTimeS()-first.ReceivedAt.Unix())
	}
	slices.Sort(got) // two deliveries are under way at a time
	for i, want := range []int64{0, 0, 0, 0, 300, 360, 7200} {
		if got[i] != want {
			t.Errorf("sample %d is at +%d s, want +%d s", i, got[i], want)
		}
	}
}
