package telemetry

import (
	"context"
	"sync"
	"time"
)

// Cached is a Store that remembers for a short while what lists show of series:
// many clients look at the same lists every few seconds. Single series are always
// asked for anew.
type Cached struct {
	Store
	// For is how old a remembered summary may be.
	For time.Duration
	// Now is the clock.
	Now func() time.Time

	mu      sync.Mutex
	kept    map[spanKey]keptSummary
	cleared time.Time
}

// spanKey is a span; the end is left out when it is the time of the request.
type spanKey struct {
	no       int32
	from, to int64
}

type keptSummary struct {
	summary Summary
	until   time.Time
}

// maxKept bounds the memory: some 20 MB.
const maxKept = 100_000

// Summaries is part of Store.
func (c *Cached) Summaries(ctx context.Context, spans []Span, first bool) ([]Summary, error) {
	if first || len(spans) < 2 {
		return c.Store.Summaries(ctx, spans, first)
	}
	now := c.Now()
	all := make([]Summary, len(spans))
	missing := c.look(spans, all, now)
	if len(missing) == 0 {
		return all, nil
	}
	wanted := make([]Span, len(missing))
	for i, at := range missing {
		wanted[i] = spans[at]
	}
	found, err := c.Store.Summaries(ctx, wanted, false)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) > maxKept || now.Sub(c.cleared) > 10*c.For {
		c.kept, c.cleared = make(map[spanKey]keptSummary, len(found)), now
	}
	for i, at := range missing {
		all[at] = found[i]
		c.kept[key(spans[at], now)] = keptSummary{found[i], now.Add(c.For)}
	}
	return all, nil
}

// look fills in what is remembered and returns the places of the others.
func (c *Cached) look(spans []Span, all []Summary, now time.Time) (missing []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range spans {
		if kept, ok := c.kept[key(spans[i], now)]; ok && now.Before(kept.until) {
			all[i] = kept.summary
			continue
		}
		missing = append(missing, i)
	}
	return missing
}

func key(s Span, now time.Time) spanKey {
	k := spanKey{s.NodeNo, s.From.Unix(), s.To.Unix()}
	if now.Sub(s.To).Abs() < 2*time.Second {
		k.to = 0
	}
	return k
}
