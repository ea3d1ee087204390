package media_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

// pngOf is a PNG of zeros: a few kilobytes for any number of pixels.
func pngOf(t testing.TB, width, height uint32, depth, colour byte, bytesPerPixel int) []byte {
	t.Helper()
	var pixels bytes.Buffer
	z := zlib.NewWriter(&pixels)
	line := make([]byte, 1+int(width)*bytesPerPixel)
	for range height {
		if _, err := z.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	header = append(header, depth, colour, 0, 0, 0)
	file := []byte("\x89PNG\r\n\x1a\n")
	for _, chunk := range []struct {
		name string
		data []byte
	}{{"IHDR", header}, {"IDAT", pixels.Bytes()}, {"IEND", nil}} {
		file = binary.BigEndian.AppendUint32(file, uint32(len(chunk.data))) //nolint:gosec // small
		body := append([]byte(chunk.name), chunk.data...)
		file = append(file, body...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(body))
	}
	return file
}

// progressive is a JPEG of 2 kB that claims to be as large as that, with a number of
// scans. sampling is that of its first component, 0x11 for colours in full resolution.
func progressive(width, height uint16, sampling byte, scans int) []byte {
	segment := func(marker byte, data ...byte) []byte {
		head := binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(len(data)+2)) //nolint:gosec // small
		return append(head, data...)
	}
	file := []byte{0xFF, 0xD8}
	file = append(file, segment(0xDB, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)...)
	frame := binary.BigEndian.AppendUint16([]byte{8}, height)
	frame = binary.BigEndian.AppendUint16(frame, width)
	frame = append(frame, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0)
	file = append(file, segment(0xC2, frame...)...)
	// One code of one bit that says 0, for both kinds of tables.
	for _, class := range []byte{0x00, 0x10} {
		file = append(file, segment(0xC4, append([]byte{class, 1}, make([]byte, 16)...)...)...)
	}
	for range scans {
		file = append(file, segment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)...)
		file = append(file, make([]byte, 2000)...)
	}
	return append(file, 0xFF, 0xD9)
}

func TestBombsTakeNothingDown(t *testing.T) {
	t.Parallel()
	var large bytes.Buffer
	if err := jpeg.Encode(&large, image.NewYCbCr(image.Rect(0, 0, 4032, 3024), image.YCbCrSubsampleRatio420), nil); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"a photograph of a telephone", large.Bytes(), nil},
		{"16 bits, as many pixels as are taken", pngOf(t, 4096, 3072, 16, 6, 8), nil},
		{"16 bits, 40 megapixels", pngOf(t, 6324, 6324, 16, 6, 8), media.ErrTooLarge},
		{"progressive, 40 megapixels", progressive(6324, 6324, 0x11, 1), media.ErrTooLarge},
		{"progressive, all colours in full resolution", progressive(4096, 3072, 0x11, 1), media.ErrTooCostly},
		{"progressive, as large as is taken, cut short", progressive(4096, 3072, 0x22, 1), media.ErrNoImage},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := convert(t, test.data); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// A file may say one thing to us and another to the decoder. Then its memory is not
// foreseen, and the process's own bounds must hold.
func TestDecoderThatNeedsMoreThanForeseenEndsAlone(t *testing.T) {
	t.Parallel()
	file := progressive(4096, 3072, 0x11, 1)
	// Hidden from us, but not from Go's decoder: bytes between two segments.
	if _, _, err := convert(t, append(append(bytes.Clone(file[:2]), 0x00, 0x00), file[2:]...)); !errors.Is(err, media.ErrTooCostly) && !errors.Is(err, media.ErrNoImage) {
		t.Errorf("%v", err)
	}
}

// Ten megabytes of scans keep the decoder busy for minutes.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() || media.BoundsAreLoose {
		t.Skip("takes as long as the bound; with the race detector, minutes")
	}
	// Refinement scans of a coefficient cost a walk over all blocks each, and few bytes.
	file := progressive(4096, 3072, 0x22, 0)
	file = file[:len(file)-2]
	for len(file) < media.MaxBytes-100 {
		file = append(file, 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0, 0)
	}
	_, _, err := convert(t, file)
	if !errors.Is(err, media.ErrTooCostly) && !errors.Is(err, media.ErrNoImage) {
		t.Errorf("%v", err)
	}
}
