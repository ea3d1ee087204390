package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

// journal writes down what the parts do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) part(name string, stopping time.Duration) lifecycle.Part {
	return lifecycle.Part{Name: name, Run: func(ctx context.Context, ready func()) error {
		j.add("start " + name)
		ready()
		<-ctx.Done()
		time.Sleep(stopping)
		j.add("stop " + name)
		return nil
	}}
}

var quiet = slog.New(slog.DiscardHandler)

func TestPartsStopInReverseOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var j journal
		err := lifecycle.Run(ctx, quiet, time.Minute, j.part("store", 0), j.part("server", 30*time.Second))
		if err != nil {
			t.Errorf("Run: %v", err)
		}
		want := []string{"start store", "start server", "stop server", "stop store"}
		if !slices.Equal(j.lines, want) {
			t.Errorf("got %q, want %q", j.lines, want)
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var j journal
		begin := time.Now()
		err := lifecycle.Run(ctx, quiet, 10*time.Second, j.part("store", 0), j.part("slow", time.Hour))
		if err == nil || !strings.Contains(err.Error(), "stop slow: not done within 10s") {
			t.Errorf("got %v, want the name of the slow part", err)
		}
		if took := time.Since(begin); took != 11*time.Second {
			t.Errorf("took %v, want 11s", took)
		}
		time.Sleep(2 * time.Hour) // the part that was left behind ends within the bubble
	})
}

func TestFailureOfOnePartStopsAll(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		run  func(context.Context, func()) error
		want string
	}{
		{
			"before it is ready",
			func(context.Context, func()) error { return errors.New("port in use") },
			"server: port in use",
		},
		{
			"later",
			func(_ context.Context, ready func()) error {
				ready()
				time.Sleep(time.Minute)
				return errors.New("broken")
			},
			"server: broken",
		},
		{
			"by ending without an error",
			func(_ context.Context, ready func()) error { ready(); return nil },
			"server: ended by itself",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var j journal
				err := lifecycle.Run(t.Context(), quiet, time.Minute,
					j.part("store", 0), lifecycle.Part{Name: "server", Run: tt.run})
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if !slices.Contains(j.lines, "stop store") {
					t.Error("the store was not stopped")
				}
			})
		})
	}
}

func TestErrorWhileStoppingIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := lifecycle.Run(ctx, quiet, time.Minute, lifecycle.Part{
			Name: "queue",
			Run: func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				return errors.New("12 uplinks could not be handed over")
			},
		})
		if err == nil || !strings.Contains(err.Error(), "stop queue: 12 uplinks") {
			t.Errorf("got %v", err)
		}
	})
}
