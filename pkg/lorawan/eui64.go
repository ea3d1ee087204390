// Package lorawan has the identifiers and tables of LoRaWAN that more than one
// part of the stack needs. It knows no network server; those are in packages of
// their own, such as ttn.
package lorawan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// EUI64 is an IEEE extended unique identifier, such as a device EUI. Its value
// is the number that the printed form denotes (big-endian).
type EUI64 uint64

// ParseEUI64 reads 16 hexadecimal digits, in either case, also with '-' or ':'
// between the bytes.
func ParseEUI64(s string) (EUI64, error) {
	// By hand: this is done for each uplink.
	var eui EUI64
	digits := 0
	for _, c := range []byte(s) {
		var digit byte
		switch {
		case c >= '0' && c <= '9':
			digit = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			digit = c | 0x20 - 'a' + 10
		case c == '-' || c == ':':
			continue
		default:
			return 0, badEUI64(s)
		}
		eui = eui<<4 | EUI64(digit)
		digits++
	}
	if digits != 16 {
		return 0, badEUI64(s)
	}
	return eui, nil
}

// ParseDevEUI reads the EUI of a device. Devices that are activated by personalization may
// have none, which network servers leave out or fill with zeros; all nodes would be the same
// one then.
func ParseDevEUI(s string) (EUI64, error) {
	if s == "" {
		return 0, errNoDevEUI
	}
	eui, err := ParseEUI64(s)
	if err == nil && eui == 0 {
		err = errNoDevEUI
	}
	return eui, err
}

var errNoDevEUI = errors.New("the device has no EUI; give it one at the network server")

func badEUI64(s string) error { return fmt.Errorf("device EUI %q: want 16 hexadecimal digits", s) }

// String returns 16 upper-case hexadecimal digits.
func (e EUI64) String() string { return fmt.Sprintf("%016X", uint64(e)) }

// OrEmpty returns the digits, and nothing for 0, which stands for no device.
func (e EUI64) OrEmpty() string {
	if e == 0 {
		return ""
	}
	return e.String()
}

// Bytes returns the eight bytes in the order in which they are printed.
func (e EUI64) Bytes() [8]byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(e))
	return b
}

// MarshalText is String.
func (e EUI64) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText is ParseEUI64.
func (e *EUI64) UnmarshalText(text []byte) error {
	parsed, err := ParseEUI64(string(text))
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}
