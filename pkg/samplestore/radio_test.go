package samplestore

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// TestRadioCounts: of frames that come on several ways, late, again, or not at all, each
// is counted once, and what the counter passed over was expected.
func TestRadioCounts(t *testing.T) {
	t.Parallel()
	type frame struct {
		minute  int
		counter int
	}
	for _, tt := range []struct {
		name              string
		batches           [][]frame
		uplinks, expected int
	}{
		{"one after the other", [][]frame{{{0, 7}}, {{10, 8}}, {{20, 9}}}, 3, 3},
		{"each on three ways", [][]frame{{{0, 7}, {0, 7}}, {{0, 7}, {10, 8}}, {{10, 8}}}, 2, 2},
		{"two were lost", [][]frame{{{0, 7}}, {{30, 10}}}, 2, 4},
		{"what was missing comes late, twice", [][]frame{{{0, 7}}, {{30, 10}}, {{20, 9}, {10, 8}}, {{10, 8}, {20, 9}}}, 4, 4},
		{"one flush, out of order", [][]frame{{{20, 9}, {0, 7}, {10, 8}}}, 3, 3},
		{"a gateway delivers a frame again", [][]frame{{{0, 7}}, {{10, 8}}, {{12, 7}}, {{20, 9}}}, 3, 3},
		{"a confirmed frame is sent again", [][]frame{{{0, 7}}, {{1, 7}}, {{10, 8}}}, 2, 2},
		{"the device joined again", [][]frame{{{0, 700}}, {{10, 0}}, {{20, 1}}}, 3, 3},
		{"what was missing before the join is forgotten", [][]frame{{{0, 700}}, {{10, 702}}, {{20, 0}}, {{5, 701}}}, 3, 4},
		{"after a day of silence", [][]frame{{{0, 7}}, {{24*60 + 1, 300}}, {{24*60 + 11, 301}}}, 3, 3},
		{"a counter that leaps", [][]frame{{{0, 7}}, {{10, 1_000_000}}}, 2, 2},
		{"the counter begins anew", [][]frame{{{0, 1<<32 - 1}}, {{10, 0}}}, 2, 2},
		{"before the first", [][]frame{{{10, 8}}, {{0, 7}}}, 1, 1},
		{"late, over midnight", [][]frame{{{0, 7}}, {{13 * 60, 9}}, {{11 * 60, 8}}, {{11 * 60, 8}}}, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			state, uplinks, expected := map[int32]radioState{}, 0, 0
			for _, batch := range tt.batches {
				var entries []status
				for _, f := range batch {
					at := noon.Add(time.Duration(f.minute) * time.Minute)
					meta := keeping.Metadata{ReceivedAt: at, FCnt: measurement.Known(f.counter)}
					entries = append(entries, statusOf(1, &meta, at))
				}
				c := radioOf(entries)
				c.before = state
				c.count()
				state = c.after
				for _, d := range c.days {
					uplinks += int(d.uplinks)
					expected += int(d.expected)
				}
			}
			if uplinks != tt.uplinks || expected != tt.expected {
				t.Errorf("%d of %d uplinks, want %d of %d", uplinks, expected, tt.uplinks, tt.expected)
			}
		})
	}
}

// TestRadioDays: the same in the database, day by day, with how they were received; a
// replica goes on from what another one has counted.
func TestRadioDays(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	known := measurement.Known
	hear := func(at time.Time, counter, rssi, sf, gateways int) {
		t.Helper()
		meta := keeping.Metadata{
			ReceivedAt: at, FCnt: known(counter), RSSIDBm: known(rssi), SNRDecibel: -2.5, SNRKnown: true,
			SpreadingFactor: known(sf), BandwidthKHz: known(125), FrequencyHz: known(868_100_000), Gateways: known(gateways),
		}
		f := &keeping.Flush{At: at, Uplinks: []*keeping.Uplink{{NodeID: nodetest.ID(1), Meta: meta}}}
		for range 2 { // on two ways
			if err := s.Keep(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			s.Store = New(s.Store.pool)
			if err := s.WriteStatus(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	hear(noon, 1, -100, 9, 2)
	hear(noon.Add(time.Hour), 2, -110, 10, 1)
	hear(noon.Add(13*time.Hour), 5, -120, 12, 1)
	hear(noon.Add(2*time.Hour), 3, -112, 10, 1) // the storage search brings it
	if err := s.Keep(t.Context(), &keeping.Flush{At: noon, Uplinks: []*keeping.Uplink{{NodeID: nodetest.ID(1)}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteStatus(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := pgtest.Value[[]string](t, s.pool, `
		SELECT array_agg(concat_ws(' ', day, to_char(last_at AT TIME ZONE 'UTC', 'HH24:MI'), f_cnt, uplinks, expected, received, rssi_dbm, snr_10_db, spreading_factor, gateways) ORDER BY day)
		  FROM node_radio_day`)
	next := noon.AddDate(0, 0, 1)
	want := []string{
		noon.Format(time.DateOnly) + " 14:00 3 3 2 3 -322 -75 29 4",
		next.Format(time.DateOnly) + " 01:00 5 1 3 1 -120 -25 12 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	line := pgtest.Value[string](t, s.pool, "SELECT concat_ws(' ', spreading_factor, bandwidth_khz, frequency_hz, gateways) FROM node_status")
	if line != "12 125 868100000 1" {
		t.Errorf("the status says %q", line)
	}
}

// TestMissingIsBounded: a node that loses much does not fill its row.
func TestMissingIsBounded(t *testing.T) {
	t.Parallel()
	s := radioState{}
	for i := range int64(1000) {
		s.take(i+1, 2*(i+1))
	}
	for i := range int64(1000) {
		s.take(1, 2*i+1)
	}
	s.take(2000, 9000)
	for i := range int64(1000) {
		s.take(1, 2100+2*i)
	}
	if len(s.missing) > maxSpans || len(packSpans(s.missing, s.fCnt)) > 4*maxSpans {
		t.Errorf("%d spans in %d bytes", len(s.missing), len(packSpans(s.missing, s.fCnt)))
	}
}

// FuzzMissing: what stands in the column is an error or spans that would be read again as
// they are, in order and before the newest counter.
func FuzzMissing(f *testing.F) {
	f.Add(packSpans([]span{{1, 1}, {3, 7}, {9, 9}}, 10), int64(10))
	f.Add([]byte{1, 0}, int64(0))
	f.Fuzz(func(t *testing.T, row []byte, newest int64) {
		spans, err := unpackSpans(row, newest)
		if err != nil {
			return
		}
		for i, m := range spans {
			if m.from > m.to || m.from < 0 || m.to >= newest || i > 0 && spans[i-1].to >= m.from {
				t.Errorf("%v before %d", spans, newest)
			}
		}
		again, err := unpackSpans(packSpans(spans, newest), newest)
		if err != nil || !slices.Equal(spans, again) {
			t.Errorf("%v, %v, want %v", again, err, spans)
		}
	})
}
