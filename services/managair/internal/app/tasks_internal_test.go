package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The queue has a task fail at the end of its time, whatever it returns.
func TestLongTasksEndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		err := inTime(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil || ctx.Err() != nil {
			t.Errorf("a long task: %v; its context: %v", err, ctx.Err())
		}
		broken := errors.New("broken")
		if err := inTime(t.Context(), func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("a broken task: %v", err)
		}
	})
}

// A worker that is ended is another matter: somebody else does the work.
func TestEndedTasksFail(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	err := inTime(ctx, func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
