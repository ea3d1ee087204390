package forwarder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/clairberlin/clair-stack/pkg/codec"
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
	now     func() time.Time
	queue   chan order
}

// newConfigurator returns nil when nodes are not to be set up.
func newConfigurator(cfg Config, log *slog.Logger, service string, m *metrics, standard codec.Decoder, broker *connection, spool *redisSpool) (*configurator, error) {
	if !cfg.Configure.Nodes {
		return nil, nil
	}
	by, ok := standard.(codec.Configurer)
	if !ok {
		return nil, errors.New("CONFIGURE_NODES: these nodes cannot be set up by downlink")
	}
	c := &configurator{
		log: log, metrics: m, network: cfg.network(), codec: by, budget: cfg.Configure.Budget,
		ledger: newMemoryLedger(), broker: broker, now: time.Now, queue: make(chan order, configureQueue),
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
	// time, and not more than so many on a day. It is then booked.
	claim(ctx context.Context, eui lorawan.EUI64, state string, now time.Time, budget int) (bool, error)
	// release unbooks a downlink that could not be sent.
	release(ctx context.Context, eui lorawan.EUI64, state string)
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
	o.uplink.Payload = nil
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
	topic, message := c.network.downlink(&o.uplink, o.downlink.FPort, o.downlink.Payload)
	if err := c.broker.publish(ctx, topic, message); err != nil {
		c.ledger.release(ctx, eui, o.state)
		c.log.WarnContext(ctx, "downlink not sent", "dev_eui", eui, "err", err)
		return
	}
	c.metrics.downlinks.Inc()
	c.log.InfoContext(ctx, "node told its settings", "dev_eui", eui, "state", o.state, "f_port", o.downlink.FPort)
}

// memoryLedger is for one replica, and forgets when the process ends.
type memoryLedger struct {
	mu   sync.Mutex
	sent map[string]time.Time // by node and state
	days map[string]int       // by node and day
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
	key := eui.String() + "/" + state
	if at, ok := l.sent[key]; ok && now.Sub(at) < sameState || l.days[eui.String()] >= budget {
		return false, nil
	}
	l.sent[key] = now
	l.days[eui.String()]++
	return true, nil
}

func (l *memoryLedger) release(_ context.Context, eui lorawan.EUI64, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sent, eui.String()+"/"+state)
	l.days[eui.String()]--
}

// redisLedger is shared by the replicas of a service.
type redisLedger struct {
	redis  redis.UniversalClient
	prefix string
}

func (l *redisLedger) claim(ctx context.Context, eui lorawan.EUI64, state string, now time.Time, budget int) (bool, error) {
	key := l.prefix + eui.String() + ":"
	err := l.redis.SetArgs(ctx, key+state, now.Unix(), redis.SetArgs{Mode: "NX", TTL: sameState}).Err()
	if err == redis.Nil { //nolint:errorlint // the library returns the value itself
		return false, nil
	}
	if err != nil {
		return false, err
	}
	day := key + now.UTC().Format(time.DateOnly)
	count, err := l.redis.Incr(ctx, day).Result()
	if err == nil {
		err = l.redis.Expire(ctx, day, 2*sameState).Err()
	}
	return count <= int64(budget), err
}

func (l *redisLedger) release(ctx context.Context, eui lorawan.EUI64, state string) {
	// The day's count stays: an attempt that failed may yet have gone out.
	_ = l.redis.Del(ctx, l.prefix+eui.String()+":"+state).Err()
}
