package elsys

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// Settings are what a sensor must be told to fit the duty cycle of a data rate.
type Settings struct {
	// SamplePeriod is the time between samples, in whole seconds.
	SamplePeriod time.Duration
	// TemperaturePeriod is the number of sample periods between readings of
	// temperature and humidity; 0 is the factory's, which is each.
	TemperaturePeriod uint32
	// SendPeriod is the number of samples in a message.
	SendPeriod uint32
}

// Keys of a settings block.
const (
	keySamplePeriod      = 0x14
	keyTemperaturePeriod = 0x15
	keySendPeriod        = 0x1F
)

// SettingsAt returns the settings for a data rate: those of the predecessor, which
// the sensors in the field have. False when the sensor does not use the data rate.
func SettingsAt(d lorawan.DataRate) (Settings, bool) {
	if d.BandwidthKHz != 125 {
		return Settings{}, false
	}
	switch d.SpreadingFactor {
	case 12:
		return Settings{intervals[5], 0, 5}, true
	case 11:
		return Settings{intervals[4], 0, 4}, true
	case 10:
		return Settings{intervals[3], 0, 3}, true
	case 9, 8, 7:
		return Settings{intervals[2], 1, 2}, true
	default:
		return Settings{}, false
	}
}

// Downlink returns the settings block that sets a sensor up. It is sent on the
// port after that of the measurements.
func (s Settings) Downlink() []byte {
	const records, recordBytes = 3, 5
	payload := []byte{settings, records * recordBytes}
	for _, r := range []struct {
		key   byte
		value uint32
	}{
		{keySamplePeriod, uint32(s.SamplePeriod / time.Second)},
		{keyTemperaturePeriod, s.TemperaturePeriod},
		{keySendPeriod, s.SendPeriod},
	} {
		payload = append(payload, r.key)
		payload = binary.BigEndian.AppendUint32(payload, r.value)
	}
	return payload
}

// Configure returns the settings for a sensor whose messages do not group as many
// samples as its data rate demands: fewer break the duty cycle, more come late.
func (d Decoder) Configure(u *lorawan.Uplink, m codec.Message) (codec.Downlink, bool) {
	want, ok := SettingsAt(u.DataRate)
	// A message without samples is the answer to a configuration.
	if !ok || len(m.Samples) == 0 || len(m.Samples) == int(want.SendPeriod) {
		return codec.Downlink{}, false
	}
	return codec.Downlink{FPort: d.port() + 1, Payload: want.Downlink()}, true
}

// NFC returns the text that sets a new sensor up when it is written to its NFC tag,
// or scanned as a QR code by the vendor's app: the keys to join the network with,
// and the settings for a middling data rate, which downlinks adjust later.
//
// Source: github.com/ClairBerlin/clair-ttn, clairttn/scripts/nfc_config.py.
func NFC(joinEUI lorawan.EUI64, appKey [16]byte) string {
	s, _ := SettingsAt(lorawan.SF10BW125)
	return fmt.Sprintf(`AppEui:%s
Ota:true
Ack:false
AppKey:%X
SplPer:%d
Co2Per:1
TempPer:%d
SendPer:%d
VddPer:0
QSize:5
QOffset:false
QPurge:true`, strings.ToLower(joinEUI.String()), appKey, s.SamplePeriod/time.Second, s.TemperaturePeriod, s.SendPeriod)
}
