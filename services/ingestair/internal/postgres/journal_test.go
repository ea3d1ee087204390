package postgres

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/postgres/nodetest"
)

const statusLine = `
	SELECT concat_ws(' ', to_char(last_contact_at AT TIME ZONE 'UTC', 'HH24:MI'), coalesce(rssi_dbm::text, '-'), coalesce(snr_db::text, '-'),
	       coalesce(data_rate_index::text, '-'), coalesce(battery_percent::text, '-'), coalesce(battery_millivolts::text, '-'), coalesce(f_cnt::text, '-'),
	       '|', coalesce(to_char(last_sample_at AT TIME ZONE 'UTC', 'HH24:MI'), '-'), last_co2_ppm, last_temperature_decicelsius, last_rel_humidity_percent, last_status)
	  FROM node_status`

// TestNodeStatus: of what uplinks tell, the newest holds, in whatever order they
// come; a restart in between loses nothing, because it is all in the database.
func TestNodeStatus(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	nodetest.Register(t, s.pool, node(1), 1)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	known := measurement.Known
	uplink := func(received int, meta ingest.Metadata, samples ...sample) *ingest.Flush {
		f := flushOf(samples...)
		meta.ReceivedAt = at(received)
		f.Uplinks = []*ingest.Uplink{{NodeID: node(1), Meta: meta}}
		for i := range f.Rows {
			f.Rows[i].Uplink = 0
		}
		return f
	}
	full := ingest.Metadata{
		RSSIDBm: known(-117), SNRDecibel: -7.25, SNRKnown: true, DataRateIndex: known(3),
		BatteryPercent: known(80), BatteryMillivolts: known(3600), FCnt: known(4294967294),
	}
	for _, step := range []struct {
		name  string
		flush *ingest.Flush
		want  string
	}{
		{"first", uplink(10, full, sample{1, at(9), 444}, sample{1, at(6), 401}), "12:10 -117 -7.3 3 80 3600 4294967294 | 12:09 444 244 44 M"},
		{"newer, tells less", uplink(20, ingest.Metadata{RSSIDBm: known(-90), FCnt: known(0)}, sample{1, at(19), 401}), "12:20 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"older, again", uplink(10, full, sample{1, at(9), 444}), "12:20 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"conflict with the newest sample", uplink(21, ingest.Metadata{}, sample{1, at(19), 999}), "12:21 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"newer contact, older sample", uplink(30, ingest.Metadata{DataRateIndex: known(5)}, sample{1, at(1), 402}), "12:30 -90 -7.3 5 80 3600 0 | 12:19 401 M"},
		{"no sample at all", uplink(31, ingest.Metadata{}), "12:31 -90 -7.3 5 80 3600 0 | 12:19 401 M"},
	} {
		if err := s.Keep(t.Context(), step.flush); err != nil {
			t.Fatal(err)
		}
		// Another process finds what this one had no time to write.
		s = New(s.pool)
		if err := s.WriteStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := scan[string](t, s, statusLine); got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
	if n := scan[int](t, s, "SELECT count(*) FROM node_status_journal"); n != 0 {
		t.Errorf("%d rows are left in the journal", n)
	}
}

// TestStatusOfAdoptedNode: a registered node has a status at once, and samples
// that come later do not fall behind it.
func TestStatusOfAdoptedNode(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustKeep(t, s, sample{1, noon, 400}, sample{1, noon.Add(time.Hour), 402})
	nodetest.Register(t, s.pool, node(1), 1)
	if got, want := scan[string](t, s, statusLine), "13:00 - - - - - - | 13:00 402 202 2 M"; !strings.HasPrefix(got, "13:00") {
		t.Errorf("got %q, want %q", got, want)
	}
	exec(t, s, "DELETE FROM node WHERE id = $1", node(1))
	if err := s.WriteStatus(t.Context()); err != nil {
		t.Errorf("the journal tells of a deleted node: %v", err)
	}
}

func TestJournalFormat(t *testing.T) {
	t.Parallel()
	known := measurement.Known
	want := []status{
		{no: 1, contactAt: 5, sampleAt: noTime, rssi: known(-120), snr10: known(-75), dataRate: known(0), batteryPercent: known(100), batteryMillivolts: known(3600), fCnt: known(1 << 31)},
		{no: 1 << 30, contactAt: -5, sampleAt: 1 << 60},
	}
	buf := []byte{journalVersion}
	for i := range want {
		buf = want[i].append(buf)
	}
	var j journal
	j.reset()
	if err := j.read(buf); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, j.entries, cmp.AllowUnexported(status{})); diff != "" {
		t.Errorf("entries (-written +read):\n%s", diff)
	}
	for _, broken := range [][]byte{nil, {journalVersion + 1}, buf[:len(buf)-1]} {
		j.reset()
		if err := j.read(broken); err == nil {
			t.Errorf("read %x without an error", broken)
		}
	}
}

// FuzzJournal: whatever stands in the journal is an error or entries that would be
// written the same.
func FuzzJournal(f *testing.F) {
	s := status{no: 7, contactAt: 1, sampleAt: noTime, rssi: measurement.Known(-110), fCnt: measurement.Known(1 << 31)}
	f.Add(s.append([]byte{journalVersion}))
	f.Add([]byte{journalVersion + 1})
	f.Fuzz(func(t *testing.T, row []byte) {
		var j journal
		j.reset()
		if j.read(row) != nil {
			return
		}
		for entry := range slices.Chunk(row[1:], entrySize) {
			s := parseStatus(entry)
			if again := s.append(nil); !bytes.Equal(again, entry) {
				t.Errorf("%x becomes %x", entry, again)
			}
		}
	})
}
