// Package bomb makes files for tests: pictures of a few kilobytes that take hundreds of
// megabytes when they are decoded.
package bomb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
)

// Colour says what a pixel of a PNG is, and in how many bytes.
type Colour struct {
	depth, kind byte // as in the header of a PNG (RFC 2083, section 4.1.1)
	bytes       int
}

// Colours.
var (
	Grey = Colour{8, 0, 1}
	Deep = Colour{16, 6, 8} // 16 bits for each of red, green, blue and transparency
)

// PNG returns a valid one, of zeros.
func PNG(width, height uint32, colour Colour) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	file := []byte("\x89PNG\r\n\x1a\n")
	file = appendChunk(file, "IHDR", append(header, colour.depth, colour.kind, 0, 0, 0))
	file = appendChunk(file, "IDAT", zeros(int(height), 1+int(width)*colour.bytes))
	return appendChunk(file, "IEND", nil)
}

// zeros returns so many lines of zeros, compressed. What writes to memory, at a level
// that there is, does not fail.
func zeros(lines, length int) []byte {
	var pixels bytes.Buffer
	z, _ := zlib.NewWriterLevel(&pixels, zlib.BestSpeed)
	line := make([]byte, length)
	for range lines {
		_, _ = z.Write(line)
	}
	_ = z.Close()
	return pixels.Bytes()
}

func appendChunk(file []byte, name string, data []byte) []byte {
	file = binary.BigEndian.AppendUint32(file, uint32(len(data))) //nolint:gosec // it is small
	body := append([]byte(name), data...)
	return binary.BigEndian.AppendUint32(append(file, body...), crc32.ChecksumIEEE(body))
}

// Samplings of the first component of a JPEG (ITU-T T.81, B.2.2).
const (
	Full  = 0x11 // all colours in full resolution
	Halve = 0x22 // a pixel of colour for four of brightness
)

// JPEG returns a progressive one, of two kilobytes for each of its scans, that claims to
// be of any size. It ends too early.
func JPEG(width, height uint16, sampling byte, scans int) []byte {
	file := []byte{0xFF, 0xD8}
	segment := func(marker byte, data ...byte) {
		file = binary.BigEndian.AppendUint16(append(file, 0xFF, marker), uint16(len(data)+2)) //nolint:gosec // it is small
		file = append(file, data...)
	}
	segment(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, height), width)
	segment(0xC2, append(frame, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0)...)
	// One code of one bit that says 0, for both kinds of tables.
	for _, class := range []byte{0x00, 0x10} {
		segment(0xC4, append([]byte{class, 1}, make([]byte, 16)...)...)
	}
	for range scans {
		segment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)
		file = append(file, make([]byte, 2000)...)
	}
	return append(file, 0xFF, 0xD9)
}
