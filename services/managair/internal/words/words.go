// Package words is the one catalogue of what people read in pages that managair makes
// itself, in errors of its API and in its mails. A text is a Go name, and has no
// default for a language: a key that is missing, or a text that lacks one of the
// languages, does not compile. Another language is another field of Text.
//
// The words that the web frontend shows too (its lib/i18n) are the same there; a test
// compares them.
package words

import "fmt"

// Text is what people read, in all languages.
type Text struct{ german, english string }

// Language is a language of the pages.
type Language struct{ Code, Name string }

// Languages are those that texts are in. The first is that of whoever asks for none:
// the predecessor was German.
var Languages = []Language{{"de", "Deutsch"}, {"en", "English"}}

// Known reports whether texts are in the language with that code.
func Known(code string) bool {
	for _, l := range Languages {
		if l.Code == code {
			return true
		}
	}
	return false
}

// In returns the text in a language, with args filled in as by fmt.Sprintf.
func (t Text) In(language string, args ...any) string {
	s := t.german
	if language == "en" {
		s = t.english
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// Is reports whether there is a text: maps of texts have the zero value for what they
// do not know.
func (t Text) Is() bool { return t != Text{} }
