package app_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
)

// keepRejected has the upkeep leave rejected samples alone.
func keepRejected(a *app.App) { a.Config.Retention.MaxRejected = 1000 }

// While our clock is behind, samples seem to come from the future. They wait, and are
// stored when it is right.
func TestSamplesFromTheFutureWait(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	node := measurement.NodeID("CLAIRCHEN", 1)
	nodetest.Register(t, pool, node, 1)
	ctx := withToken(t.Context(), token)
	client := dial(t, start(t, url, keepRejected).GRPC)
	sample := sampleAt(now.Add(7*time.Minute), 700)
	sample.Status = ingestv1.MeasurementStatus_MEASUREMENT_STATUS_REPEATED
	for range 2 { // the same sample is kept once
		response, err := client.Store(ctx, &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{{NodeId: node[:], Samples: []*ingestv1.Sample{sample}}}})
		if err != nil || response.GetOutcomes()[0] != ingestv1.Outcome_OUTCOME_REJECTED {
			t.Fatalf("got %v, %v, want rejected", response, err)
		}
	}
	got, err := client.RejudgeSamples(ctx, &ingestv1.RejudgeSamplesRequest{})
	if want := (&ingestv1.RejudgeSamplesResponse{Rejected: 1}); err != nil || !cmp.Equal(want, got, protocmp.Transform()) {
		t.Errorf("as long as the clock is behind: %v, %v, want %v", got, err, want)
	}
	// Another replica, whose clock is right, finds it.
	var looked atomic.Int64
	start(t, url, func(a *app.App) {
		keepRejected(a)
		a.Now = func() time.Time {
			looked.Add(1)
			return now.Add(10 * time.Minute)
		}
	})
	want := []string{now.Add(7*time.Minute).Format("15:04:05") + " 700 - - R"}
	for deadline := time.Now().Add(30 * time.Second); ; {
		var left int
		if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM rejected_sample").Scan(&left); err != nil {
			t.Fatal(err)
		}
		got := nodetest.Samples(t, pool)[node.String()]
		if left == 0 && slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("stored %v, want %v; %d are left; the clock was asked %d times", got, want, left, looked.Load())
		}
	}
}

// Samples that an older rule rejected are taken up again by a command.
func TestRejudgeByTodaysRules(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	node, unknown := measurement.NodeID("CLAIRCHEN", 1), measurement.NodeID("CLAIRCHEN", 2)
	nodetest.Register(t, pool, node, 1)
	const reject = `
		INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent, dev_eui, reason, field, detail)
		VALUES ($1, $2, $3, $4, $5, '0000000000000001', 'out_of_range', '', '')`
	for i, s := range []struct {
		node             any
		co2              int
		temperature, hum any
	}{{node, 1000, 450, 10}, {node, 1001, 226, 255}, {node, 20_000, 226, 41}, {unknown, 700, nil, nil}, {node, -3, 226, 41}} {
		if _, err := pool.Exec(t.Context(), reject, s.node, now.Add(-time.Duration(10-i)*time.Minute).Unix(), s.co2, s.temperature, s.hum); err != nil {
			t.Fatal(err)
		}
	}
	client := dial(t, start(t, url, keepRejected).GRPC)
	ctx := withToken(t.Context(), token)
	_, err := client.RejudgeSamples(ctx, &ingestv1.RejudgeSamplesRequest{Reason: "banana"})
	const possible = "possible: conflict, in_future, out_of_range, refused, too_old"
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), possible) {
		t.Errorf("for a reason that there is not: got %v, want those that there are", err)
	}
	for _, tt := range []struct {
		name    string
		request *ingestv1.RejudgeSamplesRequest
		want    *ingestv1.RejudgeSamplesResponse
	}{
		{"of another device", &ingestv1.RejudgeSamplesRequest{DevEui: 7}, &ingestv1.RejudgeSamplesResponse{}},
		{"for another reason", &ingestv1.RejudgeSamplesRequest{Reason: "too_old"}, &ingestv1.RejudgeSamplesResponse{}},
		{"all", &ingestv1.RejudgeSamplesRequest{Reason: "out_of_range", DevEui: 1}, &ingestv1.RejudgeSamplesResponse{Stored: 3, Parked: 1, Rejected: 1}},
		{"again", &ingestv1.RejudgeSamplesRequest{}, &ingestv1.RejudgeSamplesResponse{Rejected: 1}},
	} {
		got, err := client.RejudgeSamples(ctx, tt.request)
		if diff := cmp.Diff(tt.want, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	at := func(n int) string { return now.Add(-time.Duration(n) * time.Minute).Format("15:04:05") }
	want := []string{at(10) + " 1000 450 10 M", at(9) + " 1001 226 - M", at(8) + " 20000 226 41 E"}
	if diff := cmp.Diff(want, nodetest.Samples(t, pool)[node.String()]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Samples whose clock was wrong are taken up by when they arrived, as far apart as they were.
func TestRejudgeByArrival(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	node, other := measurement.NodeID("CLAIRCHEN", 1), measurement.NodeID("CLAIRCHEN", 2)
	nodetest.Register(t, pool, node, 1)
	nodetest.Register(t, pool, other, 2)
	const reject = `
		INSERT INTO rejected_sample (node_id, time_s, co2_ppm, dev_eui, reason, field, detail, rejected_at)
		VALUES ($1, $2, $3, '0000000000000001', $4, 'time_s', '', $5)`
	arrived := now.Add(-time.Hour)
	far := now.AddDate(70, 0, 0).Unix()
	for _, s := range []struct {
		node any
		time int64
		co2  int
		why  string
		at   time.Time
	}{
		{node, 300, 700, "too_old", arrived},
		{node, 480, 710, "too_old", arrived},                       // one uplink of a network server in 1970
		{node, 900, 720, "too_old", arrived.Add(10 * time.Minute)}, // the next one
		{other, far, 730, "in_future", arrived},
		{other, 946684800, 740, "too_old", arrived}, // a time that can be
		{other, 480, -1, "out_of_range", arrived},
	} {
		if _, err := pool.Exec(t.Context(), reject, s.node, s.time, s.co2, s.why, s.at); err != nil {
			t.Fatal(err)
		}
	}
	client := dial(t, start(t, url, keepRejected).GRPC)
	ctx := withToken(t.Context(), token)
	for _, tt := range []struct {
		name    string
		request *ingestv1.RejudgeSamplesRequest
		want    *ingestv1.RejudgeSamplesResponse
	}{
		{"by their own times", &ingestv1.RejudgeSamplesRequest{Reason: "too_old"}, &ingestv1.RejudgeSamplesResponse{Rejected: 3, Stored: 1}},
		{"by arrival", &ingestv1.RejudgeSamplesRequest{ByArrival: true}, &ingestv1.RejudgeSamplesResponse{Stored: 4, Rejected: 1}},
	} {
		got, err := client.RejudgeSamples(ctx, tt.request)
		if diff := cmp.Diff(tt.want, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	at := func(d time.Duration) string { return arrived.Add(d).Format("15:04:05") }
	want := []string{at(-3*time.Minute) + " 700 - - M", at(0) + " 710 - - M", at(10*time.Minute) + " 720 - - M"}
	if diff := cmp.Diff(want, nodetest.Samples(t, pool)[node.String()]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := nodetest.Samples(t, pool)[other.String()]; !slices.Contains(got, at(0)+" 730 - - M") {
		t.Errorf("from the future: got %v", got)
	}
}
