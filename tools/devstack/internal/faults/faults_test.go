// Package faults lets everything fail that an uplink meets on its way, while uplinks
// keep coming, and counts in the end: each that the network server still holds is
// in the database, exactly once.
package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/server"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const secret = "a-secret-for-tests-only"

var app = ttn.Application{ID: stack.ClairchenApplication, Tenant: stack.Tenant}

// uplink is the i-th uplink. Each is from another node, so that no two of one second
// have the same key.
func uplink(i int64) *lorawan.Uplink {
	return &lorawan.Uplink{
		DevEUI: 0x02C1A1FA00000000 + lorawan.EUI64(i), DeviceID: fmt.Sprintf("node-%d", i), FPort: clairchen.FPort, FCnt: 1,
		Payload: []byte{0, 0x1B, 0xE4}, ReceivedAt: time.Now(), DataRate: lorawan.SF7BW125,
	}
}

// The Things Stack at QoS 0, with storage, and a webhook that is posted to once and soon left
// alone.
func TestEveryUplinkArrives(t *testing.T) {
	t.Parallel()
	network := ttntest.New(t, app)
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	webhook := server.Host + ":" + strconv.Itoa(port)
	s := installation{stacktest.Start(t, stacktest.Options{Change: func(o *stack.Options) {
		o.ForwarderEnv = map[string][]string{stack.ClairchenApplication: {
			"TTS_API_KEY=" + network.Key, "STORAGE_URL=" + network.URL, "STORAGE_SWEEP_INTERVAL=1s",
			"WEBHOOK_ADDRESS=" + webhook, "WEBHOOK_SECRET=" + secret, "SPOOL_AFTER=500ms",
		}}
	}})}
	client := s.NetworkServer(t)
	network.Publish = func(topic string, message []byte) { client.Publish(topic, 0, false, message) }
	network.Webhook, network.Header = "http://"+webhook+"/webhook", http.Header{"Authorization": {"Bearer " + secret}}
	traffic := startTraffic(t, func(i int64) {
		network.Receive(uplink(i))
		if i%20 == 0 {
			network.Flush()
		}
	})
	forwarder := s.ClairchenForwarder
	traffic.pass(t, 100)

	step(t, "the broker crashes", func() {
		s.Broker.Kill()
		s.becomes(t, forwarder, "forwarder_mqtt_connected", func(v float64) bool { return v == 0 })
		s.start(t, &s.Broker.Server)
		s.becomes(t, forwarder, "forwarder_mqtt_connected", func(v float64) bool { return v == 1 })
	})
	step(t, "the ingestair is away", func() {
		s.Ingestair.Kill()
		s.becomes(t, forwarder, "forwarder_spooled_uplinks_total", func(v float64) bool { return v > 20 })
		s.start(t, s.Ingestair)
	})
	step(t, "the ingestair and Redis are away", func() {
		s.stop(t, &s.Redis.Server)
		s.Ingestair.Kill()
		s.becomes(t, forwarder, "forwarder_waiting_uplinks", func(v float64) bool { return v > 20 })
		s.start(t, s.Ingestair)
		s.becomes(t, forwarder, "forwarder_waiting_uplinks", func(v float64) bool { return v < 20 })
		s.start(t, &s.Redis.Server)
	})
	step(t, "the forwarder is killed", func() {
		forwarder.Kill()
		traffic.pass(t, 30)
		s.start(t, forwarder)
	})
	step(t, "the database crashes", func() {
		before := s.metric(t, forwarder, `forwarder_deliveries_total{result="unavailable"}`)
		s.Postgres.Kill()
		s.becomes(t, forwarder, `forwarder_deliveries_total{result="unavailable"}`, func(v float64) bool { return v > before })
		s.start(t, &s.Postgres.Server)
	})
	step(t, "the forwarder is updated while the ingestair is away", func() {
		s.Ingestair.Kill()
		traffic.pass(t, 30)
		s.stop(t, forwarder) // it hands over to Redis what it has
		s.start(t, s.Ingestair)
		s.start(t, forwarder)
	})

	sent := traffic.stop()
	network.Flush()
	stacktest.Eventually(t, "uplinks in the database", fmt.Sprint(sent), s.stored(t))
	t.Logf("%d uplinks; the webhook gave up %d of them", sent, network.GaveUp())
}

