// Package ttn speaks the JSON and the topics of The Things Stack v3, whose public
// network is The Things Network (TTN).
//
// The trap: its JSON leaves out what is zero, and what an edition or a version does not
// have. Since v3.16 there is no data_rate_index; what is absent is unknown.
package ttn

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// Application is an application at a network server.
type Application struct {
	ID string
	// Tenant is "ttn" on the public network, and empty on an open-source server.
	Tenant string
}

// User is the application's name in topics and at log-in.
func (a Application) User() string {
	if a.Tenant == "" {
		return a.ID
	}
	return a.ID + "@" + a.Tenant
}

// UplinkTopic is the topic of a device's uplinks; "+" means all devices.
func (a Application) UplinkTopic(device string) string {
	return "v3/" + a.User() + "/devices/" + device + "/up"
}

// DownlinkTopic is where downlinks for a device are published. They come after those that
// wait, which may be an operator's.
func (a Application) DownlinkTopic(device string) string {
	return "v3/" + a.User() + "/devices/" + device + "/down/push"
}

// QueuedTopic is where the network server says that it has queued a downlink for a
// device; "+" means all devices.
func (a Application) QueuedTopic(device string) string {
	return "v3/" + a.User() + "/devices/" + device + "/down/queued"
}

// otherEvents are the members of a message that is about something else than an uplink
// (ApplicationUp in api/ttn/lorawan/v3/messages.proto). One webhook gets all kinds that
// are ticked. uplink_normalized repeats an uplink, as the server has decoded it.
var otherEvents = map[string]bool{
	"uplink_normalized": true, "join_accept": true,
	"downlink_ack": true, "downlink_nack": true, "downlink_sent": true, "downlink_failed": true,
	"downlink_queued": true, "downlink_queue_invalidated": true,
	"location_solved": true, "service_data": true,
}

// ParseUplink reads an uplink message that arrived at a time; zero: nobody knows when.
// Without an application payload its Payload is empty. An error is a *codec.Error, with which
// is returned what could be read, or a *lorawan.OtherEvent.
func ParseUplink(message []byte, arrived time.Time) (lorawan.Uplink, error) {
	if !gjson.ValidBytes(message) {
		return lorawan.Uplink{}, codec.Errorf(codec.BadEnvelope, "not JSON")
	}
	return parse(gjson.ParseBytes(message), arrived)
}

func parse(root gjson.Result, arrived time.Time) (lorawan.Uplink, error) {
	var u lorawan.Uplink
	var eui, receivedOuter, event string
	var message gjson.Result
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "end_device_ids":
			u.DeviceID = value.Get("device_id").String()
			u.Application = value.Get("application_ids.application_id").String()
			eui = value.Get("dev_eui").String()
			u.Session = value.Get("dev_addr").String()
		case "received_at":
			receivedOuter = value.String()
		case "uplink_message":
			message = value
		case "simulated":
			u.Simulated = value.Bool()
		default:
			if otherEvents[key.Str] {
				event = key.Str
			}
		}
		return true
	})
	if event != "" && !message.Exists() {
		return u, &lorawan.OtherEvent{Kind: event}
	}
	var err error
	if u.DevEUI, err = lorawan.ParseDevEUI(eui); err != nil {
		return u, codec.Errorf(codec.BadEnvelope, "end_device_ids.dev_eui: %v", err)
	}
	if !message.IsObject() {
		return u, codec.Errorf(codec.BadEnvelope, "no uplink_message")
	}
	return u, parseMessage(&u, message, receivedOuter, arrived)
}

func parseMessage(u *lorawan.Uplink, message gjson.Result, outer string, arrived time.Time) (err error) {
	fail := func(field string, value any) {
		if err == nil {
			err = codec.Errorf(codec.BadEnvelope, "uplink_message.%s: %v", field, value)
		}
	}
	onlyCommands, encrypted := false, false
	var inner string
	var clocks lorawan.Clocks
	message.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "f_port":
			onlyCommands = value.Raw == "0"
			if port := value.Int(); port < 0 || port > 255 {
				fail("f_port", port)
			} else {
				u.FPort = uint8(port)
			}
		case "f_cnt":
			u.FCnt = uint32(value.Uint())
		case "frm_payload":
			payload, decodeErr := base64.StdEncoding.DecodeString(value.String())
			if decodeErr != nil {
				fail("frm_payload", decodeErr)
			}
			u.Payload = payload
		case "received_at":
			inner = value.String()
		case "session_key_id":
			u.Session = value.String()
		case "rx_metadata":
			heard(u, &clocks, value)
		case "settings":
			settings(u, value)
		case "app_s_key":
			encrypted = true // it is given to whoever has to decrypt
		case "last_battery_percentage":
			u.BatteryPercent = battery(value)
		case "decoded_payload":
			u.Decoded = object(value)
		case "normalized_payload":
			if value.IsArray() {
				u.Normalized = value.Raw
			}
		case "version_ids":
			if brand, model := value.Get("brand_id").String(), value.Get("model_id").String(); brand != "" || model != "" {
				u.Profile = brand + "/" + model
			}
		}
		return true
	})
	if onlyCommands {
		u.Payload = nil
	}
	if timeErr := servers(&clocks, inner, outer); timeErr != nil {
		fail("received_at", timeErr)
		return err
	}
	u.ReceivedAt, u.Ahead = clocks.Received(arrived), clocks.Ahead(arrived)
	if err == nil && encrypted && len(u.Payload) > 0 {
		err = codec.Errorf(codec.BadContent, "the payload is encrypted: the application skips payload crypto (skip_payload_crypto)")
	}
	return err
}

