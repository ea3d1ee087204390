package alert

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// ledger is a Store in memory.
type ledger struct {
	mu      sync.Mutex
	targets []Target
	samples map[int32][]measurement.Sample
	// reads are the sensors of which samples were read, each time.
	reads [][]int32
	// opened has the nodes of alerts that were opened, in one transaction each.
	opened [][]int32
	// closed are the alerts that were closed.
	closed []int64
	// asked gets one, and then answer is waited for, whenever it is asked for targets.
	asked, answer chan struct{}
}

func (l *ledger) Lead(ctx context.Context, do func(context.Context) error) error { return do(ctx) }

func (l *ledger) WaitForChanges(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

func (l *ledger) Targets(ctx context.Context) ([]Target, error) {
	select {
	case l.asked <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-l.answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.targets), nil
}

func (l *ledger) Plans(context.Context) (map[int64]timetable.Plan, error)   { return nil, nil }
func (l *ledger) NoteWorst(context.Context, map[int64]float64) error        { return nil }
func (l *ledger) Clear(context.Context, time.Time) error                    { return nil }
func (l *ledger) Facts(context.Context, time.Time) ([]Fact, bool, error)    { return nil, false, nil }
func (l *ledger) Spans(context.Context, []int32, time.Time) ([]Span, error) { return nil, nil }
func (l *ledger) TellDue(context.Context, time.Time, int) (int, []error, error) {
	return 0, nil, nil
}

func (l *ledger) OpenEpisodes(context.Context) (open []OpenEpisode, err error) {
	for _, node := range l.told() {
		open = append(open, OpenEpisode{ID: int64(node), RuleID: 1, NodeNo: node, RoomID: 1, OpenedAt: time.Now()})
	}
	return open, nil
}

func (l *ledger) Samples(_ context.Context, nodes []int32, since time.Time, each func(int32, measurement.Sample)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads = append(l.reads, slices.Clone(nodes))
	for _, node := range nodes {
		for _, s := range l.samples[node] {
			if !s.Time.Before(since) {
				each(node, s)
			}
		}
	}
	return nil
}

func (l *ledger) Open(_ context.Context, _ time.Time, openings []Opening) (ids []int64, refused []error, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var nodes []int32
	for _, o := range openings {
		nodes = append(nodes, o.NodeNo)
		ids = append(ids, int64(o.NodeNo))
	}
	l.opened = append(l.opened, nodes)
	return ids, make([]error, len(openings)), nil
}

func (l *ledger) Close(_ context.Context, _ time.Time, endings []Ending) ([]error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range endings {
		l.closed = append(l.closed, e.Episode)
	}
	return make([]error, len(endings)), nil
}

// told returns the nodes of alerts that were opened.
func (l *ledger) told() []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.opened...)
}

// wire is a stream of samples.
type wire chan live.Entry

func (w wire) Bounds(context.Context) (first, last live.ID, err error) { return first, last, nil }

func (w wire) Read(ctx context.Context, _ live.ID, _ int64, wait time.Duration) ([]live.Entry, error) {
	select {
	case e := <-w:
		return []live.Entry{e}, nil
	case <-ctx.Done():
	case <-time.After(wait):
	}
	return nil, nil
}

func staleAt(node int32) Target {
	return Target{RuleID: 1, Kind: Above, NodeNo: node, NodeID: uuid.New(), RoomID: 1, Condition: Condition{Above: true, Threshold: 1000, Clear: 900}}
}

func stuffy(node int32) live.Sample {
	return live.Sample{NodeNo: node, Sample: measurement.Sample{Time: time.Now().Truncate(time.Second), CO2PPM: 2000, Status: measurement.Measured}}
}

// While rules are read, however long that takes, samples are judged, and those of sensors that nobody watched before are
// not forgotten.
func TestSamplesAreJudgedWhileRulesAreRead(t *testing.T) {
	t.Parallel()
	l := &ledger{targets: []Target{staleAt(1)}, asked: make(chan struct{}), answer: make(chan struct{})}
	stream := make(wire)
	ctx, cancel := context.WithCancel(t.Context())
	e := NewEvaluator(Config{}, slog.New(slog.DiscardHandler), l, stream, nil, time.Now)
	var running sync.WaitGroup
	running.Go(func() { e.Run(ctx) })
	defer running.Wait()
	defer cancel()
	hear := func(samples ...live.Sample) {
		t.Helper()
		select {
		case stream <- live.Entry{Samples: samples}:
		case <-time.After(time.Minute):
			t.Fatal("samples are not heard")
		}
	}
	<-l.asked
	l.answer <- struct{}{}
	e.changed <- struct{}{}
	<-l.asked
	hear(stuffy(1), stuffy(2))
	for deadline := time.Now().Add(time.Minute); !slices.Equal(l.told(), []int32{1}); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("told of %v", l.told())
		}
	}
	l.mu.Lock()
	l.targets = append(l.targets, staleAt(2)) // the sample of which the store has not
	l.mu.Unlock()
	l.answer <- struct{}{}
	for deadline := time.Now().Add(time.Minute); !slices.Equal(l.told(), []int32{1, 2}); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("told of %v", l.told())
		}
	}
}

