package samplestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

const appendJournal = `INSERT INTO node_status_journal (entries) SELECT unnest($1::bytea[])`

// What an uplink tells of its node, beside the times.
const (
	rssi = iota
	snr10
	dataRate
	batteryPercent
	batteryMillivolts
	fCnt
	spreadingFactor
	bandwidth
	frequency
	gateways
	numReadings
)

// status is what uplinks tell of a node, an entry of the journal. Times are in
// PostgreSQL's microseconds, noTime is none.
type status struct {
	no        int32
	contactAt int64
	sampleAt  int64 // of the newest sample, whether it was stored or not
	told      [numReadings]measurement.Reading
}

const noTime = math.MinInt64

func statusOf(no int32, meta *keeping.Metadata, now time.Time) status {
	s := status{no: no, contactAt: micros(now), sampleAt: noTime}
	if !meta.ReceivedAt.IsZero() {
		s.contactAt = micros(meta.ReceivedAt)
	}
	s.told = [numReadings]measurement.Reading{
		rssi: meta.RSSIDBm, dataRate: meta.DataRateIndex,
		batteryPercent: meta.BatteryPercent, batteryMillivolts: meta.BatteryMillivolts, fCnt: meta.FCnt,
		spreadingFactor: meta.SpreadingFactor, bandwidth: meta.BandwidthKHz, frequency: meta.FrequencyHz, gateways: meta.Gateways,
	}
	if meta.SNRKnown {
		s.told[snr10] = measurement.Known(int(math.Round(float64(meta.SNRDecibel) * 10)))
	}
	return s
}

// merge takes over what a status of the same node has that is newer. What the
// newer one does not tell stays.
func (s *status) merge(other status) {
	if other.contactAt >= s.contactAt {
		*s, other = other, *s
	}
	s.sampleAt = max(s.sampleAt, other.sampleAt)
	for i := range s.told {
		if !s.told[i].Known {
			s.told[i] = other.told[i]
		}
	}
}

// sameFrame reports whether both may be of one frame: it comes on several ways.
func (s *status) sameFrame(other *status) bool {
	return !s.told[fCnt].Known || !other.told[fCnt].Known || s.told[fCnt].Value == other.told[fCnt].Value
}

// journal gathers an entry for each frame of a node: the next one of the same node is
// counted by itself.
type journal struct {
	entries []status
	byNode  map[int32]int // the last entry
	row     []byte
	rows    array
}

func (j *journal) reset() {
	j.entries = j.entries[:0]
	if j.byNode == nil {
		j.byNode = map[int32]int{}
	}
	clear(j.byNode)
}

func (j *journal) add(s status) {
	i, ok := j.byNode[s.no]
	if !ok || !j.entries[i].sameFrame(&s) {
		j.byNode[s.no] = len(j.entries)
		j.entries = append(j.entries, s)
		return
	}
	j.entries[i].merge(s)
}

// newest returns what holds in the end: one entry for each node.
func (j *journal) newest() []status {
	var all []status
	at := map[int32]int{}
	for i := range j.entries {
		e := j.entries[i]
		if k, ok := at[e.no]; ok {
			all[k].merge(e)
			continue
		}
		at[e.no] = len(all)
		all = append(all, e)
	}
	return all
}

// journalRows packs what the flush's uplinks tell of registered nodes; nil when
// they have none.
func (w *write) journalRows() []byte {
	j := &w.journal
	j.reset()
	for i, u := range w.flush.Uplinks {
		if no := w.nos[i]; no != 0 {
			j.add(statusOf(no, &u.Meta, w.flush.At))
		}
	}
	// Ordered by key: the last row of a node is its newest.
	for i := range w.known {
		if k := w.known[i].key; i+1 == len(w.known) || w.known[i+1].key.no != k.no {
			e := &j.entries[j.byNode[k.no]]
			e.sampleAt = max(e.sampleAt, k.micros)
		}
	}
	if w.flush.Past {
		j.entries = slices.DeleteFunc(j.entries, func(e status) bool { return e.sampleAt == noTime })
		for i := range j.entries {
			j.entries[i].contactAt = j.entries[i].sampleAt
		}
	}
	if len(j.entries) == 0 {
		return nil
	}
	return j.pack(micros(w.flush.At))
}

