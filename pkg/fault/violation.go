package fault

import (
	"fmt"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Violation says what is wrong with a field of a thing that somebody hands over.
// It is an error of kind Invalid, or Conflict. There is one type for all doors:
// each puts it into its own words and form at the edge.
type Violation struct {
	// Item is which of several things it is about, from 0.
	Item int
	// Field names the part as the domain does; it is empty for rules that concern the
	// whole. Reference is set when the field refers to another thing.
	Field     string
	Reference bool
	// Reason is what is wrong, Args the figures of the case.
	Reason reason.Reason
	Args   []any
	// Detail is what there is to add in English, for those who run the service.
	Detail string
	// Conflict is set when the thing is right in itself, but contradicts what is there;
	// Contradictory when each field is right in itself, but not beside the others.
	Conflict, Contradictory bool
}

// Code is what programs rely on.
func (v *Violation) Code() string { return v.Reason.Code() }

// Error names the field, the code, and what there is to add.
func (v *Violation) Error() string {
	words := []string{v.Code(), fmt.Sprint(v.Args...), v.Detail}
	text := strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	if v.Field == "" {
		return text
	}
	return v.Field + ": " + text
}

// Unwrap gives the violation its kind.
func (v *Violation) Unwrap() error {
	kind := Invalid
	if v.Conflict {
		kind = Conflict
	}
	return &Error{kind: kind, text: v.Error()}
}
