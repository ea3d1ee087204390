package forwarder

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/clairberlin/clair-stack/pkg/chirpstack"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/tracing"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Config is what the environment says about a forwarder.
type Config struct {
	NetworkServer string           `env:"NETWORK_SERVER" envDefault:"tts" desc:"tts (The Things Stack v3) or chirpstack (ChirpStack v4)"`
	TTS           TTSConfig        `envPrefix:"TTS_"`
	ChirpStack    ChirpStackConfig `envPrefix:"CHIRPSTACK_"`
	MQTT          MQTTConfig       `envPrefix:"MQTT_"`
	Webhook       WebhookConfig    `envPrefix:"WEBHOOK_"`
	Storage       SweepConfig      `envPrefix:"STORAGE_"`
	Configure     ConfigureConfig  `envPrefix:"CONFIGURE_"`
	Ingest        ingestclient.Config
	Spool         SpoolConfig
	Ops           ops.Config
	Tracing       tracing.Config

	CodecByProfile map[string]string `env:"CODEC_BY_PROFILE" desc:"codecs of devices that are not of this service's kind, as profile:codec,profile:codec; a profile is brand/model at TTS, the device profile's name at ChirpStack"`
	QueueUplinks   int               `env:"QUEUE_UPLINKS" envDefault:"100000" desc:"how many uplinks may wait in memory"`
	ShutdownGrace  time.Duration     `env:"SHUTDOWN_GRACE" envDefault:"20s" desc:"time to deliver or hand over what is in memory at SIGTERM"`

	// listening is told where each port is; for tests, which ask for any.
	listening func(variable string, at net.Addr)
	// patience is how long a network server gets to say that it has queued a downlink; 0:
	// queuedTimeout. For tests.
	patience time.Duration
}

// Network servers.
const (
	networkTTS        = "tts"
	networkChirpStack = "chirpstack"
)

// TTSConfig is what the environment says about The Things Stack.
type TTSConfig struct {
	Host        string        `env:"HOST" envDefault:"eu1.cloud.thethings.network" desc:"The Things Stack's host"`
	Application string        `env:"APPLICATION" desc:"application id at The Things Stack; required there"`
	Tenant      string        `env:"TENANT" envDefault:"ttn" desc:"tenant; - for an open-source server, which has none"`
	APIKey      config.Secret `env:"API_KEY" desc:"API key of the application, with the right to read its traffic; with CONFIGURE_NODES also to write downlinks"`

	IdentityURL    string        `env:"IDENTITY_URL" desc:"its Identity Server, which tells what the key may do; default: https://TTS_HOST, and the cluster eu1 of the public ones"`
	RightsInterval time.Duration `env:"RIGHTS_INTERVAL" envDefault:"2m" desc:"how often it is asked, besides at each connection; 0: never"`
}

// identityURL is where the Identity Server is. Those of the public network and of the
// Cloud are in one cluster, whichever the application is in.
func (c TTSConfig) identityURL() string {
	if c.IdentityURL != "" {
		return c.IdentityURL
	}
	return "https://" + publicCluster.ReplaceAllString(c.Host, "${1}eu1.cloud.thethings.$2")
}

// publicCluster matches the hosts of The Things Industries: a tenant, a cluster.
var publicCluster = regexp.MustCompile(`^([^.]+\.)?[^.]+\.cloud\.thethings\.(network|industries)$`)

// ChirpStackConfig is what the environment says about ChirpStack.
type ChirpStackConfig struct {
	Application string        `env:"APPLICATION" envDefault:"+" desc:"application id at ChirpStack; + for all"`
	APIURL      string        `env:"API_URL" desc:"its REST API (chirpstack-rest-api), for example http://chirpstack:8090; downlinks are queued by it, and its answer counts. Default: over MQTT, where nobody answers"`
	APIKey      config.Secret `env:"API_KEY" desc:"API key of the tenant; required with CHIRPSTACK_API_URL"`
}

// noTenant is the tenant of a server without tenants. An empty variable cannot say
// it, since that stands for the default.
const noTenant = "-"

func (c TTSConfig) application() ttn.Application {
	app := ttn.Application{ID: c.Application, Tenant: c.Tenant}
	if app.Tenant == noTenant {
		app.Tenant = ""
	}
	return app
}

