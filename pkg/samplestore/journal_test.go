package samplestore

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
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
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	known := measurement.Known
	uplink := func(received int, meta keeping.Metadata, samples ...sample) *keeping.Flush {
		f := flushOf(samples...)
		meta.ReceivedAt = at(received)
		f.Uplinks = []*keeping.Uplink{{NodeID: nodetest.ID(1), Meta: meta}}
		for i := range f.Rows {
			f.Rows[i].Uplink = 0
		}
		return f
	}
	full := keeping.Metadata{
		RSSIDBm: known(-117), SNRDecibel: -7.25, SNRKnown: true, DataRateIndex: known(3),
		BatteryPercent: known(80), BatteryMillivolts: known(3600), FCnt: known(4294967294),
	}
	for _, step := range []struct {
		name  string
		flush *keeping.Flush
		want  string
	}{
		{"first", uplink(10, full, sample{1, at(9), 444}, sample{1, at(6), 401}), "12:10 -117 -7.3 3 80 3600 4294967294 | 12:09 444 244 44 M"},
		{"newer, tells less", uplink(20, keeping.Metadata{RSSIDBm: known(-90), FCnt: known(0)}, sample{1, at(19), 401}), "12:20 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"older, again", uplink(10, full, sample{1, at(9), 444}), "12:20 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"conflict with the newest sample", uplink(21, keeping.Metadata{}, sample{1, at(19), 999}), "12:21 -90 -7.3 3 80 3600 0 | 12:19 401 M"},
		{"newer contact, older sample", uplink(30, keeping.Metadata{DataRateIndex: known(5)}, sample{1, at(1), 402}), "12:30 -90 -7.3 5 80 3600 0 | 12:19 401 M"},
		{"no sample at all", uplink(31, keeping.Metadata{}), "12:31 -90 -7.3 5 80 3600 0 | 12:19 401 M"},
	} {
		if err := s.Keep(t.Context(), step.flush); err != nil {
			t.Fatal(err)
		}
		// Another process finds what this one had no time to write.
		s.Store = New(s.Store.pool)
		if err := s.WriteStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := pgtest.Value[string](t, s.pool, statusLine); got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM node_status_journal"); n != 0 {
		t.Errorf("%d rows are left in the journal", n)
	}
}

// TestStatusOfAdoptedNode: a registered node has a status at once, and samples
// that come later do not fall behind it.
func TestStatusOfAdoptedNode(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustKeep(t, s, sample{1, noon, 400}, sample{1, noon.Add(time.Hour), 402})
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	if got, want := pgtest.Value[string](t, s.pool, statusLine), "13:00 - - - - - - | 13:00 402 202 2 M"; !strings.HasPrefix(got, "13:00") {
		t.Errorf("got %q, want %q", got, want)
	}
	pgtest.Exec(t, s.pool, "DELETE FROM node WHERE id = $1", nodetest.ID(1))
	if err := s.WriteStatus(t.Context()); err != nil {
		t.Errorf("the journal tells of a deleted node: %v", err)
	}
}

