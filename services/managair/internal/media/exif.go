package media

import (
	"bytes"
	"encoding/binary"
)

// exifOrientation returns the orientation that a JPEG file's EXIF block names, 1
// (as it is) when it names none. See CIPA DC-008 (Exif 2.32), 4.6.4 and 4.7.
func exifOrientation(data []byte) int {
	const upright = 1
	for pos := 2; pos+4 <= len(data) && data[pos] == 0xFF; {
		marker, length := data[pos+1], int(binary.BigEndian.Uint16(data[pos+2:]))
		end := pos + 2 + length
		if marker == 0xDA || length < 2 || end > len(data) { // the picture itself begins
			return upright
		}
		if body := data[pos+4 : end]; marker == 0xE1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return tiffOrientation(body[6:])
		}
		pos = end
	}
	return upright
}

// tiffOrientation reads tag 0x0112 of the first directory.
func tiffOrientation(tiff []byte) int {
	const upright = 1
	if len(tiff) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	start := uint64(order.Uint32(tiff[4:]))
	if start+2 > uint64(len(tiff)) {
		return upright
	}
	count := uint64(order.Uint16(tiff[start:]))
	for i := range count {
		entry := start + 2 + 12*i
		if entry+12 > uint64(len(tiff)) {
			return upright
		}
		if order.Uint16(tiff[entry:]) == 0x0112 {
			if value := int(order.Uint16(tiff[entry+8:])); value >= 1 && value <= 8 {
				return value
			}
			return upright
		}
	}
	return upright
}
