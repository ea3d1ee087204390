package samplestore

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// Whoever sends without being registered is remembered, whatever became of what they
// sent: parked, rejected, or nothing in it. What is moved here is not sent.
func TestUnregisteredDevicesAreHeard(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, node(1), 1)
	mustKeep(t, s, sample{1, noon, 400}, sample{2, noon, 400})
	uplink := func(n int) []*keeping.Uplink {
		return []*keeping.Uplink{{NodeID: node(n), Meta: keeping.Metadata{DevEUI: lorawan.EUI64(n)}}}
	}
	for _, f := range []*keeping.Flush{
		{At: noon, Uplinks: uplink(3)},
		{At: noon, Uplinks: uplink(4), Rejected: []keeping.RejectedRow{{
			NodeID: node(4), DevEUI: 4, Sample: measurement.Sample{Time: noon, CO2PPM: 1}, Fault: &fault.Violation{Code: measurement.OutOfRange},
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
	if got := scan[string](t, s, "SELECT string_agg(eui64, ' ' ORDER BY eui64) FROM heard_device"); got != want {
		t.Errorf("heard: %s, want %s", got, want)
	}
	exec(t, s, "UPDATE heard_device SET seen_at = now() - interval '2 hours', owner_id = 7 WHERE eui64 = '0000000000000003'")
	if err := s.Keep(t.Context(), &keeping.Flush{At: noon, Uplinks: uplink(3)}); err != nil {
		t.Fatal(err)
	}
	if n := scan[int](t, s, "SELECT count(*) FROM heard_device WHERE seen_at > now() - interval '1 minute' AND owner_id = 7"); n != 1 {
		t.Errorf("%d are heard again and had by whom they were had before, want 1", n)
	}
}
