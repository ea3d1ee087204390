package forwarder_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

var errAway = status.Error(codes.Unavailable, "the database is away")

// numbered is the uplink with a frame counter, received a while ago.
func numbered(i int, ago time.Duration) *lorawan.Uplink {
	u := uplink
	u.FCnt = uint32(i)
	u.ReceivedAt = time.Now().Add(time.Duration(i)*time.Millisecond - ago)
	return &u
}

// counters returns the frame counters of uplinks.
func counters(uplinks []*ingestv1.Uplink) []uint32 {
	all := make([]uint32, len(uplinks))
	for i, u := range uplinks {
		all[i] = u.GetMetadata().GetFCnt()
	}
	return all
}

func upTo(n int) []uint32 {
	all := make([]uint32, n)
	for i := range all {
		all[i] = uint32(i)
	}
	return all
}

// What came while nobody listened is fetched from the storage at the start, and what
// is written there later, at the next search.
func TestStorageFillsTheGap(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	server.Fail(1, http.StatusTooManyRequests, 0)
	const before, after = 30, 12
	for i := range before {
		server.Receive(numbered(i, time.Hour))
	}
	server.Flush()
	start(t, broker, ingestair, options{env: config.Env{
		"TTS_API_KEY": server.Key, "STORAGE_URL": server.URL, "STORAGE_SWEEP_INTERVAL": "1s",
	}})
	if diff := gocmp.Diff(upTo(before), slices.Sorted(slices.Values(counters(ingestair.wait(t, before))))); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, u := range ingestair.stored() {
		if u.GetMetadata().GetSource() != ingestv1.Source_SOURCE_STORAGE {
			t.Fatalf("got source %s", u.GetMetadata().GetSource())
		}
	}
	for i := range after {
		server.Receive(numbered(before+i, time.Minute))
	}
	server.Flush()
	eventually(t, "the later uplinks are stored", func() bool {
		got := slices.Compact(slices.Sorted(slices.Values(counters(ingestair.stored()))))
		return gocmp.Equal(upTo(before+after), got)
	})
}