// object returns an object as it stands in the message, and nothing of what is none.
func object(value gjson.Result) string {
	if !value.IsObject() {
		return ""
	}
	return value.Raw
}

// battery reads what the device has last answered to the network server's question how it is
// (LastBatteryPercentage in api/ttn/lorawan/v3/messages.proto). It comes with each uplink from
// then on.
func battery(value gjson.Result) *uint8 {
	level := value.Get("value")
	if percent := level.Float(); level.Exists() && percent >= 0 && percent <= 100 {
		return new(uint8(math.Round(percent)))
	}
	return nil
}

// servers adds when the network server had a message, and when the application server had
// it, which is later. What one of them tells is enough.
func servers(clocks *lorawan.Clocks, network, application string) error {
	var unreadable error
	known := false
	for _, told := range []string{network, application} {
		if told == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, told)
		if err != nil {
			unreadable = cmp.Or(unreadable, err)
			continue
		}
		known = true
		clocks.Server(at)
	}
	switch {
	case known:
		return nil
	case unreadable == nil:
		return errors.New("it is missing, here and in the message around it")
	default:
		return unreadable
	}
}

// heard adds the gateways that heard an uplink. received_at is when the Gateway Server had it,
// gps_time is told by gateways with a satellite receiver (RxMetadata in
// api/ttn/lorawan/v3/metadata.proto); time is whatever clock the gateway has.
func heard(u *lorawan.Uplink, clocks *lorawan.Clocks, gateways gjson.Result) {
	gateways.ForEach(func(_, gateway gjson.Result) bool {
		var r lorawan.Reception
		known := false
		gateway.ForEach(func(key, value gjson.Result) bool {
			switch key.Str {
			case "rssi":
				r.RSSIdBm, known = int(value.Int()), true
			case "snr":
				r.SNRdB = float32(value.Float())
			case "received_at":
				if at, err := time.Parse(time.RFC3339Nano, value.Str); err == nil {
					clocks.Arrived(at)
				}
			case "gps_time":
				if at, err := time.Parse(time.RFC3339Nano, value.Str); err == nil {
					clocks.Satellites(at)
				}
			}
			return true
		})
		u.Heard(r, known)
		return true
	})
}

func settings(u *lorawan.Uplink, value gjson.Result) {
	if hz := value.Get("frequency").Uint(); hz <= math.MaxUint32 {
		u.FrequencyHz = uint32(hz)
	}
	lora := value.Get("data_rate.lora")
	sf, bw := lora.Get("spreading_factor").Uint(), lora.Get("bandwidth").Uint()
	if sf < 5 || sf > 12 || bw == 0 || bw > 10_000_000 {
		return
	}
	u.DataRate = lorawan.DataRate{SpreadingFactor: uint8(sf), BandwidthKHz: uint16(bw / 1000)}
	if index := value.Get("data_rate_index"); index.Exists() {
		u.DataRateIndex = new(uint8(index.Uint() & 0xF))
	}
}

// Downlink is a message to a device.
type Downlink struct {
	FPort    uint8  `json:"f_port"`
	Payload  []byte `json:"frm_payload"`
	Priority string `json:"priority"`
	// CorrelationIDs come back in what is told of the downlink later: the application server
	// keeps those of the application, adds its own, and publishes the downlink with both
	// (lorawan-stack: CleanDownlinks in pkg/applicationserver/io/io.go, downlinkQueueOp and
	// registerForwardDownlinks in pkg/applicationserver).
	CorrelationIDs []string `json:"correlation_ids,omitempty"`
}

// ParseQueued returns the correlation ids of a downlink that was queued.
func ParseQueued(message []byte) []string {
	var ids []string
	for _, id := range gjson.GetBytes(message, "downlink_queued.correlation_ids").Array() {
		ids = append(ids, id.String())
	}
	return ids
}

// EncodeDownlinks returns what is published on a device's downlink topic.
func EncodeDownlinks(downlinks ...Downlink) []byte {
	encoded, err := json.Marshal(struct {
		Downlinks []Downlink `json:"downlinks"`
	}{downlinks})
	if err != nil {
		panic(fmt.Sprintf("ttn: encode downlinks: %v", err)) // strings and bytes always encode
	}
	return encoded
}
