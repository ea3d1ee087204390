package paper

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// Size is that of a page, in millimetres.
type Size struct{ Width, Height float64 }

// The sizes.
var (
	A4 = Size{210, 297}
	A6 = Size{105, 148}
)

// Style is how text is set.
type Style struct {
	// Points is the size of the font, 72 to the inch.
	Points float64
	Bold   bool
	Colour Colour
}

// Align says to which side of its place a text is set.
type Align int

// The sides.
const (
	Left Align = iota
	Centre
	Right
)

// Millimetres of a point, and the leading of lines.
const (
	perPoint = 25.4 / 72
	leading  = 1.32
)

// Paper is a document. Coordinates are in millimetres from the left and upper edge.
type Paper struct {
	pdf      *fpdf.Fpdf
	size     Size
	language string
	rest     bool // the font of other scripts is there
}

// FileName is what a document is called as a file.
func FileName(title string) string {
	return strings.NewReplacer("/", "-", "\\", "-").Replace(title) + ".pdf"
}

// About is what a document says of itself.
type About struct {
	Title, Language string
	MadeAt          time.Time
	// Author is whose it is.
	Author string
}

// New returns an empty document.
func New(size Size, about About) *Paper {
	pdf := fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: fpdf.SizeType{Wd: size.Width, Ht: size.Height}})
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCellMargin(0)
	pdf.AddUTF8FontFromBytes(house, "", regularFont)
	pdf.AddUTF8FontFromBytes(house, "B", boldFont)
	// The library takes titles of valid UTF-8 without pictures only.
	pdf.SetTitle(Clean(about.Title), true)
	pdf.SetAuthor(Clean(about.Author), true)
	pdf.SetCreator("Clair", true)
	pdf.SetLang(about.Language)
	pdf.SetDisplayMode("fullpage", "continuous")
	pdf.SetCreationDate(about.MadeAt)
	pdf.SetModificationDate(about.MadeAt)
	pdf.SetCatalogSort(true)
	return &Paper{pdf: pdf, size: size, language: about.Language}
}

// Page begins another page.
func (p *Paper) Page() { p.pdf.AddPage() }

// Pages is how many there are.
func (p *Paper) Pages() int { return p.pdf.PageCount() }

// Back goes to a page that was begun before, to set what is known at the end.
func (p *Paper) Back(page int) { p.pdf.SetPage(page) }

// Bookmark names the place in the outline of the document.
func (p *Paper) Bookmark(text string, level int, y float64) { p.pdf.Bookmark(Clean(text), level, y) }

// WriteTo writes the document.
func (p *Paper) WriteTo(w io.Writer) (int64, error) {
	var all bytes.Buffer
	if err := p.pdf.Output(&all); err != nil {
		return 0, fmt.Errorf("set pages: %w", err)
	}
	return all.WriteTo(w)
}

func (p *Paper) use(family string, s Style) {
	style := ""
	if s.Bold && family == house {
		style = "B"
	}
	if family == rest && !p.rest {
		p.pdf.AddUTF8FontFromBytes(rest, "", restFont)
		p.rest = true
	}
	p.pdf.SetFont(family, style, s.Points)
}

// width of a line that is clean.
func (p *Paper) width(line string, s Style) float64 {
	sum := 0.0
	for _, one := range pieces(line) {
		p.use(one.family, s)
		sum += p.pdf.GetStringWidth(one.text)
	}
	return sum
}

// Width is how wide a text is in one line.
func (p *Paper) Width(text string, s Style) float64 { return p.width(Clean(text), s) }

// LineHeight is how far lines of a style are apart.
func LineHeight(s Style) float64 { return s.Points * perPoint * leading }

// Set sets a line with its upper edge at y.
func (p *Paper) Set(x, y float64, text string, s Style, a Align) {
	line := visual(Clean(text))
	switch a {
	case Centre:
		x -= p.width(line, s) / 2
	case Right:
		x -= p.width(line, s)
	case Left:
	}
	p.pdf.SetTextColor(s.Colour.rgb())
	for _, one := range pieces(line) {
		p.use(one.family, s)
		p.pdf.Text(x, y+s.Points*perPoint, one.text)
		x += p.pdf.GetStringWidth(one.text)
	}
}

