package forwarder_test

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
)

// readiness returns a line of what /readyz says.
func (p *ports) readiness(t *testing.T, check string) string {
	t.Helper()
	resp, err := http.Get("http://" + p.at(t, "OPS_ADDRESS") + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if told, ok := strings.CutPrefix(lines.Text(), check+": "); ok {
			return told
		}
	}
	return ""
}

// asTTS are settings with which the broker is The Things Stack's, and the stand-in its
// Identity Server.
func asTTS(server *ttntest.Server) config.Env {
	return config.Env{
		"TTS_HOST": "127.0.0.1", "TTS_API_KEY": server.Key, "TTS_IDENTITY_URL": server.URL, "TTS_RIGHTS_INTERVAL": "1s",
		"STORAGE_SWEEP_INTERVAL": "0",
	}
}

// The network server lets a key without the right subscribe and says nothing; that it
// lacks it, and that a key is revoked while we are connected, is told all the same.
func TestMissingRightIsNamed(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	server.Grant("RIGHT_APPLICATION_INFO")
	var ports ports
	start(t, broker, ingestair, options{env: asTTS(server), change: ports.watch})
	const metric = `forwarder_key_right{right="RIGHT_APPLICATION_TRAFFIC_READ"}`
	for _, tt := range []struct {
		name   string
		change func()
		want   string
		metric float64
	}{
		{"lacks it", func() {}, "the API key lacks RIGHT_APPLICATION_TRAFFIC_READ for application clair", 0},
		{"has it", func() { server.Grant(ttn.ReadTraffic) }, "ok", 1},
		{"revoked", server.Revoke, "the API key is not, or no longer, valid", 0},
	} {
		tt.change()
		eventually(t, tt.name, func() bool {
			return strings.HasPrefix(ports.readiness(t, "rights"), tt.want) && ports.metric(t, metric) == tt.metric
		})
	}
	if got := ports.metric(t, "forwarder_mqtt_connected"); got != 1 {
		t.Errorf("forwarder_mqtt_connected is %v: the connection stays as long as the server lets it", got)
	}
}

// The rights are asked for at the start and at each connection.
func TestRightsAreAskedAtEachConnection(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	env := asTTS(server)
	env["TTS_RIGHTS_INTERVAL"] = "1h"
	start(t, broker, ingestair, options{env: env})
	eventually(t, "they are asked for after subscribing", func() bool { return server.Asked() == 2 })
	if c, ok := broker.server.Clients.Get("test"); ok {
		c.Stop(nil)
	}
	eventually(t, "they are asked for again", func() bool { return server.Asked() == 3 })
}

// Of another broker the network server's key says nothing.
func TestRightsOfAnotherBrokerAreNotAsked(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	var ports ports
	env := asTTS(server)
	env["TTS_HOST"] = "tts.example.org"
	start(t, broker, ingestair, options{env: env, change: ports.watch})
	if got := ports.readiness(t, "rights"); got != "" || server.Asked() != 0 {
		t.Errorf("readiness says rights: %s, and they were asked for %d times", got, server.Asked())
	}
}

// A downlink counts, and costs budget, when the network server has queued it, and not
// when a broker took the message.
func TestDownlinkIsBookedWhenQueued(t *testing.T) {
	t.Parallel()
	for _, withRedis := range []bool{false, true} {
		t.Run(fmt.Sprintf("redis %v", withRedis), func(t *testing.T) {
			t.Parallel()
			broker, ingestair := startBroker(t), startIngestair(t)
			server := ttntest.New(t, app)
			server.Grant(ttn.ReadTraffic)
			broker.takeDownlinks(t, server)
			env := asTTS(server)
			env["CONFIGURE_NODES"], env["CONFIGURE_DAILY_BUDGET"] = "true", "1"
			if withRedis {
				env["REDIS_URL"] = redistest.URL(t)
			}
			var ports ports
			start(t, broker, ingestair, options{service: uniqueService(), codec: elsys.Decoder{}, env: env, change: ports.watch})
			count := 0
			send := func() {
				t.Helper()
				count++
				broker.publish(t, &lorawan.Uplink{
					DevEUI: 0xA81758FFFE053CAB, DeviceID: "ers-1", FPort: elsys.FPort, FCnt: uint32(count), Payload: []byte{6, 1, 2},
					ReceivedAt: time.Now(), DataRate: lorawan.SF10BW125,
				})
			}
			downlinks := func(result string) float64 {
				return ports.metric(t, `forwarder_configuration_downlinks_total{result="`+result+`"}`)
			}
			eventually(t, "the missing right is named", func() bool {
				return strings.Contains(ports.readiness(t, "rights"), "RIGHT_APPLICATION_TRAFFIC_DOWN_WRITE")
			})
			send()
			eventually(t, "nothing is sent", func() bool { return downlinks("forbidden") == 1 })
			server.Grant(ttn.ReadTraffic, ttn.WriteDownlinks)
			eventually(t, "the right is there", func() bool { return ports.readiness(t, "rights") == "ok" })
			// What was not queued was not booked, so it goes out now, and once.
			send()
			eventually(t, "it is queued", func() bool { return downlinks("queued") == 1 })
			send()
			ingestair.wait(t, count)
			if got := downlinks("queued") + downlinks("unqueued") + downlinks("failed"); got != 1 {
				t.Errorf("%v downlinks, want 1", got)
			}
		})
	}
}