// TestJournalOfManyNodes: what a large flush tells takes several rows, none of which
// PostgreSQL keeps in pieces; what another version wrote is left alone, for a day.
func TestJournalOfManyNodes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const nodes = 1000
	nodetest.Register(t, s.pool, nodetest.ID(1), 1)
	pgtest.Exec(t, s.pool, `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT gen_random_uuid(), to_char(n, 'FM0000000000000000'), n, protocol_id, model_id, owner_id FROM node, generate_series(2, $1::integer) n`, nodes)
	f := &keeping.Flush{At: noon}
	for i, id := range pgtest.Value[[]uuid.UUID](t, s.pool, "SELECT array_agg(id ORDER BY no) FROM node") {
		f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: id, Meta: keeping.Metadata{
			RSSIDBm: measurement.Known(-120), SNRDecibel: -20, SNRKnown: true, DataRateIndex: measurement.Known(5),
			BatteryPercent: measurement.Known(100), BatteryMillivolts: measurement.Known(3600), FCnt: measurement.Known(i),
		}})
	}
	if err := s.Keep(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if largest := pgtest.Value[int](t, s.pool, "SELECT max(pg_column_size(j.*)) FROM node_status_journal j"); largest > 2032 {
		t.Errorf("a row takes %d bytes", largest)
	}
	rowOf := func(version byte, at time.Time) []byte { return binary.AppendVarint([]byte{version}, micros(at)) }
	pgtest.Exec(t, s.pool, `INSERT INTO node_status_journal VALUES ($1), ($2), ($3), ('\xff')`,
		rowOf(journalVersion+1, time.Now()), rowOf(1, time.Now()), rowOf(1, time.Now().Add(-2*leftFor)))
	if err := s.WriteStatus(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.Value[int](t, s.pool, "SELECT sum(f_cnt) FROM node_status WHERE battery_percent = 100"); got != nodes*(nodes-1)/2 {
		t.Errorf("the frame counters add up to %d", got)
	}
	if n := pgtest.Value[int](t, s.pool, "SELECT count(*) FROM node_status_journal"); n != 2 {
		t.Errorf("%d rows are left, want those of other versions", n)
	}
}

// packed returns the rows that pack makes.
func packed(t testing.TB, j *journal, at int64) (rows [][]byte) {
	t.Helper()
	if err := pgtype.NewMap().Scan(pgtype.ByteaArrayOID, pgx.BinaryFormatCode, j.pack(at), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func readAll(rows ...[]byte) ([]status, error) {
	var j journal
	j.reset()
	for _, row := range rows {
		if err := j.read(row); err != nil {
			return nil, err
		}
	}
	return j.entries, nil
}

func TestJournalFormat(t *testing.T) {
	t.Parallel()
	known := measurement.Known
	want := []status{
		{no: 1 << 30, contactAt: 1, sampleAt: 1 << 60},
		{no: 1, contactAt: -5, sampleAt: noTime, told: [numReadings]measurement.Reading{
			rssi: known(-120), snr10: known(-75), dataRate: known(0), batteryPercent: known(100), batteryMillivolts: known(3600), fCnt: known(math.MaxUint32),
		}},
		{no: 2, contactAt: 7, sampleAt: -9, told: [numReadings]measurement.Reading{fCnt: known(0)}},
	}
	rows := packed(t, &journal{entries: want}, 1<<50)
	got, err := readAll(rows...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(status{})); diff != "" {
		t.Errorf("entries (-written +read):\n%s", diff)
	}
	// What version 2 wrote is read after an update.
	elder := binary.AppendVarint([]byte{2}, 1<<50)
	elder = binary.AppendVarint(elder, 7)                         // number
	elder = append(elder, 1<<rssi|1<<fCnt|1<<6)                   // what is known, a sample among it
	for _, value := range []int64{5 - 1<<50, 4 - 1<<50, -70, 9} { // contact, sample, RSSI, frame counter
		elder = binary.AppendVarint(elder, value)
	}
	want = []status{{no: 7, contactAt: 5, sampleAt: 4, told: [numReadings]measurement.Reading{rssi: known(-70), fCnt: known(9)}}}
	if got, err = readAll(elder); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(status{})); diff != "" {
		t.Errorf("entries of version 2 (-written +read):\n%s", diff)
	}
	for _, broken := range [][]byte{nil, {journalVersion}, {journalVersion + 1, 0}, rows[0][:len(rows[0])-1]} {
		if _, err := readAll(broken); err == nil {
			t.Errorf("read %x without an error", broken)
		}
	}
}

// FuzzJournal: whatever stands in the journal is an error or entries that would be
// read again as they are.
func FuzzJournal(f *testing.F) {
	known := measurement.Known
	for _, entries := range [][]status{
		{{no: 7, contactAt: 1, sampleAt: noTime, told: [numReadings]measurement.Reading{rssi: known(-110), fCnt: known(1 << 31)}}},
		{{no: 9, contactAt: -1, sampleAt: 5}, {no: 3, contactAt: 1, sampleAt: 4}},
	} {
		f.Add(packed(f, &journal{entries: entries}, 17)[0])
	}
	f.Add([]byte{journalVersion + 1})
	f.Add([]byte{elderVersion, 2, 4, 1<<rssi | 1<<6, 2, 2, 1})
	f.Fuzz(func(t *testing.T, row []byte) {
		want, err := readAll(row)
		if err != nil || len(want) == 0 {
			return
		}
		got, err := readAll(packed(t, &journal{entries: want}, 17)...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(status{})); diff != "" {
			t.Errorf("(-read +read again):\n%s", diff)
		}
	})
}
