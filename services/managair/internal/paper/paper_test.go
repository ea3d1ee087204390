package paper

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestVisualOrder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Raum 101":         "Raum 101",
		"שלום":             "םולש",
		"חדר 12":           "12 רדח",
		"Raum שלום rechts": "Raum םולש rechts",
		// Initial, medial and final forms, from right to left.
		"بيت": "\ufe96\ufef4\ufe91",
		// Reh joins no letter after it.
		"ورد": "\ufea9\ufead\ufeed",
	} {
		if got := visual(text); got != want {
			t.Errorf("%q: %+q, want %+q", text, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Frösche 🐸":       "Frösche",
		"🐸":               "□",
		"教室 1":            "□□ 1",
		"a\tb\n c":        "a b c",
		"\xff":            "□",
		"Zoe\u0308":       "Zoë",
		"A\u200dB\ufe0f":  "AB",
		"":                "",
		"Київ Αθήνα Łódź": "Київ Αθήνα Łódź",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLinesAreNeverTooWide(t *testing.T) {
	t.Parallel()
	p := New(A4, About{MadeAt: time.Unix(0, 0)})
	p.Page()
	style := Style{Points: 30, Bold: true}
	for _, text := range []string{"Naturwissenschaftsfachraumsammlungsvorbereitungsraum", "a b c d e f g h i j k l m n o p", strings.Repeat("W", 200)} {
		lines := p.Lines(text, 60, style)
		for _, line := range lines {
			if w := p.Width(line, style); w > 60 {
				t.Errorf("%q is %.1f mm wide", line, w)
			}
		}
		if got := strings.Join(lines, ""); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%q became %q", text, lines)
		}
		fit, lines := p.Fit(text, 60, style, 10, 2)
		if len(lines) > 2 || fit.Points > 30 || fit.Points < 10 {
			t.Errorf("%q: %v in %v points", text, lines, fit.Points)
		}
	}
}

// A space that is to break no line breaks none, in French before a mark.
func TestNoBreakSpaces(t *testing.T) {
	t.Parallel()
	p := New(A4, About{Title: "x", Language: "fr", MadeAt: time.Unix(0, 0)})
	p.Page()
	style := Style{Points: 10}
	for _, mark := range []string{"\u00a0:", "\u202f?"} {
		for width := max(p.Width("niveau\u00a0:", style), p.Width("niveau\u00a0?", style)) + 0.1; width < 40; width += 0.25 {
			for _, line := range p.Lines("Quel est le niveau"+mark+" bon", width, style) {
				if r, _ := utf8.DecodeRuneInString(line); r == ':' || r == '?' {
					t.Fatalf("%q begins a line of %v mm", line, width)
				}
			}
		}
	}
}

// Names are anybody's. Whatever they are, there is a document.
func FuzzSet(f *testing.F) {
	f.Add("Raum 101")
	f.Add("\u05d1\u05d9\u05ea \u202e\u05e1\u05e4\u05e8 \u0627\u0644\u0639 \U0001f438\x00")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		p := New(A6, About{Title: text, Language: "de", MadeAt: time.Unix(0, 0)})
		p.Page()
		style, lines := p.Fit(text, 80, Style{Points: 30, Bold: true}, 9, 3)
		for i, line := range lines {
			p.Set(10, float64(10+10*i), line, style, Centre)
		}
		d := Drawing{Width: 10, Height: 10, Alt: text}
		d.Label(1, 1, text, style, Left)
		p.Draw(0, 0, &d)
		p.Bookmark(text, 0, 0)
		var out bytes.Buffer
		if _, err := p.WriteTo(&out); err != nil || !bytes.HasPrefix(out.Bytes(), []byte("%PDF-")) {
			t.Errorf("%q: %v", text, err)
		}
		if svg := d.SVG(); utf8.ValidString(text) && !utf8.ValidString(svg) {
			t.Errorf("%q: %q", text, svg)
		}
	})
}
