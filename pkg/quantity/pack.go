package quantity

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Values of one node and second are packed into bytes: for each value the number of its
// quantity as a varint, and its steps as a zigzag varint (as protocol buffers have them),
// in ascending order of the numbers, each quantity once. The same values have the same
// bytes.

// MinPacked and MaxPacked are how long packed values may be, in bytes: a value has two at
// least; the other bound is one that the key of the table needs, far above what the catalogue
// can fill.
const MinPacked, MaxPacked = 2, 1000

// ErrPacked says that bytes are no packed values.
var ErrPacked = errors.New("these bytes are no packed values")

// AppendPacked appends values, which have to be in ascending order of their quantities.
func AppendPacked(dst []byte, values []Value) []byte {
	for _, v := range values {
		dst = binary.AppendUvarint(dst, uint64(v.Quantity))
		dst = binary.AppendVarint(dst, int64(v.Steps))
	}
	return dst
}

// Unpack appends the values that bytes hold.
func Unpack(dst []Value, packed []byte) ([]Value, error) {
	last := -1
	for len(packed) > 0 {
		id, n := binary.Uvarint(packed)
		if n <= 0 || id > math.MaxUint16 || int(id) <= last {
			return dst, ErrPacked
		}
		steps, m := binary.Varint(packed[n:])
		if m <= 0 || steps < math.MinInt32 || steps > math.MaxInt32 {
			return dst, ErrPacked
		}
		last = int(id)
		dst = append(dst, Value{ID(id), int32(steps)})
		packed = packed[n+m:]
	}
	return dst, nil
}

// Find returns the value of one quantity, false when the bytes have none of it. Bytes that
// are no packed values have none.
func Find(packed []byte, want ID) (steps int32, found bool) {
	for len(packed) > 0 {
		id, n := binary.Uvarint(packed)
		if n <= 0 || id > uint64(want) {
			return 0, false
		}
		v, m := binary.Varint(packed[n:])
		if m <= 0 {
			return 0, false
		}
		if id == uint64(want) {
			return int32(v), true
		}
		packed = packed[n+m:]
	}
	return 0, false
}

// Merge returns the values of both in ascending order of their quantities; where both have
// one, that of the first.
func Merge(first, second []Value) []Value {
	all := slices.Concat(first, second)
	slices.SortStableFunc(all, func(a, b Value) int { return cmp.Compare(a.Quantity, b.Quantity) })
	return slices.CompactFunc(all, func(a, b Value) bool { return a.Quantity == b.Quantity })
}
