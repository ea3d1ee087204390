// Package media makes pictures that users upload harmless, and keeps them.
//
// A picture is decoded and encoded anew: what is no picture does not survive
// that, and neither do the place and time that cameras write into files. Only
// the orientation is taken from there, and applied.
package media

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // registers the format
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // registers the format

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Bounds of pictures.
const (
	// MaxBytes is the size of an upload.
	MaxBytes = 10 << 20
	// MaxPixels is checked before decoding: a few kilobytes can claim to be gigabytes.
	MaxPixels = 40_000_000
	// maxSide is the longer side of what is kept; screens show no more of a room.
	maxSide = 2048
)

// What is wrong with a picture.
var (
	ErrNoImage  = errors.New("not an image of type JPEG, PNG, GIF or WebP")
	ErrTooLarge = errors.New("the image has too many pixels")
)

// Store keeps pictures by name.
type Store interface {
	Put(ctx context.Context, name string, content []byte) error
	// Open returns NotFound when there is no such picture.
	Open(ctx context.Context, name string) (*File, error)
	// Delete of what is not there is no error.
	Delete(ctx context.Context, name string) error
}

// File is a picture that is being read.
type File struct {
	io.ReadSeekCloser
	ModTime time.Time
}

// nameForm is that of the names Convert gives, and of the predecessor's files,
// which are taken over as they are.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.(?i:png|jpg|jpeg|gif|webp)$`)

// ErrNotFound is what Open returns when there is no such picture.
func ErrNotFound() error { return fault.New(fault.NotFound, "no such picture") }

// CheckName refuses what is no name of a picture, such as a path that leads elsewhere.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return ErrNotFound()
	}
	return nil
}

// ContentType returns the media type that belongs to a name.
func ContentType(name string) string {
	switch extension := strings.ToLower(path.Ext(name)); extension {
	case ".png", ".gif", ".webp":
		return "image/" + extension[1:]
	default:
		return "image/jpeg"
	}
}

// Convert returns the picture that data holds as it shall be kept, and a name
// that nobody can guess: a picture is visible to those who were told its name.
func Convert(data []byte) (name string, content []byte, err error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", nil, ErrNoImage
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > MaxPixels/config.Height {
		return "", nil, ErrTooLarge
	}
	picture, format, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return "", nil, ErrNoImage
	}
	orientation := 1
	if format == "jpeg" {
		orientation = exifOrientation(data)
	}
	picture = orient(shrink(picture), orientation)
	var out bytes.Buffer
	name = strings.ToLower(rand.Text())
	if opaque, ok := picture.(interface{ Opaque() bool }); format != "jpeg" && (!ok || !opaque.Opaque()) {
		err = png.Encode(&out, picture)
		name += ".png"
	} else {
		err = jpeg.Encode(&out, picture, &jpeg.Options{Quality: 85})
		name += ".jpg"
	}
	if err != nil {
		return "", nil, fmt.Errorf("encode image: %w", err)
	}
	return name, out.Bytes(), nil
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
