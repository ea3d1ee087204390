// Package fault sorts errors into the few kinds that callers treat differently.
//
// A kind is chosen where the cause is known and translated once, at the edge:
// HTTPStatus and GRPCStatus do that. An error without a kind is internal: its
// text stays in the log, the caller learns nothing of it.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kind is what a caller can do about an error.
type Kind uint8

// The kinds. Internal is the kind of every error that was not given one.
const (
	Internal        Kind = iota
	Invalid              // the request is wrong; repeating it is useless
	NotFound             // there is no such thing, or the caller may not see it
	Conflict             // it contradicts what is there
	Unauthenticated      // who is calling is unknown
	Forbidden            // the caller may see it, but not do this
	Unavailable          // try again later
	Exhausted            // the caller has had its share; try again later
	Contended            // it was ended for the sake of another; try again at once
)

// String returns the kind in lower case, as it stands in logs.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not found"
	case Conflict:
		return "conflict"
	case Unauthenticated:
		return "unauthenticated"
	case Forbidden:
		return "forbidden"
	case Unavailable:
		return "unavailable"
	case Exhausted:
		return "exhausted"
	case Contended:
		return "contended"
	default:
		return "internal"
	}
}

// Error is an error of a kind. Its text is meant for the caller.
type Error struct {
	kind  Kind
	text  string
	err   error
	after time.Duration // when to try again; 0: not known
}

// Error returns the text for the caller; the cause is not part of it.
func (e *Error) Error() string { return e.text }

// Unwrap returns the cause, which belongs in the log, or nil.
func (e *Error) Unwrap() error { return e.err }

// New returns an error of kind k. The text is for the caller; operands of %w in
// it are its causes.
func New(k Kind, format string, args ...any) error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{kind: k, text: wrapped.Error(), err: errors.Unwrap(wrapped)}
}

// NewExhausted returns an error for a caller who has to wait so long for their next share.
func NewExhausted(wait time.Duration, format string, args ...any) error {
	return &Error{kind: Exhausted, text: fmt.Sprintf(format, args...), after: wait}
}

// RetryAfter returns how long a caller has to wait before they try again; 0: not known.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.after
	}
	return 0
}

// Wrap gives err the kind k and a text for the caller. Unlike New with %w, the
// text of err is not shown to the caller. Wrap of nil is nil.
func Wrap(k Kind, err error, text string) error {
	if err == nil {
		return nil
	}
	return &Error{kind: k, text: text, err: err}
}

// KindOf returns the kind of the outermost Error in err's chain, else Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.kind
	}
	return Internal
}

// Is reports whether err has the kind k.
func Is(err error, k Kind) bool { return KindOf(err) == k }

// Text returns what a caller may read of err: the text of the Error in its
// chain, and nothing of an internal error.
func Text(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.kind != Internal {
		return e.text
	}
	return "internal error"
}

// Describe returns err's text with the causes that Wrap leaves out for the eyes of
// callers: for logs, and for those who run the service.
func Describe(err error) string {
	text := err.Error()
	for e, ok := errors.AsType[*Error](err); ok && e.err != nil; e, ok = errors.AsType[*Error](e.err) {
		if cause := e.err.Error(); !strings.Contains(text, cause) {
			text += ": " + cause
		}
	}
	return text
}

// HTTPStatus returns the status code that stands for err's kind.
func HTTPStatus(err error) int {
	switch KindOf(err) {
	case Invalid:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case Exhausted:
		return http.StatusTooManyRequests
	case Unavailable, Contended:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// KindOfStatus returns what the status code of another server's answer says of our request.
// What says nothing of it, or may pass, is Unavailable.
func KindOfStatus(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return Unauthenticated
	case http.StatusForbidden:
		return Forbidden
	case http.StatusNotFound:
		return NotFound
	case http.StatusBadRequest:
		return Invalid
	default:
		return Unavailable
	}
}

// GRPCStatus returns the status that stands for err, and nil for nil. A status
// that err already is passes through.
func GRPCStatus(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		if s, ok := status.FromError(err); ok {
			return s.Err()
		}
	}
	var code codes.Code
	switch KindOf(err) {
	case Invalid:
		code = codes.InvalidArgument
	case NotFound:
		code = codes.NotFound
	case Conflict:
		code = codes.AlreadyExists
	case Unauthenticated:
		code = codes.Unauthenticated
	case Forbidden:
		code = codes.PermissionDenied
	case Exhausted:
		code = codes.ResourceExhausted
	case Unavailable, Contended:
		code = codes.Unavailable
	default:
		code = codes.Internal
	}
	return status.Error(code, Text(err))
}

// FromGRPC gives the error of a gRPC call the kind of its status code.
func FromGRPC(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	var k Kind
	switch s.Code() {
	case codes.InvalidArgument, codes.OutOfRange:
		k = Invalid
	case codes.NotFound:
		k = NotFound
	case codes.AlreadyExists:
		k = Conflict
	case codes.Unauthenticated:
		k = Unauthenticated
	case codes.PermissionDenied:
		k = Forbidden
	case codes.ResourceExhausted:
		k = Exhausted
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		k = Unavailable
	default:
		return err
	}
	return &Error{kind: k, text: s.Message(), err: err}
}
