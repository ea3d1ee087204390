package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// fakeStore keeps nothing. What happens to a sample is written in its CO2 value:
// poison makes the store refuse a flush, all others are stored, or duplicates when
// they are odd.
type fakeStore struct {
	mu       sync.Mutex
	flushes  []int // rows of each that succeeded
	rejected []keeping.RejectedRow
	err      error
	hold     chan struct{} // each Keep takes one; nil: none waits
}

const poison = 666

func (s *fakeStore) Keep(ctx context.Context, f *keeping.Flush) error {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "the database is not available")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		switch {
		case r.Sample.CO2PPM == poison:
			return fault.New(fault.Invalid, "poison")
		case r.Sample.CO2PPM%2 == 1:
			r.Outcome = keeping.Duplicate
		default:
			r.Outcome = keeping.Stored
		}
	}
	s.flushes = append(s.flushes, len(f.Rows))
	s.rejected = append(s.rejected, f.Rejected...)
	return nil
}

func (s *fakeStore) KeepUndecoded(ctx context.Context, _ []UndecodedUplink) error {
	return s.Keep(ctx, &keeping.Flush{})
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// run starts an ingester; stop ends it and waits for that.
func run(t *testing.T, store Store) (in *Ingester, stop func()) {
	t.Helper()
	return runLogging(t, store, slog.New(slog.DiscardHandler))
}

func runLogging(t *testing.T, store Store, log *slog.Logger) (in *Ingester, stop func()) {
	t.Helper()
	in = New(store, nil, log, func() time.Time { return start }, NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() { ended <- in.Run(ctx, func() { close(ready) }) }()
	<-ready
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return in, stop
}

// batch has an uplink for each CO2 value.
func batch(co2 ...int) *Batch {
	b := &Batch{}
	for i, v := range co2 {
		b.Samples = append(b.Samples, measurement.Sample{Time: start.Add(-time.Duration(i) * time.Minute), CO2PPM: v, Status: measurement.Measured})
		b.Uplinks = append(b.Uplinks, Uplink{Uplink: keeping.Uplink{NodeID: uuid.UUID{15: byte(i)}}, End: i + 1})
	}
	return b
}

// TestCallersShareTransactions: while two flushes are on their way, all others
// gather for the next one.
func TestCallersShareTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, stop := run(t, store)
		var callers sync.WaitGroup
		call := func() {
			callers.Go(func() {
				if _, err := in.Store(t.Context(), batch(400, 402, 404)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		for range 52 {
			call()
		}
		for range 3 {
			store.hold <- struct{}{}
			synctest.Wait()
		}
		callers.Wait()
		stop()
		if diff := cmp.Diff([]int{3, 3, 150}, store.flushes); diff != "" {
			t.Errorf("rows of the flushes (-want +got):\n%s", diff)
		}
	})
}

// TestPoisonedSamplesFailAlone: whatever mixture callers send, each sample has
// its own outcome, rejections explain the rejected ones in their order, and those
// are kept aside once.
func TestPoisonedSamplesFailAlone(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	in, stop := run(t, store)
	var callers sync.WaitGroup
	var mu sync.Mutex
	aside := 0
	for caller := range 20 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(caller)))
			for range 20 {
				values := make([]int, random.IntN(50))
				var want []keeping.Outcome
				var rejected []int
				for i := range values {
					switch random.IntN(20) {
					case 0:
						values[i] = poison
					case 1:
						values[i] = -1
					default:
						values[i] = 400 + random.IntN(100)
					}
					switch {
					case values[i] == poison || values[i] < 0:
						want = append(want, keeping.Rejected)
						rejected = append(rejected, i)
					case values[i]%2 == 1:
						want = append(want, keeping.Duplicate)
					default:
						want = append(want, keeping.Stored)
					}
				}
				result, err := in.Store(context.Background(), batch(values...))
				if err != nil {
					t.Error(err)
					return
				}
				var explained []int
				for _, r := range result.Rejections {
					explained = append(explained, r.Sample)
				}
				if !slices.Equal(want, result.Outcomes) || !slices.Equal(rejected, explained) {
					t.Errorf("of %v came %v, rejected %v", values, result.Outcomes, explained)
				}
				mu.Lock()
				aside += len(rejected)
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	stop()
	if len(store.rejected) != aside {
		t.Errorf("%d samples were kept aside, want %d", len(store.rejected), aside)
	}
}

// TestStopping: what was submitted is written, and nothing is taken afterwards.
func TestStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, stop := run(t, store)
		var calls []*Call
		for range 5 {
			call, err := in.Submit(t.Context(), batch(400))
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, call)
		}
		stopped := make(chan struct{})
		go func() {
			stop()
			close(stopped)
		}()
		synctest.Wait()
		close(store.hold)
		<-stopped
		for i, call := range calls {
			if result, err := call.Wait(t.Context()); err != nil || result.Outcomes[0] != keeping.Stored {
				t.Errorf("call %d: %v, %v", i, result, err)
			}
		}
		if _, err := in.Submit(t.Context(), batch(400)); !fault.Is(err, fault.Unavailable) {
			t.Errorf("after the end: %v, want unavailable", err)
		}
	})
}

