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

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// rightsPause is the least time between two questions.
const rightsPause = time.Second

// rights knows what our key may do at the network server. Over MQTT it is not told: at The
// Things Stack, with a key that lacks a right, or has been revoked meanwhile, subscriptions
// succeed and nothing comes, and downlinks go nowhere.
type rights struct {
	log      *slog.Logger
	metrics  *metrics
	keys     keys
	of       string // whose rights they are, for people
	wanted   []ttn.Right
	write    ttn.Right // what downlinks need
	interval time.Duration
	trigger  chan struct{} // with room for one

	mu      sync.Mutex
	missing []ttn.Right
	problem error // what is wrong, as far as we know; nil before the first answer, too
}

// keys tells what a key may do.
type keys interface {
	// Missing returns those of some rights that the key does not have. An error has a fault
	// kind: Unauthenticated and Forbidden say that the key is none, or not any more.
	Missing(ctx context.Context, wanted []ttn.Right) ([]ttn.Right, error)
}

// useAPI stands for what ChirpStack has instead of rights: a key may do all that is its
// tenant's, or nothing.
const useAPI ttn.Right = "CHIRPSTACK_API"

// tenantKey is a key of ChirpStack's API.
type tenantKey struct {
	api         *chirpstack.API
	application string
}

// Missing is part of keys. An application that is not there, or is another tenant's, is not
// ours to send to.
func (k tenantKey) Missing(ctx context.Context, wanted []ttn.Right) ([]ttn.Right, error) {
	err := k.api.Read(ctx, k.application)
	if fault.KindOf(err) == fault.NotFound {
		return wanted, nil
	}
	return nil, err
}

// newRights returns nil when nothing is to be asked: the uplinks come from another broker, and
// there is no API of ChirpStack, or no application there to ask for.
func newRights(cfg Config, log *slog.Logger, m *metrics, client *http.Client, key MQTTConfig) *rights {
	if api := cfg.chirpStackAPI(client); api != nil && cfg.TTS.RightsInterval != 0 && cfg.ChirpStack.Application != anyApplication {
		return &rights{
			log: log, metrics: m, interval: cfg.TTS.RightsInterval, trigger: make(chan struct{}, 1),
			wanted: []ttn.Right{useAPI}, write: useAPI, keys: tenantKey{api, cfg.ChirpStack.Application},
			of: fmt.Sprintf("for application %s: make another key of its tenant (%s)", cfg.ChirpStack.Application, api.URL),
		}
	}
	if cfg.TTS.RightsInterval == 0 || !cfg.ownBroker() || !key.Password.IsSet() {
		return nil
	}
	r := &rights{
		log: log, metrics: m, interval: cfg.TTS.RightsInterval, trigger: make(chan struct{}, 1),
		wanted: []ttn.Right{ttn.ReadTraffic}, write: ttn.WriteDownlinks,
		keys: &ttn.Identity{URL: cfg.TTS.identityURL(), Application: cfg.TTS.Application, Key: key.Password, Client: client},
		of:   fmt.Sprintf("for application %s: give it that right, or make another key (%s)", cfg.TTS.Application, cfg.TTS.identityURL()),
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

// lacksDownlinks reports whether the key is known not to be allowed to write downlinks.
func (r *rights) lacksDownlinks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.missing, r.write)
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
	missing, err := r.keys.Missing(ctx, r.wanted)
	if ctx.Err() != nil {
		return r.interval
	}
	result := "ok"
	var problem error
	switch kind := fault.KindOf(err); {
	case err == nil && len(missing) > 0:
		result = "missing"
		problem = fmt.Errorf("the API key lacks %s %s", names(missing), r.of)
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