// Lines cuts a text into lines no wider than that. A word that is wider is cut.
func (p *Paper) Lines(text string, width float64, s Style) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsFuncSeq(Clean(text), apart) {
		with := strings.TrimSpace(line + " " + word)
		if p.width(with, s) <= width {
			line = with
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for p.width(word, s) > width {
			head, tail := p.cut(word, width, s)
			lines, word = append(lines, head), tail
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// cut cuts what fits off a word, a character at the least, at a hyphen where there is one.
func (p *Paper) cut(word string, width float64, s Style) (head, tail string) {
	letters := []rune(word)
	n, hyphen := 1, 0
	for n < len(letters) && p.width(string(letters[:n+1]), s) <= width {
		n++
		if letters[n-1] == '-' || letters[n-1] == '/' {
			hyphen = n
		}
	}
	if hyphen > 0 {
		n = hyphen
	}
	return string(letters[:n]), string(letters[n:])
}

// Wrap sets a text in lines, and returns where the next would begin.
func (p *Paper) Wrap(x, y, width float64, text string, s Style, a Align) float64 {
	switch a {
	case Centre:
		x += width / 2
	case Right:
		x += width
	case Left:
	}
	for _, line := range p.Lines(text, width, s) {
		p.Set(x, y, line, s, a)
		y += LineHeight(s)
	}
	return y
}

// Fit returns the largest style, no larger than s and no smaller than least points, in which
// a text has at most so many lines; and the lines, the last of which is cut short where even
// that is too large.
func (p *Paper) Fit(text string, width float64, s Style, least float64, most int) (Style, []string) {
	for {
		lines := p.Lines(text, width, s)
		whole := true
		for word := range strings.FieldsFuncSeq(Clean(text), apart) {
			whole = whole && p.width(word, s) <= width
		}
		if len(lines) <= most && (whole || s.Points <= least) {
			return s, lines
		}
		if s.Points <= least {
			lines = lines[:most]
			last := []rune(lines[most-1])
			for len(last) > 1 && p.width(string(last)+"…", s) > width {
				last = last[:len(last)-1]
			}
			lines[most-1] = string(last) + "…"
			return s, lines
		}
		s.Points = max(least, s.Points*0.94)
	}
}

// Rect fills a rectangle.
func (p *Paper) Rect(x, y, w, h float64, fill Colour) {
	p.pdf.SetFillColor(fill.rgb())
	p.pdf.Rect(x, y, w, h, "F")
}

// Round fills a rectangle with round corners.
func (p *Paper) Round(x, y, w, h, radius float64, fill Colour) {
	p.pdf.SetFillColor(fill.rgb())
	p.pdf.RoundedRect(x, y, w, h, radius, "1234", "F")
}

// Rule draws a line.
func (p *Paper) Rule(x1, y1, x2, y2, width float64, c Colour) {
	p.pdf.SetDrawColor(c.rgb())
	p.pdf.SetLineWidth(width)
	p.pdf.Line(x1, y1, x2, y2)
}

// Link makes a rectangle lead to an address.
func (p *Paper) Link(x, y, w, h float64, address string) { p.pdf.LinkString(x, y, w, h, address) }

// Logo sets the mark of the house, as package web and the frontend have it: a square of 32
// with two waves.
func (p *Paper) Logo(x, y, size float64) {
	u := size / 32
	p.Round(x, y, size, size, 9*u, Accent)
	p.pdf.SetDrawColor(White.rgb())
	p.pdf.SetLineWidth(2.6 * u)
	p.pdf.SetLineCapStyle("round")
	for _, at := range []float64{13, 20} {
		p.pdf.MoveTo(x+6*u, y+at*u)
		p.pdf.CurveBezierCubicTo(x+9.3*u, y+(at-4)*u, x+12.7*u, y+(at-4)*u, x+16*u, y+at*u)
		p.pdf.CurveBezierCubicTo(x+19.3*u, y+(at+4)*u, x+22.7*u, y+(at+4)*u, x+26*u, y+at*u)
		p.pdf.DrawPath("D")
	}
	p.pdf.SetLineCapStyle("butt")
}
