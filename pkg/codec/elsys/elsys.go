// Package elsys reads and writes the uplinks of the Elsys ERS family (ERS CO2, ERS
// CO2 Lite, EMS, ELT ...). It trusts nothing about length or order of fields.
//
// A payload is a row of records: one type byte and data of a length that the type
// decides. Sensors set up for Clair send several groups of CO2, temperature and
// humidity in one message, the newest first. A group ends where a quantity comes
// again. The sensor has no clock and the message no times: the interval between
// groups is looked up from their number, because the settings that we give to
// sensors tie one to the other (see Settings). Other records (light, motion,
// battery ...) may stand anywhere. Those of quantities that the catalogue has become
// readings: where there are as many of one as groups, each is of the group in whose place it
// stands; else nobody can tell of which it is, and it is left out.
//
// A group without CO2 is no sample: sensors may be set to measure CO2 more rarely than
// the rest, or have none at all. Where no group has any, temperature and humidity are readings,
// too. After a record of an unknown type nothing can be read; the groups before
// it are complete.
//
// Sources: github.com/TheThingsNetwork/lorawan-devices, vendor/elsys/elsys.js;
// github.com/ClairBerlin/clair-ttn, clairttn/ers.py.
package elsys

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

const (
	// Protocol is the name in node ids.
	Protocol = "ELSYSERS"
	// FPort is the frame port that sensors of the factory use for measurements.
	FPort = 5
	// MaxSamples is the most that a sensor set up for Clair sends at once.
	MaxSamples = 5
)

// Types of records that mean something to us.
const (
	temperature = 0x01
	humidity    = 0x02
	light       = 0x04 // lux
	motion      = 0x05 // how often it moved
	co2         = 0x06
	battery     = 0x07
	external    = 0x0C // tenths of a degree
	pressure    = 0x14 // thousandths of a hectopascal
	tvoc        = 0x1C // ppb
	settings    = 0x3E
)

// dataBytes has the length of each type's data; 0: there is no such type. A
// settings block brings its own length.
var dataBytes = [64]uint8{
	temperature: 2,
	humidity:    1,
	0x03:        3, // acceleration
	light:       2,
	motion:      1,
	co2:         2,
	battery:     2,
	0x08:        2,  // analog 1
	0x09:        6,  // position
	0x0A:        2,  // pulse 1, relative
	0x0B:        4,  // pulse 1, absolute
	external:    2,  // external temperature 1
	0x0D:        1,  // external digital 1
	0x0E:        2,  // distance
	0x0F:        1,  // acceleration, motion count
	0x10:        4,  // infrared temperatures
	0x11:        1,  // occupancy
	0x12:        1,  // water leak
	0x13:        65, // grid eye
	pressure:    4,
	0x15:        2, // sound
	0x16:        2, // pulse 2, relative
	0x17:        4, // pulse 2, absolute
	0x18:        2, // analog 2
	0x19:        2, // external temperature 2
	0x1A:        1, // external digital 2
	0x1B:        4, // external analog
	tvoc:        2,
	0x3D:        4, // debug
}

// intervals has the time between groups by their number.
var intervals = [...]time.Duration{
	1: 0,
	2: 326 * time.Second,
	3: 356 * time.Second,
	4: 593 * time.Second,
	5: 948 * time.Second,
}

// Decoder is the codec.Decoder of Elsys uplinks.
type Decoder struct {
	// FPort is the port of measurements. 0 means the factory's.
	FPort uint8
}

// Protocol returns the name in node ids.
func (Decoder) Protocol() string { return Protocol }