// A network server that does not say that it queued a downlink has not; for a while no
// other is tried.
func TestUnqueuedDownlinkIsNotBooked(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	var ports ports
	env := asTTS(ttntest.New(t, app))
	env["CONFIGURE_NODES"] = "true"
	start(t, broker, ingestair, options{
		codec: elsys.Decoder{}, env: env,
		change: func(c *forwarder.Config) {
			ports.watch(c)
			c.SetPatience(20 * time.Millisecond)
		},
	})
	published := broker.listen(t, "v3/clair@ttn/devices/+/down/push")
	for i := range 2 {
		broker.publish(t, &lorawan.Uplink{
			DevEUI: 0xA81758FFFE053CAB + lorawan.EUI64(i), DeviceID: "ers-1", FPort: elsys.FPort, Payload: []byte{6, 1, 2},
			ReceivedAt: time.Now(), DataRate: lorawan.SF10BW125,
		})
	}
	eventually(t, "it is known to be not queued", func() bool {
		return ports.metric(t, `forwarder_configuration_downlinks_total{result="unqueued"}`) == 1
	})
	if got := ports.metric(t, `forwarder_configuration_downlinks_total{result="queued"}`); got != 0 {
		t.Errorf("%v downlinks count as queued", got)
	}
	eventually(t, "the other is known to be not sent", func() bool {
		return ports.metric(t, `forwarder_configuration_downlinks_total{result="resting"}`) == 1
	})
	ingestair.wait(t, 2)
	broker.sendTo(t, "v3/clair@ttn/devices/end/down/push", []byte("end"))
	<-published
	if got := <-published; !strings.HasSuffix(got, " end") {
		t.Errorf("a second downlink was tried: %s", got)
	}
}

// Where nobody tells which downlinks were queued, what the broker has is booked: at another
// broker than the network server's, and where we may not hear it. Uplinks are not lost
// for that.
func TestDownlinkIsBookedWhereQueueingIsNotTold(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		t.Run(fmt.Sprintf("refused %v", refused), func(t *testing.T) {
			t.Parallel()
			broker, ingestair := startBroker(t), startIngestair(t)
			env := asTTS(ttntest.New(t, app))
			if refused {
				broker.refused.Store("/down/queued")
			} else {
				env["TTS_HOST"] = "tts.example.org"
			}
			env["CONFIGURE_NODES"], env["CONFIGURE_DAILY_BUDGET"] = "true", "1"
			var ports ports
			start(t, broker, ingestair, options{codec: elsys.Decoder{}, env: env, change: func(c *forwarder.Config) {
				ports.watch(c)
				c.SetPatience(20 * time.Millisecond)
			}})
			for i := range 4 {
				broker.publish(t, &lorawan.Uplink{
					DevEUI: 0xA81758FFFE053CAB + lorawan.EUI64(i%2), DeviceID: "ers-1", FPort: elsys.FPort, FCnt: uint32(i), Payload: []byte{6, 1, 2},
					ReceivedAt: time.Now(), DataRate: lorawan.SF10BW125,
				})
			}
			ingestair.wait(t, 4)
			downlinks := func(result string) float64 {
				return ports.metric(t, `forwarder_configuration_downlinks_total{result="`+result+`"}`)
			}
			eventually(t, "each node is told once", func() bool { return downlinks("sent") == 2 })
			if got := downlinks("queued") + downlinks("unqueued") + downlinks("resting") + downlinks("failed"); got != 0 {
				t.Errorf("%v downlinks count as something else", got)
			}
		})
	}
}

// A forwarder that stops while it waits leaves the node to the others.
func TestStoppedForwarderClaimsNoNode(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	env := asTTS(ttntest.New(t, app))
	env["CONFIGURE_NODES"], env["REDIS_URL"] = "true", redistest.URL(t)
	service := uniqueService()
	downlinks := broker.listen(t, "v3/clair@ttn/devices/+/down/push")
	stop := start(t, broker, ingestair, options{service: service, codec: elsys.Decoder{}, env: env})
	broker.publish(t, &lorawan.Uplink{
		DevEUI: 0xA81758FFFE053CAB, DeviceID: "ers-1", FPort: elsys.FPort, Payload: []byte{6, 1, 2},
		ReceivedAt: time.Now(), DataRate: lorawan.SF10BW125,
	})
	<-downlinks
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	left, err := redisClient(t, env["REDIS_URL"]).Keys(t.Context(), "clair:"+service+":configured:*").Result()
	if err != nil || len(left) > 0 {
		t.Errorf("Redis has %v, error %v", left, err)
	}
}

// The authority of an own network server counts for all that is asked there.
func TestOwnAuthorityCountsForHTTP(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	server.Receive(numbered(0, time.Minute))
	server.Flush()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	secured := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(at))
	t.Cleanup(secured.Close)
	env := asTTS(server)
	env["TTS_IDENTITY_URL"], env["STORAGE_URL"], env["STORAGE_SWEEP_INTERVAL"] = secured.URL, secured.URL, "5m"
	env["MQTT_CA"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}))
	var ports ports
	start(t, broker, ingestair, options{env: env, change: ports.watch})
	ingestair.wait(t, 1)
	eventually(t, "the rights are known", func() bool {
		return ports.metric(t, `forwarder_key_right{right="RIGHT_APPLICATION_TRAFFIC_READ"}`) == 1
	})
}

// A server without the Storage Integration is not a wrong key, and is asked rarely.
func TestNoStorageIsAskedRarely(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	server := ttntest.New(t, app)
	server.Fail(100, http.StatusNotFound, 0)
	env := asTTS(server)
	env["STORAGE_URL"], env["STORAGE_SWEEP_INTERVAL"] = server.URL, "1s"
	var ports ports
	start(t, broker, ingestair, options{env: env, change: ports.watch})
	eventually(t, "it is known to be absent", func() bool {
		return ports.metric(t, `forwarder_storage_searches_total{result="absent"}`) == 1
	})
	if got := ports.metric(t, `forwarder_storage_searches_total{result="failed"}`); got != 0 {
		t.Errorf("%v searches failed", got)
	}
}
