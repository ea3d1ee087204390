package forwarder

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// BenchmarkReceive measures what a forwarder does with an uplink before it waits for
// delivery: read the envelope, decode the payload, encode the request.
func BenchmarkReceive(b *testing.B) {
	app := ttn.Application{ID: "clair", Tenant: "ttn"}
	message := ttn.EncodeUplink(app, &lorawan.Uplink{
		DevEUI: 0x9876B600001193E0, DeviceID: "clairchen-1", FPort: 1, FCnt: 7, Payload: []byte{2, 0x27, 0xB4, 0x28, 0xB4, 0x28, 0xB4},
		ReceivedAt: time.Unix(1632140752, 973476075), DataRate: lorawan.SF9BW125,
		Reception: &lorawan.Reception{RSSIdBm: -61, SNRdB: 9.25},
	})
	box := newOutbox(1)
	m := newMetrics(prometheus.NewRegistry(), box.len)
	in := &intake{
		service: "bench", log: slog.New(slog.DiscardHandler), metrics: m, clock: &ownClock{metrics: m},
		network: tts{app: app}, codecs: codecs{standard: clairchen.Decoder{}}, outbox: box, now: time.Now,
	}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		in.receive(b.Context(), ingestv1.Source_SOURCE_MQTT, "", message, nil)
		if batch, _ := box.tryTake(); len(batch) != 1 {
			b.Fatal("no uplink")
		}
	}
}
