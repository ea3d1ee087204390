package jsonapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// Fields takes values out of a Body, one by one, into variables of the caller,
// and gathers what is wrong, so that a client learns of all errors at once.
//
// When a resource is created, fields that are missing and have no default are
// errors; when it is changed, missing fields leave their variable as it is.
type Fields struct {
	// Now is the time of the request, which moments may be said to be.
	Now      time.Time
	body     Body
	creating bool
	errs     Errors
}

// NewFields returns the fields of b.
func NewFields(b Body, creating bool) *Fields { return &Fields{body: b, creating: creating} }

// Err returns all errors, or nil.
func (f *Fields) Err() error {
	if len(f.errs) == 0 {
		return nil
	}
	return f.errs
}

// Fail adds what is wrong with a field.
func (f *Fields) Fail(v *fault.Violation) { f.errs = append(f.errs, ErrorOf(v)) }

func (f *Fields) fail(name string, why reason.Reason, args ...any) {
	f.Fail(&fault.Violation{Field: name, Reason: why, Args: args})
}

func (f *Fields) failReference(name string, why reason.Reason, args ...any) {
	f.Fail(&fault.Violation{Field: name, Reference: true, Reason: why, Args: args})
}

// HasRelationship reports whether the body has the relationship.
func (f *Fields) HasRelationship(name string) bool {
	_, ok := f.body.Relationships[name]
	return ok
}

// Need says what a missing value means on creation.
type Need bool

// The needs.
const (
	Required Need = true
	Optional Need = false
)

// Gap says whether an attribute may be null.
type Gap bool

// The ways with null.
const (
	Nullable Gap = true
	NotNull  Gap = false
)

// Take takes the text of an attribute and hands it to set, which says what is wrong
// with it; nil stands for null. Numbers are texts, too, and so are truth values where
// the rule is about one. From a form, an empty text is null where it cannot be a value.
func (f *Fields) Take(name string, r rule.Rule, need Need, gap Gap, set func(*string) *fault.Violation) {
	data, ok := f.body.Attributes[name]
	if !ok {
		if f.creating && need == Required {
			f.fail(name, reason.Required)
		}
		return
	}
	_, isText := r.(rule.Text)
	if string(data) == "null" || gap == Nullable && f.body.Form && string(data) == `""` && !isText {
		if gap == NotNull {
			f.fail(name, reason.Null)
			return
		}
		f.refuse(name, set(nil))
		return
	}
	text, ok := textOf(data)
	if _, truth := r.(rule.Bool); truth && (string(data) == "true" || string(data) == "false") {
		text = string(data)
	}
	if !ok && isText {
		f.Fail(&fault.Violation{Field: name, Reason: reason.InvalidText})
		return
	}
	f.refuse(name, set(&text))
}

func (f *Fields) refuse(name string, v *fault.Violation) {
	if v != nil {
		v.Field = name
		f.Fail(v)
	}
}

// take is Take with the value as the rule leaves it.
func (f *Fields) take(name string, r rule.Rule, need Need, gap Gap, set func(*string)) {
	f.Take(name, r, need, gap, func(text *string) *fault.Violation {
		if text == nil {
			set(nil)
			return nil
		}
		clean, v := r.Clean(*text)
		if v == nil {
			set(&clean)
		}
		return v
	})
}

// JSON takes an attribute that is more than one value, and hands it to set, which says what
// is wrong with it; nil stands for null. From a form it is the text of the JSON.
func (f *Fields) JSON(name string, gap Gap, set func(json.RawMessage) *fault.Violation) {
	data, ok := f.body.Attributes[name]
	if !ok {
		return
	}
	if f.body.Form {
		text, _ := textOf(data)
		data = json.RawMessage(text)
	}
	if string(data) == "null" || f.body.Form && len(data) == 0 {
		if gap == NotNull {
			f.fail(name, reason.Null)
			return
		}
		data = nil
	}
	f.refuse(name, set(data))
}

// Text takes a text of 1 to maxLength characters; surrounding blanks are cut.
func (f *Fields) Text(name string, dst *string, maxLength int, need Need) {
	f.take(name, rule.Text{Max: maxLength}, need, NotNull, func(s *string) { *dst = *s })
}

// OptText takes a text of up to maxLength characters that may be empty or null.
func (f *Fields) OptText(name string, dst **string, maxLength int) {
	f.take(name, rule.Text{Max: maxLength, Blank: true}, Optional, Nullable, func(s *string) { *dst = s })
}

// Int takes a whole number between low and high.
func (f *Fields) Int(name string, dst *int64, low, high int64, need Need) {
	f.take(name, rule.Int{Low: low, High: high}, need, NotNull, func(s *string) { *dst = number(*s) })
}

