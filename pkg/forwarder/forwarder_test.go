package forwarder_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	gocmp "github.com/google/go-cmp/cmp"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clairberlin/clair-stack/pkg/codec"
	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/forwarder"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/mochi"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

const token = "a-token-for-tests-only"

var app = ttn.Application{ID: "clair", Tenant: "ttn"}

// uplink is the recorded one of the format's reference.
var uplink = lorawan.Uplink{
	DevEUI: 0x9876B600001193E0, DeviceID: "clairchen-1", FPort: 1, FCnt: 7,
	Payload:    []byte{0x02, 0x27, 0xB4, 0x28, 0xB4, 0x28, 0xB4},
	ReceivedAt: time.Date(2021, 9, 20, 12, 25, 52, 973476075, time.UTC),
	DataRate:   lorawan.SF9BW125,
	Reception:  &lorawan.Reception{RSSIdBm: -61, SNRdB: 9.25},
}

func wantUplink() *ingestv1.Uplink {
	id := measurement.NodeID(clairchen.Protocol, uplink.DevEUI)
	sample := func(at int64, co2 uint32) *ingestv1.Sample {
		return &ingestv1.Sample{
			TimeS: at, Co2Ppm: co2, TemperatureDecicelsius: new(int32(220)), RelHumidityPercent: new(uint32(50)),
			Status: ingestv1.MeasurementStatus_MEASUREMENT_STATUS_MEASURED,
		}
	}
	return &ingestv1.Uplink{
		NodeId:  id[:],
		Samples: []*ingestv1.Sample{sample(1632140397, 780), sample(1632140575, 800), sample(1632140753, 800)},
		Metadata: &ingestv1.UplinkMetadata{
			DevEui: uint64(uplink.DevEUI), DeviceId: "clairchen-1", Application: app.ID, Protocol: "CLAIRCHEN", FPort: new(uint32(1)), FCnt: new(uint32(7)),
			ReceivedAt: timestamppb.New(uplink.ReceivedAt), SpreadingFactor: new(uint32(9)), BandwidthKhz: new(uint32(125)), FrequencyHz: new(uint32(868500000)),
			RssiDbm: new(int32(-61)), SnrDb: new(float32(9.25)), Gateways: new(uint32(2)),
			Source: ingestv1.Source_SOURCE_MQTT,
		},
	}
}

