package forwarder_test

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/redistest"
	"github.com/clairberlin/clair-stack/pkg/relaytest"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// poorest is a webhook of the poorest edition: it posts once, and leaves us alone after three
// failures in a row.
func poorest(secret string) *ttn.Hook {
	return &ttn.Hook{
		Header: http.Header{"Authorization": {"Bearer " + secret}}, SwitchOffAfter: 3, SwitchOffFor: time.Hour,
	}
}

// An ingestair that is connected and does not answer, as while its database dies, costs no
// post of a webhook: each goes to Redis before the network server has to be told of a failure.
func TestHangingIngestair(t *testing.T) {
	t.Parallel()
	undecodable := func(i int) []byte {
		u := *numbered(i, 0)
		u.FPort = 9
		return ttn.EncodeUplink(app, &u)
	}
	for _, tt := range []struct {
		name   string
		lose   func(in *ingestair, through *relaytest.Relay) (mend func())
		decode bool
	}{
		{"hangs", func(in *ingestair, _ *relaytest.Relay) func() { return in.hang() }, true},
		{"hangs, and uplinks cannot be decoded", func(in *ingestair, _ *relaytest.Relay) func() { return in.hang() }, false},
		{"its machine is lost", func(_ *ingestair, r *relaytest.Relay) func() { r.Freeze(); return r.Mend }, true},
		{"it dies", func(_ *ingestair, r *relaytest.Relay) func() { r.Refuse(); return r.Mend }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const secret = "a-secret-for-tests-only"
			broker, ingestair := startBroker(t), startIngestair(t)
			through := relaytest.Start(t, ingestair.address)
			var ports ports
			start(t, broker, ingestair, options{service: uniqueService(), change: ports.watch, env: config.Env{
				"WEBHOOK_ADDRESS": "127.0.0.1:0", "WEBHOOK_SECRET": secret, "REDIS_URL": redistest.URL(t), "SPOOL_AFTER": "500ms",
				"INGESTAIR_ADDRESS": through.Address,
			}})
			arrived := func() []uint32 {
				all := counters(ingestair.stored())
				for _, u := range ingestair.kept() {
					all = append(all, u.GetMetadata().GetFCnt())
				}
				return slices.Compact(slices.Sorted(slices.Values(all)))
			}
			hook, address := poorest(secret), "http://"+ports.at(t, "WEBHOOK_ADDRESS")+"/webhook"
			post := func(i int) {
				message := ttn.EncodeUplink(app, numbered(i, 0))
				if !tt.decode {
					message = undecodable(i)
				}
				hook.Post(t.Context(), address, message)
			}
			post(0)
			mend := tt.lose(ingestair, through)
			const rounds, together = 4, 8
			for round := range rounds {
				var posts sync.WaitGroup
				for i := range together {
					posts.Go(func() { post(1 + round*together + i) })
				}
				posts.Wait()
			}
			mend()
			if got, want := hook.Answers(), map[int]int{http.StatusNoContent: 1, http.StatusAccepted: rounds * together}; !maps.Equal(got, want) {
				t.Errorf("answers are %v, want %v", got, want)
			}
			eventually(t, "all are stored", func() bool { return gocmp.Equal(upTo(1+rounds*together), arrived()) })
		})
	}
}

// What comes at QoS 1 is acknowledged when Redis has it, though the ingestair hangs, and is
// delivered in its order.
func TestHangingIngestairQoS1(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	mend := ingestair.hang()
	var ports ports
	start(t, broker, ingestair, options{service: uniqueService(), change: ports.watch, env: config.Env{
		"REDIS_URL": redistest.URL(t), "SPOOL_AFTER": "500ms", "MQTT_QOS": "1",
	}})
	const count = 200
	for i := range count {
		broker.publish(t, numbered(i, 0))
	}
	eventually(t, "all are on Redis", func() bool { return ports.metric(t, "forwarder_spooled_uplinks_total") == count })
	eventually(t, "all are acknowledged", func() bool { return broker.inflight("test") == 0 })
	mend()
	eventually(t, "all are stored", func() bool { return len(once(ingestair.stored())) == count })
	if diff := gocmp.Diff(upTo(count), once(ingestair.stored())); diff != "" {
		t.Errorf("order of delivery (-want +got):\n%s", diff)
	}
}

// What is in memory at SIGTERM is handed over before the end, though the ingestair hangs.
func TestStopHandsOverFromAHangingIngestair(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	broker, ingestair := startBroker(t), startIngestair(t)
	mend := ingestair.hang()
	var ports ports
	o := options{service: uniqueService(), change: ports.watch, env: config.Env{"REDIS_URL": url, "SPOOL_AFTER": "1h", "SHUTDOWN_GRACE": "8s"}}
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
	mend()
	start(t, broker, ingestair, o)
	eventually(t, "all are stored", func() bool { return len(once(ingestair.stored())) == count })
	if diff := gocmp.Diff(upTo(count), once(ingestair.stored())); diff != "" {
		t.Errorf("order of delivery (-want +got):\n%s", diff)
	}
}

// once returns the frame counters of uplinks in the order in which each came first. A call
// that was given up may have been taken, so uplinks may come twice.
func once(uplinks []*ingestv1.Uplink) []uint32 {
	var all []uint32
	for _, n := range counters(uplinks) {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// An ingestair of before does not answer for readings, also for those that waited on Redis.
func TestReadingsFromRedisThatAreNotTaken(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	mend := ingestair.hang()
	var ports ports
	start(t, broker, ingestair, options{service: uniqueService(), codec: elsys.Decoder{}, change: ports.watch, env: config.Env{
		"REDIS_URL": redistest.URL(t), "SPOOL_AFTER": "500ms",
	}})
	broker.publish(t, ers(t, 5, "0100E20229")) // temperature and humidity
	eventually(t, "it is on Redis", func() bool { return ports.metric(t, "forwarder_spooled_uplinks_total") == 1 })
	mend()
	ingestair.wait(t, 1)
	eventually(t, "they are counted", func() bool { return ports.metric(t, `forwarder_readings_total{outcome="untaken"}`) == 2 })
}
