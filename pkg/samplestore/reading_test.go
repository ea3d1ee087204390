package samplestore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// told is a reading of a node, in a short form.
type told struct {
	node  int
	at    time.Time
	of    quantity.ID
	steps int32
}

func keepReadings(t *testing.T, s *world, all ...told) []keeping.Outcome {
	t.Helper()
	f := &keeping.Flush{At: noon.AddDate(0, 0, 1)}
	for i, r := range all {
		f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: nodetest.ID(r.node), Meta: keeping.Metadata{DevEUI: lorawan.EUI64(r.node), ReceivedAt: r.at}})
		f.Readings = append(f.Readings, keeping.ReadingRow{Reading: quantity.Reading{Time: r.at, Value: quantity.Value{Quantity: r.of, Steps: r.steps}}, Uplink: int32(i)})
	}
	if err := s.Keep(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	outcomes := make([]keeping.Outcome, len(f.Readings))
	for i := range f.Readings {
		outcomes[i] = f.Readings[i].Outcome
	}
	return outcomes
}

func value(of quantity.ID, steps int32) quantity.Value {
	return quantity.Value{Quantity: of, Steps: steps}
}

// valuesIn unpacks what a query finds.
func valuesIn(t *testing.T, s *world, query string) []quantity.Value {
	t.Helper()
	var all []quantity.Value
	for _, packed := range pgtest.Value[[][]byte](t, s.pool, query) {
		var err error
		if all, err = quantity.Unpack(all, packed); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

const storedReadings = "SELECT array_agg(readings ORDER BY node_no, time) FROM reading"

// TestReadingsKeepTheFirst: the key is node, time and quantity, and quantities may come later.
func TestReadingsKeepTheFirst(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	later := noon.Add(time.Minute)
	wantOutcomes(t, "new, in whatever order, and repeated among themselves",
		keepReadings(t, s, told{1, later, quantity.Light, 5}, told{1, noon, quantity.Pressure, 10132}, told{1, noon, quantity.Temperature, -55},
			told{1, noon, quantity.Pressure, 10132}, told{1, noon, quantity.Pressure, 10133}),
		keeping.Stored, keeping.Stored, keeping.Stored, keeping.Duplicate, keeping.Conflict)
	wantOutcomes(t, "the same, another value, another quantity",
		keepReadings(t, s, told{1, noon, quantity.Pressure, 10132}, told{1, noon, quantity.Temperature, 1}, told{1, noon, quantity.Motion, 3},
			told{1, later, quantity.Light, 5}),
		keeping.Duplicate, keeping.Conflict, keeping.Stored, keeping.Duplicate)
	want := []quantity.Value{value(quantity.Temperature, -55), value(quantity.Pressure, 10132), value(quantity.Motion, 3), value(quantity.Light, 5)}
	if diff := cmp.Diff(want, valuesIn(t, s, storedReadings)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	aside := pgtest.Value[[]string](t, s.pool, "SELECT array_agg(concat_ws(' ', reason, field) ORDER BY id) FROM rejected_reading")
	if !slices.Equal(aside, []string{"conflict time_s", "conflict time_s"}) {
		t.Errorf("kept aside: %v", aside)
	}
	if got := valuesIn(t, s, "SELECT array_agg(readings ORDER BY id) FROM rejected_reading"); !cmp.Equal(got, []quantity.Value{value(quantity.Pressure, 10133), value(quantity.Temperature, 1)}) {
		t.Errorf("kept aside: %v", got)
	}
}

// TestReadingsBesideSamples: what becomes of a sample is not what becomes of its readings.
func TestReadingsBesideSamples(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s *world) {
		t.Helper()
		nodetest.Register(t, s.pool, nodetest.ID(1), 1)
		mustKeep(t, s, sample{1, noon, 400})
		f := flushOf(sample{1, noon, 400}, sample{1, noon.Add(time.Hour), 402})
		f.Readings = []keeping.ReadingRow{
			{Reading: quantity.Reading{Time: noon, Value: quantity.Value{Quantity: quantity.Light, Steps: 39}}},
			{Reading: quantity.Reading{Time: noon.Add(time.Hour), Value: quantity.Value{Quantity: quantity.Light, Steps: 40}}, Uplink: 1},
		}
		if err := s.Keep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		wantOutcomes(t, "samples", []keeping.Outcome{f.Rows[0].Outcome, f.Rows[1].Outcome}, keeping.Duplicate, keeping.Stored)
		wantOutcomes(t, "readings", []keeping.Outcome{f.Readings[0].Outcome, f.Readings[1].Outcome}, keeping.Stored, keeping.Stored)
		if f.Readings[0].NodeNo == 0 || f.Readings[0].NodeNo != f.Rows[1].NodeNo {
			t.Errorf("the node's number is %d, want %d", f.Readings[0].NodeNo, f.Rows[1].NodeNo)
		}
		if got := valuesIn(t, s, storedReadings); !cmp.Equal(got, []quantity.Value{value(quantity.Light, 39), value(quantity.Light, 40)}) {
			t.Errorf("stored: %v", got)
		}
	})
}

// TestReadingsAreParkedAndAdopted: a node without CO2 that nobody has registered yet.
func TestReadingsAreParkedAndAdopted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	wantOutcomes(t, "not registered", keepReadings(t, s, told{2, noon, quantity.Light, 7}), keeping.Parked)
	wantOutcomes(t, "again, more, and another value",
		keepReadings(t, s, told{2, noon, quantity.Light, 7}, told{2, noon, quantity.Motion, 1}, told{2, noon, quantity.Light, 8}),
		keeping.Parked, keeping.Parked, keeping.Conflict)
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	if got := valuesIn(t, s, storedReadings); !cmp.Equal(got, []quantity.Value{value(quantity.Light, 7), value(quantity.Motion, 1)}) {
		t.Errorf("adopted: %v", got)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM parked_reading"); n != 0 {
		t.Errorf("%d are still parked", n)
	}
	if at := pgtest.Value[time.Time](t, s.pool, "SELECT last_contact_at FROM node_status"); !at.Equal(noon) {
		t.Errorf("the node was heard of at %v, want %v", at, noon)
	}
	wantOutcomes(t, "registered", keepReadings(t, s, told{2, noon, quantity.Light, 7}, told{2, noon, quantity.TVOC, 9}), keeping.Duplicate, keeping.Stored)
}

