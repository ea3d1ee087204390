package app_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
)

const token = "a-token-for-tests-only"

// now is the time of all tests.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// start runs an ingestair until the test ends; change may alter its settings.
func start(t *testing.T, databaseURL string, change func(*app.App)) app.Addresses {
	t.Helper()
	return startIn(t.Context(), t, databaseURL, change)
}

// startIn is start with a context whose end stops the ingestair.
func startIn(ctx context.Context, t *testing.T, databaseURL string, change func(*app.App)) app.Addresses {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	var settings app.Config
	if err := (config.Env{
		"INGEST_ADDRESS": "127.0.0.1:0", "INGEST_TOKEN": token, "INGEST_MAX_CALLS_PER_PEER": "100",
		"REDIS_URL": "redis://127.0.0.1:1/0", // nobody is there
	}).Load(&settings); err != nil {
		t.Fatal(err)
	}
	started := make(chan app.Addresses, 1)
	ended := make(chan error, 1)
	a := &app.App{
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now:      func() time.Time { return now },
		Started:  func(at app.Addresses) { started <- at },
		Config:   settings,
		Database: pgdb.Config{URL: config.NewSecret(pgtest.RoleURL(t, schema.Ingestair, databaseURL)), MaxConns: 4},
		Ops:      ops.Config{Address: "127.0.0.1:0"},
	}
	if change != nil {
		change(a)
	}
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the ingestair ended with: %v", err)
		}
	})
	select {
	case at := <-started:
		return at
	case err := <-ended:
		ended <- nil
		t.Fatalf("the ingestair does not start: %v", err)
		return app.Addresses{}
	}
}

func dial(t *testing.T, addr net.Addr) ingestv1.IngestServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(addr.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return ingestv1.NewIngestServiceClient(conn)
}

