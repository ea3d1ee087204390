package media

import (
	"encoding/binary"
	"image"
	"image/color"
)

// decodedBytes returns how many bytes decoding needs at the most, as far as the
// header says. It need not be right about a file that contradicts itself: the
// process that decodes has bounds of its own.
func decodedBytes(data []byte, format string, config image.Config) int {
	pixels := config.Width * config.Height
	switch format {
	case "jpeg":
		return pixels * jpegEighths(data) / 8
	case "webp":
		return pixels * 8 // lossless: the picture, and a transformed one
	}
	size := 4
	switch config.ColorModel {
	case color.GrayModel:
		size = 1
	case color.Gray16Model:
		size = 2
	case color.RGBA64Model, color.NRGBA64Model:
		size = 8
	default:
		if _, ok := config.ColorModel.(color.Palette); ok {
			size = 1
		}
	}
	const interlace = 28 // byte of the header, see the specification of PNG, 11.2.2
	if format == "png" && len(data) > interlace && data[interlace] != 0 {
		size *= 2 // the passes are pictures too
	}
	return pixels * size
}

// jpegEighths returns the bytes that a pixel of a JPEG file needs, in eighths. Each
// sample of a colour is a byte; if the file is progressive, its coefficient waits
// beside it as four more. See ITU-T T.81, B.2.2.
func jpegEighths(data []byte) int {
	const worst = 4 * 5 * 8
	for pos := 2; pos+4 <= len(data); {
		if data[pos] != 0xFF {
			return worst
		}
		marker, length := data[pos+1], int(binary.BigEndian.Uint16(data[pos+2:]))
		if marker == 0xFF { // fills
			pos++
			continue
		}
		body := data[pos+4:]
		if marker >= 0xC0 && marker <= 0xC2 {
			if len(body) < 6 || len(body) < 6+3*int(body[5]) {
				return worst
			}
			return samplesPerPixel(body[6:6+3*int(body[5])], marker == 0xC2)
		}
		if marker == 0xDA || length < 2 {
			return worst
		}
		pos += 2 + length
	}
	return worst
}

// samplesPerPixel takes the components of a frame, three bytes each.
func samplesPerPixel(components []byte, progressive bool) (eighths int) {
	most, sum := 1, 0
	for c := range len(components) / 3 {
		sampling := components[3*c+1]
		n := int(sampling>>4) * int(sampling&15)
		most, sum = max(most, n), sum+n
	}
	eighths = (sum*8 + most - 1) / most
	if progressive {
		eighths *= 5
	}
	return eighths
}
