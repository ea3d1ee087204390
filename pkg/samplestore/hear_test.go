package samplestore

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// Whoever sends without being registered is remembered, whatever became of what they
// sent: parked, rejected, or nothing in it. What is moved here is not sent.
func TestUnregisteredDevicesAreHeard(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400}, sample{2, noon, 400})
	uplink := func(n int) []*keeping.Uplink {
		return []*keeping.Uplink{{NodeID: nodetest.ID(n), Meta: keeping.Metadata{DevEUI: lorawan.EUI64(n)}}}
	}
	for _, f := range []*keeping.Flush{
		{At: noon, Uplinks: uplink(3)},
		{At: noon, Uplinks: uplink(4), Rejected: []keeping.RejectedRow{{
			NodeID: nodetest.ID(4), DevEUI: 4, Sample: measurement.Sample{Time: noon, CO2PPM: 1}, Fault: &fault.Violation{Reason: reason.OutOfRange},
		}}},
		{At: noon, Uplinks: uplink(2)},
		{At: noon, Uplinks: uplink(5), Past: true},
		{At: noon, Uplinks: uplink(0)},
	} {
		if err := s.Keep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	const want = "0000000000000002 0000000000000003 0000000000000004"
	if got := pgtest.Value[string](t, s.pool, "SELECT string_agg(eui64, ' ' ORDER BY eui64) FROM heard_device"); got != want {
		t.Errorf("heard: %s, want %s", got, want)
	}
	from := func(application string, n int) *keeping.Flush {
		f := keeping.Flush{At: noon, Uplinks: uplink(n)}
		f.Uplinks[0].Meta.Application = application
		return &f
	}
	// Also within the hour. Of what does not say, nothing is learnt.
	for _, f := range []*keeping.Flush{from("first", 3), from("second", 3), from("", 3), from("first", 4)} {
		if err := s.Keep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	const of = "0000000000000002= 0000000000000003=second 0000000000000004=first"
	if got := pgtest.Value[string](t, s.pool, "SELECT string_agg(eui64 || '=' || coalesce(application, ''), ' ' ORDER BY eui64) FROM heard_device"); got != of {
		t.Errorf("heard from %s, want %s", got, of)
	}
	pgtest.Exec(t, s.pool, "UPDATE heard_device SET seen_at = now() - interval '2 hours', owner_id = 7 WHERE eui64 = '0000000000000003'")
	if err := s.Keep(t.Context(), &keeping.Flush{At: noon, Uplinks: uplink(3)}); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM heard_device WHERE seen_at > now() - interval '1 minute' AND owner_id = 7"); n != 1 {
		t.Errorf("%d are heard again and had by whom they were had before, want 1", n)
	}
}

// Whoever may only speak of registered nodes leaves nothing behind of others: neither of one
// that was deleted while its samples were on the way, nor of what is wrong.
func TestWhatIsSaidOfRegisteredNodesOnlyIsNotKeptAside(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	const archived = "2020-01-01"
	pgtest.Exec(t, s.pool, "SELECT open_sample_month($1::date)", archived)
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1::date)", archived)
	old := measurement.Sample{Time: noon, CO2PPM: 400, Status: measurement.Measured}
	old.Time = old.Time.AddDate(2020-old.Time.Year(), int(1-old.Time.Month()), 0)
	f := keeping.Flush{
		At: noon,
		Uplinks: []*keeping.Uplink{
			{NodeID: nodetest.ID(1), Registered: true}, {NodeID: nodetest.ID(2), Registered: true, Meta: keeping.Metadata{DevEUI: 2}},
		},
		Rows: []keeping.Row{
			{Sample: measurement.Sample{Time: noon, CO2PPM: 400, Status: measurement.Measured}},
			{Sample: old},
			{Sample: measurement.Sample{Time: noon, CO2PPM: 401, Status: measurement.Measured}, Uplink: 1},
		},
	}
	if err := s.Keep(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "outcomes", []keeping.Outcome{f.Rows[0].Outcome, f.Rows[1].Outcome, f.Rows[2].Outcome}, keeping.Stored, keeping.Rejected, keeping.Rejected)
	if f.Rows[1].Fault.Reason != reason.TooOld || f.Rows[2].Fault.Reason != reason.ForeignNode {
		t.Errorf("faults: %v, %v", f.Rows[1].Fault, f.Rows[2].Fault)
	}
	const aside = "SELECT (SELECT count(*) FROM parked_sample) + (SELECT count(*) FROM rejected_sample) + (SELECT count(*) FROM heard_device)"
	if n := pgtest.Value[int](t, s.pool, aside); n != 0 {
		t.Errorf("%d rows are kept aside", n)
	}
}