func redisOf(t *testing.T, url string) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opt)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func withToken(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func sampleAt(at time.Time, co2 uint32) *ingestv1.Sample {
	return &ingestv1.Sample{TimeS: at.Unix(), Co2Ppm: co2}
}

// TestStory is the service's life in short: samples come, each has its outcome,
// what is stored can be read, and a node that is registered later finds its
// samples there.
func TestStory(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	registered := measurement.NodeID("CLAIRCHEN", 1)
	later := measurement.NodeID("CLAIRCHEN", 2)
	nodetest.Register(t, pool, registered, 1)
	at := start(t, url, nil)
	client := dial(t, at.GRPC)
	ctx := withToken(t.Context(), token)

	minute := func(n int) time.Time { return now.Add(time.Duration(n) * time.Minute) }
	humid := sampleAt(minute(-3), 415)
	humid.TemperatureDecicelsius, humid.RelHumidityPercent = new(int32(-105)), new(uint32(57))
	request := &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
		{
			NodeId: registered[:], Samples: []*ingestv1.Sample{
				sampleAt(minute(-1), 400), sampleAt(minute(-2), 12000), sampleAt(minute(-4), 65535), humid, sampleAt(minute(-1), 401), sampleAt(minute(6), 400),
			},
			Metadata: &ingestv1.UplinkMetadata{DevEui: 1, Protocol: "CLAIRCHEN", DataRateIndex: new(uint32(3))},
		},
		{NodeId: later[:], Samples: []*ingestv1.Sample{sampleAt(minute(-1), 500), sampleAt(minute(-1), 500)}},
	}}
	first, err := client.Store(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	const (
		stored, duplicate, conflict = ingestv1.Outcome_OUTCOME_STORED, ingestv1.Outcome_OUTCOME_DUPLICATE, ingestv1.Outcome_OUTCOME_CONFLICT
		rejected, parked            = ingestv1.Outcome_OUTCOME_REJECTED, ingestv1.Outcome_OUTCOME_PARKED
	)
	if diff := cmp.Diff([]ingestv1.Outcome{stored, stored, stored, stored, conflict, rejected, parked, parked}, first.GetOutcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	var why []string
	for _, r := range first.GetRejections() {
		why = append(why, r.GetReason().String()+" "+r.GetField()+": "+r.GetDetail())
	}
	if diff := cmp.Diff([]string{
		"REASON_IN_FUTURE time_s: 2026-11-22T12:06:00Z is 6m0s ahead of the server's clock, at most 5m0s are allowed",
	}, why); diff != "" {
		t.Errorf("rejections (-want +got):\n%s", diff)
	}

	again, err := client.Store(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ingestv1.Outcome{duplicate, duplicate, duplicate, duplicate, conflict, rejected, parked, parked}, again.GetOutcomes()); diff != "" {
		t.Errorf("outcomes of the repeated request (-want +got):\n%s", diff)
	}

	nodetest.Register(t, pool, later, 2)
	adopted, err := client.Store(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ingestv1.Outcome{duplicate, duplicate, duplicate, duplicate, conflict, rejected, duplicate, duplicate}, adopted.GetOutcomes()); diff != "" {
		t.Errorf("outcomes after the node was registered (-want +got):\n%s", diff)
	}
	want := map[string][]string{
		registered.String(): {"11:56:00 32767 - - E", "11:57:00 415 -105 57 M", "11:58:00 12000 - - E", "11:59:00 400 - - M"},
		later.String():      {"11:59:00 500 - - M"},
	}
	if diff := cmp.Diff(want, nodetest.Samples(t, pool)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// TestStreamAnswersInOrder sends ahead of the answers.
func TestStreamAnswersInOrder(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	node := measurement.NodeID("CLAIRCHEN", lorawan.EUI64(1))
	nodetest.Register(t, nodetest.Open(t, url), node, 1)
	client := dial(t, start(t, url, nil).GRPC)
	stream, err := client.StoreStream(withToken(t.Context(), token))
	if err != nil {
		t.Fatal(err)
	}
	const messages = 300
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			err := stream.Send(&ingestv1.StoreStreamRequest{Sequence: uint64(i) + 7, Uplinks: []*ingestv1.Uplink{
				{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now.Add(-time.Duration(i)*time.Second), 400)}},
			}})
			if err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	for i := range messages {
		response, err := stream.Recv()
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if response.GetSequence() != uint64(i)+7 || len(response.GetOutcomes()) != 1 || response.GetOutcomes()[0] != ingestv1.Outcome_OUTCOME_STORED {
			t.Fatalf("answer %d is %v", i, response)
		}
	}
	if err := <-sent; err != nil {
		t.Errorf("send: %v", err)
	}
}

func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	client := dial(t, start(t, url, nil).GRPC)
	node := measurement.NodeID("CLAIRCHEN", 1)
	many := &ingestv1.Uplink{NodeId: node[:], Samples: make([]*ingestv1.Sample, 10_001)}
	for i := range many.GetSamples() {
		many.Samples[i] = sampleAt(now.Add(-time.Duration(i)*time.Second), 400)
	}
	for _, tt := range []struct {
		name  string
		token string
		in    *ingestv1.StoreRequest
		want  codes.Code
	}{
		{"no token", "", &ingestv1.StoreRequest{}, codes.Unauthenticated},
		{"wrong token", token + "x", &ingestv1.StoreRequest{}, codes.Unauthenticated},
		{"node id of 15 bytes", token, &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{{NodeId: make([]byte, 15)}}}, codes.InvalidArgument},
		{"too many samples", token, &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{many}}, codes.InvalidArgument},
		{"nothing at all", token, &ingestv1.StoreRequest{}, codes.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Store(withToken(t.Context(), tt.token), tt.in)
			if got := status.Code(err); got != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestUndecodedUplinksAreKeptOnce repeats a call.
func TestUndecodedUplinksAreKeptOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	client := dial(t, start(t, url, nil).GRPC)
	request := &ingestv1.KeepUndecodedRequest{Uplinks: []*ingestv1.UndecodedUplink{
		{
			Forwarder: "clairchen-forwarder", Payload: []byte{1, 2, 3}, Envelope: []byte("{}"), Reason: "too short",
			Metadata: &ingestv1.UplinkMetadata{DevEui: 0xA81758FFFE04D5B7, FPort: new(uint32(1)), DeviceId: "nul\x00and\xffutf"[:4]},
		},
		{Forwarder: "clairchen-forwarder", Envelope: []byte("not even json"), Reason: "no JSON"},
	}}
	for range 2 {
		if _, err := client.KeepUndecoded(withToken(t.Context(), token), request); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	var eui string
	err := pool.QueryRow(t.Context(), "SELECT count(*), min(dev_eui) FROM undecoded_uplink").Scan(&n, &eui)
	if err != nil {
		t.Fatal(err)
	}
	if n != 2 || eui != "A81758FFFE04D5B7" {
		t.Errorf("%d uplinks kept, of %s", n, eui)
	}
}

// TestDatabaseAway: the service starts and answers without a database, and says
// who is to blame.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	at := start(t, "postgres://nobody@127.0.0.1:1/none", nil)
	node := measurement.NodeID("CLAIRCHEN", 1)
	_, err := dial(t, at.GRPC).Store(withToken(t.Context(), token), &ingestv1.StoreRequest{
		Uplinks: []*ingestv1.Uplink{{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now, 400)}}},
	})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at.Ops.String()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, resp.StatusCode, want)
		}
	}
}
