package media

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // registers the format
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // registers the format
)

// Bounds of pictures.
const (
	// MaxBytes is the size of an upload.
	MaxBytes = 10 << 20
	// MaxPixels is what cameras call 12 megapixels: up to 4096 x 3072. It is checked
	// before decoding: a few kilobytes can claim to be gigabytes.
	MaxPixels = 12 << 20
	// maxDecoded bounds the bytes that decoding needs. It is enough for every picture
	// that is stored as one pass; a progressive JPEG may have colours of half the
	// resolution, as cameras write them.
	maxDecoded = 8 * MaxPixels
	// maxSide is the longer side of what is kept; screens show no more of a room.
	maxSide = 2048
)

// What is wrong with a picture.
var (
	ErrNoImage  = errors.New("not an image of type JPEG, PNG, GIF or WebP")
	ErrTooLarge = errors.New("the image has too many pixels")
	// ErrTooCostly is about memory and time, of pictures that are not too large.
	ErrTooCostly = errors.New("the image takes too much memory or time to decode")
)

// convert returns the picture that data holds as it shall be kept.
func convert(data []byte) ([]byte, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, ErrNoImage
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > MaxPixels/config.Height {
		return nil, ErrTooLarge
	}
	if decodedBytes(data, format, config) > maxDecoded {
		return nil, ErrTooCostly
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, ErrNoImage
	}
	orientation := 1
	if format == "jpeg" {
		orientation = exifOrientation(data)
	}
	picture = orient(shrink(picture), orientation)
	var out bytes.Buffer
	if opaque, ok := picture.(interface{ Opaque() bool }); format != "jpeg" && (!ok || !opaque.Opaque()) {
		err = png.Encode(&out, picture)
	} else {
		err = jpeg.Encode(&out, picture, &jpeg.Options{Quality: 85})
	}
	if err != nil {
		return nil, fmt.Errorf("encode image: %w", err)
	}
	return out.Bytes(), nil
}

// shrink makes the longer side at most maxSide.
func shrink(picture image.Image) image.Image {
	b := picture.Bounds()
	longer := max(b.Dx(), b.Dy())
	if longer <= maxSide {
		return picture
	}
	target := image.NewNRGBA(image.Rect(0, 0, max(b.Dx()*maxSide/longer, 1), max(b.Dy()*maxSide/longer, 1)))
	draw.ApproxBiLinear.Scale(target, target.Bounds(), picture, b, draw.Src, nil)
	return target
}

// orient turns and mirrors a picture as the EXIF orientation (1 to 8) asks for.
func orient(picture image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return picture
	}
	b := picture.Bounds()
	w, h := b.Dx(), b.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	target := image.NewNRGBA(size)
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch orientation {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			target.Set(tx, ty, picture.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return target
}
