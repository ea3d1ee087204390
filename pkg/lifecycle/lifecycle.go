// Package lifecycle starts the parts of a process in order, stops them in
// reverse order within a bound, and gives every binary the same manners: --help,
// version, healthcheck, signals and exit codes.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Part is something that runs as long as the process does.
type Part struct {
	Name string
	// Run calls ready when others may rely on the part, works until ctx ends, then
	// finishes or persists what is in hand and returns. Returning early is a
	// failure that stops the whole process, also without an error.
	Run func(ctx context.Context, ready func()) error
}

// Run starts the parts, each when the one before is ready, and waits until ctx
// ends or a part fails. Then it stops them in reverse order. All of them together
// have grace for that; one that takes longer is left behind and reported.
func Run(ctx context.Context, log *slog.Logger, grace time.Duration, parts ...Part) error {
	failed := make(chan error, len(parts))
	var running []*runningPart
	var problems []error
	for _, p := range parts {
		r := start(ctx, p, failed)
		running = append(running, r)
		select {
		case <-r.ready:
			continue
		case err := <-failed:
			problems = append(problems, err)
		case <-ctx.Done():
		}
		break
	}
	if len(problems) == 0 && ctx.Err() == nil {
		log.InfoContext(ctx, "started")
		select {
		case err := <-failed:
			problems = append(problems, err)
		case <-ctx.Done():
			log.InfoContext(ctx, "stopping", "grace", grace)
		}
	}
	deadline := time.After(grace)
	for i, r := range slices.Backward(running) {
		r.cancel()
		select {
		case <-r.done:
			if r.err != nil && !errors.Is(r.err, context.Canceled) && ctx.Err() != nil {
				problems = append(problems, fmt.Errorf("stop %s: %w", r.name, r.err))
			}
		case <-deadline:
			for _, rest := range running[:i] {
				rest.cancel() // no time to wait for them, but time to begin
			}
			return errors.Join(append(problems, fmt.Errorf("stop %s: not done within %v", r.name, grace))...)
		}
	}
	return errors.Join(problems...)
}

type runningPart struct {
	name   string
	cancel context.CancelFunc
	ready  chan struct{}
	done   chan struct{}
	err    error // valid when done is closed
}

func start(ctx context.Context, p Part, failed chan<- error) *runningPart {
	// A part outlives the signal until its turn to stop has come.
	partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningPart{name: p.Name, cancel: cancel, ready: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = p.Run(partCtx, func() { close(r.ready) })
		if partCtx.Err() == nil {
			if r.err == nil {
				r.err = errors.New("ended by itself")
			}
			failed <- fmt.Errorf("%s: %w", p.Name, r.err)
		}
	}()
	return r
}
