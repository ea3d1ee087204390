package jsonapi

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fields takes values out of a Body, one by one, into variables of the caller,
// and gathers what is wrong, so that a client learns of all errors at once.
//
// When a resource is created, fields that are missing and have no default are
// errors; when it is changed, missing fields leave their variable as it is.
type Fields struct {
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

// Fail adds an error of an attribute.
func (f *Fields) Fail(name, code string, args ...any) {
	f.errs = append(f.errs, &Error{Status: 400, Code: code, Pointer: AttributePointer(name), Args: args})
}

// FailText is Fail for a code that has several texts.
func (f *Fields) FailText(name, code, text string, args ...any) {
	f.errs = append(f.errs, &Error{Status: 400, Code: code, Text: text, Pointer: AttributePointer(name), Args: args})
}

func (f *Fields) invalid(name, text string) { f.FailText(name, "invalid", text) }

// FailRelationship adds an error of a relationship.
func (f *Fields) FailRelationship(name, code string, args ...any) {
	f.errs = append(f.errs, &Error{Status: 400, Code: code, Pointer: RelationshipPointer(name), Args: args})
}

// Has tells whether the body has the attribute.
func (f *Fields) Has(name string) bool {
	_, ok := f.body.Attributes[name]
	return ok
}

// HasRelationship tells whether the body has the relationship.
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

func (f *Fields) value(name string, need Need) (json.RawMessage, bool) {
	data, ok := f.body.Attributes[name]
	if !ok && f.creating && need == Required {
		f.Fail(name, "required")
	}
	return data, ok
}

// Text takes a text of 1 to maxLength characters; surrounding blanks are cut.
func (f *Fields) Text(name string, dst *string, maxLength int, need Need) {
	data, ok := f.value(name, need)
	if !ok {
		return
	}
	if string(data) == "null" {
		f.Fail(name, "null")
		return
	}
	if s, ok := f.text(name, data, maxLength); ok {
		if s == "" {
			f.Fail(name, "blank")
			return
		}
		*dst = s
	}
}

// OptText takes a text of up to maxLength characters that may be empty or null;
// maxLength 0 is maxFreeText.
func (f *Fields) OptText(name string, dst **string, maxLength int) {
	data, ok := f.value(name, Optional)
	if !ok {
		return
	}
	if string(data) == "null" {
		*dst = nil
		return
	}
	if maxLength == 0 {
		maxLength = maxFreeText
	}
	if s, ok := f.text(name, data, maxLength); ok {
		*dst = &s
	}
}

// maxFreeText bounds texts that have no length of their own, in characters.
const maxFreeText = 20_000

func (f *Fields) text(name string, data json.RawMessage, maxLength int) (string, bool) {
	s, ok := textOf(data)
	if !ok {
		f.invalid(name, "invalid_text")
		return "", false
	}
	if !storable(s) {
		f.Fail(name, "null_characters_not_allowed")
		return "", false
	}
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > maxLength {
		f.Fail(name, "max_length", maxLength)
		return "", false
	}
	return s, true
}

// Int takes a whole number between low and high. Numeric texts and numbers
// like 500.0 are whole numbers too.
func (f *Fields) Int(name string, dst *int64, low, high int64, need Need) {
	data, ok := f.value(name, need)
	if !ok {
		return
	}
	if string(data) == "null" {
		f.Fail(name, "null")
		return
	}
	f.whole(name, data, dst, low, high)
}

// OptInt is Int for a number that may be null. From a form, an empty text is
// null.
func (f *Fields) OptInt(name string, dst **int64, low, high int64) {
	data, ok := f.value(name, Optional)
	if !ok {
		return
	}
	if string(data) == "null" || f.body.Form && string(data) == `""` {
		*dst = nil
		return
	}
	var n int64
	if f.whole(name, data, &n, low, high) {
		*dst = &n
	}
}

func (f *Fields) whole(name string, data json.RawMessage, dst *int64, low, high int64) bool {
	s, ok := textOf(data)
	r, valid := parseNumber(s)
	if !ok || !valid || !r.IsInt() {
		f.invalid(name, "invalid_integer")
		return false
	}
	switch n := r.Num(); {
	case n.Cmp(big.NewInt(low)) < 0:
		f.Fail(name, "min_value", low)
	case n.Cmp(big.NewInt(high)) > 0:
		f.Fail(name, "max_value", high)
	default:
		*dst = n.Int64()
		return true
	}
	return false
}

// parseNumber reads a decimal number. Length and exponent are bounded, because
// 1e999999999 is short to write and long to compute.
func parseNumber(s string) (*big.Rat, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 40 || strings.ContainsAny(s, "/_xXpPoObB") {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 40 || e < -40 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// OptDecimal takes a decimal number with up to digits digits, places of them
// after the point, between low and high, that may be null. The result has
// exactly that many places.
func (f *Fields) OptDecimal(name string, dst **string, digits, places int, low, high int64) {
	data, ok := f.value(name, Optional)
	if !ok {
		return
	}
	if string(data) == "null" || f.body.Form && string(data) == `""` {
		*dst = nil
		return
	}
	s, ok := textOf(data)
	r, valid := parseNumber(s)
	if !ok || !valid {
		f.invalid(name, "invalid_number")
		return
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	wholeLimit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits-places)), nil)
	switch {
	case !new(big.Rat).Mul(r, new(big.Rat).SetInt(scale)).IsInt():
		f.Fail(name, "max_decimal_places", places)
	case new(big.Rat).Abs(r).Cmp(new(big.Rat).SetInt(wholeLimit)) >= 0:
		f.Fail(name, "max_whole_digits", digits-places)
	case r.Cmp(big.NewRat(low, 1)) < 0:
		f.Fail(name, "min_value", low)
	case high != math.MaxInt64 && r.Cmp(big.NewRat(high, 1)) > 0:
		f.Fail(name, "max_value", high)
	default:
		fixed := r.FloatString(places)
		*dst = &fixed
	}
}

// Bool takes a truth value, also as the words that forms send.
func (f *Fields) Bool(name string, dst *bool) {
	data, ok := f.value(name, Optional)
	if !ok {
		return
	}
	switch word, _ := textOf(data); {
	case string(data) == "true" || slices.Contains([]string{"true", "1", "yes", "on", "y", "t"}, strings.ToLower(word)):
		*dst = true
	case string(data) == "false" || slices.Contains([]string{"false", "0", "no", "off", "n", "f"}, strings.ToLower(word)):
		*dst = false
	case string(data) == "null":
		f.Fail(name, "null")
	default:
		f.invalid(name, "invalid_boolean")
	}
}

// Choice takes one of the given texts.
func (f *Fields) Choice(name string, dst *string, choices ...string) {
	data, ok := f.value(name, Optional)
	if !ok {
		return
	}
	if string(data) == "null" {
		f.Fail(name, "null")
		return
	}
	s, ok := textOf(data)
	if !ok || !slices.Contains(choices, s) {
		f.Fail(name, "invalid_choice", s, strings.Join(choices, ", "))
		return
	}
	*dst = s
}

// ToOne takes the id of the one resource of type typ that a relationship names.
func (f *Fields) ToOne(name, typ string, dst *string, need Need) {
	id, given := f.linkage(name, typ, need)
	if given {
		*dst = id
	}
}

// ToOneID is ToOne for ids that are numbers. An id that cannot be one is the id
// of nothing.
func (f *Fields) ToOneID(name, typ string, dst *int64, need Need) {
	id, given := f.linkage(name, typ, need)
	if !given {
		return
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		f.FailRelationship(name, "does_not_exist", id)
		return
	}
	*dst = n
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
			f.FailRelationship(name, "required")
		}
		return "", false
	}
	linkage, e := relationshipData(data, name)
	if e == nil {
		var id Identifier
		if id, e = identifier(linkage, typ, RelationshipPointer(name)); e == nil {
			return id.ID, true
		}
	}
	f.errs = append(f.errs, e)
	return "", false
}

