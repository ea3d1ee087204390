package httpapi

import (
	"log/slog"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Whatever a caller can do something about has a reason that says what.
func TestKindsHaveReasons(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{
		fault.Invalid, fault.NotFound, fault.Conflict, fault.Unauthenticated, fault.Forbidden, fault.Unavailable, fault.Exhausted, fault.Contended,
	} {
		got := errorsOf(t.Context(), slog.New(slog.DiscardHandler), fault.New(kind, "why"))
		if got[0].Reason == reason.Error {
			t.Errorf("%v: %d has no reason", kind, got[0].Status)
		}
	}
}
