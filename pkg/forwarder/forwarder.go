package forwarder

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/redisconn"
	"github.com/clairberlin/clair-stack/pkg/tracing"
)

// Run forwards until ctx ends, and returns when nothing is in flight. The codec
// is that of devices whose profile has no other.
func Run(ctx context.Context, log *slog.Logger, service string, cfg Config, standard codec.Decoder) error {
	tracer, err := tracing.New(ctx, cfg.Tracing, service, lifecycle.Version)
	if err != nil {
		return err
	}
	defer func() { _ = tracer.Close() }() // a collector that is away is no failure
	client, err := ingestclient.New(cfg.Ingest, tracer.DialOptions()...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	f, err := build(log, service, cfg, standard, client, tracer)
	if err != nil {
		return err
	}
	if f.spool != nil {
		defer func() { _ = f.spool.close() }()
	}
	parts, err := f.parts(ctx)
	if err != nil {
		return err
	}
	return lifecycle.Run(ctx, log, cfg.ShutdownGrace, parts...)
}

// forwarder holds what is wired together. What is off is nil.
type forwarder struct {
	log          *slog.Logger
	cfg          Config
	ops          *ops.Ops
	delivery     *courier
	subscriber   *subscriber
	webhook      *webhook
	sweeper      *sweeper
	configurator *configurator
	rights       *rights
	spool        *redisSpool
}

// build wires everything in the direction of use: what takes uplinks away, what turns
// messages into uplinks, what brings messages.
func build(log *slog.Logger, service string, cfg Config, standard codec.Decoder, client *ingestclient.Client, tracer *tracing.Tracer) (*forwarder, error) {
	o := ops.New()
	box := newOutbox(cfg.QueueUplinks)
	m := newMetrics(o.Registry, box.len)
	b := &breaker{}
	spool := newRedisSpool(cfg.Spool, service, log, m, client, b)
	delivery := &courier{
		log: log, metrics: m, outbox: box, client: client, now: time.Now, breaker: b, tracer: tracer,
		spoolAfter: cfg.Spool.After, handOver: cfg.ShutdownGrace * 3 / 4,
	}
	if spool != nil { // else the interface would not be nil
		delivery.spool = spool
		o.AddCheck("redis", func(ctx context.Context) error { return redisconn.Keeps(ctx, spool.redis) })
		if cfg.Webhook.Address != "" && cfg.Spool.After > longestSpoolAfter {
			log.Warn("SPOOL_AFTER is too long for the webhook, which is answered 503 while the ingestair is away", "spool_after", cfg.Spool.After, "at_most", longestSpoolAfter)
		}
	}
	known, err := newCodecs(standard, cfg.CodecByProfile)
	if err != nil {
		return nil, err
	}
	broker := cfg.broker(service)
	link := &connection{qos: *broker.QoS}
	trusted, err := newTrust(cfg.MQTT.CA)
	if err != nil {
		return nil, err
	}
	caller := trusted.client(connectTimeout)
	may := newRights(cfg, log, m, caller, broker)
	if may != nil {
		o.AddCheck("rights", may.check)
	}
	setUp, err := newConfigurator(cfg, log, service, m, standard, link, may, cfg.chirpStackAPI(caller), spool)
	if err != nil {
		return nil, err
	}
	clock := &ownClock{metrics: m}
	in := &intake{
		service: service, log: log, metrics: m, outbox: box, now: time.Now,
		network: cfg.network(), codecs: known, clock: clock, configurator: setUp,
	}
	sweep := newSweeper(cfg, log, service, m, in, trusted, spool)
	o.AddCheck("clock", clock.check)
	o.AddCheck("broker", link.check)
	o.AddCheck("ingestair", client.Check)
	return &forwarder{
		log: log, cfg: cfg, ops: o, delivery: delivery, spool: spool, configurator: setUp, sweeper: sweep, rights: may,
		subscriber: &subscriber{
			cfg: broker, trust: trusted, log: log, metrics: m, connection: link, intake: in, sweeper: sweep, rights: may, configurer: setUp,
		},
		webhook: newWebhook(cfg.Webhook, log, m, in),
	}, nil
}

// parts returns what runs, in the order in which it starts: first what takes uplinks
// away, then what brings them. It ends the other way round.
func (f *forwarder) parts(ctx context.Context) ([]lifecycle.Part, error) {
	listener, err := f.listen(ctx, "OPS_ADDRESS", f.cfg.Ops.Address)
	if err != nil {
		return nil, err
	}
	parts := []lifecycle.Part{lifecycle.HTTP("ops", f.ops.Server(f.log), listener)}
	if f.spool != nil {
		parts = append(parts, f.spool.part())
	}
	parts = append(parts, f.delivery.part())
	if f.rights != nil {
		parts = append(parts, f.rights.part())
	}
	if f.configurator != nil {
		parts = append(parts, f.configurator.part())
	}
	if f.sweeper != nil {
		parts = append(parts, f.sweeper.part())
	}
	if f.webhook != nil {
		listener, err := f.listen(ctx, "WEBHOOK_ADDRESS", f.cfg.Webhook.Address)
		if err != nil {
			return nil, err
		}
		f.log.InfoContext(ctx, "webhook listens", "address", listener.Addr().String())
		parts = append(parts, lifecycle.HTTP("webhook", f.webhook.server(), listener))
	}
	return append(parts, f.subscriber.part(), lifecycle.Started(f.ops)), nil
}

func (f *forwarder) listen(ctx context.Context, variable, address string) (net.Listener, error) {
	l, err := lifecycle.Listen(ctx, variable, address)
	if err == nil && f.cfg.listening != nil {
		f.cfg.listening(variable, l.Addr())
	}
	return l, err
}
