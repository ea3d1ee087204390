// Package reason is the one catalogue of what can be wrong with what somebody asks
// for or hands over. The rules of the domain name a reason; API, forms, reports and
// the command line all say it in the words that stand here. A reason cannot be made
// elsewhere, and one that lacks its code or one of the languages does not compile.
package reason

import (
	"fmt"
	"strings"
)

// Reason is what is wrong. The zero Reason is none.
type Reason struct{ code, german, english string }

// Code is what programs read, and rely on. Several reasons have the same code where
// people need to know more than programs.
func (r Reason) Code() string { return r.code }

// In says in a language what is wrong. args are the figures of the case; without
// them the text is a whole sentence, too.
func (r Reason) In(language string, args ...any) string {
	text := r.german
	if language == "en" {
		text = r.english
	}
	before, rest, _ := strings.Cut(text, "[")
	figures, after, _ := strings.Cut(rest, "]")
	n := strings.Count(figures, "%")
	if n == 0 || len(args) < n {
		return before + after
	}
	return before + fmt.Sprintf(figures, args[:n]...) + after
}

// Equal reports whether both are the same, for those who compare whole things.
func (r Reason) Equal(other Reason) bool { return r == other }
