// Package worker works background tasks on asynq and enqueues the periodic ones.
//
// Any number of processes may run the same Tasks. Each periodic task is one task
// per tick, whose id is made from the tick's time: whichever scheduler comes first
// enqueues it, the others find the id taken. Handlers must bear being called twice
// for the same tick all the same, because delivery is at least once.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Queue is the queue of all tasks. The forwarders have others on the same Redis.
const Queue = "managair"

// Handler works a task. An error is logged and the task tried again with backoff,
// unless it is one that repeating cannot mend: of the kinds Invalid, NotFound,
// Conflict and Forbidden.
type Handler func(ctx context.Context, payload []byte) error

// Periodic is a task that is due again and again.
type Periodic struct {
	// Type names the task: subject and verb, such as "fidelity:check".
	Type string
	// Every is the distance of its ticks, which fall on multiples of it (UTC).
	Every time.Duration
	// Summary says in the administrator's words what it is for.
	Summary string
}

// Tasks is the set of tasks that this program knows.
type Tasks struct {
	handlers map[string]Handler
	periodic []Periodic
}

// Handle sets the handler of a type of task.
func (t *Tasks) Handle(taskType string, h Handler) {
	if _, twice := t.handlers[taskType]; twice {
		panic("worker: two handlers for " + taskType) // a mistake in the wiring
	}
	if t.handlers == nil {
		t.handlers = map[string]Handler{}
	}
	t.handlers[taskType] = h
}

// HandlePeriodic sets the handler of a task that is enqueued at every tick.
func (t *Tasks) HandlePeriodic(p Periodic, h func(ctx context.Context) error) {
	t.Handle(p.Type, func(ctx context.Context, _ []byte) error { return h(ctx) })
	t.periodic = append(t.periodic, p)
}

// Periodic lists the periodic tasks, for those who want to show them.
func (t *Tasks) Periodic() []Periodic { return slices.Clone(t.periodic) }

// Mux returns what an asynq server needs.
func (t *Tasks) Mux(log *slog.Logger, m *Metrics) *asynq.ServeMux {
	mux := asynq.NewServeMux()
	for taskType, handle := range t.handlers {
		m.begin(taskType)
		mux.HandleFunc(taskType, func(ctx context.Context, task *asynq.Task) error {
			start := time.Now()
			err := handle(ctx, task.Payload())
			m.observe(taskType, err, time.Since(start))
			if err == nil {
				log.DebugContext(ctx, "task done", "task", taskType, "duration", time.Since(start))
				return nil
			}
			retried, _ := asynq.GetRetryCount(ctx)
			log.WarnContext(ctx, "task failed", "task", taskType, "retried", retried, "err", fault.Describe(err))
			return failure{err}
		})
	}
	return mux
}

// hopeless reports whether repeating is useless.
func hopeless(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Forbidden:
		return true
	default:
		return false
	}
}

// IsFailure reports whether an error counts as a try of its task. That a worker does not
// know the task does not: it hands it back, while another version rolls out that does.
func IsFailure(err error) bool {
	return err != nil && !errors.Is(err, asynq.ErrHandlerNotFound)
}

// failure is what asynq keeps of a failed task, for administrators to read.
type failure struct{ err error }

// Error says what went wrong, with its causes.
func (f failure) Error() string { return fault.Describe(f.err) }

// Unwrap returns what went wrong.
func (f failure) Unwrap() error { return f.err }

// Is lets asynq give up a hopeless task.
func (f failure) Is(target error) bool { return target == asynq.SkipRetry && hopeless(f.err) }

// Metrics counts tasks.
type Metrics struct {
	tasks    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics of background tasks.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		tasks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "managair_tasks_total",
			Help: "Background tasks worked, by result: ok, failed (tried again), dropped.",
		}, []string{"task", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "managair_task_duration_seconds",
			Help:    "How long background tasks take.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"task"}),
	}
	r.MustRegister(m.tasks, m.duration)
	return m
}

// Values of the label result.
const (
	resultOK      = "ok"
	resultFailed  = "failed"
	resultDropped = "dropped"
)

// begin lets the counters of a task begin with 0: Prometheus would not see the first
// failure as an increase.
func (m *Metrics) begin(taskType string) {
	for _, result := range []string{resultOK, resultFailed, resultDropped} {
		m.tasks.WithLabelValues(taskType, result)
	}
}

func (m *Metrics) observe(taskType string, err error, d time.Duration) {
	result := resultOK
	switch {
	case err != nil && hopeless(err):
		result = resultDropped
	case err != nil:
		result = resultFailed
	}
	m.tasks.WithLabelValues(taskType, result).Inc()
	m.duration.WithLabelValues(taskType).Observe(d.Seconds())
}
