package ingest

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

const (
	// flushers is how many transactions are in flight. While they run, the next
	// batch gathers. Measured: two nearly double the rate of one, because one
	// computes while the other waits for the disk; more only share the same cores.
	flushers = 2
	// maxFlush bounds the weight of a transaction, and with it how long its callers wait.
	maxFlush = 4000
	// maxPending bounds the weight of what waits and what is being written, and so the
	// memory that it takes.
	maxPending = 100_000
	// maxWaiting bounds that of callers that wait for room among the pending.
	maxWaiting = 200_000
	// maxUndecodedCalls bounds those that wait for the store, of up to 4 MiB each.
	maxUndecodedCalls = 16
	// flushTimeout bounds a transaction; a database that hangs is as good as away.
	flushTimeout = 10 * time.Second
)

// Ingester is the way in for samples. Its methods may be called concurrently.
type Ingester struct {
	store    Store
	listener Listener // may be nil
	log      *slog.Logger
	now      func() time.Time
	metrics  *Metrics

	room         *semaphore.Weighted // of pending calls, by weight
	waiting      atomic.Int64        // weight of the calls that wait for room
	undecoded    chan struct{}       // has one for each call that keeps undecoded uplinks
	work         chan struct{}       // something was queued
	storeTrouble atomic.Bool         // the last flush failed

	mu      sync.Mutex
	queue   []*Call
	stopped bool
}

// New returns an Ingester that works while Run does. Nobody listens where listener is
// nil.
func New(store Store, listener Listener, log *slog.Logger, now func() time.Time, metrics *Metrics) *Ingester {
	return &Ingester{
		store: store, listener: listener, log: log, now: now, metrics: metrics,
		room: semaphore.NewWeighted(maxPending),
		work: make(chan struct{}, flushers), undecoded: make(chan struct{}, maxUndecodedCalls),
	}
}

// Call is a Batch on its way.
type Call struct {
	batch  *Batch
	result Result
	faulty []keeping.RejectedRow
	// faultyReadings are the same of readings.
	faultyReadings []keeping.RejectedReading
	// foreign are the uplinks that the sender may not speak of; nil: none are.
	foreign []bool
	// giveBack makes the samples cost their sender nothing; nil: they cost nothing.
	giveBack func()
	// weight is how many samples, uplinks or readings there are, whichever are more, and one.
	weight int64
	err    error
	done   chan struct{} // closed when result and err are final
}

// Store keeps the samples of a batch and returns when they are durable.
func (in *Ingester) Store(ctx context.Context, b *Batch) (*Result, error) {
	call, err := in.Submit(ctx, b)
	if err != nil {
		return nil, err
	}
	return call.Wait(ctx)
}

// Submit hands over a batch without waiting for the result. It waits while too
// much is pending.
func (in *Ingester) Submit(ctx context.Context, b *Batch) (*Call, error) {
	if n := max(len(b.Samples), len(b.Uplinks)); n > MaxSamples {
		return nil, fault.New(fault.Invalid, "%d samples or uplinks in a request; at most %d are allowed", n, MaxSamples)
	}
	if n := len(b.Readings); n > MaxReadings {
		return nil, fault.New(fault.Invalid, "%d readings in a request; at most %d are allowed", n, MaxReadings)
	}
	call := &Call{batch: b, done: make(chan struct{}), weight: int64(max(len(b.Samples), len(b.Uplinks), len(b.Readings))) + 1}
	if b.Scope != nil {
		var err error
		if call.giveBack, err = b.Scope.Spend(ctx, max(len(b.Samples), b.seconds())); err != nil {
			return nil, err
		}
	}
	if err := in.enqueue(ctx, call); err != nil {
		call.refund()
		return nil, err
	}
	return call, nil
}

// seconds is how many samples the readings cost: those of one uplink and second cost one, up to
// as many as there are quantities.
func (b *Batch) seconds() (n int) {
	first := 0
	for u := range b.Uplinks {
		values := 0 // of the last second
		for i := first; i < b.Uplinks[u].ReadingsEnd; i++ {
			if i == first || values == len(quantity.Catalogue) || !b.Readings[i].Time.Equal(b.Readings[i-1].Time) {
				n++
				values = 0
			}
			values++
		}
		first = max(first, b.Uplinks[u].ReadingsEnd)
	}
	return n
}

