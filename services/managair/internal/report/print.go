package report

import (
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Measures of pages, in millimetres.
const (
	pageLeft   = 18.0
	pageRight  = 192.0
	pageTop    = 18.0
	pageBottom = 278.0
	pageWidth  = pageRight - pageLeft
)

var (
	titleStyle   = paper.Style{Points: 24, Bold: true, Colour: paper.Ink}
	brandStyle   = paper.Style{Points: 13, Bold: true, Colour: paper.Accent}
	sectionStyle = paper.Style{Points: 15, Bold: true, Colour: paper.Ink}
	textStyle    = paper.Style{Points: 10, Colour: paper.Ink}
	softStyle    = paper.Style{Points: 8.5, Colour: paper.InkSoft}
	verdictStyle = paper.Style{Points: 11.5, Bold: true, Colour: paper.Ink}
	headStyle    = paper.Style{Points: 8.5, Bold: true, Colour: paper.InkSoft}
	cellStyle    = paper.Style{Points: 9.5, Colour: paper.Ink}
)

// Print sets a content on pages of A4.
func Print(c *Content, madeAt time.Time) *paper.Paper {
	p := &printer{paper: paper.New(paper.A4, paper.About{
		Title: c.Title + " – " + c.Foot, Language: c.Language, Author: c.Author, MadeAt: madeAt,
	})}
	p.paper.Page()
	p.paper.Logo(pageLeft, pageTop, 9)
	p.paper.Set(pageLeft+11.5, pageTop+1.6, "Clair", brandStyle, paper.Left)
	p.y = pageTop + 16
	p.y = p.paper.Wrap(pageLeft, p.y, pageWidth, c.Title, titleStyle, paper.Left)
	for i, line := range c.About {
		style := paper.Style{Points: 11, Colour: paper.Ink}
		if i > 0 {
			style = paper.Style{Points: 9.5, Colour: paper.InkSoft}
		}
		p.y = p.paper.Wrap(pageLeft, p.y+0.6, pageWidth, line, style, paper.Left)
	}
	p.y += 5
	for i := range c.Sections {
		p.section(&c.Sections[i])
	}
	p.feet(c)
	return p.paper
}

// printer sets blocks one below the other.
type printer struct {
	paper *paper.Paper
	y     float64
}

// feet numbers the pages.
func (p *printer) feet(c *Content) {
	n := p.paper.Pages()
	for page := 1; page <= n; page++ {
		p.paper.Back(page)
		p.paper.Rule(pageLeft, pageBottom+4, pageRight, pageBottom+4, 0.2, paper.Line)
		number := words.ReportPage.In(c.Language, page, n)
		room := pageWidth - p.paper.Width(number, softStyle) - 6
		_, lines := p.paper.Fit(c.Foot, room, softStyle, softStyle.Points, 1)
		p.paper.Set(pageLeft, pageBottom+6, lines[0], softStyle, paper.Left)
		p.paper.Set(pageRight, pageBottom+6, number, softStyle, paper.Right)
	}
}

// room begins another page when there is no room for so much.
func (p *printer) room(height float64) {
	if p.y+height > pageBottom && p.y > pageTop {
		p.paper.Page()
		p.y = pageTop
	}
}

// section keeps a section on one page where one has room for it.
func (p *printer) section(s *Section) {
	height := p.height(s)
	if height > pageBottom-pageTop {
		height = 0
		for i := range s.Blocks[:min(2, len(s.Blocks))] {
			height += min(p.blockHeight(&s.Blocks[i]), 40)
		}
		height += 14
	}
	p.room(height)
	p.paper.Bookmark(s.Title, 0, p.y)
	p.y = p.paper.Wrap(pageLeft, p.y, pageWidth, s.Title, sectionStyle, paper.Left) + 1
	for i := range s.Blocks {
		p.block(&s.Blocks[i])
	}
	p.y += 7
}

func (p *printer) height(s *Section) float64 {
	sum := float64(len(p.paper.Lines(s.Title, pageWidth, sectionStyle)))*paper.LineHeight(sectionStyle) + 1
	for i := range s.Blocks {
		sum += p.blockHeight(&s.Blocks[i])
	}
	return sum
}

const (
	afterBlock     = 2.2
	verdictPadding = 3.0
)

func (p *printer) textHeight(text string, width float64, s paper.Style) float64 {
	return float64(len(p.paper.Lines(text, width, s))) * paper.LineHeight(s)
}

func (p *printer) blockHeight(b *Block) float64 {
	switch {
	case b.Verdict != "":
		return p.textHeight(b.Verdict, pageWidth-4*verdictPadding, verdictStyle) + 2*verdictPadding + afterBlock + 0.6
	case b.Table != nil:
		sum := p.rowHeight(b.Table, b.Table.Head, headStyle)
		for _, row := range b.Table.Rows {
			sum += p.rowHeight(b.Table, row, cellStyle)
		}
		return sum + afterBlock
	case b.Drawing != nil:
		return b.Drawing.Height + 1
	case b.Soft != "":
		return p.textHeight(b.Soft, pageWidth, softStyle) + afterBlock
	default:
		return p.textHeight(b.Text, pageWidth, textStyle) + afterBlock
	}
}

func (p *printer) block(b *Block) {
	height := p.blockHeight(b)
	if b.Table == nil {
		p.room(height)
	}
	switch {
	case b.Verdict != "":
		ink, soft := paper.RoleColours(b.Role)
		box := height - afterBlock
		p.paper.Round(pageLeft, p.y, pageWidth, box, 2, soft)
		p.paper.Rect(pageLeft, p.y+2, 1.4, box-4, ink)
		style := verdictStyle
		style.Colour = ink
		p.paper.Wrap(pageLeft+2*verdictPadding, p.y+verdictPadding, pageWidth-4*verdictPadding, b.Verdict, style, paper.Left)
	case b.Table != nil:
		p.table(b.Table)
		p.y += afterBlock
		return
	case b.Drawing != nil:
		p.paper.Draw(pageLeft, p.y, b.Drawing)
	case b.Soft != "":
		p.paper.Wrap(pageLeft, p.y, pageWidth, b.Soft, softStyle, paper.Left)
	default:
		p.paper.Wrap(pageLeft, p.y, pageWidth, b.Text, textStyle, paper.Left)
	}
	p.y += height
}

// cellPadding is around the text of a cell, at its sides and above and below.
const (
	cellPadding = 2.0
	rowPadding  = 1.3
)

func (t *Table) widths() []float64 {
	sum := 0.0
	for _, s := range t.Shares {
		sum += s
	}
	widths := make([]float64, len(t.Shares))
	for i, s := range t.Shares {
		widths[i] = s / sum * pageWidth
	}
	return widths
}

// cell is the lines of one; paragraphs begin anew.
type cell []string

func (p *printer) cells(t *Table, row []string, s paper.Style) []cell {
	cells := make([]cell, len(row))
	for i, width := range t.widths() {
		for paragraph := range strings.Lines(row[i]) {
			cells[i] = append(cells[i], p.paper.Lines(paragraph, width-cellPadding, s)...)
		}
	}
	return cells
}

func cellsHeight(cells []cell, s paper.Style) float64 {
	most := 0
	for _, c := range cells {
		most = max(most, len(c))
	}
	return float64(most)*paper.LineHeight(s) + 2*rowPadding
}

func (p *printer) rowHeight(t *Table, row []string, s paper.Style) float64 {
	return cellsHeight(p.cells(t, row, s), s)
}

// leastLines is how many lines of a row begin it at the end of a page.
const leastLines = 3

// table sets a table; its head stands on each page. A row that no page has room for goes on
// with the next.
func (p *printer) table(t *Table) {
	head := p.rowHeight(t, t.Head, headStyle)
	p.room(head + 12)
	p.row(t, p.cells(t, t.Head, headStyle), headStyle, "")
	next := func() {
		p.paper.Page()
		p.y = pageTop
		p.row(t, p.cells(t, t.Head, headStyle), headStyle, "")
	}
	for i, row := range t.Rows {
		rest := p.cells(t, row, cellStyle)
		for {
			height := cellsHeight(rest, cellStyle)
			if p.y+height <= pageBottom {
				break
			}
			n := int((pageBottom - p.y - 2*rowPadding) / paper.LineHeight(cellStyle))
			if pageTop+head+height <= pageBottom || n < leastLines {
				next()
				continue
			}
			begun := make([]cell, len(rest))
			for j, c := range rest {
				n := min(n, len(c))
				begun[j], rest[j] = c[:n], c[n:]
			}
			p.row(t, begun, cellStyle, t.Roles[i])
			next()
		}
		p.row(t, rest, cellStyle, t.Roles[i])
	}
}

func (p *printer) row(t *Table, cells []cell, s paper.Style, r profile.Role) {
	x := pageLeft
	for i, width := range t.widths() {
		style := s
		if i == 1 && r != "" {
			style.Colour, _ = paper.RoleColours(r)
			style.Bold = true
		}
		for j, line := range cells[i] {
			p.paper.Set(x, p.y+rowPadding+float64(j)*paper.LineHeight(s), line, style, paper.Left)
		}
		x += width
	}
	p.y += cellsHeight(cells, s)
	p.paper.Rule(pageLeft, p.y, pageRight, p.y, 0.2, paper.Line)
}
