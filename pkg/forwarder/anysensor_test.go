package forwarder_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write is that of io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.all.String(), text)
}

// A sensor that nobody has described loses nothing: each of its uplinks is kept, with what the
// network server has decoded, and it is said once. Others beside it are read.
func TestAnySensor(t *testing.T) {
	t.Parallel()
	sensor, err := catalog.Find(catalog.AnySensor)
	if err != nil {
		t.Fatal(err)
	}
	broker, ingestair := startBroker(t), startIngestair(t)
	var said lines
	var own ports
	start(t, broker, ingestair, options{codec: sensor, log: &said, change: func(cfg *forwarder.Config) { own.watch(cfg) }})
	for i := range 3 {
		for _, eui := range []lorawan.EUI64{0x0101010101010101, 0x0202020202020202} {
			broker.publish(t, &lorawan.Uplink{
				DevEUI: eui, DeviceID: "acme", FPort: 1, FCnt: uint32(i), Payload: []byte{1}, Profile: "acme/one", Decoded: `{"CO2":500}`, ReceivedAt: time.Now(),
			})
		}
	}
	broker.publish(t, &lorawan.Uplink{
		DevEUI: 0x24E124710B000001, DeviceID: "am307", FPort: 85, FCnt: 7, Payload: []byte{1}, Profile: "milesight-iot/am307", ReceivedAt: time.Now(),
		Decoded: `{"co2":700,"temperature":21.5,"humidity":40,"pressure":1000.5,"battery":90}`,
	})
	got := ingestair.wait(t, 1)[0]
	id := measurement.NodeID("LORAWAN", 0x24E124710B000001)
	if !bytes.Equal(got.GetNodeId(), id[:]) || got.GetMetadata().GetProtocol() != "LORAWAN" || got.GetMetadata().GetBatteryPercent() != 90 ||
		got.GetSamples()[0].GetCo2Ppm() != 700 || got.GetReadings()[0].GetValue() != 10005 {
		t.Errorf("got %v", got)
	}
	eventually(t, "all that cannot be read is kept", func() bool { return len(ingestair.kept()) == 6 })
	for _, kept := range ingestair.kept() {
		if !strings.Contains(string(kept.GetEnvelope()), `"CO2":500`) || kept.GetReason() != `decoder: no mapping has the profile "acme/one"; the network server has decoded: CO2` {
			t.Errorf("kept %v", kept)
		}
	}
	if n := said.count("uplink kept undecoded"); n != 2 {
		t.Errorf("it was said %d times, want once for each of two devices", n)
	}
	if read, not := own.metric(t, `forwarder_decoded_total{by="mapping"}`), own.metric(t, `forwarder_undecodable_total{reason="decoder"}`); read != 1 || not != 6 {
		t.Errorf("counted %v and %v, want 1 and 6", read, not)
	}
}

// halfRead finds the battery, and says what it could not read.
type halfRead struct{}

func (halfRead) Protocol() string { return "LORAWAN" }

func (halfRead) Decode(*lorawan.Uplink) (codec.Message, error) {
	return codec.Message{BatteryPercent: measurement.Known(90), Unread: &codec.Error{Reason: codec.BadContent, Detail: "/co2: no number"}}, nil
}

// An uplink of which there is more than was read, and nothing measured was read, is kept, and
// it is said.
func TestNothingButUnread(t *testing.T) {
	t.Parallel()
	sensor, err := catalog.Find(catalog.AnySensor)
	if err != nil {
		t.Fatal(err)
	}
	for name, decoder := range map[string]codec.Decoder{"mapping": sensor, "any codec": halfRead{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker, ingestair := startBroker(t), startIngestair(t)
			var said lines
			var own ports
			start(t, broker, ingestair, options{codec: decoder, log: &said, change: func(cfg *forwarder.Config) { own.watch(cfg) }})
			broker.publish(t, &lorawan.Uplink{
				DevEUI: 0x24E124710B000001, DeviceID: "am307", FPort: 85, FCnt: 7, Payload: []byte{1}, Profile: "milesight-iot/am307", ReceivedAt: time.Now(),
				Decoded: `{"co2":"n/a","battery":90}`,
			})
			eventually(t, "the uplink is kept", func() bool { return len(ingestair.kept()) == 1 })
			if kept := ingestair.kept()[0]; !strings.Contains(string(kept.GetEnvelope()), `"co2":"n/a"`) || !strings.Contains(kept.GetReason(), "no number") {
				t.Errorf("kept %v", kept)
			}
			if said.count("uplink kept undecoded") != 1 || own.metric(t, `forwarder_undecodable_total{reason="content"}`) != 1 {
				t.Error("it was neither said nor counted")
			}
		})
	}
}

// A tag that names nothing does not take a sensor's profile from it; it is said once.
func TestTagThatNamesNothing(t *testing.T) {
	t.Parallel()
	sensor, err := catalog.Find(catalog.AnySensor)
	if err != nil {
		t.Fatal(err)
	}
	broker, ingestair := startBroker(t), startIngestair(t)
	var said lines
	start(t, broker, ingestair, options{codec: tagged{sensor}, log: &said})
	for i := range 3 {
		broker.publish(t, &lorawan.Uplink{
			DevEUI: 0x24E124710B000001, DeviceID: "am307", FPort: 85, FCnt: uint32(i), Payload: []byte{byte(i)}, Profile: "milesight-iot/am307",
			Decoded: `{"co2":700}`, ReceivedAt: time.Now(),
		})
	}
	ingestair.wait(t, 3)
	if n := said.count(`its tag clair_mapping is \"am370\"`); n != 1 {
		t.Errorf("it was said %d times, want once", n)
	}
}

// tagged gives uplinks a tag, which The Things Stack's do not have.
type tagged struct{ codec.Decoder }

func (d tagged) Decode(u *lorawan.Uplink) (codec.Message, error) {
	other := *u
	other.Mapping = "am370"
	return d.Decoder.Decode(&other)
}
