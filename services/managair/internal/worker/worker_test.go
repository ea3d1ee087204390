package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/services/managair/internal/worker"
)

var discard = slog.New(slog.DiscardHandler)

// queue notes what is enqueued.
type queue struct {
	mu    sync.Mutex
	ids   []string
	fails bool
}

func (q *queue) EnqueueContext(_ context.Context, _ *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fails {
		return nil, errors.New("no Redis")
	}
	for _, o := range opts {
		if o.Type() != asynq.TaskIDOpt {
			continue
		}
		id, _ := o.Value().(string)
		if slices.Contains(q.ids, id) {
			return nil, asynq.ErrTaskIDConflict
		}
		q.ids = append(q.ids, id)
	}
	return &asynq.TaskInfo{}, nil
}

func (q *queue) setFails(fails bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fails = fails
}

func (q *queue) enqueued() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.ids)
}

var schedule = []worker.Periodic{
	{Type: "a:minutely", Every: time.Minute},
	{Type: "b:hourly", Every: time.Hour},
}

// The clock of a synctest bubble begins at midnight of 2000-01-01, UTC.
func TestEachTickIsEnqueuedOnceHoweverManySchedulersRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		ctx, cancel := context.WithCancel(t.Context())
		var schedulers sync.WaitGroup
		time.Sleep(90 * time.Second)
		schedulers.Go(func() { worker.Schedule(ctx, discard, q, schedule) })
		time.Sleep(10 * time.Second)
		schedulers.Go(func() { worker.Schedule(ctx, discard, q, schedule) })
		time.Sleep(2*time.Minute + 10*time.Second)
		cancel()
		schedulers.Wait()
		want := []string{
			"a:minutely:2000-01-01T00:01:00Z", // the tick that is on when the first one starts
			"b:hourly:2000-01-01T00:00:00Z",
			"a:minutely:2000-01-01T00:02:00Z",
			"a:minutely:2000-01-01T00:03:00Z",
		}
		if diff := cmp.Diff(want, q.enqueued()); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
	})
}

func TestTicksAreSkippedWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{fails: true}
		var text strings.Builder
		log := slog.New(slog.NewTextHandler(&text, nil))
		ctx, cancel := context.WithCancel(t.Context())
		var scheduler sync.WaitGroup
		scheduler.Go(func() { worker.Schedule(ctx, log, q, schedule[:1]) })
		time.Sleep(10*time.Minute + time.Second)
		q.setFails(false)
		time.Sleep(2 * time.Minute)
		cancel()
		scheduler.Wait()
		want := []string{"a:minutely:2000-01-01T00:11:00Z", "a:minutely:2000-01-01T00:12:00Z"}
		if diff := cmp.Diff(want, q.enqueued()); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
		if failed, mended := strings.Count(text.String(), "cannot be enqueued"), strings.Count(text.String(), "enqueued again"); failed != 1 || mended != 1 {
			t.Errorf("said %d times that it fails and %d times that it works again, want once each:\n%s", failed, mended, text.String())
		}
	})
}

// counted waits for tries to enqueue.
type counted struct {
	worker.Enqueuer
	tried sync.WaitGroup
}

func (c *counted) EnqueueContext(ctx context.Context, task *asynq.Task, opts ...asynq.Option) (*asynq.TaskInfo, error) {
	defer c.tried.Done()
	return c.Enqueuer.EnqueueContext(ctx, task, opts...)
}