// TestStoreAway: callers learn of it, nobody gets an outcome, and the room that
// they took is free again. The log says once that the store is away, and once that it
// is back.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	store := &fakeStore{err: fault.New(fault.Unavailable, "the database is not available")}
	var said bytes.Buffer // its handler locks it
	in, stop := runLogging(t, store, slog.New(slog.NewTextHandler(&said, nil)))
	large := make([]int, MaxSamples)
	for range 3 * maxPending / MaxSamples {
		if result, err := in.Store(t.Context(), batch(large...)); !fault.Is(err, fault.Unavailable) || result != nil {
			t.Fatalf("got %v, %v, want unavailable", result, err)
		}
	}
	store.mu.Lock()
	store.err = nil
	store.mu.Unlock()
	for range 3 {
		if _, err := in.Store(t.Context(), batch(400)); err != nil {
			t.Errorf("after the store came back: %v", err)
		}
	}
	stop()
	if lines := strings.Count(said.String(), "\n"); lines != 2 {
		t.Errorf("the log has %d lines, want 2:\n%s", lines, &said)
	}
}

// TestUplinksTakeRoom: uplinks without samples are bounded as samples are.
func TestUplinksTakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, _ := run(t, store)
		if _, err := in.Submit(t.Context(), &Batch{Uplinks: make([]Uplink, MaxSamples+1)}); !fault.Is(err, fault.Invalid) {
			t.Errorf("too many uplinks: %v, want invalid", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for taken := 0; ; taken += MaxSamples {
			if _, err := in.Submit(ctx, &Batch{Uplinks: make([]Uplink, MaxSamples)}); err != nil {
				break
			}
			if taken > maxPending {
				t.Fatalf("%d uplinks are pending", taken)
			}
		}
		close(store.hold)
	})
}

