package forwarder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"github.com/clairberlin/clair-stack/pkg/correlation"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/logging"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// SpoolConfig is what the environment says about where uplinks wait when the
// ingestair is away.
type SpoolConfig struct {
	RedisURL redisconn.Redis `env:"REDIS_URL" desc:"Redis that keeps uplinks while the ingestair is away; default: they wait in memory only"`
	After    time.Duration   `env:"SPOOL_AFTER" envDefault:"2s" desc:"how long the ingestair must be away, or a call be without an answer, before uplinks go to Redis; with a webhook, at most 2.5s"`
}

// Kinds of tasks. The payload is the request.
const (
	taskStore         = "forward:store"
	taskKeepUndecoded = "forward:keep-undecoded"
)

const (
	// keepSpooled is how long a task is tried before it is archived, where it stays
	// for 90 days and can be run again.
	keepSpooled = 14 * 24 * time.Hour
	// spoolRetry is the pause after a task was interrupted, as by a crash.
	spoolRetry      = 5 * time.Second
	spoolRetryLimit = 1000
	// watchInterval is how often it is counted what waits.
	watchInterval = 15 * time.Second
)

// redisSpool keeps batches as tasks on Redis, and delivers them in the order in
// which they were received: one at a time, and the next only when it is done.
type redisSpool struct {
	log     *slog.Logger
	metrics *metrics
	queue   string
	redis   redis.UniversalClient
	tasks   *asynq.Client
	client  *ingestclient.Client
	breaker *breaker
	now     func() time.Time
}

// newRedisSpool returns nil when there is no Redis. Deliveries share the breaker with
// the courier's.
func newRedisSpool(cfg SpoolConfig, service string, log *slog.Logger, m *metrics, client *ingestclient.Client, b *breaker) *redisSpool {
	if !cfg.RedisURL.IsSet() {
		return nil
	}
	connection := cfg.RedisURL.Client()
	return &redisSpool{
		log: log, metrics: m, client: client, breaker: b, now: time.Now,
		queue: "forward:" + service, redis: connection, tasks: asynq.NewClientFromRedisClient(connection),
	}
}

func (s *redisSpool) close() error { return s.redis.Close() }

func (s *redisSpool) put(ctx context.Context, undecoded bool, uplinks int, request []byte) error {
	kind := taskStore
	if undecoded {
		kind = taskKeepUndecoded
	}
	headers := map[string]string{correlation.Key: correlation.ID(ctx)}
	_, err := s.tasks.EnqueueContext(ctx, asynq.NewTaskWithHeaders(kind, request, headers), asynq.Queue(s.queue),
		asynq.MaxRetry(spoolRetryLimit), asynq.Timeout(keepSpooled), asynq.Deadline(s.now().Add(keepSpooled)))
	if err != nil {
		return fmt.Errorf("hand over to Redis: %w", err)
	}
	s.metrics.spooled.Add(float64(uplinks))
	return nil
}

// part delivers what waits on Redis.
func (s *redisSpool) part() lifecycle.Part {
	return lifecycle.Part{Name: "redis", Run: func(ctx context.Context, ready func()) error {
		server := asynq.NewServerFromRedisClient(s.redis, asynq.Config{
			Concurrency: 1, // else batches would overtake each other
			Queues:      map[string]int{s.queue: 1},
			// Not ctx: with it a task under way would fail at SIGTERM and go behind others,
			// instead of back to the head of the queue.
			BaseContext: func() context.Context { return context.WithoutCancel(ctx) },
			// A task that was interrupted has not failed.
			IsFailure:       func(err error) bool { return errors.Is(err, asynq.SkipRetry) },
			RetryDelayFunc:  func(int, error, *asynq.Task) time.Duration { return spoolRetry },
			ShutdownTimeout: time.Second,
			Logger:          logging.Library{Log: s.log, Name: "asynq"},
			LogLevel:        asynq.WarnLevel,
		})
		if err := server.Start(asynq.HandlerFunc(s.deliver)); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		ready()
		s.watch(ctx)
		server.Shutdown()
		return nil
	}}
}

// watch counts what waits on Redis until ctx ends.
func (s *redisSpool) watch(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	inspector := asynq.NewInspectorFromRedisClient(s.redis)
	for {
		info, err := inspector.GetQueueInfo(s.queue)
		if errors.Is(err, asynq.ErrQueueNotFound) {
			info, err = new(asynq.QueueInfo), nil // nothing was ever handed over
		}
		if err == nil {
			s.metrics.batches.WithLabelValues("waiting").Set(float64(info.Pending + info.Active + info.Scheduled + info.Retry))
			s.metrics.batches.WithLabelValues("archived").Set(float64(info.Archived))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// deliver delivers one task. It waits here for the ingestair, since a task that
// fails would go behind those that came after it.
func (s *redisSpool) deliver(ctx context.Context, task *asynq.Task) error {
	undecoded := task.Type() == taskKeepUndecoded
	ctx = correlation.With(ctx, task.Headers()[correlation.Key])
	for {
		if s.breaker.closed(s.now()) {
			began := s.now()
			err := s.send(ctx, undecoded, task.Payload())
			switch {
			case err == nil:
				s.breaker.succeeded(s.now())
				s.log.InfoContext(ctx, "uplinks from Redis delivered")
				return nil
			case fault.Is(err, fault.Invalid):
				s.breaker.succeeded(s.now())
				return s.deliverSingly(ctx, undecoded, task.Payload(), err)
			}
			s.breaker.failed(s.now(), began)
		}
		select {
		case <-time.After(s.breaker.wait(s.now())):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *redisSpool) send(ctx context.Context, undecoded bool, request []byte) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	response, err := deliverRequest(ctx, s.client, undecoded, request)
	if err != nil {
		s.metrics.deliveries.WithLabelValues(fault.KindOf(err).String()).Inc()
		return err
	}
	s.metrics.deliveries.WithLabelValues("ok").Inc()
	for _, o := range response.GetOutcomes() {
		s.metrics.samples.WithLabelValues("redis", ingestclient.OutcomeName(o)).Inc()
	}
	s.metrics.countReadings(readingsOf(undecoded, request), response.GetReadingOutcomes())
	return nil
}

// readingsOf is how many readings a request has.
func readingsOf(undecoded bool, request []byte) (n int) {
	var r ingestv1.StoreRequest
	if undecoded || proto.Unmarshal(request, &r) != nil { // the ingestair has read it
		return 0
	}
	for _, u := range r.GetUplinks() {
		n += len(u.GetReadings())
	}
	return n
}

// deliverSingly delivers the uplinks of a request of which one is invalid. The task is
// archived, where an operator can look at it; what is valid in it is stored.
func (s *redisSpool) deliverSingly(ctx context.Context, undecoded bool, request []byte, cause error) error {
	uplinks, err := ingestclient.Split(request)
	if err != nil || len(uplinks) == 1 {
		return fmt.Errorf("%w: %w", cause, asynq.SkipRetry)
	}
	for _, one := range uplinks {
		if err := s.send(ctx, undecoded, one); err != nil && !fault.Is(err, fault.Invalid) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", cause, asynq.SkipRetry)
}

// redisBookmark keeps a bookmark on Redis.
type redisBookmark struct {
	redis redis.UniversalClient
	key   string
}

func (b *redisBookmark) load(ctx context.Context) (time.Time, error) {
	t, err := b.redis.Get(ctx, b.key).Time()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	return t, err
}

func (b *redisBookmark) save(ctx context.Context, t time.Time) error {
	return b.redis.Set(ctx, b.key, t.UTC(), 0).Err()
}