// Decode returns the samples of an uplink. A message without CO2, and the answer to a
// configuration, which comes on the port after that of the measurements, have none.
func (d Decoder) Decode(u *lorawan.Uplink) (codec.Message, error) {
	answer := u.FPort == d.port()+1
	if err := codec.CheckPort(u, d.port()); err != nil && !answer {
		return codec.Message{}, err
	}
	var p parser
	err := p.parse(u.Payload)
	switch {
	case err != nil && (!err.unknown || p.samples() == 0 && p.readings() == 0):
		return codec.Message{}, err.Error
	case answer && (p.n > 0 || p.readings() > 0):
		return codec.Message{}, codec.CheckPort(u, d.port())
	}
	m := codec.Message{BatteryMillivolts: p.battery, Samples: make([]measurement.Sample, 0, p.n)}
	if err != nil {
		m.Unread = err.Error
	}
	groups := p.groups[:p.n]
	if p.ambiguous() {
		for i := range groups {
			groups[i].temperature, groups[i].humidity = measurement.Reading{}, measurement.Reading{}
		}
	}
	for i, g := range slices.Backward(groups) {
		if !g.co2.Known {
			continue
		}
		m.Samples = append(m.Samples, measurement.Sample{
			Time:                   codec.CountBack(u.ReceivedAt, i, intervals[len(groups)]),
			CO2PPM:                 g.co2.Value,
			TemperatureDecicelsius: g.temperature,
			RelHumidityPercent:     g.humidity,
			Status:                 measurement.Measured,
		})
	}
	m.Readings = p.tell(u.ReceivedAt)
	return m, nil
}

// readings counts what may become readings.
func (p *parser) readings() (n int) {
	for _, found := range p.more {
		n += found.n
	}
	return n
}

// tell returns the readings of a message, the oldest first.
func (p *parser) tell(received time.Time) []quantity.Reading {
	var all []quantity.Reading
	groups := max(p.n, 1) // a message may have nothing else
	temperatures, humidities := p.n > 0 && p.samples() == 0, p.n > 0 && p.samples() == 0
	for _, g := range p.groups[:p.n] {
		temperatures = temperatures && g.temperature.Known
		humidities = humidities && g.humidity.Known
	}
	for i := groups - 1; i >= 0; i-- {
		at := codec.CountBack(received, i, intervals[groups])
		add := func(id quantity.ID, steps int) {
			all = append(all, quantity.Reading{Time: at, Value: quantity.Value{Quantity: id, Steps: int32(steps)}})
		}
		if temperatures {
			add(quantity.Temperature, p.groups[i].temperature.Value)
		}
		if humidities {
			add(quantity.RelHumidity, p.groups[i].humidity.Value)
		}
		for k, id := range more {
			if found := &p.more[k]; found.n == groups {
				add(id, found.values[i])
			}
		}
	}
	return all
}

// more are the quantities of records that stand beside the groups.
var more = [...]quantity.ID{
	quantity.Light, quantity.Motion, quantity.ExternalTemperature, quantity.Pressure, quantity.TVOC,
}

// found are the values of one quantity in a message, in their order.
type found struct {
	values [MaxSamples]int
	n      int // may be more than there is room for
}

// take notes a value of the k-th of more.
func (p *parser) take(k, value int) {
	f := &p.more[k]
	if f.n < len(f.values) {
		f.values[f.n] = value
	}
	f.n++
}

// other takes a record that stands beside the groups, in the steps of the catalogue. What
// the vendor does not say is left out: how sound is weighted, and what occupancy counts.
func (p *parser) other(kind byte, data []byte) {
	switch kind {
	case light:
		p.take(0, int(binary.BigEndian.Uint16(data)))
	case motion:
		p.take(1, int(data[0]))
	case external:
		p.take(2, int(int16(binary.BigEndian.Uint16(data))))
	case pressure:
		p.take(3, int(math.Round(float64(int32(binary.BigEndian.Uint32(data)))/100)))
	case tvoc:
		p.take(4, int(binary.BigEndian.Uint16(data)))
	}
}

func (d Decoder) port() uint8 {
	if d.FPort == 0 {
		return FPort
	}
	return d.FPort
}

type group struct {
	co2, temperature, humidity measurement.Reading
	co2Last                    bool // as the vendor orders records
}

type parser struct {
	groups  [MaxSamples]group
	n       int
	battery measurement.Reading
	more    [len(more)]found
}

// samples counts the groups that have CO2.
func (p *parser) samples() (n int) {
	for _, g := range p.groups[:p.n] {
		if g.co2.Known {
			n++
		}
	}
	return n
}

