package telemetry_test

import (
	"context"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// counting answers each question with how many spans it was asked for so far.
type counting struct {
	telemetry.Store
	asked int64
}

func (c *counting) Summaries(_ context.Context, spans []telemetry.Span, _ bool) ([]telemetry.Summary, error) {
	sums := make([]telemetry.Summary, len(spans))
	for i := range spans {
		c.asked++
		sums[i].Count = c.asked
	}
	return sums, nil
}

func TestListsAreRememberedForAShortWhile(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store := &counting{}
	cached := &telemetry.Cached{Store: store, For: 2 * time.Second, Now: func() time.Time { return now }}
	list := func(nos ...int32) []telemetry.Span {
		var spans []telemetry.Span
		for _, no := range nos {
			spans = append(spans, telemetry.Span{NodeNo: no, To: now})
		}
		return spans
	}
	ask := func(spans []telemetry.Span, first bool) int64 {
		t.Helper()
		if _, err := cached.Summaries(t.Context(), spans, first); err != nil {
			t.Fatal(err)
		}
		return store.asked
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		nos   []int32
		first bool
		asked int64
	}{
		{"a new list is asked for", 0, []int32{1, 2}, false, 2},
		{"it is remembered, also a second later", time.Second, []int32{1, 2}, false, 2},
		{"of another one what is new is asked for", 0, []int32{2, 3}, false, 3},
		{"single ones are always asked for", 0, []int32{1}, false, 4},
		{"details are always asked for", 0, []int32{1, 2}, true, 6},
		{"after a while it is asked for again", 2 * time.Second, []int32{1, 2}, false, 8},
	} {
		now = now.Add(step.after)
		if got := ask(list(step.nos...), step.first); got != step.asked {
			t.Errorf("%s: asked for %d spans so far, want %d", step.name, got, step.asked)
		}
	}
}
