package alert

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
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
	// atOnce is how many alerts are written in one transaction, and nodesAtOnce of how many nodes the
	// samples are read, or rowsAtOnce samples. tellFor is how long is told until the stream is read again.
	atOnce, nodesAtOnce, rowsAtOnce = 500, 1000, 10_000
	tellFor                         = 500 * time.Millisecond
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
	dirty queue
	// published is when the oldest sample was that is not settled yet.
	published time.Time
	position  live.ID
	// deaf says that the stream cannot be read, lost that samples may have been missed.
	deaf, lost bool
	// reading is where what is to be watched comes from, while it is being read; unknown are the samples that were heard meanwhile
	// of sensors that nobody watches yet.
	reading chan news
	unknown []live.Sample
	// rereading reads samples again, swinging looks at the change of a day.
	rereading, swinging round
	// When each was done last.
	refreshed, swept, swung, toldDue, reread, cleared time.Time
	// rest is until when what is to be watched is not read again.
	rest time.Time
}

// lead judges until something fails, or another one may.
func (e *Evaluator) lead(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	l := &leader{Evaluator: e, presence: &presence{}}
	defer func() {
		stop()
		if l.reading != nil {
			<-l.reading
		}
	}()
	l.engine = newEngine(l.presence.at)
	l.connect(ctx) // before anything is read: what comes in meanwhile comes twice, and not never
	l.lost = false
	due(&l.refreshed, refresh)
	if err := l.refresh(ctx, l.gather(ctx, l.now(), nil), l.now()); err != nil {
		return err
	}
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
		l.refreshed = time.Time{}
	case read := <-l.reading:
		l.reading = nil
		if err := l.timed("refresh", func() error { return l.refresh(ctx, read, now) }); err != nil {
			return err
		}
	default:
	}
	if l.reading == nil && time.Now().After(l.rest) && due(&l.refreshed, refresh) {
		l.beginReading(ctx, now)
	}
	if err := l.readAgain(ctx, now); err != nil {
		return err
	}
	if err := l.sweepSwings(ctx, now); err != nil {
		return err
	}
	if due(&l.swept, l.config.Sweep) {
		if err := l.timed("sweep", func() error { return l.sweep(ctx, now) }); err != nil {
			return err
		}
	}
	if err := l.timed("settle", func() error { return l.settle(ctx) }); err != nil {
		return err
	}
	if !due(&l.toldDue, l.config.Due) {
		return nil
	}
	return l.timed("tell", func() error { return l.tellDue(ctx, now) })
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

// passOver passes over what is refused of one alert, which must not stop the others.
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
	wait := min(readWait, l.rereading.pause(), l.swinging.pause())
	if l.dirty.len() > 0 {
		wait = 0
	}
	entries, err := l.source.Read(ctx, l.position, readCount, wait)
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
			if l.reading != nil && l.engine.sensors[s.NodeNo] == nil {
				l.unknown = append(l.unknown, s)
			}
		}
		l.metrics.samples.Add(float64(len(entry.Samples)))
		if l.published.IsZero() {
			l.published = entry.ID.Time()
		}
	}
	l.engine.catchUp(l.differs)
}

func (l *leader) differs(w *watch) { l.dirty.add(w) }

// news is what is to be watched, as the store had it.
type news struct {
	targets []Target
	plans   map[int64]timetable.Plan
	// windows are the readings of sensors of which they are missing.
	windows map[int32]*window
	took    time.Duration
	err     error
}

// beginReading begins to read what is to be watched. It takes seconds where there are many rules, in which samples are heard.
func (l *leader) beginReading(ctx context.Context, now time.Time) {
	had, reading := l.engine.had(), make(chan news, 1)
	l.reading, l.unknown = reading, nil
	go func() {
		sleep(ctx, settle)
		select {
		case <-l.changed: // it is read now
		default:
		}
		reading <- l.gather(ctx, now, had)
	}()
}

// gather reads what is to be watched. had is how many seconds of readings there are of each sensor.
func (e *Evaluator) gather(ctx context.Context, now time.Time, had map[int32]int64) (n news) {
	began := time.Now()
	defer func() { n.took = time.Since(began) }()
	if n.targets, n.err = e.store.Targets(ctx); n.err != nil {
		return n
	}
	if n.plans, n.err = e.store.Plans(ctx); n.err != nil {
		return n
	}
	n.windows = map[int32]*window{}
	byAge := map[int64][]int32{}
	for node, age := range unread(n.targets, had) {
		byAge[age] = append(byAge[age], node)
		n.windows[node] = &window{}
	}
	for age, nodes := range byAge {
		for some := range slices.Chunk(nodes, nodesAtOnce) {
			n.err = e.store.Samples(ctx, some, now.Add(-time.Duration(age)*time.Second), func(node int32, s measurement.Sample) {
				n.windows[node].take(s, age)
			})
			if n.err != nil {
				return n
			}
		}
	}
	return n
}

// refresh watches what is to be watched.
func (l *leader) refresh(ctx context.Context, read news, now time.Time) error {
	if read.err != nil {
		return read.err
	}
	const share = 4 // a quarter of the time, however often rules are changed
	l.rest = time.Now().Add((share - 1) * read.took)
	l.presence.set(read.plans)
	l.engine.watchAll(read.targets)
	l.dirty.keep(func(w *watch) bool { return l.engine.watches[w.key()] == w }) // the others are watched no more
	for node, w := range read.windows {
		l.engine.fill(node, *w)
	}
	for _, s := range l.unknown {
		if sensor := l.engine.sensors[s.NodeNo]; sensor != nil {
			sensor.window.take(s.Sample, sensor.keep)
		}
	}
	l.unknown = nil
	open, err := l.store.OpenEpisodes(ctx)
	if err != nil {
		return err
	}
	var endings []Ending
	for _, gone := range l.engine.begin(open, l.differs) {
		endings = append(endings, Ending{Episode: gone.ID, At: now, Why: NotWatched})
	}
	for some := range slices.Chunk(endings, atOnce) {
		if _, err := l.end(ctx, some, now); err != nil {
			return err
		}
	}
	l.metrics.watches.Set(float64(len(l.engine.watches)))
	return nil
}

