package lorawan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// DataRate is a LoRa modulation. The zero value means unknown.
//
// A data rate index means different things in different regions, so codecs go
// by the modulation and not by the index.
type DataRate struct {
	SpreadingFactor uint8  // 7..12
	BandwidthKHz    uint16 // 125, 250 or 500
}

// Data rates of EU868 (LoRaWAN regional parameters RP002-1.0.4, section 2.4.4), by name.
var (
	SF12BW125 = DataRate{12, 125}
	SF11BW125 = DataRate{11, 125}
	SF10BW125 = DataRate{10, 125}
	SF9BW125  = DataRate{9, 125}
	SF8BW125  = DataRate{8, 125}
	SF7BW125  = DataRate{7, 125}
	SF7BW250  = DataRate{7, 250}
)

// eu868 has the LoRa data rates by their index.
var eu868 = [...]DataRate{SF12BW125, SF11BW125, SF10BW125, SF9BW125, SF8BW125, SF7BW125, SF7BW250}

// EU868 returns the data rate with an index of the region EU868, 0..6. Index 7
// is FSK, which is no LoRa modulation.
func EU868(index int) (DataRate, bool) {
	if index < 0 || index >= len(eu868) {
		return DataRate{}, false
	}
	return eu868[index], true
}

// EU868Index returns the index of the data rate in the region EU868.
func (d DataRate) EU868Index() (int, bool) {
	for i, r := range eu868 {
		if r == d {
			return i, true
		}
	}
	return 0, false
}

// Known reports whether there is a data rate.
func (d DataRate) Known() bool { return d != DataRate{} }

// String returns the usual name, such as SF9BW125, and "unknown" for the zero value.
func (d DataRate) String() string {
	if !d.Known() {
		return "unknown"
	}
	return fmt.Sprintf("SF%dBW%d", d.SpreadingFactor, d.BandwidthKHz)
}

// ParseDataRate reads what String writes.
func ParseDataRate(s string) (DataRate, error) {
	sf, bw, ok := strings.Cut(strings.TrimPrefix(strings.ToUpper(s), "SF"), "BW")
	factor, err1 := strconv.ParseUint(sf, 10, 8)
	width, err2 := strconv.ParseUint(bw, 10, 16)
	if !ok || err1 != nil || err2 != nil || factor < 5 || factor > 12 || width == 0 {
		return DataRate{}, fmt.Errorf("data rate %q: want a form like SF9BW125", s)
	}
	return DataRate{uint8(factor), uint16(width)}, nil
}

// Airtime returns how long an uplink with so many bytes of application payload
// is on the air: eight symbols of preamble, explicit header, coding rate 4/5,
// 13 bytes of LoRaWAN around the payload (Semtech AN1200.13).
func (d DataRate) Airtime(payloadBytes int) time.Duration {
	if !d.Known() {
		return 0
	}
	const overhead, preamble, codingRate = 13, 8 + 4.25, 1
	sf := float64(d.SpreadingFactor)
	symbol := math.Exp2(sf) / float64(d.BandwidthKHz) // ms
	lowRate := 0.0                                    // low data rate optimization is mandatory for long symbols
	if symbol > 16 {
		lowRate = 1
	}
	bits := 8*float64(payloadBytes+overhead) - 4*sf + 28 + 16
	symbols := 8 + max(math.Ceil(bits/(4*(sf-2*lowRate)))*(codingRate+4), 0)
	return time.Duration((preamble + symbols) * symbol * float64(time.Millisecond))
}
