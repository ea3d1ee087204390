package hostile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// zeroPNG is a PNG of 16 bits and four channels, all zero: a few hundred kilobytes for
// hundreds of megabytes.
func zeroPNG(t *testing.T, width, height uint32) []byte {
	t.Helper()
	var pixels bytes.Buffer
	z := zlib.NewWriter(&pixels)
	line := make([]byte, 1+8*int(width))
	for range height {
		if _, err := z.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	file := []byte("\x89PNG\r\n\x1a\n")
	file = appendChunk(file, "IHDR", append(header, 16, 6, 0, 0, 0))
	file = appendChunk(file, "IDAT", pixels.Bytes())
	return appendChunk(file, "IEND", nil)
}

func appendChunk(file []byte, name string, data []byte) []byte {
	file = binary.BigEndian.AppendUint32(file, uint32(len(data))) //nolint:gosec // it is small
	body := append([]byte(name), data...)
	return binary.BigEndian.AppendUint32(append(file, body...), crc32.ChecksumIEEE(body))
}

// zeroJPEG is a progressive JPEG of two kilobytes that claims any size, with the given
// sampling of its first component.
func zeroJPEG(width, height uint16, sampling byte) []byte {
	file := []byte{0xFF, 0xD8}
	segment := func(marker byte, data ...byte) {
		file = binary.BigEndian.AppendUint16(append(file, 0xFF, marker), uint16(len(data)+2)) //nolint:gosec // it is small
		file = append(file, data...)
	}
	segment(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, height), width)
	segment(0xC2, append(frame, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0)...)
	segment(0xC4, append([]byte{0x00, 1}, make([]byte, 16)...)...)
	segment(0xC4, append([]byte{0x10, 1}, make([]byte, 16)...)...)
	segment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)
	return append(append(file, make([]byte, 2000)...), 0xFF, 0xD9)
}
