// Package live carries committed samples from ingestair to everyone who wants to
// see them at once, through one capped Redis stream.
//
// It is best effort for the writer and honest for the reader: ingestion never waits
// for Redis, but whatever could not be published leaves a mark (Gap) behind it, and
// whoever reads the mark knows to look into the database again. An entry
// stays for some minutes, so a reader that was away goes on from the last ID it saw.
//
// # Format
//
// The stream is named by Key. Each entry has one field, "d":
//
//	byte 0      version, 1
//	byte 1      flags: 1 = Gap
//	then per sample 20 bytes, integers in network byte order:
//	  0..3      node number (the key of the sample table)
//	  4..11     Unix seconds
//	  12..13    CO2 in ppm
//	  14..15    temperature in tenths of a degree Celsius, signed
//	  16        relative humidity in percent
//	  17        what is known: 1 = temperature, 2 = humidity
//	  18        status: M, R or E
//	  19        0
//
// An entry's ID is Redis's own: milliseconds of Redis's clock and a counter.
package live

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Key names the stream.
const Key = "clair:live:samples"

const (
	field      = "d"
	version    = 1
	flagGap    = 1
	headerSize = 2
	recordSize = 20

	knownTemperature = 1
	knownHumidity    = 2
)

// Sample is a committed sample and the number of the node that sent it.
type Sample struct {
	NodeNo int32
	measurement.Sample
}

// Entry is what was published at once.
type Entry struct {
	ID ID
	// Samples were all committed before, and none of them was in the database
	// before that: repeated samples are not published.
	Samples []Sample
	// Gap says that samples may be missing before this entry.
	Gap bool
}

// ID is the place of an entry in the stream.
type ID struct{ Milliseconds, Counter uint64 }

// ParseID reads an ID as String writes it, and nothing else.
func ParseID(s string) (ID, error) {
	ms, counter, _ := strings.Cut(s, "-")
	var id ID
	var err error
	if id.Milliseconds, err = strconv.ParseUint(ms, 10, 64); err == nil {
		id.Counter, err = strconv.ParseUint(counter, 10, 64)
	}
	if err != nil || id.String() != s {
		return ID{}, fmt.Errorf("%q is not the id of a live event", s)
	}
	return id, nil
}

// String returns the ID as Redis writes it: 1763800000000-0.
func (id ID) String() string {
	return strconv.FormatUint(id.Milliseconds, 10) + "-" + strconv.FormatUint(id.Counter, 10)
}

// Compare orders IDs as they follow each other in the stream.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Milliseconds, other.Milliseconds), cmp.Compare(id.Counter, other.Counter))
}

// Time is when the entry was published, by Redis's clock.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id.Milliseconds)).UTC() }

// encode returns the value of an entry's field.
func encode(samples []Sample, gap bool) []byte {
	b := make([]byte, headerSize, headerSize+recordSize*len(samples))
	b[0] = version
	if gap {
		b[1] = flagGap
	}
	for _, s := range samples {
		b = binary.BigEndian.AppendUint32(b, uint32(s.NodeNo))
		b = binary.BigEndian.AppendUint64(b, uint64(s.Time.Unix()))
		b = binary.BigEndian.AppendUint16(b, uint16(s.CO2PPM))
		b = binary.BigEndian.AppendUint16(b, uint16(int16(s.TemperatureDecicelsius.Value)))
		var known byte
		if s.TemperatureDecicelsius.Known {
			known |= knownTemperature
		}
		if s.RelHumidityPercent.Known {
			known |= knownHumidity
		}
		b = append(b, byte(s.RelHumidityPercent.Value), known, byte(s.Status), 0)
	}
	return b
}

// decode reads the value of an entry's field.
func decode(b string) (samples []Sample, gap bool, err error) {
	if len(b) < headerSize || (len(b)-headerSize)%recordSize != 0 {
		return nil, false, fmt.Errorf("a live entry of %d bytes", len(b))
	}
	if b[0] != version {
		return nil, false, fmt.Errorf("live entry of version %d, known is %d", b[0], version)
	}
	gap = b[1]&flagGap != 0
	if len(b) == headerSize {
		return nil, gap, nil
	}
	samples = make([]Sample, 0, (len(b)-headerSize)/recordSize)
	for r := []byte(b[headerSize:]); len(r) > 0; r = r[recordSize:] {
		s := Sample{NodeNo: int32(binary.BigEndian.Uint32(r))}
		s.Time = time.Unix(int64(binary.BigEndian.Uint64(r[4:])), 0).UTC()
		s.CO2PPM = int(binary.BigEndian.Uint16(r[12:]))
		if r[17]&knownTemperature != 0 {
			s.TemperatureDecicelsius = measurement.Known(int(int16(binary.BigEndian.Uint16(r[14:]))))
		}
		if r[17]&knownHumidity != 0 {
			s.RelHumidityPercent = measurement.Known(int(r[16]))
		}
		s.Status = measurement.Status(r[18])
		switch s.Status {
		case measurement.Measured, measurement.Repeated, measurement.Faulty:
		default:
			return nil, gap, fmt.Errorf("live sample with status %q", r[18])
		}
		samples = append(samples, s)
	}
	return samples, gap, nil
}
