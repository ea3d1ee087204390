package forwarder

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/clairberlin/clair-stack/pkg/correlation"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/tracing"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

const (
	// Two batches under way keep the ingestair busy while the next one gathers.
	couriers = 2
	// An answer that takes longer is taken for lost.
	deliveryTimeout = 10 * time.Second
	// Waits between attempts grow from the first to the last.
	firstWait, lastWait = 100 * time.Millisecond, 15 * time.Second
)

// spool keeps batches while the ingestair is away.
type spool interface {
	// put keeps a request for later: one of KeepUndecoded or of Store.
	put(ctx context.Context, undecoded bool, uplinks int, request []byte) error
}

// courier delivers what is in the outbox.
type courier struct {
	log        *slog.Logger
	metrics    *metrics
	outbox     *outbox
	client     *ingestclient.Client
	spool      spool         // may be nil
	spoolAfter time.Duration // of failures
	handOver   time.Duration // for what is left when we stop
	breaker    *breaker
	lost       atomic.Int64
	now        func() time.Time
	tracer     *tracing.Tracer // may be nil

	taking sync.Mutex // makes taking a batch and a turn one step
	turns  turns
}

// next takes a batch and its turn.
func (c *courier) next(ctx context.Context) ([]entry, int64) {
	c.taking.Lock()
	defer c.taking.Unlock()
	batch := c.outbox.take(ctx)
	if batch == nil {
		return nil, 0
	}
	return batch, c.turns.begin()
}

// part delivers until it is told to stop, and then until nothing is left.
func (c *courier) part() lifecycle.Part {
	return lifecycle.Part{Name: "delivery", Run: func(ctx context.Context, ready func()) error {
		hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() {
			c.outbox.close()
			time.AfterFunc(c.handOver, cancel)
		})()
		var wg sync.WaitGroup
		for range couriers {
			wg.Go(func() {
				for {
					batch, turn := c.next(hard)
					if batch == nil {
						return
					}
					c.deliver(ctx, hard, batch, turn)
					c.turns.end(turn)
				}
			})
		}
		ready()
		wg.Wait()
		if lost := int(c.lost.Load()) + c.outbox.len(); lost > 0 {
			return fmt.Errorf("%d uplinks could neither be delivered nor handed over", lost)
		}
		return nil
	}}
}

// deliver returns when the batch is delivered or handed over, or when hard ends.
// The end of ctx means that we stop, and want to be rid of it soon.
func (c *courier) deliver(ctx, hard context.Context, batch []entry, turn int64) {
	message := request(batch)
	// All attempts at a batch, also those from Redis, have the same name in the logs.
	hard = correlation.With(hard, correlation.New())
	for {
		if c.breaker.closed(c.now()) {
			err := c.send(hard, batch, message)
			switch fault.KindOf(err) {
			case fault.Invalid:
				c.breaker.succeeded()
				c.divide(ctx, hard, batch, turn, err)
				return
			default:
				if err == nil {
					c.breaker.succeeded()
					return
				}
				c.complain(hard, err, len(batch))
			}
		}
		if c.spool != nil && (ctx.Err() != nil || c.breaker.failingFor(c.now()) >= c.spoolAfter) {
			// In the order in which they came, so that they are drained in that order.
			if c.turns.first(hard, turn) && c.handBatchOver(hard, batch, message) {
				return
			}
		}
		if !c.pause(ctx, hard) {
			c.lost.Add(int64(len(batch)))
			return
		}
	}
}

// pause waits for the next attempt, and returns false when there will be none.
func (c *courier) pause(ctx, hard context.Context) bool {
	timer := time.NewTimer(c.breaker.wait(c.now()))
	defer timer.Stop()
	stopping := ctx.Done()
	if ctx.Err() != nil {
		stopping = nil
	}
	select {
	case <-timer.C:
		return true
	case <-stopping:
		return true
	case <-hard.Done():
		return false
	}
}

func (c *courier) send(ctx context.Context, batch []entry, message []byte) (err error) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	ctx, span := c.tracer.Start(ctx, "deliver uplinks", attribute.Int("uplinks", len(batch)))
	defer func() { span.End(err) }()
	start := c.now()
	response, err := deliverRequest(ctx, c.client, batch[0].undecoded, message)
	if err != nil {
		c.metrics.deliveries.WithLabelValues(fault.KindOf(err).String()).Inc()
		return err
	}
	end := c.now()
	c.metrics.deliveries.WithLabelValues("ok").Inc()
	c.metrics.delivery.Observe(end.Sub(start).Seconds())
	c.metrics.lastUplink.Set(float64(end.UnixMilli()) / 1e3)
	c.metrics.countOutcomes(batch, response.GetOutcomes())
	for i := range batch {
		c.metrics.delay.Observe(end.Sub(batch[i].received).Seconds())
		if c.log.Enabled(ctx, slog.LevelDebug) {
			c.log.DebugContext(ctx, "uplink delivered", "dev_eui", batch[i].devEUI(), "undecoded", batch[i].undecoded)
		}
		batch[i].finish(stored)
	}
	return nil
}