// The format of a row of the journal: a byte with the version, a time (both in every
// version), then entries, all numbers of which are varints: the node's number less that of
// the entry before, bits that tell what is known, the times less that of the row, and what is
// known. Version 2 has a byte of bits, and no readings after fCnt.
const (
	journalVersion = 3
	elderVersion   = 2
	// rowBytes is when a row is full. PostgreSQL keeps rows of more than 2,032 bytes
	// in pieces in a second table with an index of its own, which costs twice as much.
	rowBytes = 1900
)

// pack returns the entries in rows, as an array.
func (j *journal) pack(at int64) []byte {
	j.rows.reset(oidBytea)
	j.row = j.row[:0]
	before := int32(0)
	for i := range j.entries {
		if len(j.row) == 0 {
			j.row = binary.AppendVarint(append(j.row, journalVersion), at)
			before = 0
		}
		e := &j.entries[i]
		j.row = e.append(j.row, at, before)
		before = e.no
		if len(j.row) > rowBytes || i == len(j.entries)-1 {
			j.rows.bytes(j.row)
			j.row = j.row[:0]
		}
	}
	return j.rows.value()
}

func (s *status) append(row []byte, at int64, before int32) []byte {
	row = binary.AppendVarint(row, int64(s.no)-int64(before))
	var known int64
	for i, r := range s.told {
		if r.Known {
			known |= 1 << i
		}
	}
	if s.sampleAt != noTime {
		known |= 1 << numReadings
	}
	row = binary.AppendVarint(binary.AppendVarint(row, known), s.contactAt-at)
	if s.sampleAt != noTime {
		row = binary.AppendVarint(row, s.sampleAt-at)
	}
	for _, r := range s.told {
		if r.Known {
			row = binary.AppendVarint(row, int64(r.Value))
		}
	}
	return row
}

var errJournal = errors.New("a row of the journal cannot be read")

// read adds the entries of a row of the journal.
func (j *journal) read(row []byte) error {
	if len(row) == 0 || row[0] != journalVersion && row[0] != elderVersion {
		return errJournal
	}
	elder, readings := row[0] == elderVersion, numReadings
	if elder {
		readings = fCnt + 1
	}
	in := varints(row[1:])
	at := in.next()
	for before := int64(0); len(in) > 0; {
		no := before + in.next()
		if no != int64(int32(no)) {
			return errJournal
		}
		before = no
		s := status{no: int32(no), sampleAt: noTime}
		var known int64
		if elder {
			known = in.byte()
		} else {
			known = in.next()
		}
		s.contactAt = at + in.next()
		if known&(1<<readings) != 0 {
			s.sampleAt = at + in.next()
		}
		for i := range readings {
			if known&(1<<i) != 0 {
				s.told[i] = measurement.Known(int(in.next()))
			}
		}
		if in == nil {
			return errJournal
		}
		j.add(s)
	}
	if in == nil {
		return errJournal
	}
	return nil
}

// varints reads what is left of a row; it is nil after the row has ended early.
type varints []byte

func (v *varints) next() int64 {
	value, n := binary.Varint(*v)
	if n <= 0 {
		*v = nil
		return 0
	}
	*v = (*v)[n:]
	return value
}

func (v *varints) byte() int64 {
	if len(*v) == 0 {
		*v = nil
		return 0
	}
	b := (*v)[0]
	*v = (*v)[1:]
	return int64(b)
}

// Whoever empties the journal goes on from the counts of those before.
const lockJournal = `SELECT pg_advisory_xact_lock(hashtext('node_status_journal'))`

