// Package codec says what a codec is: it reads samples out of the payloads of one
// kind of sensor. The codecs are in packages below, each with an encoder beside
// its decoder for simulators and tests; package catalog knows them all.
//
// A codec sees one uplink and nothing else: no clock, no earlier uplinks. So the
// same uplink gives the same samples on whatever way and how often it comes.
package codec

import (
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// Decoder reads the uplinks of one kind of sensor.
type Decoder interface {
	// Protocol is the name that goes into node ids, such as CLAIRCHEN.
	Protocol() string
	// Decode returns what the uplink says; a message may have no samples. An error
	// is an *Error. u is not changed, and not kept.
	Decode(u *lorawan.Uplink) (Message, error)
}

// Message is what one uplink says.
type Message struct {
	// Samples are in order of time, the oldest first. Values are as the sensor sent
	// them, error codes included: package measurement judges them.
	Samples []measurement.Sample
	// Readings are quantities beside those of the samples, and all of a sensor without CO2;
	// in order of time, the oldest first, as the sensor sent them.
	Readings []quantity.Reading
	// BatteryMillivolts is the battery's voltage, where the sensor sends it.
	BatteryMillivolts measurement.Reading
	// BatteryPercent is the battery's level, where the sensor sends it.
	BatteryPercent measurement.Reading
	// Unread is what of the payload could not be read, when the samples before it are
	// complete; nil when all was read.
	Unread *Error
	// Note is what an operator should know though all was read, a sentence; the same for each
	// uplink of a device until it is mended. Else it is empty.
	Note string
	// By is the way on which it was read, where a decoder has several: one of Ways, which serve
	// as labels of metrics. Else it is empty.
	By string
}

// The ways on which an uplink is read.
const (
	ByNormalized = "normalized"
	ByMapping    = "mapping"
	ByCodec      = "codec"
)

// Ways are all of them.
var Ways = []string{ByNormalized, ByMapping, ByCodec}

// Error says why an uplink could not be decoded.
type Error struct {
	Reason Reason
	Detail string // a sentence for people
}

// Error returns reason and detail.
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

// Reason is a kind of decoding error. It serves as a label of metrics.
type Reason string

// The reasons.
const (
	BadEnvelope Reason = "envelope"  // the network server's message could not be read
	BadPort     Reason = "f_port"    // the sensor does not send measurements on this port
	BadDataRate Reason = "data_rate" // the sensor does not send with this data rate
	BadFormat   Reason = "format"    // the payload is cut short or not structured as it must
	BadContent  Reason = "content"   // the payload says what cannot be
	NoDecoder   Reason = "decoder"   // nobody has said how uplinks of this device are read
)

// Errorf returns an *Error.
func Errorf(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// CheckPort returns an error unless the uplink came on the wanted port or on an
// unknown one.
func CheckPort(u *lorawan.Uplink, want uint8) error {
	if u.FPort != 0 && u.FPort != want {
		return Errorf(BadPort, "port %d, want %d", u.FPort, want)
	}
	return nil
}

// CountBack returns the time of the sample that was measured n intervals before the
// uplink was received, in whole seconds: sensors without a clock send their
// samples equally spaced, the last one as it is measured.
func CountBack(received time.Time, n int, interval time.Duration) time.Time {
	return received.UTC().Round(time.Second).Add(-time.Duration(n) * interval)
}

// Configurer is a Decoder of sensors that can be set up by downlink.
type Configurer interface {
	Decoder
	// Configure returns what to tell a node that sent an uplink, and false when it is
	// set up as it should be.
	Configure(u *lorawan.Uplink, m Message) (Downlink, bool)
}

// Downlink is what a sensor is told.
type Downlink struct {
	FPort   uint8
	Payload []byte
}
