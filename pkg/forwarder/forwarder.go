package forwarder

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/tracing"
	"github.com/clairberlin/clair-stack/pkg/ttn"
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
	f, err := build(log, service, cfg, standard, client)
	if err != nil {
		return err
	}
	f.delivery.tracer = tracer
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
	spool        *redisSpool
}

func build(log *slog.Logger, service string, cfg Config, standard codec.Decoder, client *ingestclient.Client) (*forwarder, error) {
	f := &forwarder{log: log, cfg: cfg, ops: ops.New()}
	box := newOutbox(cfg.QueueUplinks)
	m := newMetrics(f.ops.Registry, box.len)
	in := &intake{
		service: service, log: log, metrics: m, outbox: box, now: time.Now,
		network: cfg.network(), codecs: codecs{standard, map[string]codec.Decoder{}}, clock: &ownClock{metrics: m},
	}
	f.ops.AddCheck("clock", in.clock.check)
	for profile, name := range cfg.CodecByProfile {
		d, err := catalog.Find(name)
		if err != nil {
			return nil, err
		}
		in.codecs.byProfile[profile] = d
	}
	f.delivery = &courier{
		log: log, metrics: m, outbox: box, client: client, now: time.Now,
		spoolAfter: cfg.Spool.After, handOver: cfg.ShutdownGrace * 3 / 4,
	}
	f.subscriber = &subscriber{cfg: cfg.broker(service), log: log, metrics: m, intake: in}
	f.ops.AddCheck("broker", f.subscriber.check)
	f.ops.AddCheck("ingestair", client.Check)
	if cfg.Spool.RedisURL.IsSet() {
		spool := newRedisSpool(cfg.Spool, service)
		spool.log, spool.metrics, spool.client, spool.breaker = log, m, client, &f.delivery.breaker
		f.spool, f.delivery.spool = spool, spool
		f.ops.AddCheck("redis", func(ctx context.Context) error { return spool.redis.Ping(ctx).Err() })
	}
	if cfg.Webhook.Address != "" {
		f.webhook = &webhook{secret: cfg.Webhook.Secret, intake: in, metrics: m, log: log}
	}
	f.buildSweeper(service, in, m)
	return f, f.buildConfigurator(service, in, m, standard)
}

func (f *forwarder) buildSweeper(service string, in *intake, m *metrics) {
	cfg := f.cfg.Storage
	if f.cfg.NetworkServer != networkTTS || cfg.Interval == 0 {
		return
	}
	if !f.cfg.TTS.APIKey.IsSet() {
		f.log.Warn("no search of the Storage Integration: TTS_API_KEY is not set")
		return
	}
	if cfg.URL == "" {
		cfg.URL = "https://" + f.cfg.TTS.Host
	}
	f.sweeper = &sweeper{
		cfg: cfg, log: f.log, metrics: m, intake: in, now: time.Now, trigger: make(chan struct{}, 1),
		storage: &ttn.Storage{
			URL: cfg.URL, Application: f.cfg.TTS.Application, Key: f.cfg.TTS.APIKey,
			Client: &http.Client{Timeout: 5 * time.Minute},
		},
	}
	if f.spool != nil {
		f.sweeper.bookmark = &redisBookmark{f.spool.redis, "clair:" + service + ":" + f.cfg.TTS.application().User() + ":stored_until"}
	}
	f.subscriber.connected = f.sweeper.soon
}

func (f *forwarder) buildConfigurator(service string, in *intake, m *metrics, standard codec.Decoder) error {
	if !f.cfg.Configure.Nodes {
		return nil
	}
	c, ok := standard.(codec.Configurer)
	if !ok {
		return errors.New("CONFIGURE_NODES: these nodes cannot be set up by downlink")
	}
	f.configurator = &configurator{
		log: f.log, metrics: m, network: in.network, codec: c, budget: f.cfg.Configure.Budget,
		ledger: newMemoryLedger(), publish: f.subscriber.publish, now: time.Now, queue: make(chan order, configureQueue),
	}
	if f.spool != nil {
		f.configurator.ledger = &redisLedger{f.spool.redis, "clair:" + service + ":configured:"}
	}
	in.observe = f.configurator.observe
	return nil
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
