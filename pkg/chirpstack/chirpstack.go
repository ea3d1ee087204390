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
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
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

// ParseUplink reads an "up" event. An error is a *codec.Error; what could be read
// is returned with it.
func ParseUplink(message []byte) (lorawan.Uplink, error) {
	if !gjson.ValidBytes(message) {
		return lorawan.Uplink{}, codec.Errorf(codec.BadEnvelope, "not JSON")
	}
	event := gjson.ParseBytes(message)
	device := event.Get("deviceInfo")
	u := lorawan.Uplink{
		DeviceID:    device.Get("deviceName").String(),
		Application: device.Get("applicationId").String(),
		Profile:     device.Get("deviceProfileName").String(),
		FCnt:        uint32(event.Get("fCnt").Uint()),
		Reception:   best(event.Get("rxInfo")),
	}
	var err error
	if u.DevEUI, err = lorawan.ParseEUI64(device.Get("devEui").String()); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "deviceInfo.devEui: %v", err)
	}
	port := event.Get("fPort").Int()
	if port < 0 || port > 255 {
		return u, codec.Errorf(codec.BadEnvelope, "fPort: %d", port)
	}
	u.FPort = uint8(port)
	if u.Payload, err = base64.StdEncoding.DecodeString(event.Get("data").String()); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "data: %v", err)
	}
	if u.ReceivedAt, err = time.Parse(time.RFC3339Nano, event.Get("time").String()); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "time: %v", err)
	}
	u.ReceivedAt = u.ReceivedAt.UTC()
	lora := event.Get("txInfo.modulation.lora")
	sf, bw := lora.Get("spreadingFactor").Uint(), lora.Get("bandwidth").Uint()
	if sf >= 5 && sf <= 12 && bw > 0 && bw < 10_000_000 {
		u.DataRate = lorawan.DataRate{SpreadingFactor: uint8(sf), BandwidthKHz: uint16(bw / 1000)}
		u.DataRateIndex = uint8(event.Get("dr").Uint() & 0xF)
	}
	return u, nil
}

func best(gateways gjson.Result) *lorawan.Reception {
	var b *lorawan.Reception
	gateways.ForEach(func(_, gateway gjson.Result) bool {
		rssi := gateway.Get("rssi")
		if r := int(rssi.Int()); rssi.Exists() && (b == nil || r > b.RSSIdBm) {
			b = &lorawan.Reception{RSSIdBm: r, SNRdB: float32(gateway.Get("snr").Float())}
		}
		return true
	})
	return b
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
