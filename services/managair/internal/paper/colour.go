package paper

import (
	"fmt"

	"github.com/clairberlin/clair-stack/pkg/profile"
)

// Colour is one of the house's, as 0xRRGGBB.
type Colour uint32

// The light ones of package palette, for paper is white.
const (
	Ink          Colour = 0x12272e
	InkSoft      Colour = 0x4a6068
	Line         Colour = 0xd3dfe2
	LineStrong   Colour = 0x80969e
	Ground       Colour = 0xeaf1f2
	Accent       Colour = 0x0b5c6e
	AccentSoft   Colour = 0xd9ecef
	Good         Colour = 0x08705f
	GoodSoft     Colour = 0xd5efe8
	Elevated     Colour = 0x885200
	ElevatedSoft Colour = 0xfcebc8
	High         Colour = 0xae2a1c
	HighSoft     Colour = 0xfde0da
	None         Colour = 0x53676f
	NoneSoft     Colour = 0xe1e9eb
	White        Colour = 0xffffff
)

// rgb returns the parts of a colour, 0 to 255.
func (c Colour) rgb() (r, g, b int) { return int(c >> 16 & 0xff), int(c >> 8 & 0xff), int(c & 0xff) }

// String is the colour as CSS has it.
func (c Colour) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// RoleColours are those of a level of air by its role (package profile): what stands on the
// soft one, and that.
func RoleColours(role profile.Role) (ink, soft Colour) {
	switch role {
	case profile.Good:
		return Good, GoodSoft
	case profile.Elevated:
		return Elevated, ElevatedSoft
	case profile.High:
		return High, HighSoft
	default:
		return None, NoneSoft
	}
}