// Moment is Take for Unix seconds, where "now" is the time of the request.
func (f *Fields) Moment(name string, low, high int64, need Need, gap Gap, set func(seconds *int64) *fault.Violation) {
	if data, ok := f.body.Attributes[name]; ok && string(data) == `"now"` {
		now := f.Now.Unix()
		f.refuse(name, set(&now))
		return
	}
	bounds := rule.Int{Low: low, High: high}
	f.Take(name, bounds, need, gap, func(text *string) *fault.Violation {
		if text == nil {
			return set(nil)
		}
		clean, v := bounds.Clean(*text)
		if v != nil {
			return v
		}
		seconds := number(clean)
		return set(&seconds)
	})
}

// OptInt is Int for a number that may be null.
func (f *Fields) OptInt(name string, dst **int64, low, high int64) {
	f.take(name, rule.Int{Low: low, High: high}, Optional, Nullable, func(s *string) {
		*dst = nil
		if s != nil {
			n := number(*s)
			*dst = &n
		}
	})
}

// OptDecimal takes a decimal number that may be null.
func (f *Fields) OptDecimal(name string, dst **string, digits, places int, low, high int64) {
	f.take(name, rule.Decimal{Digits: digits, Places: places, Low: low, High: high}, Optional, Nullable,
		func(s *string) { *dst = s })
}

// number reads what rule.Int has cleaned.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // it is between two numbers of that size
	return n
}

// ToOne takes the id of the one resource of type typ that a relationship names, and
// hands it to set, which says what is wrong with it.
func (f *Fields) ToOne(name, typ string, need Need, set func(id string) *fault.Violation) {
	id, given := f.linkage(name, typ, need)
	if !given {
		return
	}
	if v := set(id); v != nil {
		v.Field, v.Reference = name, true
		f.Fail(v)
	}
}

// OptToOne is ToOne for a relationship that may be left out, or null.
func (f *Fields) OptToOne(name, typ string, set func(id string) *fault.Violation) {
	if data, ok := f.body.Relationships[name]; ok {
		if linkage, e := relationshipData(data, name); e == nil && string(linkage) == "null" {
			return
		}
	}
	if data, ok := f.body.Attributes[name]; ok && f.body.Form && string(data) == `""` {
		return
	}
	f.ToOne(name, typ, Optional, set)
}

func (f *Fields) linkage(name, typ string, need Need) (string, bool) {
	if f.body.Form {
		if data, ok := f.body.Attributes[name]; ok {
			id, _ := textOf(data)
			return id, true
		}
	}
	data, ok := f.body.Relationships[name]
	if !ok {
		if f.creating && need == Required {
			f.failReference(name, reason.Required)
		}
		return "", false
	}
	linkage, e := relationshipData(data, name)
	if e == nil {
		var id Identifier
		if id, e = identifier(linkage, typ, RelationshipPointer(name), f.body.locals); e == nil {
			return id.ID, true
		}
	}
	f.errs = append(f.errs, e)
	return "", false
}

// ToManyIDs takes the ids of the resources of type typ that a relationship
// names, which are numbers. given reports whether the body has it.
func (f *Fields) ToManyIDs(name, typ string, need Need) (ids []int64, given bool) {
	texts, given := f.ToManyTexts(name, typ, need)
	for _, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			f.failReference(name, reason.DoesNotExist, text)
			return nil, false
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, given
}

// ToManyTexts takes the ids of the resources of type typ that a relationship
// names, whatever they look like. given reports whether the body has it.
func (f *Fields) ToManyTexts(name, typ string, need Need) (ids []string, given bool) {
	data, ok := f.body.Relationships[name]
	if !ok {
		if f.creating && need == Required {
			f.failReference(name, reason.Required)
		}
		return nil, false
	}
	linkage, e := relationshipData(data, name)
	var list []Identifier
	if e == nil {
		list, e = identifiers(linkage, typ, RelationshipPointer(name), f.body.locals)
	}
	if e != nil {
		f.errs = append(f.errs, e)
		return nil, false
	}
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	return ids, true
}

// ReadOnlyRelationship refuses a relationship that cannot be changed here: a
// client that sends it expects something to happen.
func (f *Fields) ReadOnlyRelationship(names ...string) {
	for _, name := range names {
		if f.HasRelationship(name) {
			f.failReference(name, reason.ReadOnly)
		}
	}
}

func relationshipData(data json.RawMessage, name string) (json.RawMessage, *Error) {
	if string(data) == "null" {
		return nil, &Error{Status: 400, Reason: reason.Null, Pointer: RelationshipPointer(name)}
	}
	members, err := object(data)
	if err != nil {
		return nil, &Error{Status: 400, Reason: reason.IncorrectType, Pointer: RelationshipPointer(name)}
	}
	linkage, ok := members["data"]
	if !ok {
		return nil, &Error{Status: 400, Reason: reason.Required, Pointer: RelationshipPointer(name)}
	}
	return linkage, nil
}