// ambiguous reports whether it cannot be told which temperature and humidity belong to
// which CO2: groups differ in what they have, and not each is closed by its CO2.
func (p *parser) ambiguous() bool {
	differ, open := false, false
	for _, g := range p.groups[:p.n] {
		first := p.groups[0]
		differ = differ || g.co2.Known != first.co2.Known || g.temperature.Known != first.temperature.Known || g.humidity.Known != first.humidity.Known
		open = open || g.co2.Known && !g.co2Last
	}
	return differ && open
}

// parseError is an error and whether it is about a record that we do not know, which
// takes nothing from what stands before it.
type parseError struct {
	*codec.Error

	unknown bool
}

func malformed(r codec.Reason, format string, args ...any) *parseError {
	return &parseError{Error: &codec.Error{Reason: r, Detail: fmt.Sprintf(format, args...)}}
}

func (p *parser) parse(payload []byte) *parseError {
	for len(payload) > 0 {
		kind, offsetBytes := payload[0]&0x3F, int(payload[0]>>6)
		length := int(dataBytes[kind])
		if length == 0 && kind != settings {
			err := malformed(codec.BadFormat, "unknown record type %#02x", kind)
			err.unknown = true
			return err
		}
		rest := payload[1:]
		if len(rest) < offsetBytes {
			return malformed(codec.BadFormat, "record %#02x is cut short", kind)
		}
		rest = rest[offsetBytes:]
		if kind == settings {
			if len(rest) == 0 {
				return malformed(codec.BadFormat, "settings block is cut short")
			}
			length = int(rest[0])
			rest = rest[1:]
		}
		if len(rest) < length {
			return malformed(codec.BadFormat, "record %#02x has %d bytes, want %d", kind, len(rest), length)
		}
		if err := p.record(kind, offsetBytes, rest[:length]); err != nil {
			return err
		}
		payload = rest[length:]
	}
	return nil
}

// record takes one record of the length that its type wants.
func (p *parser) record(kind byte, offsetBytes int, data []byte) *parseError {
	var value int
	var slot func(*group) *measurement.Reading
	switch kind {
	case battery:
		p.battery = measurement.Known(int(binary.BigEndian.Uint16(data)))
		return nil
	case co2:
		value = int(binary.BigEndian.Uint16(data))
		slot = func(g *group) *measurement.Reading { return &g.co2 }
	case temperature:
		value = int(int16(binary.BigEndian.Uint16(data)))
		slot = func(g *group) *measurement.Reading { return &g.temperature }
	case humidity:
		value = int(data[0])
		slot = func(g *group) *measurement.Reading { return &g.humidity }
	default:
		if offsetBytes == 0 {
			p.other(kind, data)
		}
		return nil
	}
	// The vendor says how long offsets are, but not what they count from. A sample at
	// a wrong time is worse than one that waits for a better codec.
	if offsetBytes > 0 {
		return malformed(codec.BadContent, "record %#02x has a time offset", kind)
	}
	if p.n == 0 || slot(&p.groups[p.n-1]).Known {
		if p.n == MaxSamples {
			return malformed(codec.BadContent, "more than %d groups: no interval is known", MaxSamples)
		}
		p.n++
	}
	g := &p.groups[p.n-1]
	*slot(g) = measurement.Known(value)
	g.co2Last = kind == co2
	return nil
}

// Encode returns the payload that a sensor sends for samples, the oldest first,
// 1..MaxSamples of them. A battery voltage goes along when it is known.
func Encode(samples []measurement.Sample, batteryMillivolts measurement.Reading) []byte {
	if len(samples) == 0 || len(samples) > MaxSamples {
		panic("elsys: the number of samples is outside 1..5")
	}
	var payload []byte
	for i := range samples {
		s := samples[len(samples)-1-i]
		if s.TemperatureDecicelsius.Known && s.RelHumidityPercent.Known {
			payload = append(payload, temperature)
			payload = binary.BigEndian.AppendUint16(payload, uint16(int16(s.TemperatureDecicelsius.Value)))
			payload = append(payload, humidity, byte(s.RelHumidityPercent.Value))
		}
		payload = append(payload, co2)
		payload = binary.BigEndian.AppendUint16(payload, uint16(s.CO2PPM))
	}
	if batteryMillivolts.Known {
		payload = append(payload, battery)
		payload = binary.BigEndian.AppendUint16(payload, uint16(batteryMillivolts.Value))
	}
	return payload
}
