// Package oy1210 reads and writes the uplinks of the Talkpool OY1210.
//
// The trap: the node ids of these sensors are made with the name OY1012, a slip of
// the predecessor that must stay.
//
// Source: github.com/TheThingsNetwork/lorawan-devices, vendor/talkpool/oy1210.js.
package oy1210

import (
	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

const (
	// Protocol is the name in node ids.
	Protocol = "TALKPOOLOY1012"
	// FPort is the frame port of the sensor's measurements.
	FPort = 2

	payloadBytes      = 5
	temperatureOffset = 800 // tenths of a degree
	humidityOffset    = 250 // tenths of a percent
)

// Decoder is the codec.Decoder of OY1210 uplinks.
type Decoder struct{}

// Protocol returns the name in node ids.
func (Decoder) Protocol() string { return Protocol }

// Decode returns the one sample of an uplink, measured when it was received. The
// humidity is rounded to whole percent, and may be out of range.
func (Decoder) Decode(u *lorawan.Uplink) (codec.Message, error) {
	if err := codec.CheckPort(u, FPort); err != nil {
		return codec.Message{}, err
	}
	if len(u.Payload) != payloadBytes {
		return codec.Message{}, codec.Errorf(codec.BadFormat, "%d bytes, want %d", len(u.Payload), payloadBytes)
	}
	b := [payloadBytes]int{}
	for i, v := range u.Payload {
		b[i] = int(v)
	}
	humidity := (b[1]<<4 | b[2]&0xF) - humidityOffset
	return codec.Message{Samples: []measurement.Sample{{
		Time:                   codec.CountBack(u.ReceivedAt, 0, 0),
		CO2PPM:                 b[3]<<8 | b[4],
		TemperatureDecicelsius: measurement.Known((b[0]<<4 | b[2]>>4) - temperatureOffset),
		RelHumidityPercent:     measurement.Known(percent(humidity)),
		Status:                 measurement.Measured,
	}}}, nil
}

// percent rounds tenths; what is below 0 stays below.
func percent(tenths int) int { return (tenths+5+1000)/10 - 100 }
