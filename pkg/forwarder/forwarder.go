package forwarder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Config is what the environment says about a forwarder.
type Config struct {
	TTS    TTSConfig  `envPrefix:"TTS_"`
	MQTT   MQTTConfig `envPrefix:"MQTT_"`
	Ingest ingestclient.Config
	Ops    ops.Config

	CodecByProfile map[string]string `env:"CODEC_BY_PROFILE" desc:"codecs of devices that are not of this service's kind, as profile:codec,profile:codec; a profile is brand/model at TTS"`
	QueueUplinks   int               `env:"QUEUE_UPLINKS" envDefault:"100000" desc:"how many uplinks may wait in memory"`
	ShutdownGrace  time.Duration     `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to deliver or hand over what is in memory at SIGTERM"`
}

// TTSConfig is what the environment says about The Things Stack.
type TTSConfig struct {
	Host        string        `env:"HOST" envDefault:"eu1.cloud.thethings.network" desc:"The Things Stack's host"`
	Application string        `env:"APPLICATION" desc:"application id at The Things Stack"`
	Tenant      string        `env:"TENANT" envDefault:"ttn" desc:"tenant; \"-\" for an open-source server, which has none"`
	APIKey      config.Secret `env:"API_KEY" desc:"API key of the application, with the right to read its traffic"`
}

// NoTenant is the tenant of a server without tenants. An empty variable cannot
// say it, since it stands for the default.
const NoTenant = "-"

func (c TTSConfig) application() ttn.Application {
	app := ttn.Application{ID: c.Application, Tenant: c.Tenant}
	if app.Tenant == NoTenant {
		app.Tenant = ""
	}
	return app
}

// Validate reports what is missing or out of range.
func (c *Config) Validate() error {
	var problems []error
	if c.TTS.Application == "" {
		problems = append(problems, errors.New("TTS_APPLICATION: required"))
	}
	if c.MQTT.QoS > 1 {
		problems = append(problems, fmt.Errorf("MQTT_QOS: %d is not 0 or 1", c.MQTT.QoS))
	}
	if c.QueueUplinks < 1 {
		problems = append(problems, fmt.Errorf("QUEUE_UPLINKS: %d is not positive", c.QueueUplinks))
	}
	for profile, name := range c.CodecByProfile {
		if _, err := catalog.Find(name); err != nil {
			problems = append(problems, fmt.Errorf("CODEC_BY_PROFILE: %s: %w", profile, err))
		}
	}
	return errors.Join(problems...)
}

// withDefaults fills in what follows from other settings.
func (c Config) withDefaults(service string) Config {
	app := c.TTS.application()
	m := &c.MQTT
	if m.URL == "" {
		m.URL = "ssl://" + net.JoinHostPort(c.TTS.Host, "8883")
	}
	if m.User == "" {
		m.User = app.User()
	}
	if !m.Password.IsSet() {
		m.Password = c.TTS.APIKey
	}
	if m.ClientID == "" {
		m.ClientID = defaultClientID(service)
	}
	if m.Topic == "" {
		m.Topic = app.UplinkTopic("+")
	}
	return c
}

// Run forwards until ctx ends, and returns when nothing is in flight. The codec
// is that of devices whose profile has no other.
func Run(ctx context.Context, log *slog.Logger, service string, cfg Config, standard codec.Decoder) error {
	cfg = cfg.withDefaults(service)
	client, err := ingestclient.New(cfg.Ingest)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	o := ops.New()
	box := newOutbox(cfg.QueueUplinks)
	m := newMetrics(o.Registry, box.len)
	in := &intake{
		service: service, log: log, metrics: m, outbox: box, now: time.Now,
		network: tts{}, codecs: codecs{standard, map[string]codec.Decoder{}},
	}
	for profile, name := range cfg.CodecByProfile {
		if in.codecs.byProfile[profile], err = catalog.Find(name); err != nil {
			return err
		}
	}
	delivery := &courier{
		log: log, metrics: m, outbox: box, client: client, now: time.Now,
		handOver: cfg.ShutdownGrace * 3 / 4,
	}
	broker := &subscriber{cfg: cfg.MQTT, log: log, metrics: m, intake: in}
	o.AddCheck("broker", func(context.Context) error {
		if broker.client.Load() == nil {
			return errors.New("not connected")
		}
		return nil
	})
	o.AddCheck("ingestair", func(context.Context) error {
		if d := delivery.breaker.failingFor(time.Now()); d > 0 {
			return fmt.Errorf("fails since %v", d.Round(time.Second))
		}
		return nil
	})
	var lc net.ListenConfig
	opsListener, err := lc.Listen(ctx, "tcp", cfg.Ops.Address)
	if err != nil {
		return fmt.Errorf("operations port: %w", err)
	}
	return lifecycle.Run(ctx, log, cfg.ShutdownGrace,
		lifecycle.HTTP("ops", o.Server(log), opsListener),
		delivery.part(),
		broker.part(),
		// Started last, so that health is good when all the rest has started.
		lifecycle.Part{Name: "health", Run: func(ctx context.Context, ready func()) error {
			o.SetStarted()
			ready()
			<-ctx.Done()
			return nil
		}},
	)
}

// tts is the network of The Things Stack.
type tts struct{}

func (tts) parseUplink(message []byte) (lorawan.Uplink, error) { return ttn.ParseUplink(message) }
