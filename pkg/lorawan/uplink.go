package lorawan

import "time"

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
	// Payload is the decrypted application payload (FRMPayload).
	Payload []byte
	// ReceivedAt is when the network server received the uplink.
	ReceivedAt time.Time
	// DataRate is the modulation; unknown in simulated uplinks.
	DataRate DataRate
	// DataRateIndex is the region's index, meaningful when DataRate is known.
	DataRateIndex uint8
	// Reception is how the gateway that heard it best heard it; nil when not given.
	Reception *Reception
}

// Reception is how one gateway heard an uplink.
type Reception struct {
	RSSIdBm int
	SNRdB   float32
}
