package fault_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

func TestKindSurvivesWrapping(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("find room 7: %w", fault.New(fault.NotFound, "no room 7"))
	if got := fault.KindOf(err); got != fault.NotFound {
		t.Errorf("KindOf = %v, want not found", got)
	}
	if got := fault.Text(err); got != "no room 7" {
		t.Errorf("Text = %q, want the caller's text only", got)
	}
	if got := fault.HTTPStatus(err); got != http.StatusNotFound {
		t.Errorf("HTTPStatus = %d, want 404", got)
	}
}

func TestInternalTextStaysInside(t *testing.T) {
	t.Parallel()
	err := errors.New("password for db is hunter2")
	if got := fault.Text(err); got != "internal error" {
		t.Errorf("Text = %q, it must not show an internal error", got)
	}
	if got := status.Convert(fault.GRPCStatus(err)); got.Code() != codes.Internal || got.Message() != "internal error" {
		t.Errorf("GRPCStatus = %v, want INTERNAL without the text", got)
	}
}

func TestCauseIsKept(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"New":  fault.New(fault.Unavailable, "read: %w", io.ErrUnexpectedEOF),
		"Wrap": fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the database is away"),
	} {
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the cause is lost", name)
		}
	}
	if fault.Wrap(fault.Invalid, nil, "x") != nil {
		t.Error("Wrap of nil is not nil")
	}
}

func TestDescribeTellsCauses(t *testing.T) {
	t.Parallel()
	inner := fault.Wrap(fault.Unavailable, io.ErrUnexpectedEOF, "the server is away")
	for want, err := range map[string]error{
		"plain":      errors.New("plain"),
		"read: that": fault.New(fault.Invalid, "read: %w", errors.New("that")), // tells it already
		"send: no mail today: the server is away: unexpected EOF": fmt.Errorf("send: %w", fault.Wrap(fault.Unavailable, inner, "no mail today")),
	} {
		if got := fault.Describe(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestKindCrossesGRPC(t *testing.T) {
	t.Parallel()
	kinds := []fault.Kind{
		fault.Invalid, fault.NotFound, fault.Conflict,
		fault.Unauthenticated, fault.Forbidden, fault.Unavailable, fault.Exhausted,
	}
	for _, k := range kinds {
		got := fault.FromGRPC(fault.GRPCStatus(fault.New(k, "why")))
		if fault.KindOf(got) != k || fault.Text(got) != "why" {
			t.Errorf("%v came back as %v %q", k, fault.KindOf(got), fault.Text(got))
		}
	}
}

func TestViolation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		v    fault.Violation
		kind fault.Kind
		text string
	}{
		{fault.Violation{Field: "name", Reason: reason.MaxLength, Args: []any{50}}, fault.Invalid, "name: max_length 50"},
		{fault.Violation{Reason: reason.LastOwner, Conflict: true}, fault.Conflict, "last_owner"},
		{fault.Violation{Field: "time_s", Reason: reason.InFuture, Detail: "tomorrow"}, fault.Invalid, "time_s: in_future tomorrow"},
	} {
		err := fmt.Errorf("create: %w", &test.v)
		if fault.KindOf(err) != test.kind || fault.Text(err) != test.text {
			t.Errorf("%+v: %v %q, want %v %q", test.v, fault.KindOf(err), fault.Text(err), test.kind, test.text)
		}
	}
}

// What a server says to us means what we say by the same status to others.
func TestKindOfStatus(t *testing.T) {
	t.Parallel()
	for _, k := range []fault.Kind{fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Invalid, fault.Unavailable} {
		status := fault.HTTPStatus(fault.New(k, "refused"))
		if got := fault.KindOfStatus(status); got != k {
			t.Errorf("%d is %v, want %v", status, got, k)
		}
	}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusTeapot} {
		if got := fault.KindOfStatus(status); got != fault.Unavailable {
			t.Errorf("%d is %v, want that it may pass", status, got)
		}
	}
}
