package forwarder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// MQTTConfig is what the environment says about the broker. What is left empty
// comes from the settings of the network server.
type MQTTConfig struct {
	URL      string        `env:"URL" desc:"broker, for example ssl://eu1.cloud.thethings.network:8883; default: the network server's"`
	User     string        `env:"USER" desc:"default for TTS: the application, as in {app}@{tenant}"`
	Password config.Secret `env:"PASSWORD" desc:"default for TTS: its API key"`
	CA       string        `env:"CA" desc:"certificates (PEM) that the broker's is checked against; default: those of the system. They count for the network server's HTTP API too, beside those of the system"`
	ClientID string        `env:"CLIENT_ID" desc:"must differ between replicas; default: service and host name"`
	Topic    string        `env:"TOPIC" desc:"topic of uplinks; default: the network server's"`
	QoS      *byte         `env:"QOS" desc:"0 or 1; with 1 the broker keeps what we have not stored. Default: 0 at TTS, which does no other, else 1"`
}

// brokerSchemes are those that the library connects to.
var brokerSchemes = []string{"tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"}

// validate refuses at the start what would fail at each connection.
func (c *MQTTConfig) validate() error {
	if c.URL == "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	switch {
	case strings.TrimSpace(c.URL) != c.URL || strings.ContainsAny(c.URL, " \t\n"):
		return errors.New("MQTT_URL: there is a blank in it")
	case err != nil:
		return errors.New("MQTT_URL: not a URL; want a form like ssl://broker.example.org:8883") // err repeats a password
	case u.User != nil:
		return errors.New("MQTT_URL: there is a user in it, which would get into logs: use MQTT_USER and MQTT_PASSWORD")
	case !slices.Contains(brokerSchemes, u.Scheme):
		return fmt.Errorf("MQTT_URL: unknown scheme %q: want one of %s", u.Scheme, strings.Join(brokerSchemes, ", "))
	case u.Hostname() == "":
		return errors.New("MQTT_URL: there is no host in it")
	}
	return nil
}

const (
	connectTimeout = 15 * time.Second
	firstReconnect = time.Second
	// At QoS 0 each second of a broker that is back is lost.
	lastReconnect   = 5 * time.Second
	refusedInterval = time.Minute
	// drainTimeout is how long a stopping subscriber waits to acknowledge what it has.
	drainTimeout = 5 * time.Second
)

// connection is the present one to the broker: the subscriber's, by which others
// publish.
type connection struct {
	qos    byte
	client atomic.Pointer[mqtt.Client] // nil: there is none
}

// publish publishes a message at QoS 0 or 1, as uplinks are received.
func (c *connection) publish(ctx context.Context, topic string, message []byte) error {
	client := c.client.Load()
	if client == nil {
		return errors.New("not connected to the broker")
	}
	return await(ctx, (*client).Publish(topic, c.qos, false, message))
}

// check reports whether we are subscribed.
func (c *connection) check(context.Context) error {
	if c.client.Load() == nil {
		return errors.New("not connected")
	}
	return nil
}

// subscriber receives uplinks from an MQTT broker.
type subscriber struct {
	cfg        MQTTConfig
	trust      trust
	log        *slog.Logger
	metrics    *metrics
	connection *connection
	intake     *intake
	sweeper    *sweeper      // searches for what was missed; may be nil
	rights     *rights       // knows what our key may do; may be nil
	configurer *configurator // waits for downlinks to be queued; may be nil

	// withoutOthers: a broker has ended a connection instead of refusing a subscription.
	withoutOthers bool

	pending  tally       // received, and not yet acknowledged
	refusing atomic.Bool // more would not be acknowledged
}

func (s *subscriber) part() lifecycle.Part {
	return lifecycle.Part{Name: "mqtt", Run: func(ctx context.Context, ready func()) error {
		// A broker that is away must not keep us from starting: the rest works.
		ready()
		s.stayConnected(ctx)
		return nil
	}}
}

