package mapping

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

const (
	// maxTold bounds what is told of one uplink.
	maxTold = 8
	// maxValues bounds what one uplink may have: 255 bytes hold fewer.
	maxValues = 1024
	// farthest is the most seconds that a time may be from 1970; what a sensor can have
	// meant is much less, and is judged by the ingestair.
	farthest = 1 << 40
)

// Values are what was found in an uplink. The zero value is ready, and may take what several
// documents find.
type Values struct {
	found   []value
	battery [2]measurement.Reading // millivolts, percent
	told    []string
	untold  int
	silent  bool // it has no measurements, as the document says
}

// value is one value of a quantity. co2 is that of a sample.
type value struct {
	at    int64
	id    quantity.ID // 0: CO2
	steps int32
}

// Count returns how many values were found.
func (v *Values) Count() int {
	n := len(v.found)
	for _, b := range v.battery {
		if b.Known {
			n++
		}
	}
	return n
}

// Silent reports whether a document says that such uplinks have no measurements.
func (v *Values) Silent() bool { return v.silent }

// Told is what could not be read, in a sentence; empty when there is nothing to tell.
func (v *Values) Told() string {
	text := strings.Join(v.told, "; ")
	if v.untold > 0 {
		text += fmt.Sprintf("; and %d more", v.untold)
	}
	return text
}

func (v *Values) tell(format string, args ...any) {
	if len(v.told) == maxTold {
		v.untold++
		return
	}
	v.told = append(v.told, fmt.Sprintf(format, args...))
}

// Apply adds what a document finds in the JSON that a network server has made of an uplink.
// Of quantities that are there already it adds none: whoever found them knows them better.
// The JSON must be valid, as that of an envelope is.
func (d *Document) Apply(v *Values, u *lorawan.Uplink, decoded string) {
	root := gjson.Parse(decoded)
	before := v.quantities()
	for i := range d.Silent {
		v.silent = v.silent || d.Silent[i].holds(u, root)
	}
	for i := range d.Blocks {
		b := &d.Blocks[i]
		if !b.port(u) {
			continue
		}
		if b.List == nil {
			b.apply(v, u, root, before)
			continue
		}
		list := b.List.Find(root)
		if !list.IsArray() {
			if list.Exists() && list.Type != gjson.Null {
				v.tell("%s: it is no list", b.List)
			}
			continue
		}
		list.ForEach(func(_, element gjson.Result) bool {
			if len(v.found) == maxValues {
				v.tell("%s: an uplink has at most %d values", b.List, maxValues)
				return false
			}
			b.apply(v, u, element, before)
			return true
		})
	}
}

// quantities returns which have been found.
func (v *Values) quantities() (s set) {
	for i := range v.found {
		s.add(v.found[i].id)
	}
	return s
}

// set is a set of quantities by their number; the catalogue has fewer than it can hold.
type set [4]uint64

func (s *set) add(id quantity.ID)      { s[id/64%4] |= 1 << (id % 64) }
func (s *set) has(id quantity.ID) bool { return s[id/64%4]&(1<<(id%64)) != 0 }

func (c *Condition) port(u *lorawan.Uplink) bool {
	return len(c.FPorts) == 0 || u.FPort == 0 || slices.Contains(c.FPorts, u.FPort)
}

func (c *Condition) holds(u *lorawan.Uplink, v gjson.Result) bool {
	return c.port(u) && c.tests(v)
}

func (c *Condition) tests(v gjson.Result) bool {
	for i := range c.When {
		if text, ok := scalar(c.When[i].Pointer.Find(v)); !ok || text != c.When[i].Equals {
			return false
		}
	}
	return true
}

// apply reads the fields of one group.
func (b *Block) apply(v *Values, u *lorawan.Uplink, at gjson.Result, before set) {
	if !b.tests(at) {
		return
	}
	when, timed := int64(0), false
	var place [maxFields]gjson.Result
	b.places.find(at, place[:])
	for i := range b.Fields {
		f, result := &b.Fields[i], place[i]
		if !result.Exists() || result.Type == gjson.Null || before.has(f.of.ID) && !f.battery() {
			continue
		}
		number, ok := f.number(v, result)
		if !ok {
			continue
		}
		if !timed {
			var err error
			if when, err = b.Time.read(u, at); err != nil {
				v.tell("%s: %v", b.Time.Pointer, err)
				return
			}
			timed = true
		}
		f.add(v, when, number)
	}
}

func (f *Field) battery() bool {
	return f.of.ID == quantity.BatteryVoltage || f.of.ID == quantity.BatteryLevel
}

