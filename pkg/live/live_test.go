package live_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/redistest"
)

func sample(node int32, n int) live.Sample {
	return live.Sample{NodeNo: node, Sample: measurement.Sample{
		Time: time.Unix(1763800000+int64(n), 0).UTC(), CO2PPM: 400 + n%1000, Status: measurement.Measured,
		TemperatureDecicelsius: measurement.Known(n % 400), RelHumidityPercent: measurement.Known(n % 100),
	}}
}

// run runs a publisher until stop is called.
func run(t *testing.T, client redis.UniversalClient, log *slog.Logger) (p *live.Publisher, stop func()) {
	t.Helper()
	p = live.NewPublisher(client, log, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return p, stop
}

// readUntil reads entries after an ID until one satisfies is.
func readUntil(t *testing.T, s live.Stream, after live.ID, is func(live.Entry) bool) []live.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []live.Entry
	for {
		entries, err := s.Read(ctx, after, 10, time.Second)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%v after %+v", err, all)
		}
		for _, e := range entries {
			all = append(all, e)
			after = e.ID
			if is(e) {
				return all
			}
		}
	}
}

func has(s live.Sample) func(live.Entry) bool {
	return func(e live.Entry) bool {
		for _, got := range e.Samples {
			if cmp.Equal(got, s) {
				return true
			}
		}
		return false
	}
}

func samplesOf(entries []live.Entry) []live.Sample {
	var all []live.Sample
	for _, e := range entries {
		all = append(all, e.Samples...)
	}
	return all
}

func TestSamplesArriveInOrderAndOnce(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	p, stop := run(t, client, slog.New(slog.DiscardHandler))
	var want []live.Sample
	for n := range 10000 { // more than an entry takes
		s := sample(int32(n%7), n)
		p.Publish(s)
		want = append(want, s)
	}
	stop() // sends what is left
	entries := readUntil(t, live.Stream{Client: client}, live.ID{}, has(want[len(want)-1]))
	if diff := cmp.Diff(want, samplesOf(entries)); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if !entries[0].Gap {
		t.Error("a publisher that begins does not say that its predecessor may have lost something")
	}
	for _, e := range entries[1:] {
		if e.Gap {
			t.Errorf("entry %v has a gap", e.ID)
		}
	}
}

// outage lets commands fail.
type outage struct {
	on     atomic.Bool
	failed chan struct{} // nil, or gets one for each command
}

func (o *outage) DialHook(next redis.DialHook) redis.DialHook { return next }
func (o *outage) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if o.on.Load() {
			if o.failed != nil {
				o.failed <- struct{}{}
			}
			err := errors.New("no Redis")
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (o *outage) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// lines counts log lines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	said chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said <- struct{}{}
	return l.text.Write(b)
}

func TestWhatIsLostLeavesAMark(t *testing.T) {
	t.Parallel()
	client, broken := redistest.New(t), &outage{}
	stream := live.Stream{Client: client}
	_, begin, err := stream.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	faulty := redis.NewClient(client.Options())
	t.Cleanup(func() { _ = faulty.Close() })
	faulty.AddHook(broken)
	log := &lines{said: make(chan struct{}, 10)}
	p, _ := run(t, faulty, slog.New(slog.NewTextHandler(log, nil)))

	p.Publish(sample(1, 1))
	entries := readUntil(t, stream, begin, has(sample(1, 1)))
	broken.on.Store(true)
	p.Publish(sample(1, 2))
	<-log.said
	broken.on.Store(false)
	p.Publish(sample(1, 3))
	entries = append(entries, readUntil(t, stream, entries[len(entries)-1].ID, has(sample(1, 3)))...)

	if diff := cmp.Diff([]live.Sample{sample(1, 1), sample(1, 3)}, samplesOf(entries)); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	marked := false
	for _, e := range entries {
		if len(e.Samples) > 0 && e.Samples[0].Time.Equal(sample(1, 1).Time) {
			marked = false // only what comes after it counts
			continue
		}
		marked = marked || e.Gap
	}
	if !marked {
		t.Errorf("no mark of the lost sample in %+v", entries)
	}
}

// TestRedisAway: it is said once, however long it lasts, and once that it is over.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	client, broken := redistest.New(t), &outage{failed: make(chan struct{}, 100)}
	stream := live.Stream{Client: client}
	faulty := redis.NewClient(client.Options())
	t.Cleanup(func() { _ = faulty.Close() })
	faulty.AddHook(broken)
	broken.on.Store(true)
	log := &lines{said: make(chan struct{}, 10)}
	p, stop := run(t, faulty, slog.New(slog.NewTextHandler(log, nil)))
	for range 3 { // it tries again by itself
		<-broken.failed
	}
	broken.on.Store(false)
	p.Publish(sample(1, 1))
	readUntil(t, stream, live.ID{}, has(sample(1, 1)))
	<-log.said
	<-log.said
	stop()
	if n := strings.Count(log.text.String(), "\n"); n != 2 {
		t.Errorf("the log has %d lines, want 2:\n%s", n, log.text.String())
	}
}

func TestBoundsOfAnEmptyStreamGiveAPlaceToGoOnFrom(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	stream := live.Stream{Client: client}
	first, last, err := stream.Bounds(t.Context())
	if err != nil || first != last || first == (live.ID{}) {
		t.Fatalf("%v to %v, %v", first, last, err)
	}
	p, stop := run(t, client, slog.New(slog.DiscardHandler))
	p.Publish(sample(3, 1))
	stop()
	entries, err := stream.Read(t.Context(), last, 10, 0)
	if diff := cmp.Diff([]live.Sample{sample(3, 1)}, samplesOf(entries)); diff != "" || err != nil {
		t.Errorf("%v, want(-) got(+):\n%s", err, diff)
	}
	again, latest, err := stream.Bounds(t.Context())
	if err != nil || again != first || latest.Compare(last) <= 0 {
		t.Errorf("%v to %v, %v; want %v to a later one than %v", again, latest, err, first, last)
	}
	if none, err := stream.Read(t.Context(), latest, 10, 0); len(none) != 0 || err != nil {
		t.Errorf("after the end: %v, %v", none, err)
	}
}

func TestEntriesOfAnotherVersionAreGaps(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	for _, value := range []string{"", "\x02\x00", "\x01\x00half"} {
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: live.Key, Values: []any{"d", value}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := live.Stream{Client: client}.Read(t.Context(), live.ID{}, 10, 0)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if !e.Gap || len(e.Samples) != 0 {
			t.Errorf("%+v", e)
		}
	}
}

func TestMissedLeavesAMark(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	p, stop := run(t, client, slog.New(slog.DiscardHandler))
	stream := live.Stream{Client: client}
	p.Publish(sample(1, 1))
	first := readUntil(t, stream, live.ID{}, has(sample(1, 1)))
	p.Missed()
	second := readUntil(t, stream, first[len(first)-1].ID, func(e live.Entry) bool { return e.Gap })
	if len(samplesOf(second)) != 0 {
		t.Errorf("samples nobody published: %+v", second)
	}
	stop()
}