// stayConnected has one session after the other until ctx ends.
func (s *subscriber) stayConnected(ctx context.Context) {
	wait := firstReconnect
	for {
		subscribed, err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errCrowded) {
			continue
		}
		if subscribed { // each such session may have brought something
			wait = firstReconnect
		}
		pause := wait/2 + rand.N(wait/2)
		wait = min(2*wait, lastReconnect)
		log := s.log.With("url", s.cfg.URL, "user", s.cfg.User, "err", err)
		if refusal(err) {
			pause = refusedInterval
			log.ErrorContext(ctx, "broker refuses our user or key", "next_attempt_in", pause)
		} else {
			log.WarnContext(ctx, "broker lost; trying again", "next_attempt_in", pause.Round(time.Millisecond))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func refusal(err error) bool {
	return errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) || errors.Is(err, packets.ErrorRefusedNotAuthorised)
}

// errCrowded ends a session so that the broker delivers again what had no room.
var errCrowded = errors.New("there was no room for more uplinks")

// session connects, subscribes, and returns when the connection is lost or ctx
// ends, and whether it had subscribed. We connect anew instead of leaving that to paho, because then each
// failure is ours to explain, and each session begins with subscribing.
func (s *subscriber) session(ctx context.Context) (subscribed bool, err error) {
	if *s.cfg.QoS > 0 { // else nobody keeps uplinks for us
		if err := s.intake.outbox.awaitRoom(ctx); err != nil {
			return false, err
		}
	}
	s.refusing.Store(false)
	lost, crowded := make(chan error, 1), make(chan struct{}, 1)
	handle := func(_ mqtt.Client, m mqtt.Message) { s.handle(ctx, m, crowded) }
	client := mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(s.cfg.URL).
		SetClientID(s.cfg.ClientID).
		SetUsername(s.cfg.User).
		SetPassword(s.cfg.Password.Reveal()).
		SetTLSConfig(s.trust.broker()).
		SetCustomOpenConnectionFn(openBroker).
		SetProtocolVersion(4). // 3.1.1; without it paho tries 3.1 when that is refused
		// At QoS 1 the broker keeps for this client id what we have not acknowledged.
		SetCleanSession(*s.cfg.QoS == 0).
		SetAutoReconnect(false).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(connectTimeout).
		SetKeepAlive(30 * time.Second).
		// In order costs nothing, since handle does not block; without it a fifth of
		// the uplinks comes out of order.
		SetOrderMatters(true).
		SetAutoAckDisabled(true).
		// A resumed session delivers before we have subscribed.
		SetDefaultPublishHandler(handle).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })) // once in a client's life
	defer client.Disconnect(250) // also when there is no answer: it could come late
	if err := await(ctx, client.Connect()); err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	if err := s.subscribe(ctx, client, s.cfg.Topic, handle); err != nil {
		return false, err
	}
	s.hearOthers(ctx, client, handle)
	s.hearQueued(ctx, client)
	s.connection.client.Store(&client)
	defer s.connection.client.Store(nil)
	s.metrics.connected.Set(1)
	defer s.metrics.connected.Set(0)
	s.log.InfoContext(ctx, "subscribed", "url", s.cfg.URL, "topic", s.cfg.Topic, "qos", *s.cfg.QoS)
	if s.sweeper != nil {
		s.sweeper.soon()
	}
	if s.rights != nil {
		s.rights.soon()
	}
	select {
	case err := <-lost:
		return true, err
	case <-ctx.Done():
		return true, s.settle(lost, time.After(drainTimeout), nil)
	case <-crowded:
		// Only after what we have is acknowledged, or it would come again and again.
		s.log.WarnContext(ctx, "no room for more uplinks; the broker keeps them", "waiting", s.intake.outbox.len())
		return true, cmp.Or(s.settle(lost, nil, ctx.Done()), errCrowded)
	}
}

func (s *subscriber) subscribe(ctx context.Context, client mqtt.Client, topic string, handle mqtt.MessageHandler) error {
	subscription := client.Subscribe(topic, *s.cfg.QoS, handle).(*mqtt.SubscribeToken)
	if err := await(ctx, subscription); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	const refused = 0x80
	if subscription.Result()[topic] == refused {
		return fmt.Errorf("subscribe to %s: %w", topic, packets.ErrorRefusedNotAuthorised)
	}
	return nil
}

// hearOthers subscribes to what else is told of devices, one topic after the other: uplinks come
// without it, too, and who has set up the broker may let us to them alone.
func (s *subscriber) hearOthers(ctx context.Context, client mqtt.Client, handle mqtt.MessageHandler) {
	if s.withoutOthers {
		return
	}
	var refused []string
	var reason error
	for _, topic := range s.intake.network.otherTopics(s.cfg.Topic) {
		if err := s.subscribe(ctx, client, topic, handle); err != nil {
			refused, reason = append(refused, topic), err
		}
		if !client.IsConnectionOpen() {
			// Some brokers answer like that, and would each time.
			s.withoutOthers = ctx.Err() == nil
			break
		}
	}
	if reason != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "the broker does not tell us everything of devices, as their battery; uplinks come", "topics", refused, "err", reason)
	}
}

// hearQueued subscribes to what is told of downlinks. Uplinks come without it, too.
func (s *subscriber) hearQueued(ctx context.Context, client mqtt.Client) {
	if s.configurer == nil || s.configurer.network.queuedTopic() == "" {
		return
	}
	err := s.subscribe(ctx, client, s.configurer.network.queuedTopic(), func(_ mqtt.Client, m mqtt.Message) {
		s.configurer.heard(m.Payload())
		m.Ack()
	})
	s.configurer.told.Store(err == nil)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "not told which downlinks are queued; they count when the broker has them", "err", err)
	}
}

// handle must not block: paho delivers on its network goroutine, and a slow
// ingestair would stop keep-alives and lose the connection.
func (s *subscriber) handle(ctx context.Context, m mqtt.Message, crowded chan<- struct{}) {
	if m.Qos() == 0 {
		s.intake.receive(ctx, ingestv1.Source_SOURCE_MQTT, m.Topic(), m.Payload(), nil)
		return
	}
	if s.refusing.Load() {
		return // not acknowledged, so the broker keeps it for our next session
	}
	s.pending.begin()
	s.intake.receive(ctx, ingestv1.Source_SOURCE_MQTT, m.Topic(), m.Payload(), func(f fate) {
		defer s.pending.end()
		if f != dropped {
			m.Ack()
			return
		}
		// The broker delivers again what is not acknowledged, but only to a new session.
		s.refusing.Store(true)
		select {
		case crowded <- struct{}{}:
		default:
		}
	})
}

// settle takes nothing more, and waits until what was received is acknowledged. What
// is not comes again in the next session, and is known then.
func (s *subscriber) settle(lost <-chan error, timeout <-chan time.Time, stop <-chan struct{}) error {
	s.refusing.Store(true)
	select {
	case <-s.pending.empty():
	case err := <-lost:
		return err
	case <-timeout:
	case <-stop:
	}
	return nil
}

func await(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-time.After(connectTimeout + time.Second):
		return errors.New("no answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// defaultClientID differs between replicas, which run on hosts of different names.
func defaultClientID(service string) string {
	host, err := os.Hostname()
	if err != nil {
		host = fmt.Sprintf("%08x", rand.Uint32())
	}
	return service + "-" + host
}