func TestUplinkArrivesDecoded(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{})
	broker.publish(t, &uplink)
	if diff := gocmp.Diff([]*ingestv1.Uplink{wantUplink()}, ingestair.wait(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each bad uplink is kept with its bytes and a reason, and the next uplink works.
func TestBadUplinksAreKept(t *testing.T) {
	t.Parallel()
	change := func(alter func(*lorawan.Uplink)) []byte {
		u := uplink
		alter(&u)
		return ttn.EncodeUplink(app, &u)
	}
	for _, tt := range []struct {
		name    string
		message []byte
		reason  string
	}{
		{"broken JSON", []byte(`{"end_device_ids":`), "envelope: not JSON"},
		{"cut short", change(func(u *lorawan.Uplink) { u.Payload = u.Payload[:6] }), "format: 5 bytes of samples, want an even number"},
		{"wrong port", change(func(u *lorawan.Uplink) { u.FPort = 9 }), "f_port: port 9, want 1"},
		{"another device's", change(func(u *lorawan.Uplink) { u.Payload = []byte{0xFF} }), "content: version 3, want 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			broker, ingestair := startBroker(t), startIngestair(t)
			start(t, broker, ingestair, options{})
			broker.send(t, tt.message)
			broker.publish(t, &uplink)
			ingestair.wait(t, 1)
			eventually(t, "the bad uplink is kept", func() bool { return len(ingestair.kept()) > 0 })
			kept := ingestair.kept()
			if len(kept) != 1 {
				t.Fatalf("got %d undecoded uplinks, want 1", len(kept))
			}
			got := kept[0]
			if got.GetReason() != tt.reason || string(got.GetEnvelope()) != string(tt.message) || got.GetForwarder() != "test-forwarder" {
				t.Errorf("got %v, want the reason %q and the whole message", got, tt.reason)
			}
		})
	}
}

func TestNoDataRateMeansSF9(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	start(t, broker, ingestair, options{})
	u := uplink
	u.DataRate = lorawan.DataRate{}
	broker.publish(t, &u)
	want := wantUplink()
	want.Metadata.SpreadingFactor, want.Metadata.BandwidthKhz = nil, nil
	if diff := gocmp.Diff([]*ingestv1.Uplink{want}, ingestair.wait(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// While the ingestair is away uplinks wait; then each arrives, in order.
func TestIngestairComesBack(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	var mu sync.Mutex
	failures := 0
	ingestair.fail = func() error {
		mu.Lock()
		defer mu.Unlock()
		if failures++; failures <= 3 {
			return status.Error(codes.Unavailable, "the database is away")
		}
		return nil
	}
	start(t, broker, ingestair, options{})
	const count = 50
	for i := range count {
		u := uplink
		u.FCnt = uint32(i)
		broker.publish(t, &u)
	}
	got := ingestair.wait(t, count)
	// Two batches are under way at a time, so order holds within each, not overall.
	slices.SortFunc(got, func(a, b *ingestv1.Uplink) int {
		return int(a.GetMetadata().GetFCnt()) - int(b.GetMetadata().GetFCnt())
	})
	for i, u := range got {
		if u.GetMetadata().GetFCnt() != uint32(i) {
			t.Fatalf("uplink %d came as the %d-th", u.GetMetadata().GetFCnt(), i)
		}
	}
}

// One uplink that the ingestair calls invalid does not take others with it.
func TestInvalidUplinkIsSingledOut(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	const bad = 13
	ingestair.check = func(u *ingestv1.Uplink) error {
		if u.GetMetadata().GetFCnt() == bad {
			return status.Error(codes.InvalidArgument, "thirteen")
		}
		return nil
	}
	start(t, broker, ingestair, options{})
	const count = 40
	for i := range count {
		u := uplink
		u.FCnt = uint32(i)
		broker.publish(t, &u)
	}
	for _, u := range ingestair.wait(t, count-1) {
		if u.GetMetadata().GetFCnt() == bad {
			t.Error("the invalid uplink was stored")
		}
	}
}

// At QoS 1 the broker has the acknowledgement after the commit and not before: a
// forwarder that ends without an answer is given the uplink again.
func TestQoS1AcknowledgesAfterTheCommit(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	arrived := make(chan struct{}, 100)
	ingestair.fail = func() error {
		select {
		case arrived <- struct{}{}:
		default:
		}
		return status.Error(codes.Unavailable, "the database is away")
	}
	quick := options{env: config.Env{"MQTT_QOS": "1", "SHUTDOWN_GRACE": "200ms"}}
	stop := start(t, broker, ingestair, quick)
	broker.publish(t, &uplink)
	<-arrived
	if unacknowledged := broker.inflight("test"); unacknowledged != 1 {
		t.Errorf("%d uplinks are unacknowledged before the commit, want 1", unacknowledged)
	}
	if err := stop(); err == nil {
		t.Error("a forwarder that could not deliver ended without an error")
	}
	ingestair.setFail(nil)
	start(t, broker, ingestair, quick)
	// The last call of the first forwarder may be answered only now, and is an uplink too.
	eventually(t, "the uplink is stored", func() bool { return len(ingestair.stored()) > 0 })
	if diff := gocmp.Diff([]uint32{uplink.FCnt}, once(ingestair.stored())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	eventually(t, "the uplink is acknowledged", func() bool { return broker.inflight("test") == 0 })
}

// What is received before a SIGTERM is delivered before the end.
func TestStopDelivers(t *testing.T) {
	t.Parallel()
	broker, ingestair := startBroker(t), startIngestair(t)
	gate := make(chan struct{})
	arrived := make(chan struct{}, 100)
	ingestair.fail = func() error {
		arrived <- struct{}{}
		<-gate
		return nil
	}
	stop := start(t, broker, ingestair, options{})
	broker.publish(t, &uplink)
	<-arrived
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	close(gate)
	if err := <-ended; err != nil {
		t.Errorf("stop: %v", err)
	}
	if got := len(ingestair.stored()); got != 1 {
		t.Errorf("%d uplinks are stored, want 1", got)
	}
}

// options are what a test changes of a forwarder.
type options struct {
	env     config.Env // wins over what start sets
	service string
	codec   codec.Decoder
	change  func(*forwarder.Config)
	log     io.Writer // beside that of the test
}

// start runs a forwarder until the test ends, or stop is called. It returns when it
// is subscribed to everything that it wants to hear.
func start(t *testing.T, broker *broker, ingestair *ingestair, o options) (stop func() error) {
	t.Helper()
	env := config.Env{
		"TTS_APPLICATION": app.ID, "MQTT_URL": broker.url, "MQTT_CLIENT_ID": "test",
		"INGESTAIR_ADDRESS": ingestair.address, "INGEST_TOKEN": token, "OPS_ADDRESS": "127.0.0.1:0",
	}
	maps.Copy(env, o.env)
	var cfg forwarder.Config
	if err := env.Load(&cfg); err != nil {
		t.Fatal(err)
	}
	if o.change != nil {
		o.change(&cfg)
	}
	var own ports
	own.watch(&cfg)
	if o.codec == nil {
		o.codec = clairchen.Decoder{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	out := t.Output()
	if o.log != nil {
		out = io.MultiWriter(out, o.log)
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() { ended <- forwarder.Run(ctx, log, cmp.Or(o.service, "test-forwarder"), cfg, o.codec) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	eventually(t, "the forwarder subscribes", func() bool {
		return own.knows("OPS_ADDRESS") && own.metric(t, "forwarder_mqtt_connected") == 1
	})
	return stop
}

// eventually waits for what will be true soon, as long as the test may run.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// ingestair is an ingestion service that keeps uplinks in memory.
type ingestair struct {
	ingestv1.UnimplementedIngestServiceServer
	address string

	mu        sync.Mutex
	uplinks   []*ingestv1.Uplink
	undecoded []*ingestv1.UndecodedUplink
	fail      func() error                 // asked for each call
	hung      chan struct{}                // calls wait until it is closed; nil: they do not
	check     func(*ingestv1.Uplink) error // asked for each uplink
}

func startIngestair(t *testing.T) *ingestair {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &ingestair{address: listener.Addr().String()}
	server := grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(server, in)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return in
}

func (in *ingestair) admit(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if got := md.Get("authorization"); !slices.Equal(got, []string{"Bearer " + token}) {
		return status.Errorf(codes.Unauthenticated, "authorization: %q", got)
	}
	in.mu.Lock()
	fail, hung := in.fail, in.hung
	in.mu.Unlock()
	if hung != nil {
		select {
		case <-hung:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if fail != nil {
		return fail()
	}
	return nil
}

// hang lets calls wait until mend is called; those that were given up by then store nothing.
func (in *ingestair) hang() (mend func()) {
	in.mu.Lock()
	defer in.mu.Unlock()
	hung := make(chan struct{})
	in.hung = hung
	return sync.OnceFunc(func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.hung = nil
		close(hung)
	})
}

// Store keeps uplinks in memory.
func (in *ingestair) Store(ctx context.Context, r *ingestv1.StoreRequest) (*ingestv1.StoreResponse, error) {
	if err := in.admit(ctx); err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	response := new(ingestv1.StoreResponse)
	for _, u := range r.GetUplinks() {
		if in.check != nil {
			if err := in.check(u); err != nil {
				return nil, err
			}
		}
		for range u.GetSamples() {
			response.Outcomes = append(response.Outcomes, ingestv1.Outcome_OUTCOME_STORED)
		}
	}
	in.uplinks = append(in.uplinks, r.GetUplinks()...)
	return response, nil
}

// KeepUndecoded keeps uplinks in memory.
func (in *ingestair) KeepUndecoded(ctx context.Context, r *ingestv1.KeepUndecodedRequest) (*ingestv1.KeepUndecodedResponse, error) {
	if err := in.admit(ctx); err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.undecoded = append(in.undecoded, r.GetUplinks()...)
	return new(ingestv1.KeepUndecodedResponse), nil
}

func (in *ingestair) setFail(fail func() error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.fail = fail
}

func (in *ingestair) stored() []*ingestv1.Uplink {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.uplinks)
}

func (in *ingestair) kept() []*ingestv1.UndecodedUplink {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.undecoded)
}

// wait returns the stored uplinks when there are as many as given.
func (in *ingestair) wait(t *testing.T, count int) []*ingestv1.Uplink {
	t.Helper()
	eventually(t, "enough uplinks are stored", func() bool { return len(in.stored()) >= count })
	got := in.stored()
	if len(got) != count {
		t.Fatalf("%d uplinks are stored, want %d", len(got), count)
	}
	return got
}

// broker is an MQTT broker in this process.
type broker struct {
	hooks
	url       string
	server    *mqtt.Server
	publisher paho.Client
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	b := &broker{server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})}
	tcp := listeners.NewTCP(listeners.Config{ID: "mqtt", Address: "127.0.0.1:0"})
	for _, err := range []error{b.server.AddHook(&b.hooks, nil), b.server.AddListener(tcp), b.server.Serve()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = mochi.Close(b.server) })
	b.url = "tcp://" + tcp.Address()
	b.publisher = paho.NewClient(paho.NewClientOptions().AddBroker(b.url).SetClientID("publisher"))
	if token := b.publisher.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { b.publisher.Disconnect(0) })
	return b
}

func (b *broker) publish(t *testing.T, u *lorawan.Uplink) {
	t.Helper()
	b.send(t, ttn.EncodeUplink(app, u))
}

func (b *broker) send(t *testing.T, message []byte) {
	t.Helper()
	if token := b.publisher.Publish(app.UplinkTopic(uplink.DeviceID), 1, false, message); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
}

// inflight returns how many messages a client has not acknowledged.
func (b *broker) inflight(client string) int {
	c, ok := b.server.Clients.Get(client)
	if !ok {
		return 0
	}
	return c.State.Inflight.Len()
}