func (in *Ingester) enqueue(ctx context.Context, call *Call) error {
	if call.batch.Scope != nil {
		foreign, err := call.restrict(ctx)
		if err != nil {
			return err
		}
		in.metrics.foreign.Add(float64(foreign))
	}
	now := in.now()
	in.metrics.judged(call.check(now))
	if len(call.batch.Readings) > 0 {
		call.checkReadings(now)
		in.metrics.judgedReadings(call.batch.Readings, call.result.ReadingRejections)
	}
	if err := in.makeRoom(ctx, call.weight); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		in.room.Release(call.weight)
		return fault.New(fault.Unavailable, "the server is stopping")
	}
	in.queue = append(in.queue, call)
	in.signal()
	return nil
}

// refund is for samples that are not kept: the sender is told to send them again.
func (c *Call) refund() {
	if c.giveBack != nil {
		c.giveBack()
	}
}

func (in *Ingester) makeRoom(ctx context.Context, weight int64) error {
	if in.room.TryAcquire(weight) {
		return nil
	}
	defer in.waiting.Add(-weight)
	if in.waiting.Add(weight) > maxWaiting {
		return fault.New(fault.Unavailable, "too many samples are waiting")
	}
	if err := in.room.Acquire(ctx, weight); err != nil {
		return fault.Wrap(fault.Unavailable, err, "too many samples are waiting")
	}
	return nil
}

// signal wakes a flusher; when all have been woken already, one of them will
// look at the queue after this.
func (in *Ingester) signal() {
	select {
	case in.work <- struct{}{}:
	default:
	}
}

// Wait returns the result when it is durable.
func (c *Call) Wait(ctx context.Context) (*Result, error) {
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "not stored in time")
	}
	if c.err != nil {
		return nil, c.err
	}
	return &c.result, nil
}

// check finds the samples that break a rule, and judges the others.
func (c *Call) check(now time.Time) (implausible judgements) {
	c.result.Outcomes = make([]keeping.Outcome, len(c.batch.Samples))
	first := 0
	for u := range c.batch.Uplinks {
		uplink := &c.batch.Uplinks[u]
		uplink.Meta.DropImplausible(now)
		for i := first; i < uplink.End; i++ {
			if c.isForeign(u) {
				c.reject(i, uplink, keeping.Foreign())
				continue
			}
			if f := faultOf(c.batch.Samples[i], now); f != nil {
				c.reject(i, uplink, f) // as it came
				continue
			}
			implausible.add(c.batch.Samples[i].Judge())
		}
		first = uplink.End
	}
	return implausible
}

// checkReadings finds the readings that break a rule: each costs nothing but itself.
func (c *Call) checkReadings(now time.Time) {
	c.result.ReadingOutcomes = make([]keeping.Outcome, len(c.batch.Readings))
	first := 0
	for u := range c.batch.Uplinks {
		uplink := &c.batch.Uplinks[u]
		for i := first; i < uplink.ReadingsEnd; i++ {
			why := c.batch.Readings[i].Check(now)
			if c.isForeign(u) {
				why = keeping.Foreign()
			}
			if why == nil {
				continue
			}
			c.result.ReadingOutcomes[i] = keeping.Rejected
			c.result.ReadingRejections = append(c.result.ReadingRejections, Rejection{Sample: i, Fault: why})
			if c.batch.Scope == nil {
				c.faultyReadings = append(c.faultyReadings, keeping.RejectedReading{
					NodeID: uplink.NodeID, Reading: c.batch.Readings[i], DevEUI: uplink.Meta.DevEUI, Fault: why,
				})
			}
		}
		first = max(first, uplink.ReadingsEnd)
	}
}

func (c *Call) reject(i int, uplink *Uplink, f *fault.Violation) {
	c.result.Outcomes[i] = keeping.Rejected
	c.result.Rejections = append(c.result.Rejections, Rejection{Sample: i, Fault: f})
	if c.batch.Scope != nil {
		return // they are told, and nothing is kept that is no sample of theirs
	}
	c.faulty = append(c.faulty, keeping.RejectedRow{
		NodeID: uplink.NodeID, Sample: c.batch.Samples[i], DevEUI: uplink.Meta.DevEUI, Fault: f,
	})
}