// quiet returns a leader that watches so many sensors, each with so many samples.
func quiet(t *testing.T, l *ledger, sensors, samples int) *leader {
	t.Helper()
	l.samples = map[int32][]measurement.Sample{}
	now := time.Now().Truncate(time.Second)
	var targets []Target
	for node := range int32(sensors) {
		targets = append(targets, staleAt(node))
		for i := range samples {
			l.samples[node] = append(l.samples[node], measurement.Sample{Time: now.Add(time.Duration(i-samples) * time.Second), CO2PPM: 500, Status: measurement.Measured})
		}
	}
	e := NewEvaluator(Config{}, slog.New(slog.DiscardHandler), l, make(wire), nil, time.Now)
	leading := &leader{Evaluator: e, presence: &presence{}}
	leading.engine = newEngine(leading.presence.at)
	leading.engine.watchAll(targets)
	for node, all := range l.samples {
		w := window{}
		for _, s := range all {
			w.take(s, lateness)
		}
		leading.engine.fill(node, w)
	}
	leading.engine.begin(nil, leading.differs)
	return leading
}

// In a turn, few samples are read again, so that new ones are heard soon; all are at last, and all at once where none are heard.
func TestSamplesAreReadAgainAFewAtATime(t *testing.T) {
	t.Parallel()
	const sensors, samples = 3000, 40
	l := &ledger{}
	leading := quiet(t, l, sensors, samples)
	leading.lost = true
	turns := 0
	for ; turns == 0 || !leading.rereading.over(); turns++ {
		leading.rereading.rest = time.Time{}
		if err := leading.readAgain(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[int32]bool{}
	for _, nodes := range l.reads {
		if len(nodes)*samples > rowsAtOnce {
			t.Errorf("%d samples are read at once", len(nodes)*samples)
		}
		for _, node := range nodes {
			if seen[node] {
				t.Errorf("sensor %d is read twice", node)
			}
			seen[node] = true
		}
	}
	if len(seen) != sensors || turns != len(l.reads) {
		t.Errorf("%d sensors are read again by %d queries in %d turns", len(seen), len(l.reads), turns)
	}
	if leading.lost {
		t.Error("it is not known that nothing is missing")
	}
	// What may be missing does not wait for what is read just in case.
	leading.reread = time.Time{}
	for _, lost := range []bool{false, true} {
		leading.lost = lost
		if err := leading.readAgain(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if left, want := len(leading.rereading.left), sensors-rowsAtOnce/samples; left != want {
			t.Errorf("%d sensors are left, want %d", left, want)
		}
	}
	leading.lost, leading.deaf = true, true
	leading.rereading = round{}
	if err := leading.readAgain(t.Context(), time.Now()); err != nil || !leading.rereading.over() {
		t.Error("not all is read again where nothing is heard", err)
	}
}

// Many alerts at once are opened in one transaction, and no more of them in a turn.
func TestManyAlertsAtOnce(t *testing.T) {
	t.Parallel()
	const sensors = 1200
	l := &ledger{}
	leading := quiet(t, l, sensors, 1)
	for node := range int32(sensors) {
		s := stuffy(node)
		leading.engine.put(node, s.Sample, leading.differs)
		leading.engine.put(node, s.Sample, leading.differs)
	}
	for range 4 {
		if err := leading.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for _, some := range l.opened {
		sizes = append(sizes, len(some))
	}
	if !slices.Equal(sizes, []int{atOnce, atOnce, sensors - 2*atOnce}) {
		t.Errorf("opened by transactions of %v", sizes)
	}
	if all := l.told(); len(all) != sensors || len(slices.Compact(slices.Sorted(slices.Values(all)))) != sensors {
		t.Errorf("%d alerts of %d sensors", len(all), sensors)
	}
}

// What differs from the store when rules have been read is written nevertheless, once, also what no sample tells; of what is
// watched no more nothing opens.
func TestWhatDiffersOutlastsThatRulesAreRead(t *testing.T) {
	t.Parallel()
	const sample, fact, gone = 1, 2, 3
	silent := Target{RuleID: 1, Kind: Silent, NodeNo: fact, NodeID: uuid.New(), RoomID: 1}
	both := []Target{staleAt(sample), silent}
	l := &ledger{}
	leading := &leader{Evaluator: NewEvaluator(Config{}, slog.New(slog.DiscardHandler), l, make(wire), nil, time.Now), presence: &presence{}}
	leading.engine = newEngine(leading.presence.at)
	leading.engine.watchAll(append(both, staleAt(gone)))
	leading.engine.begin(nil, leading.differs)
	at := time.Now().Truncate(time.Second).Add(-time.Hour / 2)
	hear := func(ppm int) {
		at = at.Add(10 * time.Minute)
		for _, node := range []int32{sample, gone} {
			for after := range 2 {
				s := measurement.Sample{Time: at.Add(time.Duration(after) * recoverFor * time.Second), CO2PPM: ppm, Status: measurement.Measured}
				leading.engine.put(node, s, leading.differs)
			}
		}
		wrong := ppm > 1000
		leading.turnTo(leading.engine.watches[silent.key()], time.Now(), at, 0, wrong)
	}
	refreshAndSettle := func() {
		t.Helper()
		for range 2 {
			if err := leading.refresh(t.Context(), news{targets: both}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := leading.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	hear(2000)
	refreshAndSettle()
	if told := slices.Sorted(slices.Values(l.told())); !slices.Equal(told, []int32{sample, fact}) {
		t.Fatalf("alerts of %v are opened", told)
	}
	hear(500)
	refreshAndSettle()
	if closed := slices.Sorted(slices.Values(l.closed)); !slices.Equal(closed, []int64{sample, fact}) {
		t.Errorf("alerts %v are closed", closed)
	}
}