// Validate reports what is missing or out of range.
func (c *Config) Validate() error {
	var problems []error
	complain := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	switch c.NetworkServer {
	case networkTTS:
		complain(c.TTS.Application == "", "TTS_APPLICATION: required")
	case networkChirpStack:
		complain(c.MQTT.URL == "", "MQTT_URL: required with ChirpStack")
		complain(c.ChirpStack.APIURL != "" && !c.ChirpStack.APIKey.IsSet(), "CHIRPSTACK_API_KEY: required with CHIRPSTACK_API_URL")
	default:
		complain(true, "NETWORK_SERVER: %q is neither %s nor %s", c.NetworkServer, networkTTS, networkChirpStack)
	}
	problems = append(problems, c.MQTT.validate())
	complain(c.MQTT.QoS != nil && *c.MQTT.QoS > 1, "MQTT_QOS: want 0 or 1")
	complain(c.TTS.RightsInterval != 0 && c.TTS.RightsInterval < time.Second, "TTS_RIGHTS_INTERVAL: %v is too short", c.TTS.RightsInterval)
	complain(c.QueueUplinks < 1, "QUEUE_UPLINKS: %d is not positive", c.QueueUplinks)
	complain(c.Configure.Budget < 1, "CONFIGURE_DAILY_BUDGET: %d is not positive", c.Configure.Budget)
	if every := c.sweepInterval(); every != 0 {
		complain(every < time.Second, "STORAGE_SWEEP_INTERVAL: %v is too short", every)
	}
	for profile, name := range c.CodecByProfile {
		_, err := catalog.Find(name)
		complain(err != nil, "CODEC_BY_PROFILE: %s: %w", profile, err)
	}
	return errors.Join(append(problems, c.Webhook.Validate())...)
}

// network returns what speaks with the network server.
func (c *Config) network() network {
	if c.NetworkServer == networkChirpStack {
		return chirpStack{c.ChirpStack.Application}
	}
	return tts{app: c.TTS.application(), own: c.ownBroker()}
}

// chirpStackAPI returns nil where there is none.
func (c *Config) chirpStackAPI(client *http.Client) *chirpstack.API {
	if c.NetworkServer != networkChirpStack || c.ChirpStack.APIURL == "" {
		return nil
	}
	return &chirpstack.API{URL: c.ChirpStack.APIURL, Key: c.ChirpStack.APIKey, Client: client}
}

// ownBroker reports whether uplinks come from The Things Stack's own MQTT server, which
// takes its API keys.
func (c *Config) ownBroker() bool {
	if c.NetworkServer != networkTTS {
		return false
	}
	at, err := url.Parse(c.MQTT.URL)
	return c.MQTT.URL == "" || err == nil && at.Hostname() == c.TTS.Host
}

// sweepInterval is how often the Storage Integration is searched; 0: never. An open-source
// server has none, and that of an own host may be one.
func (c *Config) sweepInterval() time.Duration {
	switch {
	case c.NetworkServer != networkTTS:
		return 0
	case c.Storage.Interval != nil:
		return *c.Storage.Interval
	case c.Storage.URL != "", c.TTS.Tenant != noTenant && publicCluster.MatchString(c.TTS.Host):
		return sweepInterval
	default:
		return 0
	}
}

// broker returns the settings of the broker, with what follows from others.
func (c *Config) broker(service string) MQTTConfig {
	m := c.MQTT
	isTTS := c.NetworkServer == networkTTS
	if m.URL == "" {
		m.URL = "ssl://" + net.JoinHostPort(c.TTS.Host, "8883")
	}
	if m.User == "" && isTTS {
		m.User = c.TTS.application().User()
	}
	if !m.Password.IsSet() {
		m.Password = c.TTS.APIKey
	}
	if m.ClientID == "" {
		m.ClientID = defaultClientID(service)
	}
	if m.Topic == "" {
		m.Topic = c.network().uplinkTopic()
	}
	if m.QoS == nil {
		m.QoS = new(byte)
		if !isTTS {
			*m.QoS = 1
		}
	}
	return m
}
