package load

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// Requests sends HTTP requests through the reverse proxy all the time.
type Requests struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	took     []time.Duration
	failures []string
}

// requesters is how many requests are under way at a time.
const requesters = 4

// StartRequests asks thirty times a second, below the limit of what one client may
// ask.
func StartRequests(ctx context.Context, ask func(context.Context) error) *Requests {
	ctx, cancel := context.WithCancel(ctx)
	r := &Requests{cancel: cancel}
	ticks := make(chan struct{})
	r.wg.Go(func() {
		defer close(ticks)
		ticker := time.NewTicker(33 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				select {
				case ticks <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range requesters {
		r.wg.Go(func() {
			for range ticks {
				// Not ctx: what has been begun is to be answered, also when we stop.
				begun := time.Now()
				err := ask(context.WithoutCancel(ctx))
				r.mu.Lock()
				r.took = append(r.took, time.Since(begun))
				if err != nil {
					r.failures = append(r.failures, time.Now().Format(time.TimeOnly)+" "+err.Error())
				}
				r.mu.Unlock()
			}
		})
	}
	return r
}

// SoFar returns how many requests there have been, and the failures.
func (r *Requests) SoFar() (n int, failures []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.took), slices.Clip(r.failures)
}

// Stop returns how many requests there were, the failures, and the 99th percentile
// of the times that they took.
func (r *Requests) Stop() (n int, failures []string, p99 time.Duration) {
	r.cancel()
	r.wg.Wait()
	slices.Sort(r.took)
	if len(r.took) > 0 {
		p99 = r.took[len(r.took)*99/100]
	}
	return len(r.took), r.failures, p99
}

// AskProxy asks for a public page through the proxy of a stack on one node.
func AskProxy() func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requesters}, Timeout: 10 * time.Second}
	return func(ctx context.Context) error {
		return visitor.Get(ctx, client, stack.Domain, "http://"+stack.Local+visitor.RoomPath)
	}
}
