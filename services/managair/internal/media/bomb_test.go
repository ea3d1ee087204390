package media_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/bomb"
	"github.com/clairberlin/clair-stack/services/managair/internal/media"
)

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
		{"16 bits, as many pixels as are taken", bomb.PNG(4096, 3072, bomb.Deep), nil},
		{"16 bits, 40 megapixels", bomb.PNG(6324, 6324, bomb.Deep), media.ErrTooLarge},
		{"progressive, 40 megapixels", bomb.JPEG(6324, 6324, bomb.Full, 1), media.ErrTooLarge},
		{"progressive, all colours in full resolution", bomb.JPEG(4096, 3072, bomb.Full, 1), media.ErrTooCostly},
		{"progressive, as large as is taken, cut short", bomb.JPEG(4096, 3072, bomb.Halve, 1), media.ErrNoImage},
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
	file := bomb.JPEG(4096, 3072, bomb.Full, 1)
	// Hidden from us, but not from Go's decoder: bytes between two segments.
	if _, _, err := convert(t, append(append(bytes.Clone(file[:2]), 0x00, 0x00), file[2:]...)); !errors.Is(err, media.ErrTooCostly) && !errors.Is(err, media.ErrNoImage) {
		t.Errorf("%v", err)
	}
}

// Ten megabytes of scans keep the decoder busy for minutes.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	if _, deployed := decoder(t); testing.Short() || media.BoundsAreLoose && !deployed {
		t.Skip("takes as long as the bound; with the race detector, minutes")
	}
	// Refinement scans of a coefficient cost a walk over all blocks each, and few bytes.
	file := bomb.JPEG(4096, 3072, bomb.Halve, 0)
	file = file[:len(file)-2]
	for len(file) < media.MaxBytes-100 {
		file = append(file, 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 63, 0, 0)
	}
	_, _, err := convert(t, file)
	if !errors.Is(err, media.ErrTooCostly) && !errors.Is(err, media.ErrNoImage) {
		t.Errorf("%v", err)
	}
}