// A month that yesterday's function made, in a transaction that lasted longer than the migration,
// has no readings' partition yet.
func TestReadingsOfAMonthOfBefore(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400})
	pgtest.Exec(t, s.pool, "DROP TABLE reading_y2025m03")
	wantOutcomes(t, "made when it is needed", keepReadings(t, s, told{1, noon, quantity.Light, 1}), keeping.Stored)
}

// TestReadingsOfArchivedMonths are rejected, whichever way they come, and kept aside.
func TestReadingsOfArchivedMonths(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400})
	keepReadings(t, s, told{1, noon, quantity.Light, 1})
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1)", noon)
	next := noon.AddDate(0, 1, 0)
	wantOutcomes(t, "archived and not", keepReadings(t, s, told{1, noon.Add(time.Hour), quantity.Light, 2}, told{1, next, quantity.Light, 3}),
		keeping.Rejected, keeping.Stored)
	keepReadings(t, s, told{2, noon, quantity.Light, 4}, told{2, next, quantity.Light, 5})
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	if got := valuesIn(t, s, storedReadings); !cmp.Equal(got, []quantity.Value{value(quantity.Light, 3), value(quantity.Light, 5)}) {
		t.Errorf("stored: %v", got)
	}
	aside := pgtest.Value[[]string](t, s.pool, "SELECT array_agg(concat_ws(' ', reason, field, detail) ORDER BY id) FROM rejected_reading")
	const why = "too_old time_s the samples of 2025-03 are archived"
	if diff := cmp.Diff([]string{why, why}, aside); diff != "" {
		t.Errorf("kept aside (-want +got):\n%s", diff)
	}
	// The archive of the samples goes; the month begins anew, with readings.
	pgtest.Exec(t, s.pool, "DROP TABLE sample_y2025m03")
	wantOutcomes(t, "begun anew", keepReadings(t, s, told{1, noon.Add(time.Hour), quantity.Light, 2}), keeping.Stored)
	// It is archived again, beside its first archive.
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1)", noon)
	pgtest.Exec(t, s.pool, "DROP TABLE sample_y2025m03")
	s.months.forget() // as after a while: the store finds it by the failure
	wantOutcomes(t, "and once more", keepReadings(t, s, told{1, noon.Add(2 * time.Hour), quantity.Light, 6}), keeping.Stored)
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1)", noon)
	for i, light := range []int32{1, 2, 6} {
		table := "archived_reading_y2025m03"
		if i > 0 {
			table += "_" + strconv.Itoa(i+1)
		}
		if got := valuesIn(t, s, "SELECT array_agg(readings) FROM "+table); !cmp.Equal(got, []quantity.Value{value(quantity.Light, light)}) {
			t.Errorf("%s has %v, want %d lx", table, got, light)
		}
	}
}

