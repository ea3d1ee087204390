// Package pdftest reads documents that tests have made.
package pdftest

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ledongthuc/pdf"
)

// Document is what a reader finds in a document.
type Document struct {
	Pages           int
	Title, Language string
	// Text is that of all pages, without spaces: those between words are not told from
	// those between letters.
	Text string
}

// Read reads a document.
func Read(t testing.TB, content []byte) Document {
	t.Helper()
	r, err := pdf.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatalf("no PDF: %v", err)
	}
	root := r.Trailer().Key("Root")
	d := Document{Pages: r.NumPage(), Title: r.Trailer().Key("Info").Key("Title").Text(), Language: root.Key("Lang").Text()}
	var text strings.Builder
	for n := range d.Pages {
		// The library's own reading of text knows the first 256 characters only. Codes in the
		// documents are UTF-16, which their fonts say, too.
		pdf.Interpret(r.Page(n+1).V.Key("Contents"), func(stack *pdf.Stack, operator string) {
			if operator != "Tj" {
				for stack.Len() > 0 {
					stack.Pop()
				}
				return
			}
			raw := stack.Pop().RawString()
			units := make([]uint16, len(raw)/2)
			for i := range units {
				units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
			}
			text.WriteString(string(utf16.Decode(units)))
		})
	}
	d.Text = Squeeze(text.String())
	return d
}

// Has reports whether a text stands in the document.
func (d *Document) Has(text string) bool { return strings.Contains(d.Text, Squeeze(text)) }

// Squeeze takes spaces out of a text.
func Squeeze(text string) string { return strings.Join(strings.Fields(text), "") }
