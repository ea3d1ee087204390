// Package chirpstack speaks the JSON and the topics of ChirpStack v4.
//
// The trap: its JSON leaves out what is zero: data rate 0, frame counter 0, the level INFO, an
// acknowledgement that is none. So what kind an event is of stands in its topic, or in the
// webhook's query, and can be told by its members only almost always.
//
// An uplink's object, which a codec of the device's profile there has made, is handed on as it
// is. Who has a codec of their own for the bytes does not look at it.
//
// Source: github.com/chirpstack/chirpstack-docs, src/chirpstack/integrations;
// api/proto/integration/integration.proto of github.com/chirpstack/chirpstack.
package chirpstack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// UplinkTopic is the topic of the uplinks of an application's devices; "+" means all
// applications.
func UplinkTopic(application string) string {
	return "application/" + application + "/device/+/event/" + up
}

// OtherTopics returns those of what else happens to the devices of a topic of uplinks; none
// where it is not such a one, or has them all. They are not one topic with it: users of a broker
// may be let to uplinks alone.
func OtherTopics(uplinks string) (topics []string) {
	devices, ok := strings.CutSuffix(uplinks, "/event/"+up)
	if !ok {
		return nil
	}
	for _, kind := range kinds {
		if kind != up {
			topics = append(topics, devices+"/event/"+kind)
		}
	}
	return topics
}

// Kinds of events, as they stand at the end of a topic and in a webhook's query.
const (
	up       = "up"
	join     = "join"
	ack      = "ack"
	txack    = "txack"
	logged   = "log"
	status   = "status"
	location = "location"
	others   = "integration"
)

var kinds = []string{up, join, ack, txack, logged, status, location, others}

// Kind returns the kind of an event that stands at the end of a topic, or alone; "" where there
// is none: topics can be set.
func Kind(topic string) string {
	if kind := topic[strings.LastIndexByte(topic, '/')+1:]; slices.Contains(kinds, kind) {
		return kind
	}
	return ""
}

// DownlinkTopic is where downlinks for a device are published.
func DownlinkTopic(application string, device lorawan.EUI64) string {
	return "application/" + application + "/device/" + strings.ToLower(device.String()) + "/command/down"
}

// mappingTag is the tag of a device, or of its profile, that names the mapping by which its
// object is read.
const mappingTag = "clair_mapping"

// ParseUplink reads an event that arrived at a time, and that is most likely an uplink. An
// error is a *codec.Error, with which is returned what could be read, or a *lorawan.OtherEvent.
func ParseUplink(message []byte, arrived time.Time) (lorawan.Uplink, error) {
	return ParseEvent("", message, arrived)
}

// ParseEvent is ParseUplink where the kind of the event may be known. What can only be an
// uplink is one: somebody may have written the kind into the address of a webhook.
func ParseEvent(kind string, message []byte, arrived time.Time) (lorawan.Uplink, error) {
	if !gjson.ValidBytes(message) {
		return lorawan.Uplink{}, codec.Errorf(codec.BadEnvelope, "not JSON; ChirpStack's integration has to have json=true")
	}
	event := gjson.ParseBytes(message)
	if kind == "" || event.Get("data").Exists() || event.Get("rxInfo").Exists() {
		kind = guess(event)
	}
	if kind != up {
		return lorawan.Uplink{}, &lorawan.OtherEvent{Kind: kind, Status: deviceStatus(kind, event, arrived)}
	}
	device := event.Get("deviceInfo")
	u := lorawan.Uplink{
		DeviceID:    device.Get("deviceName").String(),
		Application: device.Get("applicationId").String(),
		Profile:     device.Get("deviceProfileName").String(),
		Session:     event.Get("devAddr").String(),
		FCnt:        uint32(event.Get("fCnt").Uint()),
		Mapping:     device.Get("tags." + mappingTag).String(),
	}
	if object := event.Get("object"); object.IsObject() {
		u.Decoded = object.Raw
	}
	heard(&u, event.Get("rxInfo"))
	var err error
	if u.DevEUI, err = lorawan.ParseDevEUI(device.Get("devEui").String()); err != nil {
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
	if u.ReceivedAt, u.Ahead, err = receivedAt(event, arrived); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "time: %v", err)
	}
	modulation(&u, event)
	if event.Get("joinServerContext").Exists() {
		return u, codec.Errorf(codec.BadContent, "the payload is encrypted: ChirpStack does not have the device's AppSKey")
	}
	return u, nil
}

// receivedAt returns the best believable time there is, and what the server's clock told if it
// is ahead of ours (see lorawan.Uplink). The network server's is its nsTime,
// the event's that of a gateway's receiver or clock. Gateways have been seen in 1980, and
// minutes ahead. gwTime is meant to be set with a receiver only (api/proto/gw/gw.proto),
// but Semtech's packet forwarder fills it from any clock; timeSinceGpsEpoch has no other source.
func receivedAt(event gjson.Result, arrived time.Time) (at, ahead time.Time, err error) {
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
	if at, err = time.Parse(time.RFC3339Nano, event.Get("time").String()); err == nil {
		clocks.Gateway(at)
	}
	if !server.IsZero() {
		clocks.Server(server)
		err = nil // one of them is enough
	}
	return clocks.Received(arrived), clocks.Ahead(arrived), err
}

// eventTime is the event's own time, unless it cannot be.
func eventTime(event gjson.Result, arrived time.Time) (time.Time, error) {
	var clocks lorawan.Clocks
	at, err := time.Parse(time.RFC3339Nano, event.Get("time").String())
	if err == nil {
		clocks.Gateway(at)
	}
	return clocks.Received(arrived), err
}

// deviceStatus returns what a status event tells, and nil for other kinds and for one that
// cannot be read: nothing is lost with it, the next one comes.
func deviceStatus(kind string, event gjson.Result, arrived time.Time) *lorawan.DeviceStatus {
	device := event.Get("deviceInfo")
	eui, err := lorawan.ParseDevEUI(device.Get("devEui").String())
	if kind != status || err != nil {
		return nil
	}
	at, err := eventTime(event, arrived)
	if err != nil {
		return nil
	}
	s := &lorawan.DeviceStatus{
		DevEUI: eui, DeviceID: device.Get("deviceName").String(), Application: device.Get("applicationId").String(),
		Profile: device.Get("deviceProfileName").String(), ReceivedAt: at, MarginDB: int(event.Get("margin").Int()),
	}
	// Without a battery, or when the level is not known, it is left out like any zero; a device
	// whose battery is empty does not answer.
	if level := event.Get("batteryLevel").Float(); level > 0 && level <= 100 {
		s.BatteryPercent = new(uint8(math.Round(level)))
	}
	return s
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

// guess tells of what kind an event is by members that only such a one has.
func guess(event gjson.Result) string {
	has := func(name string) bool { return event.Get(name).Exists() }
	switch {
	case has("data") || has("fPort") || has("rxInfo") || has("object"):
		return up
	case has("margin") || has("batteryLevel") || has("batteryLevelUnavailable") || has("externalPowerSource"):
		return status
	case has("downlinkId") || has("queueItemId") && has("gatewayId"):
		return txack
	case has("queueItemId") || has("acknowledged"):
		return ack
	case has("level") || has("code") || has("description"):
		return logged
	case has("location"):
		return location
	case has("integrationName"):
		return others
	case has("devAddr") && has("deviceInfo") && !has("txInfo"):
		return join
	default:
		return up // what it lacks is said
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
