package moving

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// batchRows is how many samples one transaction stores: enough that its end costs
// nothing, few enough that a handful of batches at the same time take little memory.
const batchRows = 25_000

// loadedSample is a sample on its way to the database. Values that are not known
// are noValue.
type loadedSample struct {
	node                       uuid.UUID
	seconds                    int64 // since 1970
	co2, temperature, humidity int32
	status                     measurement.Status
	implausible                bool
}

const noValue = math.MinInt32

func newLoadedSample(s *fixture.Sample) loadedSample {
	l := loadedSample{
		node: s.Node, seconds: s.Time.Unix(), co2: int32(s.CO2PPM), temperature: noValue, humidity: noValue, //nolint:gosec // package fixture has looked that they fit
		status: s.Status, implausible: s.Fault != nil,
	}
	if s.TemperatureDecicelsius.Known {
		l.temperature = int32(s.TemperatureDecicelsius.Value) //nolint:gosec // as above
	}
	if s.RelHumidityPercent.Known {
		l.humidity = int32(s.RelHumidityPercent.Value) //nolint:gosec // as above
	}
	return l
}

// fault says which rule an implausible sample breaks.
func (l *loadedSample) fault(now time.Time) *fault.Violation {
	s := measurement.Sample{Time: time.Unix(l.seconds, 0).UTC(), CO2PPM: int(l.co2), Status: l.status}
	if l.temperature != noValue {
		s.TemperatureDecicelsius = measurement.Known(int(l.temperature))
	}
	if l.humidity != noValue {
		s.RelHumidityPercent = measurement.Known(int(l.humidity))
	}
	return s.Check(now)
}

// sampleStore stores batches of samples over one connection, one transaction each.
// It keeps its buffers, and what it learns from one batch for the next.
type sampleStore struct {
	conn *pgx.Conn
	now  time.Time
	// expectKnown tells that the last batch had samples that were there already.
	expectKnown bool

	keys  []sampleKey
	odd   []int32 // indices of samples that go elsewhere
	copy  []byte
	hours lateHours
	news  newest
}

// sampleKey is a sample of a registered node, for sorting.
type sampleKey struct {
	month  int32 // since year 0; together with it, because months are tables of their own
	nodeNo int32
	time   int64
	index  int32 // in the batch: of several samples with one key, the first one stays
}

// lateHours are hours of nodes with the first sample in each.
type lateHours struct {
	nos          []int32
	hours, first []time.Time
}

// newest are the last samples of nodes.
type newest struct {
	nos   []int32
	times []time.Time
}

// store stores the batch. also, if set, is done in the same transaction. A batch may
// be stored again: it is tried again when somebody stood in the way.
func (s *sampleStore) store(ctx context.Context, batch []loadedSample, also func(pgx.Tx, fixture.SampleCount) error) (fixture.SampleCount, error) {
	var n fixture.SampleCount
	err := retry(ctx, func() error {
		n = fixture.SampleCount{}
		return pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
			if err := s.storeIn(ctx, tx, batch, &n); err != nil {
				return err
			}
			if also == nil {
				return nil
			}
			return also(tx, n)
		})
	})
	if err != nil {
		return fixture.SampleCount{}, fmt.Errorf("store samples: %w", pgdb.Translate(err))
	}
	return n, nil
}