// readAgain judges the samples of the last while, those that came already without effect: all where some may have been missed, and
// now and then, in case that nobody knows of it.
func (l *leader) readAgain(ctx context.Context, now time.Time) error {
	every := l.config.Reread
	if l.deaf {
		every = l.config.Sweep
	}
	const inCase, needed = 20, 4
	share := 0
	switch {
	case l.lost && (l.rereading.over() || l.rereading.share == inCase):
		share = needed
	case l.rereading.over() && due(&l.reread, every):
		share = inCase
	}
	if share > 0 {
		l.rereading = round{left: slices.Collect(maps.Keys(l.engine.sensors)), share: share}
		l.lost = false
	}
	return l.rereading.goOn(l.deaf, l.few, func(some []int32) error {
		return l.timed("reread", func() error {
			err := l.store.Samples(ctx, some, now.Add(-lateness*time.Second), func(node int32, s measurement.Sample) {
				l.engine.put(node, s, l.differs)
			})
			l.engine.catchUp(l.differs)
			return err
		})
	})
}

// few returns how many of the sensors have as many samples as are read at once.
func (l *leader) few(nodes []int32) (n int) {
	for rows := 0; n < min(len(nodes), nodesAtOnce) && rows < rowsAtOnce; n++ {
		if s := l.engine.sensors[nodes[n]]; s != nil {
			rows += len(s.window.readings)
		}
	}
	return n
}

// round is what is done for all sensors, for some of them at a time. Samples are heard meanwhile, and it takes a share of the time only.
type round struct {
	left []int32
	// share is by what the time is divided.
	share int
	rest  time.Time
}

func (r *round) over() bool { return len(r.left) == 0 }

// pause returns how long it is until it goes on.
func (r *round) pause() time.Duration {
	if r.over() {
		return readWait
	}
	return max(0, time.Until(r.rest))
}

// goOn does it for a few, or for all, if it is time.
func (r *round) goOn(all bool, few func([]int32) int, do func([]int32) error) error {
	for !r.over() && (all || !time.Now().Before(r.rest)) {
		n, began := few(r.left), time.Now()
		if err := do(r.left[:n]); err != nil {
			return err
		}
		r.left, r.rest = r.left[n:], time.Now().Add(time.Duration(r.share-1)*time.Since(began))
	}
	return nil
}

// settle makes the store have what is so: of as many as are written in one transaction. Whatever more there is waits
// until samples were heard.
func (l *leader) settle(ctx context.Context) error {
	now := l.now()
	var openings []Opening
	var endings []Ending
	var opened, ended []*watch
	// What is refused is found to differ again by its next sample, or sweep, or refresh.
	for _, w := range l.dirty.take(atOnce) {
		switch {
		case w.state.Open() && w.episode == 0:
			if now.Sub(time.Unix(w.state.Last, 0)) <= lateness*time.Second { // or it was so; nobody is called for that
				openings, opened = append(openings, w.opening()), append(opened, w)
			}
		case !w.state.Open() && w.episode != 0:
			endings, ended = append(endings, w.ending()), append(ended, w)
		}
	}
	if err := l.open(ctx, opened, openings, now); err != nil {
		return err
	}
	refused, err := l.end(ctx, endings, now)
	if err != nil {
		return err
	}
	for i, w := range ended {
		if refused[i] == nil {
			w.episode = 0
		}
	}
	if !l.published.IsZero() && l.dirty.len() == 0 {
		l.metrics.judged(l.published, l.now())
		l.published = time.Time{}
	}
	return nil
}

func (l *leader) open(ctx context.Context, watches []*watch, openings []Opening, now time.Time) error {
	if len(openings) == 0 {
		return nil
	}
	ids, refused, err := l.store.Open(ctx, now, openings)
	if err != nil {
		return err
	}
	for i, w := range watches {
		if w.episode = ids[i]; w.episode != 0 {
			l.metrics.episodes.WithLabelValues("opened").Inc()
		}
		if refused[i] != nil {
			l.passOver(ctx, refused[i])
		}
	}
	return nil
}

// end ends episodes and returns what was refused of each.
func (l *leader) end(ctx context.Context, endings []Ending, now time.Time) (refused []error, err error) {
	if len(endings) == 0 {
		return nil, nil
	}
	if refused, err = l.store.Close(ctx, now, endings); err != nil {
		return nil, err
	}
	for _, err := range refused {
		if err != nil {
			l.passOver(ctx, err)
			continue
		}
		l.metrics.episodes.WithLabelValues("closed").Inc()
	}
	return refused, nil
}

func (w *watch) opening() Opening {
	o := Opening{Target: w.Target, OpenedAt: time.Unix(w.state.OpenedAt, 0).UTC()}
	if w.figures() {
		o.Threshold, o.Value, o.Worst = new(w.Figure), finite(w.state.Value), finite(w.state.Worst)
	}
	return o
}

func (w *watch) ending() Ending {
	e := Ending{Episode: w.episode, At: time.Unix(w.state.Last, 0).UTC(), Why: w.state.Ended}
	switch {
	case e.Why == "":
		e.Why = Corrected
	case w.Kind.measured():
		e.Worst = new(w.state.Worst)
	}
	return e
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
