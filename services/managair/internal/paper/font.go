package paper

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

var (
	//go:embed fonts/HankenGrotesk-Regular.ttf
	regularFont []byte
	//go:embed fonts/HankenGrotesk-Bold.ttf
	boldFont []byte
	//go:embed fonts/DejaVuSans-Rest.ttf
	restFont []byte
)

// The fonts as a document knows them.
const (
	house = "house"
	rest  = "rest"
)

// coverage says which characters a font has.
type coverage struct {
	mu     sync.Mutex
	font   *sfnt.Font
	buffer sfnt.Buffer
}

func cover(content []byte) func() *coverage {
	return sync.OnceValue(func() *coverage {
		f, err := sfnt.Parse(content)
		if err != nil {
			panic("paper: a font that is built in cannot be read: " + err.Error())
		}
		return &coverage{font: f}
	})
}

var houseCoverage, restCoverage = cover(regularFont), cover(restFont)

func (c *coverage) has(r rune) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, err := c.font.GlyphIndex(&c.buffer, r)
	return err == nil && i != 0
}

// missing stands for letters that no font has.
const missing = '\u25a1'

// piece is a part of a line in one font.
type piece struct {
	family, text string
}

// noBreak is a space that keeps what is beside it on one line.
const noBreak = '\u00a0'

// apart reports whether a line may break at a character.
func apart(r rune) bool { return unicode.IsSpace(r) && r != noBreak }

// Clean is a text without what cannot be set: pictures, marks that choose their look, and
// control characters. Where nothing else is in it, a box stands for it.
func Clean(text string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(strings.ToValidUTF8(text, string(missing))) {
		switch {
		case r == noBreak || r == '\u202f':
			b.WriteRune(noBreak)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs), r >= 0xFE00 && r <= 0xFE0F:
		case houseCoverage().has(r), restCoverage().has(r):
			b.WriteRune(r)
		case unicode.In(r, unicode.So, unicode.Sk, unicode.Mn, unicode.Me):
		default:
			b.WriteRune(missing)
		}
	}
	clean := strings.Join(strings.FieldsFunc(b.String(), apart), " ")
	if clean == "" && strings.TrimSpace(text) != "" {
		return string(missing)
	}
	return clean
}

// pieces cuts a line that is clean and in visual order.
func pieces(line string) []piece {
	var all []piece
	for _, r := range line {
		family := house
		if !houseCoverage().has(r) {
			family = rest
		}
		if n := len(all); n > 0 && (all[n-1].family == family || r == ' ' || r == noBreak) {
			all[n-1].text += string(r)
			continue
		}
		all = append(all, piece{family, string(r)})
	}
	return all
}
