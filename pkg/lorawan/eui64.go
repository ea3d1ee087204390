// Package lorawan has the identifiers and tables of LoRaWAN that more than one
// part of the stack needs. It knows no network server; those are in packages of
// their own, such as ttn.
package lorawan

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// EUI64 is an IEEE extended unique identifier, such as a device EUI. Its value
// is the number that the printed form denotes (big-endian).
type EUI64 uint64

// ParseEUI64 reads 16 hexadecimal digits, in either case, also with '-' or ':'
// between the bytes.
func ParseEUI64(s string) (EUI64, error) {
	digits := strings.NewReplacer("-", "", ":", "").Replace(s)
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("device EUI %q: want 16 hexadecimal digits", s)
	}
	return EUI64(binary.BigEndian.Uint64(b)), nil
}

// String returns 16 upper-case hexadecimal digits.
func (e EUI64) String() string { return fmt.Sprintf("%016X", uint64(e)) }

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