// deliverRequest sends one request, of KeepUndecoded or of Store.
func deliverRequest(ctx context.Context, client *ingestclient.Client, undecoded bool, message []byte) (*ingestv1.StoreResponse, error) {
	if undecoded {
		return nil, client.KeepUndecoded(ctx, message)
	}
	return client.Store(ctx, message)
}

// divide delivers the halves of a batch that the ingestair calls invalid, so that
// one bad uplink does not take others with it. What is alone and invalid is given up.
func (c *courier) divide(ctx, hard context.Context, batch []entry, turn int64, cause error) {
	if len(batch) == 1 {
		c.log.ErrorContext(hard, "uplink refused by the ingestair", "dev_eui", batch[0].devEUI(), "undecoded", batch[0].undecoded, "err", cause)
		batch[0].finish(refused)
		return
	}
	half := len(batch) / 2
	c.deliver(ctx, hard, batch[:half], turn)
	c.deliver(ctx, hard, batch[half:], turn)
}

func (c *courier) handBatchOver(ctx context.Context, batch []entry, message []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if err := c.spool.put(ctx, batch[0].undecoded, len(batch), message); err != nil {
		c.log.WarnContext(ctx, "uplinks wait in memory: Redis does not take them", "count", len(batch), "waiting", c.outbox.len(), "err", err)
		return false
	}
	c.log.InfoContext(ctx, "uplinks handed over to Redis", "count", len(batch), "waiting", c.outbox.len())
	for i := range batch {
		batch[i].finish(spooled)
	}
	return true
}

func (c *courier) complain(ctx context.Context, err error, count int) {
	c.breaker.failed(c.now())
	log := c.log.With("count", count, "waiting", c.outbox.len(), "next_attempt_in", c.breaker.wait(c.now()).Round(time.Millisecond), "err", err)
	if k := fault.KindOf(err); k == fault.Unauthenticated || k == fault.Forbidden {
		log.ErrorContext(ctx, "ingestair refuses our token: check INGEST_TOKEN")
		return
	}
	log.WarnContext(ctx, "ingestair does not take uplinks; trying again")
}

// countOutcomes counts the outcomes of a batch's samples. Those that the storage
// search had stored are what other sources missed.
func (m *metrics) countOutcomes(batch []entry, outcomes []ingestv1.Outcome) {
	type kind struct {
		source  ingestv1.Source
		outcome ingestv1.Outcome
	}
	counts := map[kind]int{}
	for i := range batch {
		n := min(int(batch[i].samples), len(outcomes))
		for _, o := range outcomes[:n] {
			counts[kind{batch[i].source, o}]++
		}
		outcomes = outcomes[n:]
	}
	for k, n := range counts {
		m.samples.WithLabelValues(sourceName(k.source), ingestclient.OutcomeName(k.outcome)).Add(float64(n))
	}
}

// breaker remembers failures, so that couriers do not each run into the same wall.
type breaker struct {
	mu    sync.Mutex
	since time.Time // of the first failure in a row; zero: none
	next  time.Time // before that, an attempt is no use
	delay time.Duration
}

// closed reports whether an attempt makes sense.
func (b *breaker) closed(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !now.Before(b.next)
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since, b.next, b.delay = time.Time{}, time.Time{}, 0
}

func (b *breaker) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = now
	}
	if now.Before(b.next) {
		return // the other courier ran into the same failure
	}
	b.delay = min(max(2*b.delay, firstWait), lastWait)
	// Replicas must not come back all at once.
	b.next = now.Add(b.delay/2 + rand.N(b.delay/2))
}

func (b *breaker) failingFor(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		return 0
	}
	return now.Sub(b.since)
}

func (b *breaker) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.next.Sub(now), firstWait/2)
}

// turns tells couriers which of their batches was taken first.
type turns struct {
	mu    sync.Mutex
	last  int64
	under []int64       // those not ended, in order
	moved chan struct{} // closed and replaced when one ends
}

func (t *turns) begin() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.under = append(t.under, t.last)
	return t.last
}

func (t *turns) end(turn int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under = slices.DeleteFunc(t.under, func(u int64) bool { return u == turn })
	if t.moved != nil {
		close(t.moved)
		t.moved = nil
	}
}

// first waits until no earlier turn is left, and returns false when ctx ends before.
func (t *turns) first(ctx context.Context, turn int64) bool {
	for {
		t.mu.Lock()
		if t.under[0] >= turn {
			t.mu.Unlock()
			return true
		}
		if t.moved == nil {
			t.moved = make(chan struct{})
		}
		moved := t.moved
		t.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return false
		}
	}
}