// faultOf returns the first rule that a sample breaks, or nil.
func faultOf(s measurement.Sample, now time.Time) *fault.Violation {
	switch s.Status {
	case measurement.Measured, measurement.Repeated, measurement.Faulty:
		return s.Check(now)
	default:
		return &fault.Violation{Reason: reason.OutOfRange, Field: "status", Detail: "the status is unknown"}
	}
}

// Run writes what is submitted until ctx ends, then what is left, and returns.
func (in *Ingester) Run(ctx context.Context, ready func()) error {
	var g errgroup.Group
	for range flushers {
		g.Go(func() error {
			var f flusher
			for in.next(ctx, &f) {
				in.flush(ctx, &f)
			}
			return nil
		})
	}
	ready()
	return g.Wait()
}

// flusher is what one writer reuses from flush to flush.
type flusher struct {
	calls []*Call
	flush keeping.Flush
	// origins are where the rows of flush come from.
	origins []origin
	// readingOrigins are the same of its readings.
	readingOrigins []origin
}

// origin is a sample of a call.
type origin struct {
	call  *Call
	index int
}

// next waits for calls and takes as many as fit into a flush. It returns false
// when Run's context has ended and nothing is left.
func (in *Ingester) next(ctx context.Context, f *flusher) bool {
	clear(f.calls)
	f.calls = f.calls[:0]
	for {
		in.yield()
		if in.take(f, ctx.Err() != nil) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		select {
		case <-in.work:
		case <-ctx.Done():
		}
	}
}

// yield lets callers who are ready to run join the flush. Without it, the one who
// woke us would go alone, and all others wait for the next flush.
func (in *Ingester) yield() {
	for before := -1; ; {
		now := in.queued()
		if now <= before || now == 0 {
			return
		}
		before = now
		runtime.Gosched()
	}
}

func (in *Ingester) queued() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.queue)
}

func (in *Ingester) take(f *flusher, stopping bool) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	weight := int64(0)
	for len(in.queue) > 0 {
		n := in.queue[0].weight
		if len(f.calls) > 0 && weight+n > maxFlush {
			in.signal() // for the other flusher
			break
		}
		weight += n
		f.calls = append(f.calls, in.queue[0])
		in.queue[0] = nil
		in.queue = in.queue[1:]
	}
	if len(in.queue) == 0 {
		in.queue = nil
		in.stopped = in.stopped || stopping
	}
	return len(f.calls) > 0
}

// flush writes the flusher's calls and completes them.
func (in *Ingester) flush(ctx context.Context, f *flusher) {
	f.gather(in.now())
	// What was submitted is written, also when we are stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	start := time.Now()
	err := keeping.All(ctx, in.store, &f.flush, func(u *keeping.Uplink, r *keeping.Row, reading *keeping.ReadingRow, err error) {
		if reading != nil {
			in.log.ErrorContext(ctx, "the database refuses a reading", "node_id", u.NodeID,
				"dev_eui", u.Meta.DevEUI, "reading", reading.Reading, "err", err, "cause", cause(err))
			return
		}
		in.log.ErrorContext(ctx, "the database refuses a sample", "node_id", u.NodeID,
			"dev_eui", u.Meta.DevEUI, "sample", r.Sample, "err", err, "cause", cause(err))
	})
	in.metrics.flushed(time.Since(start), len(f.flush.Rows), err)
	in.noteTrouble(ctx, err)
	if err == nil {
		for i := range f.flush.Rows {
			f.origins[i].settle(&f.flush.Rows[i])
		}
		for i := range f.flush.Readings {
			f.readingOrigins[i].settleReading(&f.flush.Readings[i])
		}
	}
	for _, c := range f.calls {
		c.err = err
		if err == nil {
			in.metrics.counted(c.result.Outcomes)
			in.metrics.countedReadings(c.result.ReadingOutcomes)
		} else {
			c.refund()
		}
		in.room.Release(c.weight)
		close(c.done)
	}
	if in.listener != nil {
		if err == nil {
			in.listener.Stored(f.flush.Rows)
		} else {
			in.listener.Missed()
		}
	}
	// Keep no caller's memory until the next flush.
	clear(f.flush.Uplinks)
	clear(f.flush.Rows)
	clear(f.origins)
	clear(f.flush.Rejected)
	clear(f.flush.Readings)
	clear(f.readingOrigins)
	clear(f.flush.RejectedReadings)
}