func (s *sampleStore) storeIn(ctx context.Context, tx pgx.Tx, batch []loadedSample, n *fixture.SampleCount) error {
	if len(batch) == 0 {
		return nil
	}
	// Registering a node takes a lock that conflicts with ours on parked_sample, and
	// then adopts; see the trigger of table node. Ours is taken before we look which
	// nodes there are, so none can be registered in between.
	if _, err := tx.Exec(ctx, "LOCK TABLE parked_sample IN ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	numbers, err := lockNodes(ctx, tx, batch)
	if err != nil {
		return err
	}
	twice := s.sort(batch, numbers)
	if len(s.odd) > 0 {
		if err := s.storeOdd(ctx, tx, batch, n); err != nil {
			return err
		}
	}
	if len(s.keys) == 0 {
		return nil
	}
	if err := s.ensurePartitions(ctx, tx); err != nil {
		return err
	}
	if err := s.storeKnown(ctx, tx, batch, twice, n); err != nil {
		return err
	}
	s.expectKnown = n.Stored < int64(len(s.keys))
	if n.Stored == 0 {
		return nil
	}
	return s.tellOthers(ctx, tx)
}

// lockNodes returns the numbers of the batch's nodes that are registered. The lock
// keeps them from being retired before we commit.
func lockNodes(ctx context.Context, tx pgx.Tx, batch []loadedSample) (map[uuid.UUID]int32, error) {
	numbers := map[uuid.UUID]int32{}
	var ids []uuid.UUID
	for i := range batch {
		if _, ok := numbers[batch[i].node]; !ok {
			numbers[batch[i].node] = 0
			ids = append(ids, batch[i].node)
		}
	}
	clear(numbers)
	rows, err := tx.Query(ctx, "SELECT id, no FROM node WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE", ids)
	if err != nil {
		return nil, err
	}
	var id uuid.UUID
	var no int32
	_, err = pgx.ForEachRow(rows, []any{&id, &no}, func() error { numbers[id] = no; return nil })
	return numbers, err
}

// sort fills keys and odd, and tells whether a key is there twice.
func (s *sampleStore) sort(batch []loadedSample, numbers map[uuid.UUID]int32) (twice bool) {
	s.keys, s.odd = s.keys[:0], s.odd[:0]
	var last uuid.UUID
	var no int32
	var day, month int64 = math.MinInt64, 0
	for i := range batch {
		l := &batch[i]
		if l.node != last {
			last, no = l.node, numbers[l.node]
		}
		if l.implausible || no == 0 {
			s.odd = append(s.odd, int32(i)) //nolint:gosec // batches are far smaller
			continue
		}
		if d := l.seconds / (24 * 3600); d != day {
			t := time.Unix(l.seconds, 0).UTC()
			day, month = d, int64(t.Year())*12+int64(t.Month())-1
		}
		s.keys = append(s.keys, sampleKey{int32(month), no, l.seconds, int32(i)}) //nolint:gosec // plausible times are not in the far future
	}
	slices.SortFunc(s.keys, func(a, b sampleKey) int {
		return cmp.Or(cmp.Compare(a.month, b.month), cmp.Compare(a.nodeNo, b.nodeNo), cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index))
	})
	for i := 1; i < len(s.keys) && !twice; i++ {
		twice = s.keys[i].nodeNo == s.keys[i-1].nodeNo && s.keys[i].time == s.keys[i-1].time
	}
	return twice
}

func (s *sampleStore) ensurePartitions(ctx context.Context, tx pgx.Tx) error {
	var months []time.Time
	for i, k := range s.keys {
		if i == 0 || k.month != s.keys[i-1].month {
			months = append(months, time.Date(int(k.month/12), time.Month(k.month%12+1), 1, 0, 0, 0, 0, time.UTC))
		}
	}
	_, err := tx.Exec(ctx, "SELECT ensure_sample_partition(month) FROM unnest($1::timestamptz[]) month", months)
	return err
}

const copySamplesSQL = `
	COPY sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status) FROM STDIN (FORMAT binary)`

// storeKnown stores the samples in keys. COPY is more than twice as fast as INSERT,
// and fails as a whole when one of them is there; whether that happens, the last
// batch tells best.
func (s *sampleStore) storeKnown(ctx context.Context, tx pgx.Tx, batch []loadedSample, twice bool, n *fixture.SampleCount) error {
	if !twice && !s.expectKnown {
		s.encodeSamples(batch)
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
			return copyIn(ctx, tx, copySamplesSQL, s.copy)
		})
		if err == nil {
			n.Stored = int64(len(s.keys))
			return nil
		}
		if code, _, _ := pgdb.Violation(err); code != pgdb.UniqueViolation {
			return err
		}
	}
	if err := s.stageChunk(ctx, tx, func() {
		for _, k := range s.keys {
			s.encodeChunkRow(&batch[k.index], k.nodeNo)
		}
	}); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, chunkStoreSQL)
	if err != nil {
		return err
	}
	n.Stored = tag.RowsAffected()
	known := int64(len(s.keys))
	if n.Stored < known {
		if err := tx.QueryRow(ctx, chunkConflictsSQL).Scan(&n.Conflict); err != nil {
			return err
		}
	}
	n.Duplicate = known - n.Stored - n.Conflict
	return nil
}

