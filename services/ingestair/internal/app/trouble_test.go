package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// TestDatabaseTrouble: whatever is the matter with the database, callers are told
// to come again, nothing is acknowledged, and afterwards all is well by itself.
func TestDatabaseTrouble(t *testing.T) {
	t.Parallel()
	// It waits until they have ended: what comes before that is still stored.
	const toAll = "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{db}' AND application_name = 'ingestair'"
	for _, tt := range []struct {
		name        string
		begin, over []string
	}{
		{
			"read-only, as after a fail-over",
			[]string{"ALTER DATABASE {db} SET default_transaction_read_only = on", toAll},
			[]string{"ALTER DATABASE {db} RESET default_transaction_read_only", toAll},
		},
		{
			"no connections",
			[]string{"UPDATE pg_database SET datallowconn = false WHERE datname = '{db}'", toAll},
			[]string{"UPDATE pg_database SET datallowconn = true WHERE datname = '{db}'"},
		},
		{
			"a table is gone",
			[]string{"ALTER TABLE node_status_journal RENAME TO elsewhere"},
			[]string{"ALTER TABLE elsewhere RENAME TO node_status_journal"},
		},
		{"connections were cut", []string{toAll}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			pool := nodetest.Open(t, url)
			node := measurement.NodeID("CLAIRCHEN", 1)
			nodetest.Register(t, pool, node, 1)
			var name string
			if err := pool.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
				t.Fatal(err)
			}
			// A session of our own that none of this touches.
			conn, err := pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Release()
			do := func(statements []string) {
				t.Helper()
				for _, sql := range statements {
					if _, err := conn.Exec(t.Context(), strings.ReplaceAll(sql, "{db}", name)); err != nil {
						t.Fatalf("%s: %v", sql, err)
					}
				}
			}
			client := dial(t, start(t, url, nil).GRPC)
			store := func(minute int) error {
				response, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{
					{NodeId: node[:], Samples: []*ingestv1.Sample{sampleAt(now.Add(-time.Duration(minute)*time.Minute), 400)}},
				}})
				if err == nil && response.GetOutcomes()[0] != ingestv1.Outcome_OUTCOME_STORED {
					t.Errorf("sample %d is %v", minute, response.GetOutcomes())
				}
				return err
			}
			if err := store(1); err != nil {
				t.Fatal(err)
			}
			do(tt.begin)
			lasting := tt.over != nil
			for i := range 3 {
				if err := store(2); lasting && status.Code(err) != codes.Unavailable || err != nil && status.Code(err) != codes.Unavailable {
					t.Errorf("attempt %d: %v, want UNAVAILABLE", i, err)
				} else if err == nil {
					return // the pool had noticed
				}
			}
			do(tt.over)
			deadline := time.Now().Add(20 * time.Second)
			for store(2) != nil {
				if time.Now().After(deadline) {
					t.Fatal("it does not recover")
				}
			}
		})
	}
}

// TestPoisonedSample: what the database cannot take is rejected alone, and those
// who share its transaction do not notice.
func TestPoisonedSample(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := nodetest.Open(t, url)
	pgtest.Exec(t, pool, "ALTER TABLE sample ADD CONSTRAINT sample_poison CHECK (co2_ppm <> 666)")
	const callers, samples = 8, 40
	for n := range callers {
		nodetest.Register(t, pool, measurement.NodeID("CLAIRCHEN", lorawan.EUI64(n)), lorawan.EUI64(n))
	}
	client := dial(t, start(t, url, nil).GRPC)
	var g errgroup.Group
	for n := range callers {
		g.Go(func() error {
			id := measurement.NodeID("CLAIRCHEN", lorawan.EUI64(n))
			u := &ingestv1.Uplink{NodeId: id[:]}
			want := make([]ingestv1.Outcome, samples)
			for i := range samples {
				u.Samples, want[i] = append(u.Samples, sampleAt(now.Add(-time.Duration(i)*time.Minute), 400)), ingestv1.Outcome_OUTCOME_STORED
			}
			u.Samples[n].Co2Ppm, want[n] = 666, ingestv1.Outcome_OUTCOME_REJECTED
			response, err := client.Store(withToken(t.Context(), token), &ingestv1.StoreRequest{Uplinks: []*ingestv1.Uplink{u}})
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, response.GetOutcomes()); diff != "" {
				t.Errorf("caller %d: outcomes (-want +got):\n%s", n, diff)
			}
			if r := response.GetRejections(); len(r) != 1 || int(r[0].GetSample()) != n || r[0].GetReason() != ingestv1.Rejection_REASON_REFUSED {
				t.Errorf("caller %d: rejections %v", n, r)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var stored, aside int
	err := pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM sample), (SELECT count(*) FROM rejected_sample WHERE reason = 'refused')").Scan(&stored, &aside)
	if err != nil || stored != callers*(samples-1) || aside != callers {
		t.Errorf("%d samples are stored, %d kept aside, %v", stored, aside, err)
	}
}
