package forwarder

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// ConfigureConfig is what the environment says about setting up nodes by downlink.
type ConfigureConfig struct {
	Nodes  bool `env:"NODES" envDefault:"false" desc:"whether nodes that do not group samples as their data rate demands are told by downlink"`
	Budget int  `env:"DAILY_BUDGET" envDefault:"4" desc:"how many downlinks a node may get in a day (UTC); the community network allows 10 for all purposes"`
}

const (
	// sameState is how long a node is not told the same again. A downlink may be lost,
	// so not for ever.
	sameState = 24 * time.Hour
	// claimTime is longer than a downlink is under way to the network server's queue.
	claimTime = time.Minute
	// releaseTimeout is short: a forwarder that stops waits for it.
	releaseTimeout = time.Second
	// queuedTimeout is how long the network server gets to say that it has queued a
	// downlink. It does at once.
	queuedTimeout = 5 * time.Second
	// After a downlink that was not queued, none is sent for a while: what is in the way
	// is rarely of one node, and an answer that gets lost again and again must not cost a
	// node more than its budget.
	firstRest = 5 * time.Minute
	lastRest  = 6 * time.Hour
	// A downlink for an old uplink would answer what may have changed since.
	freshUplink = time.Minute
	// Nodes that wait for their turn. Those beyond get it at their next uplink.
	configureQueue = 256
)

// configurator sends downlinks to nodes that are not set up as they should be.
type configurator struct {
	log     *slog.Logger
	metrics *metrics
	network network
	codec   codec.Configurer
	budget  int
	ledger  ledger
	broker  *connection
	rights  *rights         // may be nil: not known
	api     *chirpstack.API // may be nil: downlinks go over the broker
	now     func() time.Time
	queue   chan order

	patience  time.Duration
	rest      time.Duration // the next
	restUntil time.Time

	told    atomic.Bool // it is told which downlinks were queued
	mu      sync.Mutex
	waiting map[string]chan struct{} // by the downlink's id; closed when it is queued
}

// newConfigurator returns nil when nodes are not to be set up.
func newConfigurator(cfg Config, log *slog.Logger, service string, m *metrics, standard codec.Decoder, broker *connection, may *rights, api *chirpstack.API, spool *redisSpool) (*configurator, error) {
	if !cfg.Configure.Nodes {
		return nil, nil
	}
	by, ok := standard.(codec.Configurer)
	if !ok {
		return nil, errors.New("CONFIGURE_NODES: these nodes cannot be set up by downlink")
	}
	c := &configurator{
		log: log, metrics: m, network: cfg.network(), codec: by, budget: cfg.Configure.Budget,
		ledger: newMemoryLedger(), broker: broker, rights: may, api: api, now: time.Now, queue: make(chan order, configureQueue),
		patience: cmp.Or(cfg.patience, queuedTimeout), rest: firstRest, waiting: map[string]chan struct{}{},
	}
	if spool != nil {
		c.ledger = &redisLedger{spool.redis, "clair:" + service + ":configured:"}
	}
	return c, nil
}

type order struct {
	uplink   lorawan.Uplink
	downlink codec.Downlink
	state    string
}

// ledger remembers what was sent to nodes.
type ledger interface {
	// claim reports whether a downlink may be sent: not the same state again within a
	// time, and not more than so many on a day. The node is then nobody else's for claimTime.
	claim(ctx context.Context, eui lorawan.EUI64, state string, now time.Time, budget int) (bool, error)
	// book notes a downlink that is in the network server's queue, or on the way there where
	// that is not told, and ends the claim.
	book(ctx context.Context, eui lorawan.EUI64, state string, now time.Time) error
	// release ends the claim without a downlink, also when ctx has ended.
	release(ctx context.Context, eui lorawan.EUI64)
}

// observe looks at an uplink. It must not block.
func (c *configurator) observe(ctx context.Context, u *lorawan.Uplink, m codec.Message, source ingestv1.Source) {
	if source != ingestv1.Source_SOURCE_MQTT || c.now().Sub(u.ReceivedAt) > freshUplink {
		return
	}
	downlink, wanted := c.codec.Configure(u, m)
	if !wanted {
		return
	}
	o := order{uplink: *u, downlink: downlink, state: fmt.Sprintf("%s/%d", u.DataRate, len(m.Samples))}
	o.uplink.Payload, o.uplink.Decoded, o.uplink.Normalized = nil, "", ""
	select {
	case c.queue <- o:
	default:
		c.log.DebugContext(ctx, "downlink put off", "dev_eui", u.DevEUI)
	}
}

