package inventory

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// Field is a field of a thing: what is said of it here holds at every door.
type Field struct {
	// Name is that of the HTTP API, Column that of the database if it is another one.
	Name, Column string
	// Rule is what a value must be like. References have none: what they refer to must
	// exist, which the store knows.
	Rule rule.Rule
	// Required fields have to be given for a new thing; Null allows that there is none.
	Required, Null bool
	// Default is the text of what holds when nothing is said.
	Default string
	// Of is the table of what is referred to; Many says that it can be several.
	Of   string
	Many bool
	// OnCreate fields never change.
	OnCreate bool
}

// In returns the name of the field's column.
func (f Field) In() string {
	if f.Column != "" {
		return f.Column
	}
	return f.Name
}

// Reference reports whether the field refers to other things.
func (f Field) Reference() bool { return f.Of != "" }

// part is a field with its place in a thing.
type part[T any] struct {
	Field
	at func(*T) any
}

// Kind is a kind of thing with its fields.
type Kind[T any] struct {
	// Table is its name in the database, by which other kinds refer to it.
	Table string
	parts []part[T]
}

// Fields returns the fields of the kind.
func (k *Kind[T]) Fields() []Field {
	fields := make([]Field, len(k.parts))
	for i, p := range k.parts {
		fields[i] = p.Field
	}
	return fields
}

// Places returns the fields of a thing, each with the pointer to its value.
func (k *Kind[T]) Places(thing *T) iter.Seq2[*Field, any] {
	return func(yield func(*Field, any) bool) {
		for i := range k.parts {
			if p := &k.parts[i]; !yield(&p.Field, p.at(thing)) {
				return
			}
		}
	}
}

// Name returns what people call the thing: the first text that it has to have.
func (k *Kind[T]) Name(thing *T) string {
	for _, p := range k.parts {
		if r, ok := p.Rule.(rule.Text); ok && !r.Blank {
			return *p.get(thing)
		}
	}
	return ""
}

// New returns a thing of which nothing is said yet.
func (k *Kind[T]) New() T {
	var thing T
	for _, p := range k.parts {
		if p.Default != "" {
			p.set(&thing, &p.Default)
		}
	}
	return thing
}

// Set takes a text for a field as it comes from outside; nil stands for no value.
// The value that the field has already is never refused.
func (k *Kind[T]) Set(thing *T, field string, text *string) *fault.Violation {
	i := slices.IndexFunc(k.parts, func(p part[T]) bool { return p.Name == field })
	p := k.parts[i]
	if text == nil {
		if !p.Null {
			return p.broken(reason.Null)
		}
		p.set(thing, nil)
		return nil
	}
	if before := p.get(thing); before != nil && *before == *text {
		return nil
	}
	clean, v := p.clean(*text)
	if v != nil {
		return v
	}
	p.set(thing, &clean)
	return nil
}

// Check returns the first field that breaks its rule, and brings the others into the
// form in which they are kept. What is as in old is not judged again.
func (k *Kind[T]) Check(old, thing *T) *fault.Violation {
	for _, p := range k.parts {
		text := p.get(thing)
		switch {
		case text == nil && !p.Null:
			return p.broken(reason.Null)
		case text == nil || p.Reference():
			continue
		case old != nil:
			if before := p.get(old); before != nil && *before == *text {
				continue
			}
		}
		clean, v := p.clean(*text)
		if v != nil {
			return v
		}
		if clean != *text {
			p.set(thing, &clean)
		}
	}
	return nil
}

func (f Field) broken(why reason.Reason, args ...any) *fault.Violation {
	return &fault.Violation{Field: f.Name, Reference: f.Reference(), Reason: why, Args: args}
}

func (f Field) clean(text string) (string, *fault.Violation) {
	if f.Reference() {
		return text, f.checkReference(text)
	}
	clean, v := f.Rule.Clean(text)
	if v != nil {
		v.Field = f.Name
	}
	return clean, v
}

// checkReference refuses what cannot be an id: it is the id of nothing.
func (f Field) checkReference(text string) *fault.Violation {
	ids := []string{text}
	if f.Many {
		ids = slices.DeleteFunc(strings.Split(text, ","), func(id string) bool { return id == "" })
	}
	for _, id := range ids {
		_, err := strconv.ParseInt(id, 10, 64)
		ok := err == nil
		if f.Of == "node" {
			_, ok = ParseNodeID(id)
		}
		if !ok {
			return f.broken(reason.DoesNotExist, id)
		}
	}
	return nil
}

// set puts a cleaned text in its place.
func (p part[T]) set(thing *T, text *string) {
	switch at := p.at(thing).(type) {
	case *string:
		*at = *text
	case **string:
		*at = text
	case *int64:
		*at = number(*text)
	case **int64:
		*at = optional(text, number)
	case *bool:
		*at = *text == "true"
	case *time.Time:
		*at = moment(*text)
	case **time.Time:
		*at = optional(text, moment)
	case *uuid.UUID:
		*at, _ = uuid.Parse(*text)
	case *[]int64:
		*at = nil
		for id := range strings.SplitSeq(*text, ",") {
			if n := number(id); id != "" && !slices.Contains(*at, n) {
				*at = append(*at, n)
			}
		}
	}
}

// get returns the text that set would take.
func (p part[T]) get(thing *T) *string {
	var text string
	switch at := p.at(thing).(type) {
	case *string:
		text = *at
	case **string:
		return *at
	case *int64:
		text = strconv.FormatInt(*at, 10)
	case **int64:
		return optional(*at, func(n int64) string { return strconv.FormatInt(n, 10) })
	case *bool:
		text = strconv.FormatBool(*at)
	case *time.Time:
		text = momentText(*at)
	case **time.Time:
		return optional(*at, momentText)
	case *uuid.UUID:
		text = at.String()
	case *[]int64:
		ids := make([]string, len(*at))
		for i, id := range *at {
			ids[i] = strconv.FormatInt(id, 10)
		}
		text = strings.Join(ids, ",")
	}
	return &text
}

func optional[A, B any](a *A, of func(A) B) *B {
	if a == nil {
		return nil
	}
	b := of(*a)
	return &b
}

// number and moment read what a rule has cleaned.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func moment(s string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}

func momentText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