// ToManyIDs takes the ids of the resources of type typ that a relationship
// names. given tells whether the body has it.
func (f *Fields) ToManyIDs(name, typ string, need Need) (ids []int64, given bool) {
	data, ok := f.body.Relationships[name]
	if !ok {
		if f.creating && need == Required {
			f.FailRelationship(name, "required")
		}
		return nil, false
	}
	linkage, e := relationshipData(data, name)
	var list []Identifier
	if e == nil {
		list, e = identifiers(linkage, typ, RelationshipPointer(name))
	}
	if e != nil {
		f.errs = append(f.errs, e)
		return nil, false
	}
	for _, one := range list {
		id, err := strconv.ParseInt(one.ID, 10, 64)
		if err != nil {
			f.FailRelationship(name, "does_not_exist", one.ID)
			return nil, false
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, true
}

// ReadOnlyRelationship refuses a relationship that cannot be changed here: a
// client that sends it expects something to happen.
func (f *Fields) ReadOnlyRelationship(names ...string) {
	for _, name := range names {
		if f.HasRelationship(name) {
			f.FailRelationship(name, "read_only")
		}
	}
}

func relationshipData(data json.RawMessage, name string) (json.RawMessage, *Error) {
	if string(data) == "null" {
		return nil, &Error{Status: 400, Code: "null", Pointer: RelationshipPointer(name)}
	}
	members, err := object(data)
	if err != nil {
		return nil, &Error{Status: 400, Code: "incorrect_type", Pointer: RelationshipPointer(name)}
	}
	linkage, ok := members["data"]
	if !ok {
		return nil, &Error{Status: 400, Code: "required", Pointer: RelationshipPointer(name)}
	}
	return linkage, nil
}
