package samplestore

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// What a stuck sensor goes on telling is kept, and marked; what else it tells, and what
// others tell, is what it was.
func TestSamplesOfStuckSensorsAreMarked(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for n := 1; n <= 2; n++ {
		nodetest.Register(t, s.pool, nodetest.ID(n), lorawan.EUI64(n))
	}
	mustKeep(t, s, sample{1, noon, 800})
	pgtest.Exec(t, s.pool, `INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at) SELECT no, $2, 800, $2 FROM node WHERE id = $1`, nodetest.ID(1), noon)
	if err := s.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := noon.Add(time.Hour)
	wantOutcomes(t, "stuck and not", mustKeep(t, s,
		sample{1, later, 800}, sample{1, later.Add(time.Minute), 802}, sample{1, noon.Add(-time.Minute), 800}, sample{2, later, 800}),
		keeping.Stored, keeping.Stored, keeping.Stored, keeping.Stored)
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample WHERE status = 'E' AND time = $1", later); n != 1 {
		t.Errorf("%d are marked at %v, want the one of the stuck sensor", n, later)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample WHERE status = 'E'"); n != 1 {
		t.Errorf("%d are marked, want 1", n)
	}
	// The same again is the same, whether the mark came before or after it.
	wantOutcomes(t, "before the mark", mustKeep(t, s, sample{1, noon, 800}), keeping.Duplicate)
	pgtest.Exec(t, s.pool, "UPDATE stuck_sensor SET released_at = $1", later.Add(30*time.Minute))
	if err := s.Learn(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "after it", mustKeep(t, s, sample{1, later, 800}, sample{1, later, 804}), keeping.Duplicate, keeping.Conflict)
	mustKeep(t, s, sample{1, later.Add(time.Hour), 800})
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM sample WHERE status = 'E'"); n != 1 {
		t.Errorf("%d are marked when the sensor moves again, want 1 still", n)
	}
}

// What comes late of a time in which a sensor was stuck is marked, also by who has not been
// told of it: a pen asks before it writes for the first time.
func TestLateSamplesOfASensorThatWasStuckAreMarked(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), lorawan.EUI64(1))
	pgtest.Exec(t, s.pool, `INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at, released_at)
		SELECT no, $2::timestamptz, 800, $2, $2::timestamptz + interval '2 hours' FROM node WHERE id = $1
		UNION ALL SELECT no, $2::timestamptz + interval '4 hours', 900, $2, NULL FROM node WHERE id = $1`, nodetest.ID(1), noon)
	pgtest.Exec(t, s.pool, `INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at, released_at, taken_back_at)
		SELECT no, $2::timestamptz + interval '2 hours', 950, $2, $2::timestamptz + interval '4 hours', $2 FROM node WHERE id = $1`, nodetest.ID(1), noon)
	hours := func(h float64) time.Time { return noon.Add(time.Duration(h * float64(time.Hour))) }
	mustKeep(t, s, sample{1, hours(-1), 800}, sample{1, hours(1), 800}, sample{1, hours(1.5), 900}, sample{1, hours(3), 800}, sample{1, hours(3.5), 950},
		sample{1, hours(5), 900}, sample{1, hours(6), 800})
	got := pgtest.Value[string](t, s.pool, "SELECT string_agg(extract(hour FROM time AT TIME ZONE 'UTC')::text, ' ' ORDER BY time) FROM sample WHERE status = 'E'")
	if got != "13 17" {
		t.Errorf("samples of the hours %q are marked, want those of 13 and 17", got)
	}
}
