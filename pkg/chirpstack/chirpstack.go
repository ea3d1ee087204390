// Package chirpstack speaks the JSON and the topics of ChirpStack v4.
//
// The trap: its JSON leaves out what is zero (data rate 0, frame counter 0).
//
// Source: github.com/chirpstack/chirpstack-docs, src/chirpstack/integrations.
package chirpstack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// UplinkTopic is the topic of the uplinks of an application's devices; "+" means
// all applications.
func UplinkTopic(application string) string {
	return "application/" + application + "/device/+/event/up"
}

// DownlinkTopic is where downlinks for a device are published.
func DownlinkTopic(application string, device lorawan.EUI64) string {
	return "application/" + application + "/device/" + strings.ToLower(device.String()) + "/command/down"
}

// maxHeld is how long a broker may have held an event before it reaches us.
const maxHeld = 30 * 24 * time.Hour

// ParseUplink reads an "up" event that arrived at a time. An error is a *codec.Error,
// with which is returned what could be read, or a *lorawan.OtherEvent.
func ParseUplink(message []byte, arrived time.Time) (lorawan.Uplink, error) {
	if !gjson.ValidBytes(message) {
		return lorawan.Uplink{}, codec.Errorf(codec.BadEnvelope, "not JSON")
	}
	event := gjson.ParseBytes(message)
	if kind := otherEvent(event); kind != "" {
		return lorawan.Uplink{}, &lorawan.OtherEvent{Kind: kind}
	}
	device := event.Get("deviceInfo")
	u := lorawan.Uplink{
		DeviceID:    device.Get("deviceName").String(),
		Application: device.Get("applicationId").String(),
		Profile:     device.Get("deviceProfileName").String(),
		Session:     event.Get("devAddr").String(),
		FCnt:        uint32(event.Get("fCnt").Uint()),
	}
	heard(&u, event.Get("rxInfo"))
	var err error
	if u.DevEUI, err = lorawan.ParseEUI64(device.Get("devEui").String()); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "deviceInfo.devEui: %v", err)
	}
	port := event.Get("fPort").Int()
	if port < 0 || port > 255 {
		return u, codec.Errorf(codec.BadEnvelope, "fPort: %d", port)
	}
	u.FPort = uint8(port)
	if event.Get("fPort").Raw != "0" { // else commands to the network
		if u.Payload, err = base64.StdEncoding.DecodeString(event.Get("data").String()); err != nil {
			return u, codec.Errorf(codec.BadEnvelope, "data: %v", err)
		}
	}
	if u.ReceivedAt, err = receivedAt(event, arrived); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "time: %v", err)
	}
	modulation(&u, event)
	return u, nil
}

// receivedAt returns the best time there is: the network server's, unless a gateway's
// satellite receiver says that the uplink waited there; else the event's, which is that of a
// gateway's receiver or clock, unless it cannot be; else ours. Gateways have been seen in 1980,
// and minutes ahead. gwTime is meant to be set with a receiver only (api/proto/gw/gw.proto),
// but Semtech's packet forwarder fills it from any clock; timeSinceGpsEpoch has no other source.
func receivedAt(event gjson.Result, arrived time.Time) (time.Time, error) {
	var server time.Time
	var clocks lorawan.Clocks
	event.Get("rxInfo").ForEach(func(_, gateway gjson.Result) bool {
		at, err := time.Parse(time.RFC3339Nano, gateway.Get("nsTime").String())
		if err == nil && (server.IsZero() || at.Before(server)) {
			server = at
		}
		if gateway.Get("timeSinceGpsEpoch").Exists() {
			if at, err := time.Parse(time.RFC3339Nano, gateway.Get("gwTime").String()); err == nil {
				clocks.Satellites(at)
			}
		}
		return true
	})
	if !server.IsZero() {
		return clocks.Received(server), nil
	}
	at, err := time.Parse(time.RFC3339Nano, event.Get("time").String())
	if err == nil && (at.After(arrived.Add(measurement.MaxAhead)) || at.Before(arrived.Add(-maxHeld))) {
		at = arrived
	}
	return at.UTC(), err
}

func modulation(u *lorawan.Uplink, event gjson.Result) {
	if hz := event.Get("txInfo.frequency").Uint(); hz <= math.MaxUint32 {
		u.FrequencyHz = uint32(hz)
	}
	lora := event.Get("txInfo.modulation.lora")
	sf, bw := lora.Get("spreadingFactor").Uint(), lora.Get("bandwidth").Uint()
	if sf >= 5 && sf <= 12 && bw > 0 && bw < 10_000_000 {
		u.DataRate = lorawan.DataRate{SpreadingFactor: uint8(sf), BandwidthKHz: uint16(bw / 1000)}
		u.DataRateIndex = new(uint8(event.Get("dr").Uint() & 0xF))
	}
}

// otherEvent tells what else than an uplink an event is, by members that only such a one
// has (api/proto/integration/integration.proto); the kind itself stands in the topic, or in
// a webhook's query. "" is an uplink, or nothing that we know.
func otherEvent(event gjson.Result) string {
	has := func(name string) bool { return event.Get(name).Exists() }
	switch {
	case has("data") || has("fPort") || has("rxInfo") || has("object"):
		return ""
	case has("margin") || has("batteryLevel") || has("batteryLevelUnavailable") || has("externalPowerSource"):
		return "status"
	case has("acknowledged") || has("queueItemId") && has("fCntDown") && !has("gatewayId"):
		return "ack"
	case has("downlinkId"):
		return "txack"
	case has("level") && has("code"):
		return "log"
	case has("location"):
		return "location"
	case has("integrationName"):
		return "integration"
	case has("devAddr") && has("deviceInfo") && !has("txInfo"):
		return "join"
	default:
		return ""
	}
}

// heard adds the gateways that heard an uplink.
func heard(u *lorawan.Uplink, gateways gjson.Result) {
	gateways.ForEach(func(_, gateway gjson.Result) bool {
		rssi := gateway.Get("rssi")
		u.Heard(lorawan.Reception{RSSIdBm: int(rssi.Int()), SNRdB: float32(gateway.Get("snr").Float())}, rssi.Exists())
		return true
	})
}

// EncodeDownlink returns what is published on a device's downlink topic.
func EncodeDownlink(device lorawan.EUI64, fPort uint8, payload []byte) []byte {
	encoded, err := json.Marshal(struct {
		DevEUI    string `json:"devEui"`
		Confirmed bool   `json:"confirmed"`
		FPort     uint8  `json:"fPort"`
		Data      []byte `json:"data"`
	}{strings.ToLower(device.String()), false, fPort, payload})
	if err != nil {
		panic(fmt.Sprintf("chirpstack: encode a downlink: %v", err)) // strings and bytes always encode
	}
	return encoded
}