// Without a bookmark all that the storage keeps is searched; a restart goes on from
// the bookmark, with some overlap.
func TestStorageBookmark(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	server.Receive(numbered(0, 20*time.Hour))
	server.Receive(numbered(1, time.Minute))
	server.Flush()
	o := options{service: uniqueService(), env: config.Env{
		"TTS_API_KEY": server.Key, "STORAGE_URL": server.URL, "REDIS_URL": url, "STORAGE_SWEEP_OVERLAP": "1h",
	}}
	stop := start(t, broker, ingestair, o)
	ingestair.wait(t, 2)
	client := redisClient(t, url)
	eventually(t, "the bookmark is saved", func() bool {
		return client.Exists(t.Context(), "clair:"+o.service+":clair@ttn:stored_until").Val() == 1
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	start(t, broker, ingestair, o)
	// What one search finds is delivered side by side, in any order.
	if diff := gocmp.Diff([]uint32{0, 1, 1}, slices.Sorted(slices.Values(counters(ingestair.wait(t, 3))))); diff != "" {
		t.Errorf("the second search did not begin an hour before the first ended (-want +got):\n%s", diff)
	}
}

// The webhook is answered 204 when the ingestair has the uplink, and not before; what
// it refuses is posted again by the network server until it is stored.
func TestWebhook(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	const secret = "a-secret-for-tests-only"
	url := startWebhook(t, broker, ingestair, secret)

	post := func(secret string, body []byte) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	message := ttn.EncodeUplink(app, numbered(0, 0))
	if got := post("a-wrong-secret-for-tests", message); got != http.StatusUnauthorized {
		t.Errorf("wrong secret: got %d, want 401", got)
	}
	if got := post(secret, message); got != http.StatusNoContent || len(ingestair.stored()) != 1 {
		t.Errorf("got %d and %d stored, want 204 and 1", got, len(ingestair.stored()))
	}
	if got := post(secret, []byte("{")); got != http.StatusNoContent || len(ingestair.kept()) != 1 {
		t.Errorf("bad uplink: got %d and %d kept, want 204 and 1", got, len(ingestair.kept()))
	}

	// The ingestair is away for as long as the first posts wait.
	var calls atomic.Int64
	ingestair.setFail(func() error {
		if calls.Add(1) <= 2 {
			return errAway
		}
		return nil
	})
	server.Webhook, server.Header = url, http.Header{"Authorization": {"Bearer " + secret}}
	server.Retries, server.SwitchOffAfter = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond}, 0
	for i := 1; i <= 20; i++ {
		server.Receive(numbered(i, 0))
	}
	eventually(t, "all are stored", func() bool {
		return gocmp.Equal(upTo(21), slices.Compact(slices.Sorted(slices.Values(counters(ingestair.stored())))))
	})
	if server.GaveUp() != 0 {
		t.Errorf("%d uplinks were not delivered by the webhook", server.GaveUp())
	}
}

func startWebhook(t *testing.T, broker *broker, ingestair *ingestair, secret string) (url string) {
	t.Helper()
	var ports ports
	start(t, broker, ingestair, options{env: config.Env{"WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": secret}, change: ports.watch})
	return "http://" + ports.at(t, "WEBHOOK_ADDRESS") + "/webhook"
}

// While the ingestair is away uplinks go to Redis, and are delivered in the order in
// which they were received.
func TestRedisKeepsUplinks(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	broker, ingestair := startBroker(t), startIngestair(t)
	ingestair.setFail(func() error { return errAway })
	// The broker's acknowledgements tell when all are handed over.
	o := options{service: uniqueService(), env: config.Env{"REDIS_URL": url, "SPOOL_AFTER": "0s", "MQTT_QOS": "1"}}
	stop := start(t, broker, ingestair, o)
	const count = 300
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	eventually(t, "all are handed over", func() bool { return broker.inflight("test") == 0 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(ingestair.stored()); got != 0 {
		t.Fatalf("%d uplinks were stored by an ingestair that is away", got)
	}
	ingestair.setFail(nil)
	start(t, broker, ingestair, o)
	if diff := gocmp.Diff(upTo(count), counters(ingestair.wait(t, count))); diff != "" {
		t.Errorf("order of delivery (-want +got):\n%s", diff)
	}
}

// What is in memory at SIGTERM is handed over before the end.
func TestStopHandsOver(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	broker, ingestair := startBroker(t), startIngestair(t)
	ingestair.setFail(func() error { return errAway })
	var ports ports
	o := options{service: uniqueService(), env: config.Env{"REDIS_URL": url, "SPOOL_AFTER": "1h"}, change: ports.watch}
	stop := start(t, broker, ingestair, o)
	const count = 50
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	eventually(t, "all are received", func() bool {
		return ports.metric(t, `forwarder_uplinks_total{result="decoded",source="mqtt"}`) == count
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	ingestair.setFail(nil)
	start(t, broker, ingestair, o)
	if diff := gocmp.Diff(upTo(count), counters(ingestair.wait(t, count))); diff != "" {
		t.Errorf("order of delivery (-want +got):\n%s", diff)
	}
}

// ports knows where a forwarder listens.
type ports struct{ known sync.Map }

func (p *ports) watch(c *forwarder.Config) {
	c.OnListening(func(variable string, at net.Addr) { p.known.Store(variable, at.String()) })
}

func (p *ports) knows(variable string) bool {
	_, ok := p.known.Load(variable)
	return ok
}

func (p *ports) at(t *testing.T, variable string) string {
	t.Helper()
	address, ok := p.known.Load(variable)
	if !ok {
		t.Fatalf("%s is not listened at", variable)
	}
	return address.(string)
}

// metric returns the value of a metric, and 0 when it is not there.
func (p *ports) metric(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + p.at(t, "OPS_ADDRESS") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// With Redis away too, uplinks wait in memory.
func TestMemoryKeepsUplinksWithoutRedis(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	ingestair.setFail(func() error { return errAway })
	start(t, broker, ingestair, options{env: config.Env{"REDIS_URL": "redis://127.0.0.1:1/0", "SPOOL_AFTER": "0s"}})
	const count = 100
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	ingestair.setFail(nil)
	got := slices.Sorted(slices.Values(counters(ingestair.wait(t, count))))
	if diff := gocmp.Diff(upTo(count), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A broker at QoS 1 keeps what does not fit into memory.
func TestQoS1BrokerKeepsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	ingestair.setFail(func() error { return errAway })
	start(t, broker, ingestair, options{env: config.Env{"MQTT_QOS": "1", "QUEUE_UPLINKS": "8"}})
	const count = 40
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	ingestair.setFail(nil)
	eventually(t, "all are stored", func() bool {
		return gocmp.Equal(upTo(count), slices.Compact(slices.Sorted(slices.Values(counters(ingestair.stored())))))
	})
	eventually(t, "all are acknowledged", func() bool { return broker.inflight("test") == 0 })
}

func TestChirpStack(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, env: config.Env{"NETWORK_SERVER": "chirpstack", "TTS_APPLICATION": ""}})
	event, err := json.Marshal(map[string]any{
		"time":       "2026-11-22T12:00:00.600000000+00:00",
		"deviceInfo": map[string]any{"applicationId": "17c82e96", "deviceName": "Room 1", "devEui": "a81758fffe053cab"},
		"dr":         5, "fPort": 5, "fCnt": 3, "data": []byte{0x06, 0x01, 0xC2},
		"txInfo": map[string]any{"modulation": map[string]any{"lora": map[string]any{"bandwidth": 125000, "spreadingFactor": 7}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	broker.sendTo(t, "application/17c82e96/device/a81758fffe053cab/event/up", event)
	got := ingestair.wait(t, 1)[0]
	id := measurement.NodeID(elsys.Protocol, 0xA81758FFFE053CAB)
	if !bytes.Equal(got.GetNodeId(), id[:]) || got.GetSamples()[0].GetCo2Ppm() != 450 || got.GetSamples()[0].GetTimeS() != 1795348801 ||
		got.GetMetadata().GetDeviceId() != "Room 1" || got.GetMetadata().GetDataRateIndex() != 5 {
		t.Errorf("got %v", got)
	}
}

// At ChirpStack a downlink counts when its API has queued it, and a key that is refused is told
// of before.
func TestChirpStackQueuesByItsAPI(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	var refused atomic.Bool
	var queued atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case refused.Load() || r.Header.Get("Grpc-Metadata-Authorization") != "Bearer key":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"code":16,"message":"invalid token"}`)
		case r.Method == http.MethodGet && r.URL.Path == "/api/applications/17c82e96":
			_, _ = io.WriteString(w, `{"application":{"id":"17c82e96"}}`)
		case r.Method == http.MethodPost && r.URL.Path == "/api/devices/a81758fffe053cab/queue":
			queued.Add(1)
			_, _ = io.WriteString(w, `{"id":"b3a5a0a2"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer api.Close()
	var ports ports
	start(t, broker, ingestair, options{codec: elsys.Decoder{}, change: ports.watch, env: config.Env{
		"NETWORK_SERVER": "chirpstack", "TTS_APPLICATION": "", "CHIRPSTACK_APPLICATION": "17c82e96", "CONFIGURE_NODES": "true",
		"CHIRPSTACK_API_URL": api.URL, "CHIRPSTACK_API_KEY": "key", "TTS_RIGHTS_INTERVAL": "1s",
	}})
	event, err := json.Marshal(map[string]any{
		"time":       time.Now().UTC().Format(time.RFC3339Nano),
		"deviceInfo": map[string]any{"applicationId": "17c82e96", "deviceName": "Room 1", "devEui": "a81758fffe053cab"},
		"dr":         2, "fPort": 5, "fCnt": 3, "data": []byte{6, 1, 2, 6, 1, 3},
		"txInfo": map[string]any{"modulation": map[string]any{"lora": map[string]any{"bandwidth": 125000, "spreadingFactor": 10}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const right = `forwarder_key_right{right="CHIRPSTACK_API"}`
	eventually(t, "the key is good", func() bool { return ports.metric(t, right) == 1 && ports.readiness(t, "rights") == "ok" })
	broker.sendTo(t, "application/17c82e96/device/a81758fffe053cab/event/up", event)
	eventually(t, "queued", func() bool {
		return queued.Load() == 1 && ports.metric(t, `forwarder_configuration_downlinks_total{result="queued"}`) == 1
	})
	refused.Store(true)
	eventually(t, "the key is refused", func() bool {
		return ports.metric(t, right) == 0 && strings.HasPrefix(ports.readiness(t, "rights"), "the API key is not, or no longer, valid")
	})
}

// A node whose messages do not fit its data rate is told so once, and others never.
func TestConfigureNodes(t *testing.T) {
	t.Parallel()
	for _, withRedis := range []bool{false, true} {
		t.Run(fmt.Sprintf("redis %v", withRedis), func(t *testing.T) {
			t.Parallel()
			broker, ingestair := startBroker(t), startIngestair(t)
			env := config.Env{"CONFIGURE_NODES": "true", "CONFIGURE_DAILY_BUDGET": "2"}
			if withRedis {
				env["REDIS_URL"] = redistest.URL(t)
			}
			start(t, broker, ingestair, options{service: uniqueService(), codec: elsys.Decoder{}, env: env})
			downlinks := broker.listen(t, "v3/clair@ttn/devices/+/down/push")
			network := ttntest.New(t, app)
			broker.takeDownlinks(t, network)
			operators := ttn.Downlink{FPort: 1, Payload: []byte{1}}
			network.TakeDownlinks("v3/clair@ttn/devices/ers-1/down/push", ttn.EncodeDownlinks(operators))
			count := 0
			send := func(rate lorawan.DataRate, payload ...byte) {
				t.Helper()
				count++
				broker.publish(t, &lorawan.Uplink{
					DevEUI: 0xA81758FFFE053CAB, DeviceID: "ers-1", FPort: elsys.FPort, FCnt: uint32(count), Payload: payload,
					ReceivedAt: time.Now(), DataRate: rate,
				})
				ingestair.wait(t, count)
			}
			two, three := []byte{6, 1, 2, 6, 1, 3}, []byte{6, 1, 2, 6, 1, 3, 6, 1, 4}
			send(lorawan.SF9BW125, two...)    // fits
			send(lorawan.SF10BW125, two...)   // told
			send(lorawan.SF10BW125, two...)   // the same state
			send(lorawan.SF10BW125, three...) // fits
			send(lorawan.SF11BW125, three...) // told
			send(lorawan.SF12BW125, three...) // not in the budget
			for _, want := range []string{
				`{"downlinks":[{"f_port":6,"frm_payload":"Pg8UAAABZBUAAAAAHwAAAAM=","priority":"NORMAL"}]}`,
				`{"downlinks":[{"f_port":6,"frm_payload":"Pg8UAAACURUAAAAAHwAAAAQ=","priority":"NORMAL"}]}`,
			} {
				if got := withoutIDs.ReplaceAllString(<-downlinks, ""); got != "v3/clair@ttn/devices/ers-1/down/push "+want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			// A third would have been sent by now: the broker answers in order.
			broker.sendTo(t, "v3/clair@ttn/devices/end/down/push", []byte("end"))
			if got := <-downlinks; !strings.HasSuffix(got, " end") {
				t.Errorf("a downlink too many: %s", got)
			}
			if queue := network.Queue("ers-1"); len(queue) != 3 || queue[0].FPort != operators.FPort || queue[1].FPort != 6 {
				t.Errorf("the queue is %v, want the operator's downlink before ours", queue)
			}
		})
	}
}

// withoutIDs matches the ids by which downlinks are recognized.
var withoutIDs = regexp.MustCompile(`,"correlation_ids":\["clair:[A-Z2-7]+"\]`)

// takeDownlinks lets the stand-in answer downlinks over the broker.
func (b *broker) takeDownlinks(t *testing.T, server *ttntest.Server) {
	t.Helper()
	server.Publish = func(topic string, message []byte) { b.publisher.Publish(topic, 1, false, message) }
	network := paho.NewClient(paho.NewClientOptions().AddBroker(b.url).SetClientID("network"))
	if token := network.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { network.Disconnect(0) })
	token := network.Subscribe(server.App.DownlinkTopic("+"), 1, func(_ paho.Client, m paho.Message) {
		server.TakeDownlinks(m.Topic(), m.Payload())
	})
	if token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
}

func redisClient(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// uniqueService keeps the queues of tests on one Redis apart.
func uniqueService() string { return "test-" + rand.Text() }

func (b *broker) sendTo(t *testing.T, topic string, message []byte) {
	t.Helper()
	if token := b.publisher.Publish(topic, 1, false, message); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// listen returns what is published, as topic and message.
func (b *broker) listen(t *testing.T, topic string) <-chan string {
	t.Helper()
	heard := make(chan string, 100)
	token := b.publisher.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) { heard <- m.Topic() + " " + string(m.Payload()) })
	if token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	return heard
}