// Rows of a version that is not known here are left to the replicas that write such, for there
// may be some while an update is taken back. What piled up is taken in parts, for the memory.
const (
	takeJournal = `
		DELETE FROM node_status_journal
		 WHERE ctid = ANY (ARRAY(SELECT ctid FROM node_status_journal WHERE get_byte(entries, 0) IN ($1, $2) LIMIT $3))
		RETURNING entries`
	unknownJournal = `
		SELECT ctid::text, entries FROM node_status_journal WHERE length(entries) = 0 OR get_byte(entries, 0) NOT IN ($1, $2) LIMIT $3`
	dropJournal = `DELETE FROM node_status_journal WHERE ctid = ANY ($1::text[]::tid[])`
)

// leftFor is how long such rows are left. Nobody is about to read them after that.
const leftFor = 24 * time.Hour

// takenRows is such a part: 4 MB at the most, since rows are full at rowBytes.
const takenRows = 2000

const writeStatus = `
	SELECT tell_node_status($1::integer[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
	                        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])`

// vacuumAfter is how many bytes of the journal are worth cleaning up after; the
// server's own vacuum comes once a minute, in which a saturated service writes
// 100 MB.
const vacuumAfter = 4 << 20

// WriteStatus empties the journal into node_status and node_radio_day. Whoever keeps
// samples may call it at any time; the ingestair does every few seconds.
func (s *Store) WriteStatus(ctx context.Context) error {
	size, rows := 0, takenRows
	var err error
	for err == nil && rows == takenRows {
		var bytes int
		rows, bytes, err = s.writeSome(ctx)
		size += bytes
	}
	if err == nil && size > vacuumAfter {
		_, err = s.pool.Exec(ctx, "VACUUM (SKIP_LOCKED) node_status_journal")
	}
	if err != nil {
		return Translate(fmt.Errorf("write the node status: %w", err))
	}
	return nil
}

// dropUnknown drops rows that nobody reads any more: of another version, and old.
func dropUnknown(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, unknownJournal, elderVersion, journalVersion, takenRows)
	if err != nil {
		return err
	}
	var old []string
	var at string
	var row []byte
	oldest := micros(time.Now().Add(-leftFor))
	if _, err := pgx.ForEachRow(rows, []any{&at, &row}, func() error {
		in := varints(row[min(1, len(row)):])
		if written := in.next(); in == nil || written < oldest {
			old = append(old, at)
		}
		return nil
	}); err != nil || len(old) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, dropJournal, old)
	return err
}

// writeSome takes a part of the journal, and returns how much that was.
func (s *Store) writeSome(ctx context.Context) (taken, size int, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockJournal); err != nil {
			return err
		}
		if err := dropUnknown(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, takeJournal, elderVersion, journalVersion, takenRows)
		if err != nil {
			return err
		}
		var j journal
		j.reset()
		var row []byte
		if _, err := pgx.ForEachRow(rows, []any{&row}, func() error {
			taken++
			size += len(row)
			return j.read(row)
		}); err != nil {
			return err
		}
		if len(j.entries) == 0 {
			return nil
		}
		p := pipeline{conn: tx.Conn()}
		p.queue(ctx, writeStatus, statusParameters(j.newest()), nil)
		counts := radioOf(j.entries)
		if len(counts.nos) > 0 {
			counts.queueState(ctx, &p)
		}
		if err := p.run(ctx); err != nil {
			return err
		}
		counts.count()
		p = pipeline{conn: tx.Conn()}
		counts.queueDays(ctx, &p)
		return p.run(ctx)
	})
	return taken, size, err
}

// statusParameters are those of writeStatus.
func statusParameters(entries []status) [][]byte {
	var c columns
	nos, contacts, samples := c.column(0, oidInt4), c.column(1, oidTimestamptz), c.column(2, oidTimestamptz)
	var told [numReadings]*array
	for i := range told {
		told[i] = c.column(3+i, oidInt8)
	}
	for i := range entries {
		e := &entries[i]
		nos.int4(e.no)
		contacts.int8(e.contactAt)
		if e.sampleAt == noTime {
			samples.null()
		} else {
			samples.int8(e.sampleAt)
		}
		for i, r := range e.told {
			told[i].bigint(r)
		}
	}
	return c.parameters(3 + numReadings)
}
