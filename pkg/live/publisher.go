package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	// maxEntries is about how many entries the stream keeps. A publisher writes at
	// most one each pace, so with one of them it goes back ten minutes or more.
	maxEntries = 12_000
	pace       = 50 * time.Millisecond
	// maxPending is how many samples wait for Redis at the most: 3 MB.
	maxPending = 1 << 16
	// maxSamples is how many samples an entry has at the most.
	maxSamples = 1 << 12
	// sendTimeout is how long an answer of Redis may take. It is far below the time
	// in which maxPending samples come in.
	sendTimeout = 2 * time.Second
)

// Publisher publishes committed samples. Publish never waits; Run does the sending.
type Publisher struct {
	client redis.UniversalClient
	log    *slog.Logger
	failed prometheus.Counter

	wake    chan struct{}
	mu      sync.Mutex
	pending []Sample
	// gap says that what comes next follows something lost. It begins as true: the
	// process before this one may have committed what it did not publish.
	gap bool
}

// NewPublisher returns a publisher whose count of lost samples is registered with r.
func NewPublisher(client redis.UniversalClient, log *slog.Logger, r prometheus.Registerer) *Publisher {
	p := &Publisher{
		client: client,
		log:    log,
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "live_samples_lost_total",
			Help: "Committed samples that were not published to live listeners, because Redis was away. They are in the database.",
		}),
		wake: make(chan struct{}, 1),
		gap:  true,
	}
	r.MustRegister(p.failed)
	return p
}

// Publish hands over samples that were committed just now and were not in the
// database before. It copies them, never waits, and may be called by many.
func (p *Publisher) Publish(samples ...Sample) {
	if len(samples) == 0 {
		return
	}
	p.mu.Lock()
	if free := maxPending - len(p.pending); len(samples) > free {
		p.lose(len(p.pending) + len(samples))
		p.pending = p.pending[:0]
	} else {
		p.pending = append(p.pending, samples...)
	}
	p.mu.Unlock()
	p.signal()
}

// Missed marks that samples may have been committed which Publish will never be
// called for: readers are told to look into the database.
func (p *Publisher) Missed() {
	p.mu.Lock()
	p.gap = true
	p.mu.Unlock()
	p.signal()
}

func (p *Publisher) signal() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

// lose notes that samples were lost; p.mu is held.
func (p *Publisher) lose(n int) {
	p.gap = true
	p.failed.Add(float64(n))
}

// Run sends until ctx ends, and then what is left. It begins with the mark that
// something may be missing.
func (p *Publisher) Run(ctx context.Context) {
	p.signal()
	failing := false
	for {
		select {
		case <-ctx.Done():
			p.drain(ctx)
			return
		case <-p.wake:
		}
		more, err := p.send(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !failing:
			failing = true
			p.log.ErrorContext(ctx, "samples are not published to live listeners until Redis is back; they are stored", "err", err)
		case err == nil && failing:
			failing = false
			p.log.InfoContext(ctx, "samples are published to live listeners again")
		}
		if more || err != nil {
			p.signal()
		}
		wait := pace
		if err != nil {
			wait = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (p *Publisher) drain(ctx context.Context) {
	for {
		if more, err := p.send(ctx); !more || err != nil {
			return
		}
	}
}

// send sends one entry, if there is something to say. What could not be sent is
// lost and not tried again: it may have arrived all the same, and readers want
// nothing twice.
func (p *Publisher) send(ctx context.Context) (more bool, err error) {
	p.mu.Lock()
	n := min(len(p.pending), maxSamples)
	gap := p.gap
	if n == 0 && !gap {
		p.mu.Unlock()
		return false, nil
	}
	value := encode(p.pending[:n], gap)
	p.pending = append(p.pending[:0], p.pending[n:]...)
	p.gap = false
	more = len(p.pending) > 0
	p.mu.Unlock()

	// What is on its way is not given up when the process stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	err = p.client.XAdd(ctx, &redis.XAddArgs{
		Stream: Key, MaxLen: maxEntries, Approx: true, Values: []any{field, value},
	}).Err()
	if err != nil {
		p.mu.Lock()
		p.lose(n)
		p.mu.Unlock()
	}
	return more, err
}