// storeOdd keeps what is not plausible or belongs to no registered node.
func (s *sampleStore) storeOdd(ctx context.Context, tx pgx.Tx, batch []loadedSample, n *fixture.SampleCount) error {
	if err := s.stageChunk(ctx, tx, func() {
		for _, i := range s.odd {
			s.encodeChunkRow(&batch[i], 0)
		}
	}); err != nil {
		return err
	}
	for _, i := range s.odd {
		if batch[i].implausible {
			n.Rejected++
		} else {
			n.Parked++
		}
	}
	if _, err := tx.Exec(ctx, chunkRejectSQL); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, chunkParkSQL)
	return err
}

// stageChunk fills the temporary table chunk with what encode appends to s.copy.
// Both of its users come in the same transaction.
func (s *sampleStore) stageChunk(ctx context.Context, tx pgx.Tx, encode func()) error {
	if _, err := tx.Exec(ctx, createChunkSQL); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "TRUNCATE pg_temp.chunk"); err != nil {
		return err
	}
	s.copy = append(s.copy[:0], copyHeader...)
	encode()
	s.copy = append(s.copy, copyTrailer...)
	return copyIn(ctx, tx, "COPY pg_temp.chunk FROM STDIN (FORMAT binary)", s.copy)
}

// tellOthers does what whoever writes samples has to do after them in the same
// transaction: say which hours are to be rolled up again, and what is new of the nodes.
func (s *sampleStore) tellOthers(ctx context.Context, tx pgx.Tx) error {
	h, n := &s.hours, &s.news
	*h = lateHours{h.nos[:0], h.hours[:0], h.first[:0]}
	*n = newest{n.nos[:0], n.times[:0]}
	latest := map[int32]int64{}
	for i, k := range s.keys {
		latest[k.nodeNo] = max(latest[k.nodeNo], k.time)
		hour := k.time - k.time%3600
		if i > 0 && s.keys[i-1].nodeNo == k.nodeNo && s.keys[i-1].time >= hour {
			continue
		}
		h.nos, h.hours, h.first = append(h.nos, k.nodeNo), append(h.hours, time.Unix(hour, 0)), append(h.first, time.Unix(k.time, 0))
	}
	if _, err := tx.Exec(ctx, lateHoursSQL, h.nos, h.hours, h.first); err != nil {
		return err
	}
	for no, seconds := range latest {
		n.nos, n.times = append(n.nos, no), append(n.times, time.Unix(seconds, 0))
	}
	_, err := tx.Exec(ctx, newestSQL, n.nos, n.times)
	return err
}

func copyIn(ctx context.Context, tx pgx.Tx, sql string, rows []byte) error {
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), sql)
	return err
}

// What PostgreSQL's binary COPY begins and ends with.
var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// copyEpoch is the begin of PostgreSQL's time, in Unix seconds.
const copyEpoch = 946684800

func (s *sampleStore) encodeSamples(batch []loadedSample) {
	b := append(s.copy[:0], copyHeader...)
	for _, k := range s.keys {
		l := &batch[k.index]
		b = append(b, 0, 6)
		b = appendInt32(b, k.nodeNo)
		b = appendTime(b, l.seconds)
		b = appendInt16(b, l.co2)
		b = appendInt16(b, l.temperature)
		b = appendInt16(b, l.humidity)
		b = append(b, 0, 0, 0, 1, byte(l.status))
	}
	s.copy = append(b, copyTrailer...)
}

// encodeChunkRow appends a row of chunk; nodeNo is 0 for none.
func (s *sampleStore) encodeChunkRow(l *loadedSample, nodeNo int32) {
	b := append(s.copy, 0, 10)
	if nodeNo == 0 {
		b = appendNull(b)
	} else {
		b = appendInt32(b, nodeNo)
	}
	b = append(append(b, 0, 0, 0, 16), l.node[:]...)
	b = appendTime(b, l.seconds)
	b = appendInt32(b, l.co2)
	b = appendInt32(b, l.temperature)
	b = appendInt32(b, l.humidity)
	b = append(b, 0, 0, 0, 1, byte(l.status))
	if !l.implausible {
		s.copy = appendNull(appendNull(appendNull(b)))
		return
	}
	fault := l.fault(s.now) // the same rules at the same time as before
	b = appendText(b, fault.Code)
	b = appendText(b, fault.Field)
	s.copy = appendText(b, fault.Detail)
}

func appendNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func appendInt32(b []byte, v int32) []byte {
	if v == noValue {
		return appendNull(b)
	}
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(v)) //nolint:gosec // two's complement is the format
}

func appendInt16(b []byte, v int32) []byte {
	if v == noValue {
		return appendNull(b)
	}
	return binary.BigEndian.AppendUint16(append(b, 0, 0, 0, 2), uint16(v)) //nolint:gosec // plausible values fit
}

func appendTime(b []byte, seconds int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64((seconds-copyEpoch)*1_000_000)) //nolint:gosec // two's complement is the format
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...) //nolint:gosec // our own short texts
}

const (
	// Samples that are not all new, plausible and of registered nodes wait here. The
	// columns of integers are wider than those of sample, and node_no is NULL for nodes
	// that are not registered.
	createChunkSQL = `
		CREATE TEMPORARY TABLE IF NOT EXISTS chunk (
		    node_no      integer,
		    node         uuid        NOT NULL,
		    time         timestamptz NOT NULL,
		    co2          integer     NOT NULL,
		    temperature  integer,
		    humidity     integer,
		    status       "char"      NOT NULL,
		    fault_reason text,
		    fault_field  text,
		    fault_detail text
		) ON COMMIT DROP`

	chunkStoreSQL = `
		INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
		SELECT node_no, time, co2, temperature, humidity, status
		  FROM pg_temp.chunk
		    ON CONFLICT DO NOTHING`

	chunkConflictsSQL = `
		SELECT count(*)
		  FROM pg_temp.chunk c
		  JOIN sample s ON s.node_no = c.node_no AND s.time = c.time
		 WHERE (s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status)
		       IS DISTINCT FROM (c.co2::smallint, c.temperature::smallint, c.humidity::smallint, c.status)`

	chunkParkSQL = `
		INSERT INTO parked_sample (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
		SELECT node, time, co2, temperature, humidity, status
		  FROM pg_temp.chunk
		 WHERE fault_reason IS NULL
		    ON CONFLICT DO NOTHING`

	chunkRejectSQL = `
		INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent, reason, field, detail)
		SELECT node, extract(epoch FROM time)::bigint, co2, temperature, humidity, fault_reason, fault_field, fault_detail
		  FROM pg_temp.chunk
		 WHERE fault_reason IS NOT NULL
		    ON CONFLICT DO NOTHING`

	lateHoursSQL = `
		INSERT INTO sample_late (node_no, hour)
		SELECT h.node_no, h.hour
		  FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) h (node_no, hour, first)
		 WHERE h.first < (SELECT late_before FROM sample_rollup_state)`

	newestSQL = `
		INSERT INTO node_status AS s (node_no, last_contact_at, last_sample_at, last_co2_ppm, last_temperature_decicelsius,
		                              last_rel_humidity_percent, last_status)
		SELECT x.node_no, x.time, x.time, x.co2_ppm, x.temperature_decicelsius, x.rel_humidity_percent, x.status
		  FROM unnest($1::integer[], $2::timestamptz[]) newest (node_no, time)
		  JOIN sample x ON x.node_no = newest.node_no AND x.time = newest.time
		 ORDER BY x.node_no -- the same order for all who write here
		    ON CONFLICT (node_no) DO UPDATE
		   SET last_contact_at = greatest(s.last_contact_at, excluded.last_contact_at),
		       last_sample_at = excluded.last_sample_at, last_co2_ppm = excluded.last_co2_ppm,
		       last_temperature_decicelsius = excluded.last_temperature_decicelsius,
		       last_rel_humidity_percent = excluded.last_rel_humidity_percent, last_status = excluded.last_status
		 WHERE s.last_sample_at IS NULL OR s.last_sample_at < excluded.last_sample_at`
)