// TestUndecodedUplinksAreBounded: while the store hangs, no more wait than have room.
func TestUndecodedUplinksAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, _ := run(t, store)
		keep := func() error { return in.KeepUndecoded(t.Context(), []UndecodedUplink{{}}) }
		var waiting sync.WaitGroup
		for range maxUndecodedCalls {
			waiting.Go(func() {
				if err := keep(); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := keep(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("one too many: %v, want unavailable", err)
		}
		close(store.hold)
		waiting.Wait()
		if err := keep(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestStoreHangs: what waits is bounded, and callers do not wait longer than they
// want to; a transaction that takes too long is given up.
func TestStoreHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, _ := run(t, store)
		large := make([]int, MaxSamples)
		var first *Call
		taken := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			call, err := in.Submit(ctx, batch(large...))
			cancel()
			if err != nil {
				if !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("without room: %v", err)
				}
				break
			}
			if first == nil {
				first = call
			}
			taken += MaxSamples
		}
		if taken > maxPending {
			t.Errorf("%d samples are pending, more than %d", taken, maxPending)
		}
		var waiting sync.WaitGroup
		refused := 0
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(t.Context())
		for range maxWaiting/MaxSamples + 10 {
			waiting.Go(func() {
				if _, err := in.Submit(ctx, batch(large...)); err != nil && !errors.Is(err, context.Canceled) {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		// Each weighs one more than it has samples.
		if refused != 11 {
			t.Errorf("%d calls were refused at once, want 11", refused)
		}
		cancel()
		waiting.Wait()
		if _, err := first.Wait(t.Context()); !fault.Is(err, fault.Unavailable) { // the clock goes on to flushTimeout
			t.Errorf("the first call: %v, want unavailable", err)
		}
		close(store.hold)
	})
}

// purse is the scope of a sender to whom all nodes belong, and counts what they spend.
type purse struct {
	spent atomic.Int64
	away  bool // nobody can tell whose nodes are
}

func (p *purse) Own(_ context.Context, nodes []uuid.UUID) (map[uuid.UUID]bool, error) {
	if p.away {
		return nil, fault.New(fault.Unavailable, "away")
	}
	own := map[uuid.UUID]bool{}
	for _, node := range nodes {
		own[node] = true
	}
	return own, nil
}

func (p *purse) Spend(_ context.Context, samples int) (giveBack func(), err error) {
	p.spent.Add(int64(samples))
	return func() { p.spent.Add(-int64(samples)) }, nil
}

// TestWhatIsNotKeptCostsNothing: senders are told to send it again.
func TestWhatIsNotKeptCostsNothing(t *testing.T) {
	t.Parallel()
	store := &fakeStore{}
	in, stop := run(t, store)
	p := &purse{}
	send := func() error {
		b := batch(400, 402)
		b.Scope = p
		_, err := in.Store(t.Context(), b)
		return err
	}
	for _, tt := range []struct {
		name   string
		before func()
		spent  int64
		kept   bool
	}{
		{"kept", func() {}, 2, true},
		{"database away", func() { store.err = fault.New(fault.Unavailable, "away") }, 2, false},
		{"owners unknown", func() { p.away = true }, 2, false},
		{"kept again", func() { store.err, p.away = nil, false }, 4, true},
		{"stopping", stop, 4, false},
	} {
		tt.before()
		if err := send(); (err == nil) != tt.kept || p.spent.Load() != tt.spent {
			t.Errorf("%s: error %v, %d samples spent, want %d", tt.name, err, p.spent.Load(), tt.spent)
		}
	}
}

func TestTooManySamples(t *testing.T) {
	t.Parallel()
	in, _ := run(t, &fakeStore{})
	if _, err := in.Store(t.Context(), batch(make([]int, MaxSamples+1)...)); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want invalid", err)
	}
}

// TestReadingsWeigh: readings of one second take the room that they need, and cost no less than
// those of as many seconds as hold them.
func TestReadingsWeigh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{hold: make(chan struct{})}
		in, _ := run(t, store)
		p := &purse{}
		b := &Batch{Scope: p, Uplinks: []Uplink{{ReadingsEnd: MaxReadings}}}
		for i := range MaxReadings {
			of := quantity.ID(1 + i%len(quantity.Catalogue))
			b.Readings = append(b.Readings, quantity.Reading{Time: start, Value: quantity.Value{Quantity: of}})
		}
		taken := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := in.Submit(ctx, b)
			cancel()
			if err != nil {
				break
			}
			taken++
			if taken*MaxReadings > maxPending {
				t.Fatalf("%d readings are pending, more than %d", taken*MaxReadings, maxPending)
			}
		}
		if want := int64(taken * (MaxReadings/len(quantity.Catalogue) + 1)); taken == 0 || p.spent.Load() != want {
			t.Errorf("%d calls cost %d samples, want %d", taken, p.spent.Load(), want)
		}
		close(store.hold)
	})
	one := &Batch{Uplinks: []Uplink{{ReadingsEnd: 3}}, Readings: []quantity.Reading{{Time: start}, {Time: start}, {Time: start.Add(time.Second)}}}
	if n := one.seconds(); n != 2 {
		t.Errorf("two readings of one second and one of the next cost %d, want 2", n)
	}
}
