package jsonapi

import (
	"strconv"
	"unicode/utf8"
)

// Value is the value of an attribute. The zero Value is null. It is a struct
// and not an interface, so that attributes of a list cost no allocation each.
type Value struct {
	kind valueKind
	n    int64
	s    string
}

type valueKind uint8

const (
	null valueKind = iota
	text
	integer
	boolean
	raw
	hole
)

// Null returns null.
func Null() Value { return Value{} }

// String returns a text.
func String(s string) Value { return Value{kind: text, s: s} }

// OptString returns a text, and null for nil.
func OptString[T ~string](s *T) Value {
	if s == nil {
		return Value{}
	}
	return String(string(*s))
}

// Int returns a whole number.
func Int[T ~int | ~int16 | ~int32 | ~int64](n T) Value { return Value{kind: integer, n: int64(n)} }

// OptInt returns a whole number, and null for nil.
func OptInt[T ~int | ~int16 | ~int32 | ~int64](n *T) Value {
	if n == nil {
		return Value{}
	}
	return Int(*n)
}

// Bool returns true or false.
func Bool(b bool) Value {
	if b {
		return Value{kind: boolean, n: 1}
	}
	return Value{kind: boolean}
}

// Raw returns a value that is already JSON.
func Raw(json string) Value { return Value{kind: raw, s: json} }

// Hole returns a value that the caller writes, for values too long to be in memory:
// Document.Split cuts the document there. A document has at most one.
func Hole() Value { return Value{kind: hole} }

// holeMark cannot occur in a document: control characters are escaped.
const holeMark = "\x00"

func (v Value) append(dst []byte) []byte {
	switch v.kind {
	case text:
		return AppendString(dst, v.s)
	case integer:
		return strconv.AppendInt(dst, v.n, 10)
	case boolean:
		return strconv.AppendBool(dst, v.n != 0)
	case raw:
		return append(dst, v.s...)
	case hole:
		return append(dst, holeMark...)
	default:
		return append(dst, "null"...)
	}
}

// AppendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			if b >= 0x20 && b != '"' && b != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch b {
			case '"', '\\':
				dst = append(dst, '\\', b)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			i++
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
