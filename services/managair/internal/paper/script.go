package paper

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// visual returns a line in the order in which it is set from left to right, and its
// Arabic letters in the forms that they have beside each other.
func visual(line string) string {
	if !strings.ContainsFunc(line, rightToLeft) {
		return line
	}
	var p bidi.Paragraph
	if _, err := p.SetString(shapeArabic(line)); err != nil {
		return line
	}
	order, err := p.Order()
	if err != nil {
		return line
	}
	runs := make([]string, order.NumRuns())
	for i := range runs {
		run := order.Run(i)
		if runs[i] = run.String(); run.Direction() == bidi.RightToLeft {
			runs[i] = bidi.ReverseString(runs[i])
		}
	}
	if order.Direction() == bidi.RightToLeft { // runs come in the order in which they are read
		slices.Reverse(runs)
	}
	return strings.Join(runs, "")
}

// rightToLeft reports whether a character is of a script that is written so.
func rightToLeft(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

// form is which neighbours an Arabic letter is joined with, in the order of the block of
// presentation forms B (Unicode 17, FE70 to FEFF).
type form int

const (
	isolated form = iota
	final
	initial
	medial
)

// arabicForms has the forms of letters, by their compatibility decomposition: letters with
// four forms are joined on both sides, those with two with the one before only.
var arabicForms = func() map[rune][]rune {
	forms := map[rune][]rune{}
	for r := rune(0xFE80); r <= 0xFEF4; r++ {
		letters := []rune(norm.NFKC.String(string(r)))
		if len(letters) == 1 {
			forms[letters[0]] = append(forms[letters[0]], r)
		}
	}
	return forms
}()

// shapeArabic replaces letters by their forms.
func shapeArabic(line string) string {
	letters := []rune(line)
	shaped := make([]rune, len(letters))
	for i, r := range letters {
		shaped[i] = r
		forms := arabicForms[r]
		if len(forms) < 2 {
			continue
		}
		f := isolated
		if joinsNext(neighbour(letters, i, -1)) {
			f = final
		}
		if len(forms) == 4 && arabicForms[neighbour(letters, i, 1)] != nil {
			f += initial
		}
		if int(f) < len(forms) {
			shaped[i] = forms[f]
		}
	}
	return string(shaped)
}

// joinsNext reports whether a letter is joined with the one after it.
func joinsNext(r rune) bool { return len(arabicForms[r]) == 4 || r == 0x640 }

// neighbour is the next letter in a direction; marks upon letters are none.
func neighbour(letters []rune, i, step int) rune {
	for i += step; i >= 0 && i < len(letters); i += step {
		if !unicode.Is(unicode.Mn, letters[i]) {
			return letters[i]
		}
	}
	return 0
}
