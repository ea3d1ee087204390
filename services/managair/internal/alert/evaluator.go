package alert

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Config has how often things are done; the zero value is right.
type Config struct {
	// Sweep is how often everything is looked after that no sample tells; Due how often it is
	// looked whether somebody is to be told; Reread how often samples are read that may not
	// have come by the stream.
	Sweep, Due, Reread time.Duration
	// Swings is how often the change of a day is looked at, for which a day is read.
	Swings time.Duration
	// Keep is how long closed episodes are kept.
	Keep time.Duration
}

func (c Config) withDefaults() Config {
	orElse := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	orElse(&c.Sweep, 30*time.Second)
	orElse(&c.Due, 2*time.Second)
	orElse(&c.Reread, time.Minute)
	orElse(&c.Swings, 5*time.Minute)
	orElse(&c.Keep, 2*365*24*time.Hour)
	return c
}

const (
	// readCount entries are read from the stream at once; readWait is how long one is waited for.
	readCount = 64
	readWait  = 200 * time.Millisecond
	// rest is how long it is waited after a failure, refresh how often rules are read again
	// though nobody told of a change, and settle how long after a change: one comes rarely alone.
	rest    = time.Second
	refresh = time.Minute
	settle  = 200 * time.Millisecond
	// atOnce is how many alerts are told in one transaction, and nodesAtOnce of how many
	// nodes samples are read. tellFor is how long is told until the stream is read again.
	atOnce, nodesAtOnce = 50, 1000
	tellFor             = 500 * time.Millisecond
)

// Evaluator judges rules. Of all that run, one does; the others wait until it ends.
type Evaluator struct {
	config  Config
	log     *slog.Logger
	store   Store
	source  Source
	now     func() time.Time
	metrics *metrics
	changed chan struct{}
}

// NewEvaluator returns one; Run makes it work. now is the clock.
func NewEvaluator(cfg Config, log *slog.Logger, store Store, source Source, r prometheus.Registerer, now func() time.Time) *Evaluator {
	return &Evaluator{cfg.withDefaults(), log, store, source, now, newMetrics(r), make(chan struct{}, 1)}
}

// Run judges, whenever nobody else does, until ctx ends.
func (e *Evaluator) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { e.listen(ctx) })
	failing := false
	for ctx.Err() == nil {
		err := e.store.Lead(ctx, func(ctx context.Context) error {
			e.metrics.leads.Set(1)
			defer e.metrics.leads.Set(0)
			if failing {
				e.log.InfoContext(ctx, "rules for alerts are judged again")
			}
			failing = false
			return e.lead(ctx)
		})
		if ctx.Err() != nil {
			break
		}
		e.metrics.failures.Inc()
		if !failing {
			e.log.ErrorContext(ctx, "rules for alerts are not judged here; it is tried again every second", "err", err)
		}
		failing = true
		sleep(ctx, rest)
	}
	running.Wait()
}

// listen hears of changes until ctx ends.
func (e *Evaluator) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = e.store.WaitForChanges(ctx, func() { // rules are read again now and then anyway
			select {
			case e.changed <- struct{}{}:
			default:
			}
		})
		sleep(ctx, rest)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// leader is what whoever judges has in memory.
type leader struct {
	*Evaluator

	engine   *engine
	presence *presence
	// dirty are watches that differ from the store.
	dirty map[*watch]struct{}
	// published is when the oldest sample was that is not settled yet.
	published time.Time
	position  live.ID
	// deaf says that the stream cannot be read, lost that samples may have been missed.
	deaf, lost bool
	// When each was done last.
	refreshed, swept, swung, toldDue, reread, cleared time.Time
}

// lead judges until something fails, or another one may.
func (e *Evaluator) lead(ctx context.Context) error {
	l := &leader{Evaluator: e, presence: &presence{}, dirty: map[*watch]struct{}{}}
	l.engine = newEngine(l.presence.at)
	l.connect(ctx) // before anything is read: what comes in meanwhile comes twice, and not never
	for ctx.Err() == nil {
		if err := l.turn(ctx); err != nil {
			return err
		}
		l.hear(ctx)
	}
	return ctx.Err()
}

