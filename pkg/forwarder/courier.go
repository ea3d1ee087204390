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
	// leastPatience is how long a call may take at least before its batch goes to Redis,
	// whatever SPOOL_AFTER is: a commit takes its time. When we stop, lastPatience is the most.
	leastPatience, lastPatience = 500 * time.Millisecond, time.Second
	// handOverTimeout bounds handing over; together with the 2 seconds of SPOOL_AFTER it is
	// within the time of the webhook. After handOverPause it is tried again.
	handOverTimeout, handOverPause = 1500 * time.Millisecond, time.Second
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
	spoolAfter time.Duration // without an answer
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
	for refused := false; ; { // refused: Redis did not take it
		if c.breaker.closed(c.now()) && (refused || !c.overdue(ctx, batch)) {
			handedOver, err := c.send(ctx, hard, batch, message, turn)
			switch {
			case handedOver || err == nil:
				return
			case fault.Is(err, fault.Invalid):
				c.divide(ctx, hard, batch, turn, err)
				return
			}
		}
		if c.spool != nil && (ctx.Err() != nil || c.breaker.failingFor(c.now()) >= c.spoolAfter) {
			if c.handBatchOver(hard, batch, message, turn) {
				return
			}
			refused = true
		}
		if !c.pause(ctx, hard) {
			c.lost.Add(int64(len(batch)))
			return
		}
	}
}

// pause waits for the next attempt or the time of handing over, and returns false when
// there will be none.
func (c *courier) pause(ctx, hard context.Context) bool {
	wait := c.breaker.wait(c.now())
	if left := c.spoolAfter - c.breaker.failingFor(c.now()); c.spool != nil && left > 0 {
		wait = min(wait, left)
	}
	timer := time.NewTimer(wait)
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

// due is when a batch goes to Redis whose call began then and is not answered: after
// SPOOL_AFTER without an ingestair, or since its oldest uplink came, if that was later.
func (c *courier) due(ctx context.Context, began time.Time, batch []entry) time.Time {
	patience := max(c.spoolAfter, leastPatience)
	if ctx.Err() != nil {
		patience = min(patience, lastPatience)
	}
	if since := c.breaker.failingSince(); !since.IsZero() {
		began = since
		if came := batch[0].received; came.After(since) {
			began = came
		}
	}
	return began.Add(patience)
}

// overdue reports whether a batch should be on Redis already. While all is well, what has
// waited for long has waited for others, and another place to wait at is no use.
func (c *courier) overdue(ctx context.Context, batch []entry) bool {
	now := c.now()
	return c.spool != nil && c.breaker.failingFor(now) > 0 && !now.Before(c.due(ctx, now, batch))
}

// answered is what came of a call, which its context tells in logs.
type answered struct {
	ctx      context.Context //nolint:containedctx // it goes to whoever logs what came of the call
	response *ingestv1.StoreResponse
	err      error
}

// send calls the ingestair once. A call without an answer does not keep what it carries from
// Redis: somebody may wait for our own answer meanwhile, and what is in memory ends with us.
// handedOver is true when Redis has the batch. The ingestair may have taken it all the same,
// and what comes twice is harmless; where its answer is in time, the batch is done with it.
func (c *courier) send(ctx, hard context.Context, batch []entry, message []byte, turn int64) (handedOver bool, err error) {
	began := c.now()
	unanswered, taken := context.WithCancel(hard)
	calling, giveUp := context.WithTimeout(hard, deliveryTimeout)
	answers := make(chan answered, 1)
	var call sync.WaitGroup
	call.Go(func() {
		a := c.call(calling, batch, message)
		if a.err == nil {
			taken() // Redis needs it no more
		}
		answers <- a
	})
	defer func() {
		giveUp()
		taken()
		call.Wait()
	}()
	late := time.NewTimer(c.due(ctx, began, batch).Sub(began))
	defer late.Stop()
	stopping := ctx.Done()
	switch {
	case c.spool == nil:
		late.Stop()
		stopping = nil
	case ctx.Err() != nil:
		stopping = nil
	}
	for {
		select {
		case a := <-answers:
			c.settle(batch, a, began)
			return false, a.err
		case <-late.C:
			if c.handBatchOver(unanswered, batch, message, turn) {
				err := fault.New(fault.Unavailable, "no answer for %v", c.now().Sub(began).Round(time.Millisecond))
				c.complain(hard, err, len(batch), began)
				return true, err
			}
			late.Reset(handOverPause)
		case <-stopping:
			stopping = nil
			late.Reset(c.due(ctx, began, batch).Sub(c.now()))
		}
	}
}

// call is one call of the ingestair.
func (c *courier) call(ctx context.Context, batch []entry, message []byte) (a answered) {
	ctx, span := c.tracer.Start(ctx, "deliver uplinks", attribute.Int("uplinks", len(batch)))
	defer func() { span.End(a.err) }()
	response, err := deliverRequest(ctx, c.client, batch[0].undecoded, message)
	return answered{ctx, response, err}
}

// settle notes what the ingestair answered, and is done with what it has stored.
func (c *courier) settle(batch []entry, a answered, began time.Time) {
	ctx := a.ctx
	if a.err != nil {
		c.complain(ctx, a.err, len(batch), began)
		return
	}
	end := c.now()
	c.breaker.succeeded(end)
	c.metrics.deliveries.WithLabelValues("ok").Inc()
	c.metrics.delivery.Observe(end.Sub(began).Seconds())
	c.metrics.lastUplink.Set(float64(end.UnixMilli()) / 1e3)
	c.metrics.countOutcomes(batch, a.response.GetOutcomes())
	readings := 0
	for i := range batch {
		readings += int(batch[i].readings)
	}
	c.metrics.countReadings(readings, a.response.GetReadingOutcomes())
	for i := range batch {
		c.metrics.delay.Observe(end.Sub(batch[i].received).Seconds())
		if c.log.Enabled(ctx, slog.LevelDebug) {
			c.log.DebugContext(ctx, "uplink delivered", "dev_eui", batch[i].devEUI(), "undecoded", batch[i].undecoded)
		}
		batch[i].finish(stored)
	}
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

// handBatchOver gives a batch to Redis, in the order in which batches came, so that they are
// drained in that order. It ends with ctx, too.
func (c *courier) handBatchOver(ctx context.Context, batch []entry, message []byte, turn int64) bool {
	if !c.turns.first(ctx, turn) {
		return false
	}
	putting, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	if err := c.spool.put(putting, batch[0].undecoded, len(batch), message); err != nil {
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "uplinks wait in memory: Redis does not take them", "count", len(batch), "waiting", c.outbox.len(), "err", err)
		}
		return false
	}
	c.log.InfoContext(ctx, "uplinks handed over to Redis", "count", len(batch), "waiting", c.outbox.len())
	for i := range batch {
		batch[i].finish(spooled)
	}
	return true
}