// A broker with QoS 1 keeps for us what we have not acknowledged. There is neither
// webhook nor storage.
func TestQoS1NeedsNothingElse(t *testing.T) {
	t.Parallel()
	s := installation{stacktest.Start(t, stacktest.Options{
		BrokerConfig: []string{"persistence true"},
		Change: func(o *stack.Options) {
			o.ForwarderEnv = map[string][]string{stack.ClairchenApplication: {"MQTT_QOS=1", "SPOOL_AFTER=1s"}}
		},
	})}
	client := s.NetworkServer(t)
	traffic := startTraffic(t, func(i int64) {
		u := uplink(i)
		stacktest.Publish(t, client, app.UplinkTopic(u.DeviceID), ttn.EncodeUplink(app, u))
	})
	for range 3 {
		step(t, "the forwarder is killed under load", func() {
			traffic.pass(t, 50)
			s.ClairchenForwarder.Kill()
			traffic.pass(t, 20)
			s.start(t, s.ClairchenForwarder)
		})
	}
	step(t, "the ingestair is killed under load", func() {
		s.Ingestair.Kill()
		traffic.pass(t, 50)
		s.start(t, s.Ingestair)
	})
	step(t, "the broker is restarted", func() {
		s.stop(t, &s.Broker.Server) // which writes what it holds
		s.start(t, &s.Broker.Server)
		traffic.pass(t, 50)
	})
	stacktest.Eventually(t, "uplinks in the database", fmt.Sprint(traffic.stop()), s.stored(t))
}

// The webhook alone, and the storage alone, bring what a forwarder that is killed
// under load had in its memory.
func TestEachSourceAlone(t *testing.T) {
	t.Parallel()
	network := ttntest.New(t, app)
	s := installation{stacktest.Start(t, stacktest.Options{})}
	s.stop(t, s.ClairchenForwarder)
	port, err := freeport.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	webhook := server.Host + ":" + strconv.Itoa(port)
	network.Header = http.Header{"Authorization": {"Bearer " + secret}}
	// The Cloud's, in a paid edition.
	network.Retries, network.SwitchOffAfter = slices.Repeat([]time.Duration{500 * time.Millisecond}, 120), 0
	var before int64
	for _, source := range []struct{ name, webhook, env string }{
		{"webhook", "http://" + webhook + "/webhook", "WEBHOOK_ADDRESS=" + webhook},
		{"storage", "", "TTS_API_KEY=" + network.Key},
	} {
		forwarder := s.NewForwarder(stack.ClairchenApplication, source.name, "MQTT_CLIENT_ID="+source.name,
			"WEBHOOK_SECRET="+secret, "STORAGE_URL="+network.URL, "STORAGE_SWEEP_INTERVAL=1s", source.env)
		network.Webhook = source.webhook
		s.start(t, forwarder)
		traffic := startTraffic(t, func(i int64) {
			network.Receive(uplink(before + i))
			network.Flush()
		})
		for range 2 {
			step(t, "the forwarder with a "+source.name+" is killed under load", func() {
				traffic.pass(t, 50)
				forwarder.Kill()
				traffic.pass(t, 20)
				s.start(t, forwarder)
			})
		}
		before += traffic.stop()
		stacktest.Eventually(t, "uplinks in the database", fmt.Sprint(before), s.stored(t))
		s.stop(t, forwarder)
	}
}

// Two replicas make no doubles, and while one takes over from the other nothing is
// lost even at QoS 0, without webhook and storage.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	s := installation{stacktest.Start(t, stacktest.Options{})}
	client := s.NetworkServer(t)
	traffic := startTraffic(t, func(i int64) {
		u := uplink(i)
		// At QoS 0 to the forwarder; QoS 1 tells us that the broker has it.
		stacktest.Publish(t, client, app.UplinkTopic(u.DeviceID), ttn.EncodeUplink(app, u))
	})
	running := s.ClairchenForwarder
	for i := range 3 {
		next := s.NewForwarder(stack.ClairchenApplication, fmt.Sprintf("replica-%d", i), fmt.Sprintf("MQTT_CLIENT_ID=replica-%d", i))
		s.start(t, next)
		traffic.pass(t, 50) // both hear everything
		s.stop(t, running)
		traffic.pass(t, 50)
		running = next
	}
	sent := traffic.stop()
	stacktest.Eventually(t, "uplinks in the database", fmt.Sprint(sent), s.stored(t))
	s.stop(t, running)
	for _, outcome := range []string{"conflict", "rejected"} {
		if v := s.metric(t, s.Ingestair, fmt.Sprintf("ingestair_samples_total{outcome=%q}", outcome)); v != 0 {
			t.Errorf("%v samples had the outcome %s", v, outcome)
		}
	}
}

