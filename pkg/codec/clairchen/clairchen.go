// Package clairchen reads and writes the uplinks of the Clairchen, the sensor of
// the Clair project.
//
// A payload is one header byte and two bytes a sample, the oldest sample first.
// The trap: the format's documentation numbers the header's bits the other way
// round than the firmware sends them. As sent: version in the two most
// significant bits, message id in the next three, the number of samples less one
// in the last three. The sensor has no clock: samples are spaced as its duty
// cycle demands for the data rate, and the last one is measured when it is sent.
// After a change of data rate the times of one message are therefore off.
//
// Source: github.com/ClairBerlin/clairchen, clair.cpp and docs.
package clairchen

import (
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

const (
	// Protocol is the name in node ids.
	Protocol = "CLAIRCHEN"
	// FPort is the frame port of the sensor's measurements.
	FPort = 1
	// MaxSamples is what the header can count. The firmware sends at most five.
	MaxSamples = 8
)

// Schedule is how a sensor sends at a data rate.
type Schedule struct {
	Samples  int           // in each message
	Interval time.Duration // between two samples
}

var schedules = map[lorawan.DataRate]Schedule{
	lorawan.SF7BW250:  {2, 38 * time.Second},
	lorawan.SF7BW125:  {2, 75 * time.Second},
	lorawan.SF8BW125:  {2, 134 * time.Second},
	lorawan.SF9BW125:  {3, 178 * time.Second},
	lorawan.SF10BW125: {5, 214 * time.Second},
	lorawan.SF11BW125: {4, 534 * time.Second},
	lorawan.SF12BW125: {5, 855 * time.Second},
}

// ScheduleAt returns how a sensor sends at a data rate, and false for a data rate
// that it does not use.
func ScheduleAt(d lorawan.DataRate) (Schedule, bool) {
	s, ok := schedules[d]
	return s, ok
}

// Decoder is the codec.Decoder of Clairchen uplinks.
type Decoder struct{}

// Protocol returns the name in node ids.
func (Decoder) Protocol() string { return Protocol }

// Decode returns the samples of an uplink. Without a data rate, as in simulated
// uplinks, it assumes SF9BW125.
func (Decoder) Decode(u *lorawan.Uplink) (codec.Message, error) {
	if err := codec.CheckPort(u, FPort); err != nil {
		return codec.Message{}, err
	}
	rate := u.DataRate
	if !rate.Known() {
		rate = lorawan.SF9BW125
	}
	schedule, ok := schedules[rate]
	if !ok {
		return codec.Message{}, codec.Errorf(codec.BadDataRate, "no sample interval is known for %s", rate)
	}
	if len(u.Payload) == 0 {
		return codec.Message{}, codec.Errorf(codec.BadFormat, "empty payload")
	}
	header, data := u.Payload[0], u.Payload[1:]
	version, id, count := header>>6, header>>3&7, int(header&7)+1
	switch {
	case version != 0:
		return codec.Message{}, codec.Errorf(codec.BadContent, "version %d, want 0", version)
	case id != 0:
		return codec.Message{}, codec.Errorf(codec.BadContent, "message id %d, want 0", id)
	case len(data)%2 != 0:
		return codec.Message{}, codec.Errorf(codec.BadFormat, "%d bytes of samples, want an even number", len(data))
	case len(data) != 2*count:
		return codec.Message{}, codec.Errorf(codec.BadContent, "%d samples, but the header says %d", len(data)/2, count)
	}
	samples := make([]measurement.Sample, count)
	for i := range samples {
		samples[i] = decodeSample([2]byte(data[2*i:]))
		samples[i].Time = codec.CountBack(u.ReceivedAt, count-1-i, schedule.Interval)
	}
	return codec.Message{Samples: samples}, nil
}

const (
	co2Step     = 20 // ppm
	maxCO2      = 255 * co2Step
	maxDegrees  = 31
	minHumidity = 10 // %; also the step
	maxHumidity = 80
)

func decodeSample(b [2]byte) measurement.Sample {
	return measurement.Sample{
		CO2PPM:                 int(b[0]) * co2Step,
		TemperatureDecicelsius: measurement.Known(int(b[1]>>3) * 10),
		RelHumidityPercent:     measurement.Known(int(b[1]&7)*10 + minHumidity),
		Status:                 measurement.Measured,
	}
}

// Encode returns the payload that the firmware sends for samples, the oldest
// first, 1..MaxSamples of them. It clamps and rounds as the firmware does.
func Encode(samples []measurement.Sample) []byte {
	if len(samples) == 0 || len(samples) > MaxSamples {
		panic("clairchen: the number of samples is outside 1..8")
	}
	payload := []byte{byte(len(samples) - 1)}
	for _, s := range samples {
		co2 := (min(max(s.CO2PPM, 0), maxCO2) + co2Step/2) / co2Step
		degrees := (min(max(s.TemperatureDecicelsius.Value, 0), maxDegrees*10) + 5) / 10
		humidity := (min(max(s.RelHumidityPercent.Value, minHumidity), maxHumidity)+5)/10 - 1
		payload = append(payload, byte(min(co2, 255)), byte(degrees)<<3|byte(humidity))
	}
	return payload
}