// settle tells the caller what became of a row.
func (o origin) settle(r *keeping.Row) {
	o.call.result.Outcomes[o.index] = r.Outcome
	if r.Outcome == keeping.Rejected {
		o.call.result.Rejections = insertRejection(o.call.result.Rejections, Rejection{Sample: o.index, Fault: r.Fault})
	}
}

// settleReading tells the caller what became of a reading.
func (o origin) settleReading(r *keeping.ReadingRow) {
	o.call.result.ReadingOutcomes[o.index] = r.Outcome
	if r.Outcome == keeping.Rejected {
		o.call.result.ReadingRejections = insertRejection(o.call.result.ReadingRejections, Rejection{Sample: o.index, Fault: r.Fault})
	}
}

// gather makes rows of the calls' samples.
func (f *flusher) gather(now time.Time) {
	f.flush.At = now
	f.flush.Uplinks, f.flush.Rows, f.flush.Rejected = f.flush.Uplinks[:0], f.flush.Rows[:0], f.flush.Rejected[:0]
	f.origins = f.origins[:0]
	f.flush.Readings, f.flush.RejectedReadings, f.readingOrigins = f.flush.Readings[:0], f.flush.RejectedReadings[:0], f.readingOrigins[:0]
	for _, c := range f.calls {
		first, firstReading := 0, 0
		for u := range c.batch.Uplinks {
			uplink := &c.batch.Uplinks[u]
			if c.isForeign(u) {
				first, firstReading = uplink.End, max(firstReading, uplink.ReadingsEnd)
				continue
			}
			f.flush.Uplinks = append(f.flush.Uplinks, &uplink.Uplink)
			for i := first; i < uplink.End; i++ {
				if c.result.Outcomes[i] == keeping.Pending {
					f.flush.Rows = append(f.flush.Rows, keeping.Row{Sample: c.batch.Samples[i], Uplink: int32(len(f.flush.Uplinks) - 1)})
					f.origins = append(f.origins, origin{c, i})
				}
			}
			for i := firstReading; i < uplink.ReadingsEnd; i++ {
				if c.result.ReadingOutcomes[i] == keeping.Pending {
					f.flush.Readings = append(f.flush.Readings, keeping.ReadingRow{Reading: c.batch.Readings[i], Uplink: int32(len(f.flush.Uplinks) - 1)})
					f.readingOrigins = append(f.readingOrigins, origin{c, i})
				}
			}
			first, firstReading = uplink.End, max(firstReading, uplink.ReadingsEnd)
		}
		f.flush.Rejected = append(f.flush.Rejected, c.faulty...)
		f.flush.RejectedReadings = append(f.flush.RejectedReadings, c.faultyReadings...)
	}
}

// insertRejection keeps the ascending order.
func insertRejection(all []Rejection, rejection Rejection) []Rejection {
	at := len(all)
	for at > 0 && all[at-1].Sample > rejection.Sample {
		at--
	}
	return slices.Insert(all, at, rejection)
}

// noteTrouble says once when the store fails, and once when it works again.
func (in *Ingester) noteTrouble(ctx context.Context, err error) {
	if had := in.storeTrouble.Swap(err != nil); had == (err != nil) {
		return
	}
	if err != nil {
		// The text for callers does not say why; the cause does.
		in.log.WarnContext(ctx, "samples cannot be stored; callers have to repeat them", "err", err, "cause", cause(err))
		return
	}
	in.log.InfoContext(ctx, "samples are stored again")
}

// cause is what an error does not say to callers.
func cause(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Unwrap()
	}
	return nil
}

// KeepUndecoded keeps uplinks that no codec could read.
func (in *Ingester) KeepUndecoded(ctx context.Context, uplinks []UndecodedUplink) error {
	select {
	case in.undecoded <- struct{}{}:
		defer func() { <-in.undecoded }()
	default:
		return fault.New(fault.Unavailable, "too many undecoded uplinks are waiting")
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := in.store.KeepUndecoded(ctx, uplinks); err != nil {
		return err
	}
	in.metrics.undecoded.Add(float64(len(uplinks)))
	return nil
}
