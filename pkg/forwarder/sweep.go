package forwarder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// SweepConfig is what the environment says about the Storage Integration.
type SweepConfig struct {
	URL       string         `env:"URL" desc:"The Things Stack with the Storage Integration; default: https://TTS_HOST"`
	Interval  *time.Duration `env:"SWEEP_INTERVAL" desc:"how often it is searched for uplinks that we missed; 0: never. Default: 5m where STORAGE_URL is set or TTS_HOST is of the public network or the Cloud, else 0, as an open-source server has none"`
	Overlap   time.Duration  `env:"SWEEP_OVERLAP" envDefault:"15m" desc:"how far each search reaches into the one before: the storage writes with a delay"`
	Retention time.Duration  `env:"RETENTION" envDefault:"24h" desc:"how long it keeps uplinks: 24h on the community network, 720h on The Things Stack Cloud"`
}

const (
	// sweepInterval is how often a storage is searched by default.
	sweepInterval = 5 * time.Minute
	// sweepPause is the least time between two searches.
	sweepPause = 5 * time.Second
	// noStoragePause is the time to the next where there is no Storage Integration.
	noStoragePause = 6 * time.Hour
)

// bookmark remembers over a restart until when all uplinks are known to be stored.
type bookmark interface {
	load(ctx context.Context) (time.Time, error) // zero: nothing is known
	save(ctx context.Context, t time.Time) error
}

// sweeper fetches from the Storage Integration what came on no other way.
type sweeper struct {
	cfg      SweepConfig
	interval time.Duration
	log      *slog.Logger
	metrics  *metrics
	storage  *ttn.Storage
	intake   *intake
	bookmark bookmark  // nil: a restart begins with all that the storage has
	complete time.Time // until then all is stored; zero: not known yet
	now      func() time.Time
	trigger  chan struct{} // with room for one
}

// newSweeper returns nil when there is no storage to be searched.
func newSweeper(cfg Config, log *slog.Logger, service string, m *metrics, in *intake, trusted trust, spool *redisSpool) *sweeper {
	search, interval := cfg.Storage, cfg.sweepInterval()
	if interval == 0 {
		return nil
	}
	if !cfg.TTS.APIKey.IsSet() {
		log.Warn("no search of the Storage Integration: TTS_API_KEY is not set")
		return nil
	}
	s := &sweeper{
		cfg: search, interval: interval, log: log, metrics: m, intake: in, now: time.Now, trigger: make(chan struct{}, 1),
		storage: &ttn.Storage{
			URL: cmp.Or(search.URL, "https://"+cfg.TTS.Host), Application: cfg.TTS.Application, Key: cfg.TTS.APIKey,
			Client: trusted.client(5 * time.Minute),
		},
	}
	if spool != nil {
		s.bookmark = &redisBookmark{spool.redis, "clair:" + service + ":" + cfg.TTS.application().User() + ":stored_until"}
	}
	return s
}

// soon asks for a search.
func (s *sweeper) soon() {
	select {
	case s.trigger <- struct{}{}:
	default:
	}
}

func (s *sweeper) part() lifecycle.Part {
	return lifecycle.Part{Name: "storage", Run: func(ctx context.Context, ready func()) error {
		ready()
		s.soon()
		tick := time.NewTicker(s.interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-s.trigger:
			case <-ctx.Done():
				return nil
			}
			pause := sweepPause
			if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
				pause = s.complain(ctx, err)
				s.soon()
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// complain logs why a search failed, and returns the time until the next.
func (s *sweeper) complain(ctx context.Context, err error) time.Duration {
	pause := s.interval/2 + rand.N(s.interval/2)
	if after, ok := errors.AsType[*ttn.RetryAfterError](err); ok {
		// A little more, since replicas are told the same.
		pause = max(after.After, sweepPause) + rand.N(sweepPause)
	}
	result := "failed"
	log := s.log.With("err", err, "next_attempt_in", pause.Round(time.Second))
	switch fault.KindOf(err) {
	case fault.NotFound:
		result = "absent"
		// An open source server has no Storage Integration, and will not have it soon.
		pause = max(pause, noStoragePause)
		s.log.WarnContext(ctx, "the network server has no Storage Integration for this application; STORAGE_SWEEP_INTERVAL=0 asks no more", "err", err, "next_attempt_in", pause)
	case fault.Unauthenticated, fault.Forbidden:
		log.ErrorContext(ctx, "storage refuses our key: check TTS_API_KEY and its rights")
	default:
		log.WarnContext(ctx, "storage search failed")
	}
	s.metrics.sweeps.WithLabelValues(result).Inc()
	return pause
}

// sweep hands everything to the intake that the storage has since the bookmark, and
// moves the bookmark when all of it is kept.
func (s *sweeper) sweep(ctx context.Context) error {
	until := s.now()
	from := until.Add(-s.cfg.Retention)
	if s.complete.IsZero() && s.bookmark != nil {
		var err error
		if s.complete, err = s.bookmark.load(ctx); err != nil {
			s.log.WarnContext(ctx, "searching all of the storage: the bookmark cannot be read", "err", err)
		}
	}
	if known := s.complete.Add(-s.cfg.Overlap); known.After(from) {
		from = known
	}
	var pending tally
	var lost atomic.Int64
	count := 0
	for message, err := range s.storage.Uplinks(ctx, from, until) {
		if err != nil {
			return err
		}
		// The storage waits for us, so a long absence does not need much memory.
		if err := s.intake.outbox.awaitRoom(ctx); err != nil {
			return err
		}
		count++
		pending.begin()
		s.intake.receive(ctx, ingestv1.Source_SOURCE_STORAGE, "", message, func(f fate) {
			if f == dropped {
				lost.Add(1)
			}
			pending.end()
		})
	}
	select {
	case <-pending.empty():
	case <-ctx.Done():
		return ctx.Err()
	}
	if n := lost.Load(); n > 0 {
		return fmt.Errorf("%d of %d stored uplinks had no room", n, count)
	}
	s.metrics.sweeps.WithLabelValues("ok").Inc()
	s.metrics.sweepUntil.Set(float64(until.Unix()))
	s.log.DebugContext(ctx, "storage searched", "from", from, "until", until, "count", count)
	s.complete = until
	if s.bookmark == nil {
		return nil
	}
	if err := s.bookmark.save(ctx, until); err != nil {
		// A restart would begin earlier than it must.
		s.log.WarnContext(ctx, "bookmark not saved", "err", err)
	}
	return nil
}
