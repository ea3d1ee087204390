package forwarder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// rightsPause is the least time between two questions.
const rightsPause = time.Second

// rights knows what our key may do at The Things Stack. Its MQTT server does not tell: with
// a key that lacks a right, or has been revoked meanwhile, subscriptions succeed and
// nothing comes, and downlinks go nowhere.
type rights struct {
	log      *slog.Logger
	metrics  *metrics
	identity *ttn.Identity
	wanted   []ttn.Right
	interval time.Duration
	trigger  chan struct{} // with room for one

	mu      sync.Mutex
	missing []ttn.Right
	problem error // what is wrong, as far as we know; nil before the first answer, too
}

// newRights returns nil when nothing is to be asked: the uplinks come from another broker.
func newRights(cfg Config, log *slog.Logger, m *metrics, client *http.Client, key MQTTConfig) *rights {
	if cfg.TTS.RightsInterval == 0 || !cfg.ownBroker() || !key.Password.IsSet() {
		return nil
	}
	r := &rights{
		log: log, metrics: m, interval: cfg.TTS.RightsInterval, trigger: make(chan struct{}, 1),
		wanted:   []ttn.Right{ttn.ReadTraffic},
		identity: &ttn.Identity{URL: cfg.TTS.identityURL(), Application: cfg.TTS.Application, Key: key.Password, Client: client},
	}
	if cfg.Configure.Nodes {
		r.wanted = append(r.wanted, ttn.WriteDownlinks)
	}
	return r
}

// soon asks again.
func (r *rights) soon() {
	select {
	case r.trigger <- struct{}{}:
	default:
	}
}

// lacks reports whether the key is known to lack a right.
func (r *rights) lacks(right ttn.Right) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.missing, right)
}

// check reports what the key lacks.
func (r *rights) check(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

func (r *rights) part() lifecycle.Part {
	return lifecycle.Part{Name: "rights", Run: func(ctx context.Context, ready func()) error {
		ready()
		for {
			pause := r.ask(ctx)
			next := time.NewTimer(pause + rand.N(pause/10+1))
			select {
			case <-time.After(rightsPause):
			case <-ctx.Done():
				return nil
			}
			select {
			case <-next.C:
			case <-r.trigger:
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

// ask asks what the key may do, and returns the time until the next question.
func (r *rights) ask(ctx context.Context) time.Duration {
	missing, err := r.identity.Missing(ctx, r.wanted)
	if ctx.Err() != nil {
		return r.interval
	}
	result := "ok"
	var problem error
	switch kind := fault.KindOf(err); {
	case err == nil && len(missing) > 0:
		result = "missing"
		problem = fmt.Errorf("the API key lacks %s for application %s: give it that right, or make another key (%s)",
			names(missing), r.identity.Application, r.identity.URL)
	case err == nil:
	case kind == fault.Unauthenticated || kind == fault.Forbidden:
		result, missing = "refused", r.wanted
		problem = fmt.Errorf("the API key is not, or no longer, valid: %w", err)
	default:
		// What we know stays: a server that does not answer takes no right away.
		r.metrics.rightsAsked.WithLabelValues("failed").Inc()
		r.log.WarnContext(ctx, "not known what our key may do", "err", err)
		if after, ok := errors.AsType[*ttn.RetryAfterError](err); ok {
			return max(r.interval, after.After)
		}
		return r.interval
	}
	r.metrics.rightsAsked.WithLabelValues(result).Inc()
	for _, right := range r.wanted {
		value := 1.0
		if slices.Contains(missing, right) {
			value = 0
		}
		r.metrics.keyRights.WithLabelValues(string(right)).Set(value)
	}
	r.mu.Lock()
	before := r.problem
	r.missing, r.problem = missing, problem
	r.mu.Unlock()
	switch {
	case problem != nil && (before == nil || before.Error() != problem.Error()):
		r.log.ErrorContext(ctx, "our key may not do what it is for", "err", problem)
	case problem == nil && before != nil:
		r.log.InfoContext(ctx, "our key has all rights again")
	}
	return r.interval
}

func names(rights []ttn.Right) string {
	all := make([]string, len(rights))
	for i, r := range rights {
		all[i] = string(r)
	}
	return strings.Join(all, " and ")
}
