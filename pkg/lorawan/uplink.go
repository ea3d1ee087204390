package lorawan

import (
	"fmt"
	"time"
)

// OtherEvent is what a network server tells beside uplinks: joins, downlinks, places.
type OtherEvent struct {
	// Kind is the network server's name for it, one of a small closed set.
	Kind string
	// Status is what it tells of the device's state; nil when it does not.
	Status *DeviceStatus
}

// DeviceStatus is what a device has answered to the network server's question how it is
// (DevStatusAns, LoRaWAN 1.0.4, section 5.5).
type DeviceStatus struct {
	DevEUI      EUI64
	DeviceID    string
	Application string
	Profile     string
	ReceivedAt  time.Time
	// BatteryPercent is nil where the device cannot tell, or has no battery.
	BatteryPercent *uint8
	// MarginDB is by how much the device heard the question better than it needs to.
	MarginDB int
}

// Error says what the event is.
func (e *OtherEvent) Error() string { return fmt.Sprintf("a %s event is no uplink", e.Kind) }

// Uplink is a data message of a device, as far as the envelopes of the network
// servers agree on it.
type Uplink struct {
	DevEUI EUI64
	// DeviceID is the network server's name for the device; may be empty.
	DeviceID string
	// Application is the network server's name for the application; may be empty.
	Application string
	// Profile names the kind of device, as far as the network server knows it; may
	// be empty. TTS: brand/model of the device repository. ChirpStack: the name of
	// the device profile.
	Profile string
	// FPort is the frame port, 1..255; 0 when it was not given.
	FPort uint8
	FCnt  uint32
	// Session is the network server's name for the device's session; frame counters
	// begin again with each. May be empty.
	Session string
	// Simulated uplinks were made up at the network server; no device sent them.
	Simulated bool
	// Payload is the decrypted application payload (FRMPayload); empty when there is
	// none, or commands to the network only (frame port 0).
	Payload []byte
	// ReceivedAt is when the network server received the uplink.
	ReceivedAt time.Time
	// Ahead is what the network server's clock told where it is ahead of ours, and one of the
	// two is wrong; see Clocks. Else zero.
	Ahead time.Time
	// DataRate is the modulation; unknown in simulated uplinks.
	DataRate DataRate
	// DataRateIndex is the region's index of the data rate; nil when it was not given,
	// as The Things Stack does since v3.16.
	DataRateIndex *uint8
	// FrequencyHz is the channel; 0 when not given.
	FrequencyHz uint32
	// Gateways is how many gateways heard it; 0 when not given.
	Gateways int
	// Reception is how the gateway that heard it best heard it; nil when not given.
	Reception *Reception
	// BatteryPercent is what the device has last told the network server of its battery, with
	// this uplink or before; nil when that is not given.
	BatteryPercent *uint8
	// Decoded is what the network server's own codec has made of the payload, as JSON: The
	// Things Stack's decoded_payload, ChirpStack's object; empty where there is none.
	Decoded string
	// Normalized is the same in The Things Stack's terms (normalized_payload, a list); empty
	// where there is none.
	Normalized string
	// Mapping names the mapping that reads Decoded, where the network server's operator has said
	// so: the value of ChirpStack's tag clair_mapping. May be empty.
	Mapping string
}

// Reception is how one gateway heard an uplink.
type Reception struct {
	RSSIdBm int
	SNRdB   float32
}

// Heard counts a gateway that heard the uplink; how well, if it says so. The best
// reception is the one that is kept.
func (u *Uplink) Heard(r Reception, known bool) {
	u.Gateways++
	if known && (u.Reception == nil || r.RSSIdBm > u.Reception.RSSIdBm) {
		u.Reception = new(r)
	}
}
