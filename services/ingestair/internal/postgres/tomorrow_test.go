package postgres

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ingesttoken"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/pkg/schema/tomorrow"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Versions to come add columns, and this one runs on until it is replaced: it keeps,
// archives, sets aside and forgets as before. (Roll-ups: TestRollupsAreExact.)
func TestTheStoreOnTheSchemaOfTomorrow(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	keep(t, s, sample{1, noon, 400}) // statements are prepared, the months known
	pgtest.Exec(t, s.pool, tomorrow.SQL)

	got := keep(t, s, sample{1, noon, 400}, sample{1, noon, 401}, sample{1, noon.AddDate(0, 1, 0), 402}, sample{2, noon, 403})
	for i, want := range []keeping.Outcome{keeping.Duplicate, keeping.Conflict, keeping.Stored, keeping.Parked} {
		if got[i] != want {
			t.Errorf("sample %d: %v, want %v", i, got[i], want)
		}
	}
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	f := &keeping.Flush{At: noon, Rejected: []keeping.RejectedRow{{
		NodeID: nodetest.ID(1), Sample: measurement.Sample{CO2PPM: 1}, Fault: &fault.Violation{Reason: reason.TooOld},
	}}}
	undecoded := []ingest.UndecodedUplink{{Meta: keeping.Metadata{DevEUI: 7, ReceivedAt: noon}, Reason: "why"}}
	pgtest.Exec(t, s.pool, "INSERT INTO ingestion_token (organization_id, name, digest) SELECT min(id), 'x', $1 FROM organization", make([]byte, 32))
	for name, do := range map[string]func() error{
		"keep what is rejected":  func() error { return s.Keep(t.Context(), f) },
		"keep what is undecoded": func() error { return s.KeepUndecoded(t.Context(), undecoded) },
		"write the status":       func() error { return s.WriteStatus(t.Context()) },
		"make months":            func() error { return s.EnsurePartitions(t.Context(), time.Now()) },
		"look a token up":        func() error { _, err := s.Grant(t.Context(), ingesttoken.Digest{}); return err },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	rejected, err := s.ListRejected(t.Context(), ingest.RejectedQuery{Limit: 10})
	if err != nil || len(rejected) != 1 {
		t.Errorf("rejected: %v, %v", rejected, err)
	}
	kept, err := s.ListUndecoded(t.Context(), ingest.UndecodedQuery{Limit: 10})
	if err != nil || len(kept) != 1 {
		t.Errorf("undecoded: %v, %v", kept, err)
	}
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1)", noon)
	if got := keep(t, s, sample{1, noon.Add(time.Second), 400}); got[0] != keeping.Rejected {
		t.Errorf("into an archived month: %v", got)
	}
	pgtest.Exec(t, s.pool, "DELETE FROM node WHERE id = $1", nodetest.ID(1))
	for more := true; more; {
		if more, err = s.Purge(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(t.Context(), time.Now().AddDate(0, 0, 2), ingest.Retention{Parked: 1, Rejected: 1, Undecoded: 1}); err != nil {
		t.Error(err)
	}
	if _, err := s.Compact(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	for table, want := range map[string]int{"sample": 0, "parked_sample": 0, "rejected_sample": 0, "undecoded_uplink": 0, "node_status": 1} {
		if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM "+table); n != want {
			t.Errorf("%d rows of %s, want %d", n, table, want)
		}
	}
}