// connect goes to the end of the stream.
func (l *leader) connect(ctx context.Context) {
	_, last, err := l.source.Bounds(ctx)
	if err == nil {
		l.position, l.deaf, l.lost = last, false, true
		return
	}
	if !l.deaf && ctx.Err() == nil {
		l.log.WarnContext(ctx, "alerts read samples from the database every few seconds until the live stream is back", "err", err)
	}
	l.deaf = true
}

// turn does what has become due.
func (l *leader) turn(ctx context.Context) error {
	now := l.now()
	select {
	case <-l.changed:
		sleep(ctx, settle)
		l.refreshed = time.Time{}
	default:
	}
	if due(&l.refreshed, refresh) {
		if err := l.refresh(ctx, now); err != nil {
			return err
		}
	}
	reread := l.config.Reread
	if l.deaf {
		reread = l.config.Sweep
	}
	if due(&l.reread, reread) || l.lost {
		if err := l.readAgain(ctx, now); err != nil {
			return err
		}
	}
	if due(&l.swept, l.config.Sweep) {
		if err := l.sweep(ctx, now); err != nil {
			return err
		}
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	if !due(&l.toldDue, l.config.Due) {
		return nil
	}
	return l.tellDue(ctx, now)
}

// tellDue tells what is due: as much as can be told within a while.
func (l *leader) tellDue(ctx context.Context, now time.Time) error {
	for began := time.Now(); ; {
		n, failed, err := l.store.TellDue(ctx, now, atOnce)
		if err != nil {
			return err
		}
		for _, one := range failed {
			l.passOver(ctx, one)
		}
		if n < atOnce {
			return nil
		}
		if time.Since(began) > tellFor {
			l.toldDue = time.Time{} // there is more
			return nil
		}
	}
}

// skip passes over what fails of one alert, which must not stop the others. It returns what stops
// all: that the database is away.
func (l *leader) skip(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || fault.KindOf(err) == fault.Unavailable {
		return err
	}
	l.passOver(ctx, err)
	return nil
}

func (l *leader) passOver(ctx context.Context, err error) {
	l.metrics.skipped.Inc()
	l.log.ErrorContext(ctx, "one alert is passed over; it is tried again within minutes", "err", err)
}

// due reports whether it is time to do again what was done last then, and notes that it is done.
// How often things are done is a matter of the machine's clock alone.
func due(last *time.Time, every time.Duration) bool {
	now := time.Now()
	if now.Sub(*last) < every {
		return false
	}
	*last = now
	return true
}

// hear waits a moment for samples of the stream and judges them.
func (l *leader) hear(ctx context.Context) {
	if l.deaf {
		sleep(ctx, rest)
		l.connect(ctx)
		return
	}
	entries, err := l.source.Read(ctx, l.position, readCount, readWait)
	if err != nil {
		l.deaf = true
		return
	}
	for i := range entries {
		entry := &entries[i]
		l.position = entry.ID
		l.lost = l.lost || entry.Gap
		for _, s := range entry.Samples {
			l.engine.put(s.NodeNo, s.Sample, l.differs)
		}
		l.metrics.samples.Add(float64(len(entry.Samples)))
		if l.published.IsZero() {
			l.published = entry.ID.Time()
		}
	}
	l.engine.catchUp(l.differs)
}

func (l *leader) differs(w *watch) { l.dirty[w] = struct{}{} }

// refresh reads what is to be watched.
func (l *leader) refresh(ctx context.Context, now time.Time) error {
	targets, err := l.store.Targets(ctx)
	if err != nil {
		return err
	}
	plans, err := l.store.Plans(ctx)
	if err != nil {
		return err
	}
	l.presence.set(plans)
	unread := l.engine.watchAll(targets)
	clear(l.dirty) // they may be watched no more; begin finds the others
	if err := l.read(ctx, now, unread); err != nil {
		return err
	}
	open, err := l.store.OpenEpisodes(ctx)
	if err != nil {
		return err
	}
	for _, gone := range l.engine.begin(open, l.differs) {
		if err := l.store.Close(ctx, Ending{Episode: gone.ID, At: now, Now: now, Why: NotWatched}); err != nil {
			if err := l.skip(ctx, err); err != nil {
				return err
			}
			continue
		}
		l.metrics.episodes.WithLabelValues("closed").Inc()
	}
	l.metrics.watches.Set(float64(len(l.engine.watches)))
	return nil
}

// read fills windows that have too little.
func (l *leader) read(ctx context.Context, now time.Time, unread map[int32]time.Duration) error {
	byAge := map[time.Duration][]int32{}
	for node, age := range unread {
		byAge[age] = append(byAge[age], node)
	}
	for age, nodes := range byAge {
		for some := range slices.Chunk(nodes, nodesAtOnce) {
			if err := l.store.Samples(ctx, some, now.Add(-age), l.engine.fill); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAgain judges the samples of the last while, those that came already without effect.
func (l *leader) readAgain(ctx context.Context, now time.Time) error {
	nodes := slices.Collect(maps.Keys(l.engine.sensors))
	for some := range slices.Chunk(nodes, nodesAtOnce) {
		err := l.store.Samples(ctx, some, now.Add(-lateness*time.Second), func(node int32, s measurement.Sample) {
			l.engine.put(node, s, l.differs)
		})
		if err != nil {
			return err
		}
	}
	l.engine.catchUp(l.differs)
	l.lost = false
	return nil
}

// settle makes the store have what is so.
func (l *leader) settle(ctx context.Context) error {
	now := l.now()
	for w := range l.dirty {
		if err := l.settleOne(ctx, w, now); err != nil {
			if err := l.skip(ctx, fmt.Errorf("rule %d, node %d: %w", w.RuleID, w.NodeNo, err)); err != nil {
				return err
			}
		}
		// What was passed over is found to differ again by its next sample, or sweep, or refresh.
		delete(l.dirty, w)
	}
	if !l.published.IsZero() {
		l.metrics.judged(l.published, l.now())
		l.published = time.Time{}
	}
	return nil
}

func (l *leader) settleOne(ctx context.Context, w *watch, now time.Time) error {
	last := time.Unix(w.state.Last, 0).UTC()
	switch {
	case w.state.Open() && w.episode == 0:
		if now.Sub(last) > lateness*time.Second {
			return nil // it was so; nobody is called for that
		}
		o := Opening{Target: w.Target, OpenedAt: time.Unix(w.state.OpenedAt, 0).UTC(), Now: now}
		if w.figures() {
			o.Threshold, o.Value, o.Worst = new(w.Figure), finite(w.state.Value), finite(w.state.Worst)
		}
		id, err := l.store.Open(ctx, o)
		if err != nil {
			return err
		}
		if w.episode = id; id != 0 {
			l.metrics.episodes.WithLabelValues("opened").Inc()
		}
	case !w.state.Open() && w.episode != 0:
		e := Ending{Episode: w.episode, At: last, Now: now, Why: w.state.Ended}
		switch {
		case e.Why == "":
			e.Why = Corrected
		case w.Kind.measured():
			e.Worst = &w.state.Worst
		}
		if err := l.store.Close(ctx, e); err != nil {
			return err
		}
		w.episode = 0
		l.metrics.episodes.WithLabelValues("closed").Inc()
	}
	return nil
}

// figures reports whether there is something to hold something against.
func (w *watch) figures() bool { return w.Kind != Silent && w.Kind != Faulty }

// finite is a figure, or none.
func finite(f float64) *float64 {
	if math.IsNaN(f) {
		return nil
	}
	return &f
}
