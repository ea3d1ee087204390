package paper

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// Drawing is a picture of shapes, which is set on paper and shown on pages: both are the
// same. Lengths are in millimetres.
type Drawing struct {
	Width, Height float64
	Shapes        []Shape
	// Alt says what is to be seen.
	Alt string
}

// Shape is a part of a drawing.
type Shape struct {
	// Points are the corners of an area, or the course of a line.
	Points []Point
	Fill   *Colour
	// Stroke, of a width, and dashed or not.
	Stroke *Colour
	Width  float64
	Dashed bool
	Text   string
	Style  Style
	Align  Align
}

// Point is a place.
type Point struct{ X, Y float64 }

// Area adds a rectangle.
func (d *Drawing) Area(x, y, w, h float64, fill Colour) {
	d.Shapes = append(d.Shapes, Shape{Points: []Point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}, Fill: &fill})
}

// Polygon adds an area.
func (d *Drawing) Polygon(points []Point, fill Colour) {
	d.Shapes = append(d.Shapes, Shape{Points: points, Fill: &fill})
}

// Line adds a line.
func (d *Drawing) Line(points []Point, width float64, c Colour, dashed bool) {
	d.Shapes = append(d.Shapes, Shape{Points: points, Stroke: &c, Width: width, Dashed: dashed})
}

// Label adds a text with its upper edge at y.
func (d *Drawing) Label(x, y float64, text string, s Style, a Align) {
	if text == "" {
		return
	}
	d.Shapes = append(d.Shapes, Shape{Points: []Point{{x, y}}, Text: text, Style: s, Align: a})
}

// Draw sets a drawing with its upper left corner at a place.
func (p *Paper) Draw(x, y float64, d *Drawing) {
	for i := range d.Shapes {
		s := &d.Shapes[i]
		switch {
		case s.Text != "":
			p.Set(x+s.Points[0].X, y+s.Points[0].Y, s.Text, s.Style, s.Align)
			continue
		case len(s.Points) < 2:
			continue
		}
		p.pdf.MoveTo(x+s.Points[0].X, y+s.Points[0].Y)
		for _, at := range s.Points[1:] {
			p.pdf.LineTo(x+at.X, y+at.Y)
		}
		if s.Fill != nil {
			p.pdf.SetFillColor(s.Fill.rgb())
			p.pdf.ClosePath()
			p.pdf.DrawPath("F")
			continue
		}
		p.pdf.SetDrawColor(s.Stroke.rgb())
		p.pdf.SetLineWidth(s.Width)
		if s.Dashed {
			p.pdf.SetDashPattern([]float64{1.2, 0.9}, 0)
		}
		p.pdf.SetLineJoinStyle("round")
		p.pdf.DrawPath("D")
		if s.Dashed {
			p.pdf.SetDashPattern(nil, 0)
		}
	}
}

// SVG is the drawing for pages.
func (d *Drawing) SVG() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %s %s" role="img" aria-label="%s">`, number(d.Width), number(d.Height), html.EscapeString(d.Alt))
	for i := range d.Shapes {
		s := &d.Shapes[i]
		if s.Text != "" {
			anchor := [...]string{Left: "start", Centre: "middle", Right: "end"}[s.Align]
			weight := ""
			if s.Style.Bold {
				weight = ` font-weight="700"`
			}
			fmt.Fprintf(&b, `<text x="%s" y="%s" font-size="%s" text-anchor="%s" fill="%s"%s>%s</text>`, number(s.Points[0].X),
				number(s.Points[0].Y+s.Style.Points*perPoint), number(s.Style.Points*perPoint), anchor, s.Style.Colour, weight, html.EscapeString(s.Text))
			continue
		}
		b.WriteString(`<path d="`)
		for i, at := range s.Points {
			step := "L"
			if i == 0 {
				step = "M"
			}
			b.WriteString(step)
			b.WriteString(number(at.X) + " " + number(at.Y))
		}
		if s.Fill != nil {
			fmt.Fprintf(&b, `Z" fill="%s"/>`, *s.Fill)
			continue
		}
		dashes := ""
		if s.Dashed {
			dashes = ` stroke-dasharray="1.2 0.9"`
		}
		fmt.Fprintf(&b, `" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"%s/>`, *s.Stroke, number(s.Width), dashes)
	}
	b.WriteString("</svg>")
	return b.String()
}

// number writes hundredths of a millimetre, which is finer than any printer.
func number(v float64) string {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
