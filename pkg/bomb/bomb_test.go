package bomb_test

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/bomb"
)

// A bomb that no decoder takes for a picture would be harmless.
func TestBombsArePictures(t *testing.T) {
	t.Parallel()
	for name, colour := range map[string]bomb.Colour{"grey": bomb.Grey, "deep": bomb.Deep} {
		file := bomb.PNG(300, 200, colour)
		picture, err := png.Decode(bytes.NewReader(file))
		if err != nil || picture.Bounds().Dx() != 300 || picture.Bounds().Dy() != 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, sampling := range []byte{bomb.Full, bomb.Halve} {
		config, err := jpeg.DecodeConfig(bytes.NewReader(bomb.JPEG(6324, 4000, sampling, 1)))
		if err != nil || config.Width != 6324 || config.Height != 4000 {
			t.Errorf("sampling %x: %+v, %v", sampling, config, err)
		}
	}
	if small, large := len(bomb.PNG(1000, 1000, bomb.Deep)), 8_000_000; small > large/100 {
		t.Errorf("%d bytes for %d", small, large)
	}
}