// complain tells of a call that failed.
func (c *courier) complain(ctx context.Context, err error, count int, began time.Time) {
	kind := fault.KindOf(err)
	c.metrics.deliveries.WithLabelValues(kind.String()).Inc()
	if kind == fault.Invalid { // that is an answer
		c.breaker.succeeded(c.now())
		return
	}
	c.breaker.failed(c.now(), began)
	log := c.log.With("count", count, "waiting", c.outbox.len(), "next_attempt_in", c.breaker.wait(c.now()).Round(time.Millisecond), "err", err)
	if kind == fault.Unauthenticated || kind == fault.Forbidden {
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
	mu       sync.Mutex
	since    time.Time // since when there was no answer; zero: all is well
	answered time.Time // the last time that all was well
	next     time.Time // before that, an attempt is no use
	delay    time.Duration
}

// closed reports whether an attempt makes sense.
func (b *breaker) closed(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !now.Before(b.next)
}

func (b *breaker) succeeded(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since, b.next, b.delay = time.Time{}, time.Time{}, 0
	b.answered = now
}

// failed notes a call that began then. When it hung, the ingestair is away since its
// beginning, unless it has answered others meanwhile.
func (b *breaker) failed(now, began time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since.IsZero() {
		b.since = began
		if b.answered.After(began) {
			b.since = b.answered
		}
	}
	if now.Before(b.next) {
		return // the other courier ran into the same failure
	}
	b.delay = min(max(2*b.delay, firstWait), lastWait)
	// Replicas must not come back all at once.
	b.next = now.Add(b.delay/2 + rand.N(b.delay/2))
}

// failingSince is zero while all is well.
func (b *breaker) failingSince() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since
}

// failingFor is zero while all is well.
func (b *breaker) failingFor(now time.Time) time.Duration {
	since := b.failingSince()
	if since.IsZero() {
		return 0
	}
	return now.Sub(since)
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

// untaken is what became of readings that a server did not answer: it is of yesterday, and
// knows none.
const untaken = "untaken"

// countReadings counts the outcomes of readings that were sent.
func (m *metrics) countReadings(sent int, outcomes []ingestv1.Outcome) {
	if n := sent - len(outcomes); n > 0 {
		m.readings.WithLabelValues(untaken).Add(float64(n))
	}
	for _, o := range outcomes {
		m.readings.WithLabelValues(ingestclient.OutcomeName(o)).Inc()
	}
}
