package app_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/app"
)

func readingAt(at time.Time, of quantity.ID, value int32) *ingestv1.Reading {
	return &ingestv1.Reading{TimeS: at.Unix(), Quantity: uint32(of), Value: value}
}

// TestReadingsHaveOutcomesOfTheirOwn: a bad one costs neither the CO2 nor the others, is kept
// aside, and is taken up again when the rules allow it.
func TestReadingsHaveOutcomesOfTheirOwn(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	node, unknown := measurement.NodeID("ELSYSERS", 1), measurement.NodeID("ELSYSERS", 2)
	nodetest.Register(t, pool, node, 1)
	ctx := withToken(t.Context(), token)
	addresses := start(t, url, keepRejected)
	client := dial(t, addresses.GRPC)
	at := now.Add(-time.Minute)
	request := &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
		{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(at, 700)}, Readings: []*ingestv1.Reading{
			readingAt(at, quantity.Pressure, 10132), readingAt(at, quantity.Pressure, 20000), readingAt(at, 60000, 1), readingAt(now.Add(time.Hour), quantity.Light, 3),
		}},
		{NodeId: unknown[:], Readings: []*ingestv1.Reading{readingAt(at, quantity.Radon, 120)}},
		{NodeId: node[:], Readings: []*ingestv1.Reading{readingAt(at, quantity.Pressure, 10132)}},
	}}
	const (
		stored, duplicate = ingestv1.Outcome_OUTCOME_STORED, ingestv1.Outcome_OUTCOME_DUPLICATE
		rejected, parked  = ingestv1.Outcome_OUTCOME_REJECTED, ingestv1.Outcome_OUTCOME_PARKED
	)
	got, err := client.Store(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	want := &ingestv1.StoreResponse{
		Outcomes:        []ingestv1.Outcome{stored},
		ReadingOutcomes: []ingestv1.Outcome{stored, rejected, rejected, rejected, parked, duplicate},
		ReadingRejections: []*ingestv1.Rejection{
			{Sample: 1, Reason: ingestv1.Rejection_REASON_OUT_OF_RANGE, Field: "pressure_hpa", Detail: "2000.0 is outside of 300.0 to 1100.0"},
			{Sample: 2, Reason: ingestv1.Rejection_REASON_OUT_OF_RANGE, Field: "quantity", Detail: "there is no quantity 60000"},
			{Sample: 3, Reason: ingestv1.Rejection_REASON_IN_FUTURE, Field: "time_s", Detail: "2026-11-22T13:00:00Z is 1h0m0s ahead of the server's clock, at most 5m0s are allowed"},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	aside := pgtest.Value[[]string](t, pool, "SELECT array_agg(concat_ws(' ', reason, field, dev_eui) ORDER BY id) FROM rejected_reading")
	if diff := cmp.Diff([]string{"out_of_range pressure_hpa", "out_of_range quantity", "in_future time_s"}, aside); diff != "" {
		t.Errorf("kept aside (-want +got):\n%s", diff)
	}
	// An older version may have rejected what is a quantity now.
	pgtest.Exec(t, pool, "UPDATE rejected_reading SET readings = $1 WHERE field = 'quantity'", quantity.AppendPacked(nil, []quantity.Value{{Quantity: quantity.TVOC, Steps: 12}}))
	again, err := client.RejudgeSamples(ctx, &ingestv1.RejudgeSamplesRequest{Reason: "out_of_range"})
	if want := (&ingestv1.RejudgeSamplesResponse{Stored: 1, Rejected: 1}); err != nil || !cmp.Equal(want, again, protocmp.Transform()) {
		t.Errorf("judged again: %v, %v, want %v", again, err, want)
	}
	values, err := quantity.Unpack(nil, pgtest.Value[[]byte](t, pool, "SELECT readings FROM reading"))
	if diff := cmp.Diff([]quantity.Value{{Quantity: quantity.Pressure, Steps: 10132}, {Quantity: quantity.TVOC, Steps: 12}}, values); err != nil || diff != "" {
		t.Errorf("stored: %v (-want +got):\n%s", err, diff)
	}
	if n := pgtest.Value[int](t, pool, "SELECT count(*) FROM rejected_reading"); n != 2 {
		t.Errorf("%d are kept aside, want 2", n)
	}
}

// TestRejudgeRowsOfSeveralReadings: those of an archived month are a row for each second, which
// stays as long as one of them does.
func TestRejudgeRowsOfSeveralReadings(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	node := measurement.NodeID("ELSYSERS", 1)
	nodetest.Register(t, pool, node, 1)
	const rows = 1500
	all := make([]quantity.Value, len(quantity.Catalogue)) // 34,500 readings, more than a flush or a page
	for i, q := range quantity.Catalogue {
		all[i] = quantity.Value{Quantity: q.ID, Steps: q.Max}
	}
	unknown := append(slices.Clone(all), quantity.Value{Quantity: 60000, Steps: 1})
	const reject = `
		INSERT INTO rejected_reading (node_id, time_s, readings, reason, field, detail)
		SELECT $1, $2::bigint - i, CASE i WHEN 7 THEN $3::bytea ELSE $4 END, 'too_old', 'time_s', '' FROM generate_series(1, $5) i`
	pgtest.Exec(t, pool, reject, node, now.Unix(), quantity.AppendPacked(nil, unknown), quantity.AppendPacked(nil, all), rows)
	client := dial(t, start(t, url, func(a *app.App) { a.Config.Retention.MaxRejected = 10 * rows }).GRPC)
	ctx := withToken(t.Context(), token)
	for _, want := range []*ingestv1.RejudgeSamplesResponse{
		{Stored: rows * uint64(len(all)), Rejected: 1}, {Duplicate: uint64(len(all)), Rejected: 1},
	} {
		got, err := client.RejudgeSamples(ctx, &ingestv1.RejudgeSamplesRequest{})
		if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if left := pgtest.Value[[]int64](t, pool, "SELECT array_agg(time_s) FROM rejected_reading"); !slices.Equal(left, []int64{now.Unix() - 7}) {
			t.Errorf("%d rows stay: %v, want the one with a reading that stays", len(left), left)
		}
	}
	if n := pgtest.Value[int](t, pool, "SELECT count(*) FROM reading"); n != rows {
		t.Errorf("%d seconds are stored, want %d", n, rows)
	}
}
