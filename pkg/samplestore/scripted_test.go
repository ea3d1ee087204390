package samplestore

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// Of nodes of which scripts alone have told that is noted; not of those that were heard of
// otherwise, before or after.
func TestNodesOfWhichScriptsAloneHaveTold(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for n := 1; n <= 3; n++ {
		nodetest.Register(t, s.pool, nodetest.ID(n), lorawan.EUI64(n))
	}
	at := noon
	sends := func(script bool, nodes ...int) {
		t.Helper()
		at = at.Add(time.Minute)
		var samples []sample
		for _, n := range nodes {
			samples = append(samples, sample{n, at, 600})
		}
		f := flushOf(samples...)
		for _, u := range f.Uplinks {
			u.Registered = script
		}
		if err := s.Keep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := s.WriteStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Learn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	scripted := func(want string) {
		t.Helper()
		got := pgtest.Value[string](t, s.pool, "SELECT coalesce(string_agg(ltrim(n.eui64, '0'), ' ' ORDER BY n.eui64), '') FROM scripted_node x JOIN node n ON n.no = x.node_no")
		if got != want {
			t.Errorf("scripts alone have told of %q, want %q", got, want)
		}
	}
	sends(false, 1)
	sends(true, 1, 2, 3)
	scripted("2 3")
	sends(true, 3, 2)
	scripted("2 3")
	sends(false, 3)
	scripted("2")
	sends(true, 3)
	scripted("2")
}
