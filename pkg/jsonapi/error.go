package jsonapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Error is one entry of an error document.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Reason is what is wrong, Args the figures of the case.
	Reason reason.Reason
	Args   []any
	// Detail is for people, in their language. When it is empty, the edge makes it
	// from Reason and Args.
	Detail string
	// Pointer is the place in the document, Parameter the query parameter that is
	// wrong; at most one is set.
	Pointer, Parameter string
}

// Code is what programs rely on.
func (e *Error) Code() string { return e.Reason.Code() }

// In returns what people read of it in a language.
func (e *Error) In(language string) string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Reason.In(language, e.Args...)
}

// Error returns code, place and text.
func (e *Error) Error() string {
	place := e.Pointer
	if place == "" {
		place = e.Parameter
	}
	return strings.Join(strings.Fields(e.Code()+" "+place+" "+e.In("en")), " ")
}

// ErrorOf gives a violation the form of an entry: its place in the request's document.
func ErrorOf(v *fault.Violation) *Error {
	e := &Error{Status: http.StatusBadRequest, Reason: v.Reason, Args: v.Args, Pointer: "/data"}
	switch {
	case v.Reference:
		e.Pointer = RelationshipPointer(v.Field)
	case v.Field != "":
		e.Pointer = AttributePointer(v.Field)
	}
	switch {
	case v.Conflict:
		e.Status = http.StatusConflict
	case v.Contradictory:
		e.Status = http.StatusUnprocessableEntity
	}
	return e
}

// Errors are all the errors of a request.
type Errors []*Error

// Error joins the entries.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// Status returns the status of the whole answer: that of the first entry.
func (e Errors) Status() int {
	if len(e) == 0 {
		return 500
	}
	return e[0].Status
}

// Below returns the errors of a part of a document that stands at pointer.
func (e Errors) Below(pointer string) Errors {
	placed := make(Errors, len(e))
	for i, one := range e {
		moved := *one
		moved.Pointer = pointer + one.Pointer
		placed[i] = &moved
	}
	return placed
}

// Append appends the error document to dst.
func (e Errors) Append(dst []byte) []byte {
	dst = append(dst, `{"errors":[`...)
	for i, one := range e {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"detail":`...)
		dst = AppendString(dst, one.Detail)
		dst = append(dst, `,"status":"`...)
		dst = strconv.AppendInt(dst, int64(one.Status), 10)
		dst = append(dst, '"')
		switch {
		case one.Pointer != "":
			dst = append(dst, `,"source":{"pointer":`...)
			dst = AppendString(dst, one.Pointer)
			dst = append(dst, '}')
		case one.Parameter != "":
			dst = append(dst, `,"source":{"parameter":`...)
			dst = AppendString(dst, one.Parameter)
			dst = append(dst, '}')
		}
		dst = append(dst, `,"code":`...)
		dst = AppendString(dst, one.Code())
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}

// AttributePointer is the place of an attribute in a request's document.
func AttributePointer(name string) string { return "/data/attributes/" + name }

// RelationshipPointer is the place of a relationship in a request's document.
func RelationshipPointer(name string) string { return "/data/relationships/" + name }