// The same on a real Redis, worked by two servers.
func TestATickIsWorkedOnce(t *testing.T) {
	t.Parallel()
	opt, err := asynq.ParseRedisURI(redistest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	worked := 0
	done := make(chan struct{}, 100)
	var tasks worker.Tasks
	tasks.HandlePeriodic(worker.Periodic{Type: "test:count", Every: 24 * time.Hour}, func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		worked++
		done <- struct{}{}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	var schedulers sync.WaitGroup
	client := asynq.NewClient(opt)
	for range 2 {
		server := asynq.NewServer(opt, asynq.Config{
			Queues: map[string]int{worker.Queue: 1}, TaskCheckInterval: 20 * time.Millisecond, LogLevel: asynq.FatalLevel, Concurrency: 2,
		})
		if err := server.Start(tasks.Mux(discard, worker.NewMetrics(prometheus.NewRegistry()))); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Shutdown)
	}
	t.Cleanup(func() { cancel(); schedulers.Wait(); _ = client.Close() })
	all := &counted{Enqueuer: client}
	all.tried.Add(5)
	for range 5 {
		schedulers.Go(func() { worker.Schedule(ctx, discard, all, tasks.Periodic()) })
	}
	all.tried.Wait()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not worked")
	}
	inspector := asynq.NewInspector(opt)
	t.Cleanup(func() { _ = inspector.Close() })
	completed, err := inspector.ListCompletedTasks(worker.Queue)
	for deadline := time.Now().Add(10 * time.Second); len(completed) == 0 && err == nil && time.Now().Before(deadline); {
		completed, err = inspector.ListCompletedTasks(worker.Queue)
	}
	if err != nil || len(completed) != 1 {
		t.Fatalf("administrators see %d completed tasks, %v; want 1", len(completed), err)
	}
	mu.Lock()
	defer mu.Unlock()
	if worked != 1 {
		t.Errorf("worked %d times", worked)
	}
}

// During a rolling update yesterday's worker takes tasks that it does not know. That costs
// none of their tries.
func TestUnknownTasksAreHandedBack(t *testing.T) {
	t.Parallel()
	opt, err := asynq.ParseRedisURI(redistest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	handedBack := make(chan struct{}, 1000)
	start := func(tasks *worker.Tasks) (stop func()) {
		server := asynq.NewServer(opt, asynq.Config{
			Queues: map[string]int{worker.Queue: 1}, TaskCheckInterval: 20 * time.Millisecond, LogLevel: asynq.FatalLevel, Concurrency: 2,
			IsFailure: worker.IsFailure, DelayedTaskCheckInterval: 20 * time.Millisecond,
			RetryDelayFunc: func(int, error, *asynq.Task) time.Duration {
				handedBack <- struct{}{}
				return 0
			},
		})
		if err := server.Start(tasks.Mux(discard, worker.NewMetrics(prometheus.NewRegistry()))); err != nil {
			t.Fatal(err)
		}
		return server.Shutdown
	}
	client := asynq.NewClient(opt)
	defer func() { _ = client.Close() }()
	if _, err := client.EnqueueContext(t.Context(), asynq.NewTask("test:new", nil), asynq.Queue(worker.Queue), asynq.MaxRetry(1)); err != nil {
		t.Fatal(err)
	}
	stop := start(&worker.Tasks{})
	for range 3 {
		select {
		case <-handedBack:
		case <-time.After(20 * time.Second):
			t.Error("the task was given up")
		}
	}
	stop()
	done := make(chan struct{}, 1)
	var today worker.Tasks
	today.Handle("test:new", func(context.Context, []byte) error {
		done <- struct{}{}
		return nil
	})
	t.Cleanup(start(&today))
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("the task is gone")
	}
}

func TestErrorsThatRepeatingCannotMendAreDropped(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		err    error
		skip   bool
		result string
	}{
		{"done", nil, false, "ok"},
		{"internal", errors.New("broken"), false, "failed"},
		{"the database is away", fault.New(fault.Unavailable, "away"), false, "failed"},
		{"wrong payload", fault.New(fault.Invalid, "no JSON"), true, "dropped"},
		{"the object is gone", fault.New(fault.NotFound, "no such user"), true, "dropped"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var tasks worker.Tasks
			tasks.Handle("test:fail", func(_ context.Context, payload []byte) error {
				if string(payload) != "payload" {
					t.Errorf("payload %q", payload)
				}
				return c.err
			})
			registry := prometheus.NewRegistry()
			mux := tasks.Mux(discard, worker.NewMetrics(registry))
			err := mux.ProcessTask(t.Context(), asynq.NewTask("test:fail", []byte("payload")))
			if !errors.Is(err, c.err) || errors.Is(err, asynq.SkipRetry) != c.skip {
				t.Errorf("got %v", err)
			}
			page := httptest.NewRecorder()
			promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if want := `managair_tasks_total{result="` + c.result + `",task="test:fail"} 1`; !strings.Contains(page.Body.String(), want) {
				t.Errorf("no %s in\n%s", want, page.Body)
			}
		})
	}
}
