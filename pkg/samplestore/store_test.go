package samplestore

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
	"github.com/clairberlin/clair-stack/pkg/schema"
)

// noon is a time in the past whose month has no partition yet.
var noon = time.Date(2025, 3, 14, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgdb.Open(t.Context(), pgdb.Config{URL: config.NewSecret(url), MaxConns: 8}, "test", Configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// world is a store that logs in as the ingestair does, and the owner's way to its database
// for what a test does itself.
type world struct {
	*Store

	pool *pgxpool.Pool
}

func newStore(t testing.TB) *world {
	t.Helper()
	owner := pgtest.URL(t)
	return &world{New(open(t, pgtest.RoleURL(t, schema.Ingestair, owner))), open(t, owner)}
}

// sample is a sample of a node, in a short form.
type sample struct {
	node int
	at   time.Time
	co2  int
}

func flushOf(samples ...sample) *keeping.Flush {
	f := &keeping.Flush{At: noon.AddDate(0, 0, 1)}
	for i, s := range samples {
		f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: nodetest.ID(s.node), Meta: keeping.Metadata{DevEUI: lorawan.EUI64(s.node)}})
		f.Rows = append(f.Rows, keeping.Row{Sample: nodetest.Measured(s.at, s.co2), Uplink: int32(i)})
	}
	return f
}

func keep(ctx context.Context, s *world, samples ...sample) ([]keeping.Outcome, error) {
	f := flushOf(samples...)
	err := s.Keep(ctx, f)
	outcomes := make([]keeping.Outcome, len(f.Rows))
	for i := range f.Rows {
		outcomes[i] = f.Rows[i].Outcome
	}
	return outcomes, err
}

func mustKeep(t *testing.T, s *world, samples ...sample) []keeping.Outcome {
	t.Helper()
	outcomes, err := keep(t.Context(), s, samples...)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func wantOutcomes(t *testing.T, what string, got []keeping.Outcome, want ...keeping.Outcome) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Transformer("name", keeping.Outcome.String)); diff != "" {
		t.Errorf("%s: outcomes (-want +got):\n%s", what, diff)
	}
}

// eachWay runs a test with a store that expects repeated samples in each flush,
// with one that never does, and with one that learns.
func eachWay(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	for _, way := range []struct {
		name       string
		boldFrom   int
		carefulFor int32
	}{
		{"careful", math.MaxInt, carefulFor},
		{"bold", 1, 0},
		{"learning", 1, 3},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.boldFrom, s.carefulFor = way.boldFrom, way.carefulFor
			test(t, s)
		})
	}
}

// TestOutcomes follows a random history of samples, registrations and deletions
// with a model in memory; every outcome and the samples in the end must agree.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	eachWay(t, testOutcomes)
}

func testOutcomes(t *testing.T, s *world) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	type key struct {
		node int
		at   time.Time
	}
	registered := map[int]bool{}
	stored, parked := map[key]int{}, map[key]int{}
	for round := range 150 {
		n := 1 + random.IntN(5)
		switch {
		case random.IntN(10) == 0 && !registered[n]:
			nodetest.Register(t, s.pool, nodetest.ID(n), lorawan.EUI64(n))
			registered[n] = true
			for k, co2 := range parked {
				if k.node == n {
					stored[k] = co2
					delete(parked, k)
				}
			}
		case random.IntN(20) == 0 && registered[n]:
			pgtest.Exec(t, s.pool, "DELETE FROM node WHERE id = $1", nodetest.ID(n))
			registered[n] = false
			for k := range stored {
				if k.node == n {
					delete(stored, k)
				}
			}
		}
		var samples []sample
		var want []keeping.Outcome
		for range 1 + random.IntN(20) {
			smp := sample{1 + random.IntN(5), noon.Add(time.Duration(random.IntN(60)) * 24 * time.Hour), 400 + random.IntN(3)}
			k := key{smp.node, smp.at}
			to, first, again := parked, keeping.Parked, keeping.Parked
			if registered[smp.node] {
				to, first, again = stored, keeping.Stored, keeping.Duplicate
			}
			co2, ok := to[k]
			switch {
			case !ok:
				to[k] = smp.co2
				want = append(want, first)
			case co2 == smp.co2:
				want = append(want, again)
			default:
				want = append(want, keeping.Conflict)
			}
			samples = append(samples, smp)
		}
		wantOutcomes(t, fmt.Sprintf("round %d", round), mustKeep(t, s, samples...), want...)
		if t.Failed() {
			return
		}
	}
	var want []string
	for k, co2 := range stored {
		want = append(want, fmt.Sprintf("%v %v %d", nodetest.ID(k.node), k.at.Unix(), co2))
	}
	slices.Sort(want)
	got := pgtest.Value[[]string](t, s.pool, `
		SELECT array_agg(line ORDER BY line COLLATE "C")
		  FROM (SELECT format('%s %s %s', n.id, extract(epoch FROM s.time)::bigint, s.co2_ppm) AS line
		          FROM sample s JOIN node n ON n.no = s.node_no) l`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples in the end (-want +got):\n%s", diff)
	}
}