// Seconds to which something is added are written together, and other writers' in any order.
func TestReadingsAreAddedTogether(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	const seconds = 200
	all := func(of quantity.ID, from, step int) (all []told) {
		for i := range seconds {
			for node := 1; node <= 2; node++ { // one is not registered
				all = append(all, told{node, noon.Add(time.Duration(from+i*step) * time.Second), of, 7})
			}
		}
		return all
	}
	keepReadings(t, s, all(quantity.Light, 0, 1)...)
	tell := func(of quantity.ID, from, step int) {
		for i, o := range keepReadings(t, s, all(of, from, step)...) {
			if want := [...]keeping.Outcome{keeping.Stored, keeping.Parked}[i%2]; o != want {
				t.Errorf("%v, second %d: %v, want %v", of, i/2, o, want)
				return
			}
		}
	}
	statements := &counted{}
	config := s.Store.pool.Config()
	config.ConnConfig.Tracer = statements
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.Store.pool = pool
	tell(quantity.Pressure, 0, 1)
	if n := statements.updates.Load(); n != 2 {
		t.Errorf("%d updates of readings, want one of those that are stored and one of those that are parked", n)
	}
	var g sync.WaitGroup
	for i, of := range []quantity.ID{quantity.Motion, quantity.TVOC, quantity.Radon} {
		g.Go(func() { tell(of, i%2*(seconds-1), 1-i%2*2) })
	}
	g.Wait()
	if got := len(valuesIn(t, s, storedReadings)); got != 5*seconds {
		t.Errorf("%d values are stored, want %d", got, 5*seconds)
	}
}

// counted counts the updates of readings.
type counted struct{ updates atomic.Int64 }

func (c *counted) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "UPDATE reading") || strings.Contains(q.SQL, "UPDATE parked_reading") {
		c.updates.Add(1)
	}
	return ctx
}

func (*counted) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Whoever may speak of registered nodes only writes into months that there are, also where the
// readings' table of an old one is missing yet.
func TestReadingsOfAnOldMonthByAToken(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400})
	pgtest.Exec(t, s.pool, "DROP TABLE reading_y2025m03")
	s.months.forget()
	f := &keeping.Flush{
		At:       noon.AddDate(2, 0, 0),
		Uplinks:  []*keeping.Uplink{{NodeID: nodetest.ID(1), Registered: true}},
		Readings: []keeping.ReadingRow{{Reading: quantity.Reading{Time: noon, Value: value(quantity.Light, 1)}}},
	}
	if err := s.Keep(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "of a month that there is", []keeping.Outcome{f.Readings[0].Outcome}, keeping.Stored)
}
