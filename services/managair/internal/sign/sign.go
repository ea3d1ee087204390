// Package sign makes signs to hang up at the doors of rooms: the room's name, a code that
// leads to its page, and what the levels of its norm mean, in one or two languages.
package sign

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"rsc.io/qr"

	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/paper"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Format is on what signs are printed.
type Format string

// The formats: one sign on a page, or eight labels of 99.1 by 67.7 mm on a page of A4, as
// sheets of labels have them.
const (
	A4     Format = "a4"
	A6     Format = "a6"
	Labels Format = "labels"
)

// Formats are those that there are.
var Formats = []Format{A4, A6, Labels}

// MaxRooms is how many signs are made at once.
const MaxRooms = 500

// Room is a room with a sign.
type Room struct {
	Name string
	// Address is that of its page.
	Address string
	Profile profile.Profile
}

// Signs are those of a site.
type Signs struct {
	Site, Organization string
	// Languages are one or two of words.ReportLanguages.
	Languages []string
	MadeAt    time.Time
	Rooms     []Room
}

// Print sets the signs.
func Print(s *Signs, format Format) (*paper.Paper, error) {
	about := paper.About{
		Title: words.SignTitle.In(s.Languages[0]) + " – " + s.Site, Language: s.Languages[0], Author: s.Organization, MadeAt: s.MadeAt,
	}
	size := paper.A4
	if format == A6 {
		size = paper.A6
	}
	p := &printer{paper: paper.New(size, about), signs: s}
	for i := range s.Rooms {
		var err error
		if format == Labels {
			err = p.label(&s.Rooms[i], i)
		} else {
			p.paper.Page()
			p.scale = size.Width / paper.A4.Width
			err = p.door(&s.Rooms[i])
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.Rooms) == 0 {
		p.paper.Page()
		p.paper.Wrap(18, 18, size.Width-36, words.ReportNoRooms.In(s.Languages[0]), paper.Style{Points: 12, Colour: paper.Ink}, paper.Left)
	}
	return p.paper, nil
}

type printer struct {
	paper *paper.Paper
	signs *Signs
	// scale is 1 for A4; all lengths are those of it.
	scale float64
}

func (p *printer) style(points float64, bold bool, c paper.Colour) paper.Style {
	return paper.Style{Points: points * p.scale, Bold: bold, Colour: c}
}

// door sets a sign on a page.
func (p *printer) door(r *Room) error {
	u := p.scale
	const left, width, middle = 20.0, 170.0, 105.0
	p.paper.Bookmark(r.Name, 0, 0)
	p.paper.Logo(left*u, 18*u, 12*u)
	p.paper.Set((left+15)*u, 20.6*u, "Clair", p.style(17, true, paper.Accent), paper.Left)
	site := p.style(11, false, paper.InkSoft)
	_, where := p.paper.Fit(p.signs.Site, 110*u, site, site.Points, 1)
	p.paper.Set((left+width)*u, 21.6*u, where[0], site, paper.Right)

	name, lines := p.paper.Fit(r.Name, width*u, p.style(60, true, paper.Ink), 22*u, 3)
	height := paper.LineHeight(name)
	y := 40*u + max(0, (58*u-float64(len(lines))*height)/2)
	for _, line := range lines {
		p.paper.Set(middle*u, y, line, name, paper.Centre)
		y += height
	}
	const size = 92.0
	if err := p.code(r.Address, (middle-size/2)*u, 104*u, size*u); err != nil {
		return err
	}
	y = 201 * u
	for i, l := range p.signs.Languages {
		ask, scan := p.style(19, true, paper.Ink), p.style(11, false, paper.Ink)
		if i > 0 {
			ask, scan = p.style(13, false, paper.InkSoft), p.style(9.5, false, paper.InkSoft)
		}
		y = p.paper.Wrap(left*u, y, width*u, words.SignAsk.In(l), ask, paper.Centre)
		y = p.paper.Wrap(left*u, y, width*u, words.SignScan.In(l), scan, paper.Centre) + 1.5*u
	}
	p.levels(r, left*u, 241*u, width*u)
	address, shown := p.paper.Fit(Shown(r.Address), width*u, p.style(10.5, true, paper.Accent), 6*u, 2)
	y = 281 * u
	for _, line := range shown {
		p.paper.Set(middle*u, y, line, address, paper.Centre)
		y += paper.LineHeight(address)
	}
	p.paper.Link(left*u, 281*u, width*u, 6*u, r.Address)
	return nil
}

// Of the box of a level: how high it is, where its names begin, how large they are at most, in
// how many lines of all languages, and what is between two languages. Millimetres and points.
const (
	levelHigh, levelNames, levelBetween = 32.0, 10.0, 0.8
	levelPoints                         = 10.5
	levelLines                          = 4
)

// levels sets the levels of the norm beside each other.
func (p *printer) levels(r *Room, x, y, width float64) {
	u := p.scale
	levels := levelsOf(&r.Profile)
	gap := 3 * u
	each := (width - gap*float64(len(levels)-1)) / float64(len(levels))
	for i, l := range levels {
		ink, soft := paper.RoleColours(l.Role)
		at := x + float64(i)*(each+gap)
		p.paper.Round(at, y, each, levelHigh*u, 2*u, soft)
		p.paper.Rect(at+3*u, y, each-6*u, 1.4*u, ink)
		bound, line := p.paper.Fit(l.bound(p.signs.Languages[0]), each-6*u, p.style(14, true, ink), 7*u, 1)
		p.paper.Set(at+each/2, y+3*u, line[0], bound, paper.Centre)
		below := y + levelNames*u
		for n, language := range p.signs.Languages {
			colour := paper.Ink
			if n > 0 {
				colour = paper.InkSoft
			}
			most := levelLines / len(p.signs.Languages)
			style, lines := p.paper.Fit(l.name(language), each-5*u, p.style(levelPoints, false, colour), 5.5*u, most)
			for _, one := range lines {
				p.paper.Set(at+each/2, below, one, style, paper.Centre)
				below += paper.LineHeight(style)
			}
			below += levelBetween * u
		}
	}
	norm := words.SignScale.In(p.signs.Languages[0], normName(&r.Profile, p.signs.Languages[0]))
	style, line := p.paper.Fit(norm, width, p.style(7.5, false, paper.InkSoft), 5*u, 1)
	p.paper.Set(x+width/2, y+(levelHigh+1.5)*u, line[0], style, paper.Centre)
}

// Measures of sheets of labels, in millimetres.
const (
	labelWidth, labelHeight = 99.1, 67.7
	labelLeft, labelTop     = 4.65, 13.1
	labelGap                = 2.5
	labelsAcross            = 2
	labelsOfPage            = 8
)

// label sets the sign of a number on a sheet of labels.
func (p *printer) label(r *Room, n int) error {
	p.scale = 1
	if n%labelsOfPage == 0 {
		p.paper.Page()
	}
	n %= labelsOfPage
	x := labelLeft + float64(n%labelsAcross)*(labelWidth+labelGap)
	y := labelTop + float64(n/labelsAcross)*labelHeight
	const margin, size = 6.0, 40.0
	p.paper.Logo(x+margin, y+margin, 6)
	p.paper.Set(x+margin+8, y+margin+0.8, "Clair", p.style(9, true, paper.Accent), paper.Left)
	if err := p.code(r.Address, x+labelWidth-margin-size, y+margin, size); err != nil {
		return err
	}
	width := labelWidth - 3*margin - size + 2
	style, lines := p.paper.Fit(r.Name, width, p.style(17, true, paper.Ink), 8, 4)
	at := y + margin + 9
	for _, line := range lines {
		p.paper.Set(x+margin, at, line, style, paper.Left)
		at += paper.LineHeight(style)
	}
	small := p.style(7.5, false, paper.InkSoft)
	_, site := p.paper.Fit(p.signs.Site, width, small, small.Points, 1)
	p.paper.Set(x+margin, at+0.8, site[0], small, paper.Left)
	at = y + margin + size + 2
	for i, l := range p.signs.Languages {
		style := p.style(9, i == 0, paper.Ink)
		_, ask := p.paper.Fit(words.SignAsk.In(l), labelWidth-2*margin, style, style.Points, 1)
		p.paper.Set(x+margin, at, ask[0], style, paper.Left)
		at += 4.2
	}
	address, shown := p.paper.Fit(Shown(r.Address), labelWidth-2*margin, p.style(7.5, false, paper.Accent), 5, 1)
	p.paper.Set(x+margin, at+0.4, shown[0], address, paper.Left)
	return nil
}

// quiet is how much white a code needs around it, in modules (ISO/IEC 18004).
const quiet = 4

// code sets the code of an address, the white around it included.
func (p *printer) code(address string, x, y, size float64) error {
	code, err := qr.Encode(address, qr.M)
	if err != nil {
		return fmt.Errorf("code of %q: %w", address, err)
	}
	n := code.Size
	module := size / float64(n+2*quiet)
	for row := range n {
		for from := 0; from < n; from++ {
			if !code.Black(from, row) {
				continue
			}
			to := from + 1
			for to < n && code.Black(to, row) {
				to++
			}
			// A little higher than it is, so that no hair of white is between rows.
			p.paper.Rect(x+float64(from+quiet)*module, y+float64(row+quiet)*module, float64(to-from)*module, module*1.02, 0)
			from = to
		}
	}
	return nil
}

// Shown is an address as people read it: without its scheme, and with the letters of its domain.
func Shown(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	}
	host, path, _ := strings.Cut(rest, "/")
	name, port, _ := strings.Cut(host, ":")
	if display, err := idna.Display.ToUnicode(name); err == nil {
		name = display
	}
	if port != "" {
		name += ":" + port
	}
	return name + "/" + path
}