func (c *configurator) part() lifecycle.Part {
	return lifecycle.Part{Name: "configuration", Run: func(ctx context.Context, ready func()) error {
		ready()
		for {
			select {
			case o := <-c.queue:
				c.send(ctx, o)
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

func (c *configurator) send(ctx context.Context, o order) {
	if c.now().Before(c.restUntil) {
		c.metrics.downlinks.WithLabelValues(downlinkResting).Inc()
		return
	}
	if c.rights != nil && c.rights.lacksDownlinks() {
		c.metrics.downlinks.WithLabelValues(downlinkForbidden).Inc()
		return // the rights' own log and readiness say so
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	eui := o.uplink.DevEUI
	may, err := c.ledger.claim(ctx, eui, o.state, c.now(), c.budget)
	if err != nil {
		// Without the ledger we might send again and again.
		c.log.WarnContext(ctx, "downlink not sent: its booking failed", "dev_eui", eui, "err", err)
		return
	}
	if !may {
		return
	}
	result, ok := c.deliver(ctx, &o)
	if !ok {
		c.ledger.release(ctx, eui)
		c.metrics.downlinks.WithLabelValues(result).Inc()
		return
	}
	c.rest = firstRest
	if err := c.ledger.book(ctx, eui, o.state, c.now()); err != nil {
		c.log.WarnContext(ctx, "downlink not booked; it may be sent again", "dev_eui", eui, "err", err)
	}
	c.metrics.downlinks.WithLabelValues(result).Inc()
	c.log.InfoContext(ctx, "node told its settings", "dev_eui", eui, "state", o.state, "f_port", o.downlink.FPort)
}

// deliver brings a downlink into the network server's queue, and returns what became of it,
// and whether it is there, or on the way there where that is not told.
func (c *configurator) deliver(ctx context.Context, o *order) (result string, ok bool) {
	eui := o.uplink.DevEUI
	if c.api != nil {
		_, err := c.api.Enqueue(ctx, eui, o.downlink.FPort, o.downlink.Payload)
		switch kind := fault.KindOf(err); {
		case err == nil:
			return downlinkQueued, true
		case kind == fault.Unavailable:
			result = downlinkFailed
		case kind == fault.Unauthenticated || kind == fault.Forbidden:
			c.later()
			result = downlinkForbidden
		default: // this device, or this downlink
			result = downlinkUnqueued
		}
		c.log.WarnContext(ctx, "downlink is not in the network server's queue", "dev_eui", eui, "err", err)
		return result, false
	}
	id := "clair:" + rand.Text()
	queued := c.expect(id)
	defer c.forget(id)
	topic, message := c.network.downlink(&o.uplink, o.downlink.FPort, o.downlink.Payload, id)
	if err := c.broker.publish(ctx, topic, message); err != nil {
		c.log.WarnContext(ctx, "downlink not sent", "dev_eui", eui, "err", err)
		return downlinkFailed, false
	}
	if !c.told.Load() {
		return downlinkSent, true
	}
	select {
	case <-queued:
		return downlinkQueued, true
	case <-time.After(c.patience):
		pause := c.later()
		c.log.WarnContext(ctx, "downlink is not in the network server's queue: it did not say so; may our key write downlinks, and is the device known there?",
			"dev_eui", eui, "device_id", o.uplink.DeviceID, "next_attempt_in", pause)
	case <-ctx.Done():
	}
	return downlinkUnqueued, false
}

// later lets all downlinks rest, and returns for how long: each time for longer.
func (c *configurator) later() time.Duration {
	pause := c.rest
	c.restUntil = c.now().Add(pause)
	c.rest = min(2*pause, lastRest)
	return pause
}

// expect returns what is closed when a downlink is queued.
func (c *configurator) expect(id string) <-chan struct{} {
	queued := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = queued
	return queued
}

func (c *configurator) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// heard takes what the network server tells of a downlink that it has queued: ours,
// another replica's, or somebody else's.
func (c *configurator) heard(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.network.parseQueued(message) {
		if queued, ok := c.waiting[id]; ok {
			close(queued)
			delete(c.waiting, id)
		}
	}
}

// memoryLedger is for one replica, and forgets when the process ends. Downlinks are sent
// one after the other, so nothing has to be claimed.
type memoryLedger struct {
	mu   sync.Mutex
	sent map[string]time.Time // by node and state
	days map[string]int       // by node
	day  string
}

func newMemoryLedger() *memoryLedger {
	return &memoryLedger{sent: map[string]time.Time{}, days: map[string]int{}}
}

func (l *memoryLedger) claim(_ context.Context, eui lorawan.EUI64, state string, now time.Time, budget int) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if day := now.UTC().Format(time.DateOnly); day != l.day {
		l.day = day
		clear(l.days)
		for key, at := range l.sent {
			if now.Sub(at) >= sameState {
				delete(l.sent, key)
			}
		}
	}
	at, ok := l.sent[eui.String()+"/"+state]
	told := ok && now.Sub(at) < sameState
	return !told && l.days[eui.String()] < budget, nil
}

func (l *memoryLedger) book(_ context.Context, eui lorawan.EUI64, state string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[eui.String()+"/"+state] = now
	l.days[eui.String()]++
	return nil
}

func (*memoryLedger) release(context.Context, lorawan.EUI64) {}

// redisLedger is shared by the replicas of a service.
type redisLedger struct {
	redis  redis.UniversalClient
	prefix string
}

func (l *redisLedger) key(eui lorawan.EUI64, what string) string {
	return l.prefix + eui.String() + ":" + what
}

func (l *redisLedger) day(eui lorawan.EUI64, now time.Time) string {
	return l.key(eui, now.UTC().Format(time.DateOnly))
}

const claimed = "claimed"

func (l *redisLedger) claim(ctx context.Context, eui lorawan.EUI64, state string, now time.Time, budget int) (bool, error) {
	err := l.redis.SetArgs(ctx, l.key(eui, claimed), now.Unix(), redis.SetArgs{Mode: "NX", TTL: claimTime}).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	told, err := l.redis.Exists(ctx, l.key(eui, state)).Result()
	count := 0
	if err == nil {
		if count, err = l.redis.Get(ctx, l.day(eui, now)).Int(); errors.Is(err, redis.Nil) {
			err = nil
		}
	}
	if may := err == nil && told == 0 && count < budget; may {
		return true, nil
	}
	l.release(ctx, eui)
	return false, err
}

func (l *redisLedger) book(ctx context.Context, eui lorawan.EUI64, state string, now time.Time) error {
	_, err := l.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, l.key(eui, state), now.Unix(), sameState)
		p.Incr(ctx, l.day(eui, now))
		p.Expire(ctx, l.day(eui, now), 2*sameState)
		p.Del(ctx, l.key(eui, claimed))
		return nil
	})
	return err
}

func (l *redisLedger) release(ctx context.Context, eui lorawan.EUI64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = l.redis.Del(ctx, l.key(eui, claimed)).Err() // it ends by itself
}