// number returns the value that stands there, in the quantity's unit.
func (f *Field) number(v *Values, result gjson.Result) (float64, bool) {
	text, ok := scalar(result)
	if ok && slices.Contains(f.None, text) {
		return 0, false
	}
	n, isNumber := result.Num, result.Type == gjson.Number
	if !isNumber && ok {
		if n, isNumber = f.Words[text]; isNumber {
			return n, true
		}
		// Decoders that round make texts of numbers.
		n, isNumber = decimal(text)
	}
	if !isNumber || math.IsInf(n, 0) || math.IsNaN(n) {
		v.tell("%s (%s): %.40q is no number", f.Pointer, f.Quantity, result.Raw)
		return 0, false
	}
	return n*f.Factor + f.Offset, true
}

// decimal reads a number as people and programs write them; neither NaN nor hexadecimal.
func decimal(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "+-0123456789.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// add adds a value, unless it cannot be kept, or another one of the same time is there.
func (f *Field) add(v *Values, at int64, number float64) {
	steps, ok := f.of.Round(number)
	if !ok || f.of.co2 && steps < 0 {
		v.tell("%s (%s): %g cannot be kept", f.Pointer, f.Quantity, number)
		return
	}
	if f.battery() {
		if b := &v.battery[f.of.ID-quantity.BatteryVoltage]; !b.Known {
			*b = measurement.Known(int(steps))
		}
		return
	}
	for i := range v.found {
		if w := &v.found[i]; w.at == at && w.id == f.of.ID {
			if w.steps != steps {
				v.tell("%s (%s): another value of the same time stands before it", f.Pointer, f.Quantity)
			}
			return
		}
	}
	if len(v.found) == maxValues {
		v.tell("%s (%s): an uplink has at most %d values", f.Pointer, f.Quantity, maxValues)
		return
	}
	v.found = append(v.found, value{at, f.of.ID, steps})
}

// read returns the time of a group, in seconds since 1970.
func (t *Time) read(u *lorawan.Uplink, at gjson.Result) (int64, error) {
	received := codec.CountBack(u.ReceivedAt, 0, 0).Unix()
	if t == nil {
		return received, nil
	}
	result := t.Pointer.Find(at)
	if !result.Exists() || result.Type == gjson.Null {
		if t.Optional {
			return received, nil
		}
		return 0, errors.New("the values have no time")
	}
	if t.As == RFC3339 {
		told, err := time.Parse(time.RFC3339, result.Str)
		if err != nil {
			return 0, fmt.Errorf("%.40q is no time as in RFC 3339", result.Raw)
		}
		return told.Round(time.Second).Unix(), nil
	}
	n, ok := result.Num, result.Type == gjson.Number
	if result.Type == gjson.String {
		n, ok = decimal(result.Str)
	}
	switch t.As {
	case UnixMilliseconds:
		n /= 1000
	case AgeSeconds:
		n = float64(received) - n
	case AgeMinutes:
		n = float64(received) - 60*n
	case UnixSeconds, RFC3339:
	}
	if !ok || !(math.Abs(n) < farthest) {
		return 0, fmt.Errorf("%.40q is no time", result.Raw)
	}
	return int64(math.Round(n)), nil
}

// Message returns what was found, the oldest first. CO2 makes a sample, with temperature
// and humidity of its time; without, they are readings, as all else is.
func (v *Values) Message() codec.Message {
	m := codec.Message{BatteryMillivolts: v.battery[0], BatteryPercent: v.battery[1]}
	if told := v.Told(); told != "" {
		m.Unread = &codec.Error{Reason: codec.BadContent, Detail: told}
	}
	slices.SortStableFunc(v.found, func(a, b value) int {
		if a.at != b.at {
			return int(max(-1, min(1, a.at-b.at)))
		}
		return int(a.id) - int(b.id) // CO2 is the first
	})
	for i, w := range v.found {
		at := time.Unix(w.at, 0).UTC()
		if w.id == 0 {
			m.Samples = append(m.Samples, measurement.Sample{Time: at, CO2PPM: int(w.steps), Status: measurement.Measured})
			continue
		}
		var sample *measurement.Sample
		if n := len(m.Samples); n > 0 && m.Samples[n-1].Time.Equal(at) {
			sample = &m.Samples[n-1]
		}
		switch {
		case sample != nil && w.id == quantity.Temperature:
			sample.TemperatureDecicelsius = measurement.Known(int(w.steps))
		case sample != nil && w.id == quantity.RelHumidity:
			sample.RelHumidityPercent = measurement.Known(int(w.steps))
		default:
			if m.Readings == nil {
				m.Readings = make([]quantity.Reading, 0, len(v.found)-i)
			}
			m.Readings = append(m.Readings, quantity.Reading{Time: at, Value: quantity.Value{Quantity: w.id, Steps: w.steps}})
		}
	}
	return m
}

// Members returns the names of the members of an object, for people who look for what a
// decoded payload has; cut short.
func Members(decoded string) string {
	var names []string
	length := 0
	gjson.Parse(decoded).ForEach(func(key, _ gjson.Result) bool {
		length += len(key.Str)
		if length > 200 || len(names) == 20 {
			names = append(names, "…")
			return false
		}
		names = append(names, key.Str)
		return true
	})
	return strings.Join(names, ", ")
}