// TestRepeatedInLargeFlush: a large flush is written without looking first; when
// some of its samples are there already, each still gets its own result.
func TestRepeatedInLargeFlush(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	var samples []sample
	for i := range 2 * boldFrom {
		samples = append(samples, sample{1, noon.Add(time.Duration(i) * time.Minute), 400})
	}
	n := len(samples)
	wantOutcomes(t, "new", mustKeep(t, s, samples...), slices.Repeat([]keeping.Outcome{keeping.Stored}, n)...)
	samples[0].co2, samples[n-1].at = 500, samples[n-1].at.Add(time.Hour)
	want := slices.Concat([]keeping.Outcome{keeping.Conflict}, slices.Repeat([]keeping.Outcome{keeping.Duplicate}, n-2), []keeping.Outcome{keeping.Stored, keeping.Duplicate})
	wantOutcomes(t, "repeated but for one", mustKeep(t, s, append(samples, samples[n-1])...), want...)
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM node_status_journal"); n != 2 {
		t.Errorf("%d rows in the journal, want one for each flush", n)
	}
}

// TestConcurrentWriters: of all who send the same key, one stored it, and all who
// sent its values learn that it is there. Nodes are registered meanwhile.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	eachWay(t, testConcurrentWriters)
}

func testConcurrentWriters(t *testing.T, s *world) {
	t.Helper()
	const nodes, writers, rounds = 6, 4, 25
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	type sent struct {
		sample
		outcome keeping.Outcome
	}
	all := make([][]sent, writers)
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			random := rand.New(rand.NewPCG(3, uint64(w)))
			for range rounds {
				var samples []sample
				for range 30 {
					samples = append(samples, sample{1 + random.IntN(nodes), noon.Add(time.Duration(random.IntN(100)) * time.Second), 400 + random.IntN(2)})
				}
				outcomes, err := keep(t.Context(), s, samples...)
				if err != nil {
					return err
				}
				for i, o := range outcomes {
					all[w] = append(all[w], sent{samples[i], o})
				}
			}
			return nil
		})
	}
	for n := 2; n <= nodes; n++ {
		nodetest.Register(t, s.pool, nodetest.ID(n), lorawan.EUI64(n))
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	type key struct {
		node int
		at   int64
	}
	there := map[key]int{}
	rows, err := s.pool.Query(t.Context(), `
		SELECT n.eui64::integer, extract(epoch FROM s.time)::bigint, s.co2_ppm::integer
		  FROM sample s JOIN node n ON n.no = s.node_no`)
	if err != nil {
		t.Fatal(err)
	}
	var n, co2 int
	var at int64
	if _, err := pgx.ForEachRow(rows, []any{&n, &at, &co2}, func() error {
		there[key{n, at}] = co2
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stored := map[key]int{}
	for _, m := range slices.Concat(all...) {
		k := key{m.node, m.at.Unix()}
		co2, ok := there[k]
		same := co2 == m.co2
		switch {
		case !ok:
			t.Errorf("%v was %v and is not there", m.sample, m.outcome)
		case m.outcome == keeping.Stored:
			stored[k]++
			fallthrough
		case m.outcome == keeping.Duplicate, m.outcome == keeping.Parked:
			if !same {
				t.Errorf("%v was %v, but %d is there", m.sample, m.outcome, co2)
			}
		case m.outcome == keeping.Conflict:
			if same {
				t.Errorf("%v was a conflict, but is there", m.sample)
			}
		}
	}
	for k, times := range stored {
		if times > 1 {
			t.Errorf("%v was stored %d times", k, times)
		}
	}
	if parked := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM parked_sample"); parked != 0 {
		t.Errorf("%d samples of registered nodes are still parked", parked)
	}
}

// TestRegistrationUnderWay: a sample comes while its node is being registered. It
// waits, and then is the node's, not parked for ever.
func TestRegistrationUnderWay(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1) // an owner, and the partition
	mustKeep(t, s, sample{1, noon, 400})
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT $1, '0000000000000002', 'two', protocol_id, model_id, owner_id FROM node`, nodetest.ID(2)); err != nil {
		t.Fatal(err)
	}
	kept := make(chan []keeping.Outcome, 1)
	go func() {
		outcomes, err := keep(t.Context(), s, sample{2, noon, 400})
		if err != nil {
			t.Error(err)
		}
		kept <- outcomes
	}()
	for pgtest.Value[int](t, s.pool, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'parked_sample'::regclass") == 0 {
		select {
		case outcomes := <-kept:
			t.Fatalf("the sample did not wait for the registration: %v", outcomes)
		case <-time.After(time.Millisecond):
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "after the registration", <-kept, keeping.Stored)
}

// TestDeletedNode: a node is deleted while its number is in our memory. Its
// samples are parked from then on.
func TestDeletedNode(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	wantOutcomes(t, "at first", mustKeep(t, s, sample{1, noon, 400}, sample{2, noon, 400}), keeping.Stored, keeping.Stored)
	pgtest.Exec(t, s.pool, "DELETE FROM node WHERE id = $1", nodetest.ID(1))
	later := noon.Add(time.Minute)
	wantOutcomes(t, "after the deletion", mustKeep(t, s, sample{1, noon, 400}, sample{1, later, 400}, sample{2, noon, 400}, sample{2, later, 400}),
		keeping.Parked, keeping.Parked, keeping.Duplicate, keeping.Stored)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	wantOutcomes(t, "registered again", mustKeep(t, s, sample{1, noon, 400}, sample{1, later, 401}), keeping.Duplicate, keeping.Conflict)
}

// TestArchivedMonth: samples of a month that was detached are rejected alone, and
// kept aside.
func TestArchivedMonth(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400})
	if name := pgtest.Value[string](t, s.pool, "SELECT detach_sample_partition($1)", noon); name != "sample_y2025m03" {
		t.Errorf("detached %s", name)
	}
	f := flushOf(sample{1, noon.Add(time.Hour), 400}, sample{1, noon.AddDate(0, 1, 0), 400})
	// One that was rejected before; the first transaction does not know of the archive,
	// and fails.
	f.Rejected = []keeping.RejectedRow{{NodeID: nodetest.ID(1), Fault: &fault.Violation{Reason: reason.InFuture, Field: "time_s", Detail: "tomorrow"}}}
	if err := s.Keep(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, "archived and not", []keeping.Outcome{f.Rows[0].Outcome, f.Rows[1].Outcome}, keeping.Rejected, keeping.Stored)
	why := pgtest.Value[[]string](t, s.pool, "SELECT array_agg(concat_ws(' ', reason, field, detail) ORDER BY reason) FROM rejected_sample")
	if diff := cmp.Diff([]string{"in_future time_s tomorrow", "too_old time_s the samples of 2025-03 are archived"}, why); diff != "" {
		t.Errorf("kept aside (-want +got):\n%s", diff)
	}
	pgtest.Exec(t, s.pool, "DROP TABLE sample_y2025m03")
	wantOutcomes(t, "after the archive was dropped", mustKeep(t, s, sample{1, noon.Add(time.Hour), 400}), keeping.Stored)
}

// TestAdoptionOfAnArchivedMonth: a node that is registered gets the parked samples that
// can be stored; those of a month that was detached are rejected with the reason.
func TestAdoptionOfAnArchivedMonth(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	mustKeep(t, s, sample{1, noon, 400})
	pgtest.Exec(t, s.pool, "SELECT detach_sample_partition($1)", noon)
	open, archived := noon.AddDate(0, 1, 0), noon.Add(time.Hour)
	wantOutcomes(t, "not registered", mustKeep(t, s, sample{2, archived, 400}, sample{2, open, 402}, sample{3, archived, 403}),
		keeping.Parked, keeping.Parked, keeping.Parked)
	nodetest.Register(t, s.pool, nodetest.ID(2), 2)
	nodetest.Register(t, s.pool, nodetest.ID(3), 3)
	if got := pgtest.Value[[]int](t, s.pool, "SELECT array_agg(co2_ppm) FROM sample"); !slices.Equal(got, []int{402}) {
		t.Errorf("stored: %v, want that of the open month", got)
	}
	got := pgtest.Value[[]string](t, s.pool, "SELECT array_agg(concat_ws(' ', co2_ppm, dev_eui, reason, field, detail) ORDER BY co2_ppm) FROM rejected_sample")
	want := []string{
		"400 0000000000000002 too_old time_s the samples of 2025-03 are archived",
		"403 0000000000000003 too_old time_s the samples of 2025-03 are archived",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept aside (-want +got):\n%s", diff)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM parked_sample"); n != 0 {
		t.Errorf("%d samples are still parked", n)
	}
	// The node was heard of, whatever became of its samples.
	heard := pgtest.Value[[]string](t, s.pool, `
		SELECT array_agg(concat_ws(' ', to_char(last_contact_at AT TIME ZONE 'UTC', 'MM-DD HH24'), coalesce(last_co2_ppm::text, '-')) ORDER BY node_no)
		  FROM node_status JOIN node ON no = node_no WHERE id <> $1`, nodetest.ID(1))
	if diff := cmp.Diff([]string{"04-14 12 402", "03-14 13 -"}, heard); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// TestMonthsAhead: there is a partition for this and the next two months, also at
// the turn of the year.
func TestMonthsAhead(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for range 2 {
		if err := s.EnsurePartitions(t.Context(), time.Date(2037, 11, 30, 23, 59, 59, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	got := pgtest.Value[[]string](t, s.pool, "SELECT array_agg(inhrelid::regclass::text ORDER BY 1) FROM pg_inherits WHERE inhparent = 'sample'::regclass")
	if diff := cmp.Diff([]string{"sample_y2037m11", "sample_y2037m12", "sample_y2038m01"}, got); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
}

// TestFarTimes: the year 2038 is no border, and the hour that clocks repeat in
// autumn is two hours.
func TestFarTimes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	border := time.Unix(1<<31, 0).UTC()
	times := []time.Time{
		measurement.Earliest, border.Add(-time.Second), border, border.Add(time.Second), time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), // both 02:30 in Berlin
	}
	var samples []sample
	for _, at := range times {
		samples = append(samples, sample{1, at, 400})
	}
	wantOutcomes(t, "far times", mustKeep(t, s, samples...), slices.Repeat([]keeping.Outcome{keeping.Stored}, len(times))...)
	wantOutcomes(t, "again", mustKeep(t, s, samples...), slices.Repeat([]keeping.Outcome{keeping.Duplicate}, len(times))...)
	slices.SortFunc(times, time.Time.Compare)
	got := pgtest.Value[[]time.Time](t, s.pool, "SELECT array_agg(time ORDER BY time) FROM sample")
	if diff := cmp.Diff(times, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

// TestCommitsAreDurable: sessions wait for the disk also where the server's
// default is not to.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	name := pgtest.Value[string](t, s.pool, "SELECT current_database()::text")
	pgtest.Exec(t, s.pool, "ALTER DATABASE "+name+" SET synchronous_commit = off")
	s.pool.Reset()
	if got := pgtest.Value[string](t, s.pool, "SHOW synchronous_commit"); got != "on" {
		t.Errorf("synchronous_commit is %s", got)
	}
}

// A sample beside another one of the same node and second is kept aside, once, as often
// as it comes: it was measured, even if two stand in one second because a gateway had
// held one back.
func TestConflictsAreKeptAside(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	for _, n := range []int{1, 2} { // registered, and not
		mustKeep(t, s, sample{n, noon, 400})
		for range 2 {
			wantOutcomes(t, "another value", mustKeep(t, s, sample{n, noon, 402}, sample{n, noon, 403}), keeping.Conflict, keeping.Conflict)
		}
		got := pgtest.Value[string](t, s.pool, `SELECT coalesce(string_agg(format('%s %s %s %s', reason, field, time_s, co2_ppm), ', ' ORDER BY co2_ppm), '') FROM rejected_sample WHERE node_id = $1`, nodetest.ID(n))
		if want := fmt.Sprintf("conflict time_s %d 402, conflict time_s %d 403", noon.Unix(), noon.Unix()); got != want {
			t.Errorf("node %d: kept are %s, want %s", n, got, want)
		}
	}
	// What is copied from elsewhere is still there.
	past := flushOf(sample{1, noon, 404})
	past.Past = true
	if err := s.Keep(t.Context(), past); err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM rejected_sample WHERE co2_ppm = 404"); n != 0 {
		t.Error("a conflict of the past is kept aside")
	}
}