// The poorest edition: QoS 0, no storage, each uplink is posted once, and a webhook that fails
// three times is left alone. Two replicas behind a proxy lose nothing to restarts and to
// outages of what is behind them, and never make the webhook fail for good.
func TestPoorestEdition(t *testing.T) {
	t.Parallel()
	network := ttntest.New(t, app)
	s := installation{stacktest.Start(t, stacktest.Options{})}
	s.stop(t, s.ClairchenForwarder)
	client := s.NetworkServer(t)
	network.Publish = func(topic string, message []byte) { client.Publish(topic, 0, false, message) }
	var replicas []*server.Server
	var addresses []string
	for i := range 2 {
		port, err := freeport.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, "http://"+server.Host+":"+strconv.Itoa(port)+"/webhook")
		name := fmt.Sprintf("poor-%d", i)
		replicas = append(replicas, s.NewForwarder(stack.ClairchenApplication, name, "MQTT_CLIENT_ID="+name,
			"WEBHOOK_ADDRESS="+server.Host+":"+strconv.Itoa(port), "WEBHOOK_SECRET="+secret, "STORAGE_SWEEP_INTERVAL=0"))
		s.start(t, replicas[i])
	}
	proxy := httptest.NewServer(firstThatAnswers(addresses))
	t.Cleanup(proxy.Close)
	network.Webhook, network.Header = proxy.URL, http.Header{"Authorization": {"Bearer " + secret}}
	traffic := startTraffic(t, func(i int64) { network.Receive(uplink(i)) })
	traffic.pass(t, 100)

	for i, replica := range replicas {
		step(t, fmt.Sprintf("replica %d is restarted", i), func() {
			s.stop(t, replica)
			traffic.pass(t, 50)
			s.start(t, replica)
			traffic.pass(t, 50)
		})
	}
	step(t, "the ingestair is away", func() {
		s.Ingestair.Kill()
		for _, replica := range replicas {
			s.becomes(t, replica, "forwarder_spooled_uplinks_total", func(v float64) bool { return v > 20 })
		}
		s.start(t, s.Ingestair)
	})
	step(t, "the database crashes", func() {
		s.Postgres.Kill()
		traffic.pass(t, 50)
		s.start(t, &s.Postgres.Server)
	})
	stacktest.Eventually(t, "uplinks in the database", fmt.Sprint(traffic.stop()), s.stored(t))
	if network.SwitchedOff() {
		t.Error("the network server has switched the webhook off")
	}
	for _, replica := range replicas {
		s.stop(t, replica)
	}
}

// firstThatAnswers is a proxy that tries servers in turn until one takes the connection, as
// the stack's does.
func firstThatAnswers(addresses []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, address := range addresses {
			req, err := http.NewRequestWithContext(r.Context(), r.Method, address, bytes.NewReader(body))
			if err != nil {
				break
			}
			req.Header = r.Header.Clone()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				continue
			}
			_ = resp.Body.Close()
			w.WriteHeader(resp.StatusCode)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	})
}

func step(t *testing.T, what string, do func()) {
	t.Helper()
	begin := time.Now()
	do()
	t.Logf("%s: %v", what, time.Since(begin).Round(time.Millisecond))
}

// traffic is uplinks that keep coming.
type traffic struct {
	sent    atomic.Int64
	stopped chan struct{}
	ended   chan struct{}
}

func startTraffic(t *testing.T, send func(i int64)) *traffic {
	t.Helper()
	r := &traffic{stopped: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		const pace = 10 * time.Millisecond
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				send(r.sent.Load())
				r.sent.Add(1)
			case <-r.stopped:
				return
			case <-t.Context().Done():
				return
			}
		}
	}()
	return r
}

// pass waits until so many more uplinks were sent.
func (r *traffic) pass(t *testing.T, more int64) {
	t.Helper()
	until := r.sent.Load() + more
	stacktest.Eventually(t, "traffic", "true", func() string { return strconv.FormatBool(r.sent.Load() >= until) })
}

// stop ends the traffic and returns how many uplinks were sent.
func (r *traffic) stop() int64 {
	close(r.stopped)
	<-r.ended
	return r.sent.Load()
}

type installation struct{ *stacktest.Stack }

func (installation) start(t *testing.T, s *server.Server) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (installation) stop(t *testing.T, s *server.Server) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (installation) metric(t *testing.T, s *server.Server, series string) float64 {
	t.Helper()
	m, err := stack.ReadMetrics(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m[series]
}

// becomes waits until a metric is as wanted.
func (in installation) becomes(t *testing.T, s *server.Server, series string, wanted func(float64) bool) {
	t.Helper()
	stacktest.Eventually(t, series, "true", func() string { return strconv.FormatBool(wanted(in.metric(t, s, series))) })
}

// stored counts the samples in the database, which are those of nodes that nobody
// has registered.
func (in installation) stored(t *testing.T) func() string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), in.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return func() string {
		var count int64
		if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM sample) + (SELECT count(*) FROM parked_sample)").Scan(&count); err != nil {
			t.Fatal(err)
		}
		return strconv.FormatInt(count, 10)
	}
}
