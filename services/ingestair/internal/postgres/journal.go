package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const appendJournal = `INSERT INTO node_status_journal (entries) VALUES ($1)`

// status is what uplinks tell of a node, an entry of the journal. Times are in
// PostgreSQL's microseconds, noTime is none.
type status struct {
	no        int32
	contactAt int64
	sampleAt  int64 // of the newest sample, whether it was stored or not

	rssi, snr10, dataRate, batteryPercent, batteryMillivolts, fCnt measurement.Reading
}

const noTime = math.MinInt64

// journal gathers one entry for each node of a flush.
type journal struct {
	entries []status
	byNode  map[int32]int
	buf     []byte
}

func (j *journal) reset() {
	j.entries = j.entries[:0]
	if j.byNode == nil {
		j.byNode = map[int32]int{}
	}
	clear(j.byNode)
	j.buf = append(j.buf[:0], journalVersion)
}

func (j *journal) add(s status) {
	i, ok := j.byNode[s.no]
	if !ok {
		j.byNode[s.no] = len(j.entries)
		j.entries = append(j.entries, s)
		return
	}
	j.entries[i].merge(s)
}

// merge takes over what a status of the same node has that is newer. What the
// newer one does not tell stays.
func (s *status) merge(other status) {
	older := *s
	if other.contactAt >= s.contactAt {
		*s = other
		other = older
	}
	s.sampleAt = max(s.sampleAt, other.sampleAt)
	for _, r := range []struct{ to, from *measurement.Reading }{
		{&s.rssi, &other.rssi},
		{&s.snr10, &other.snr10},
		{&s.dataRate, &other.dataRate},
		{&s.batteryPercent, &other.batteryPercent},
		{&s.batteryMillivolts, &other.batteryMillivolts},
		{&s.fCnt, &other.fCnt},
	} {
		if !r.to.Known {
			*r.to = *r.from
		}
	}
}

// journalEntries packs what the flush's uplinks tell of registered nodes.
func (w *write) journalEntries() []byte {
	j := &w.journal
	j.reset()
	for i, u := range w.flush.Uplinks {
		if no := w.nos[i]; no != 0 {
			j.add(statusOf(no, &u.Meta, w.flush.At))
		}
	}
	// Ordered by key: the last row of a node is its newest.
	for i := range w.known {
		if k := w.known[i]; i+1 == len(w.known) || w.known[i+1].no != k.no {
			e := &j.entries[j.byNode[k.no]]
			e.sampleAt = max(e.sampleAt, k.micros)
		}
	}
	if len(j.entries) == 0 {
		return nil
	}
	for i := range j.entries {
		j.buf = j.entries[i].append(j.buf)
	}
	return j.buf
}

func statusOf(no int32, meta *ingest.Metadata, now time.Time) status {
	s := status{
		no: no, contactAt: micros(now), sampleAt: noTime,
		rssi: meta.RSSIDBm, dataRate: meta.DataRateIndex,
		batteryPercent: meta.BatteryPercent, batteryMillivolts: meta.BatteryMillivolts, fCnt: meta.FCnt,
	}
	if !meta.ReceivedAt.IsZero() {
		s.contactAt = micros(meta.ReceivedAt)
	}
	if meta.SNRKnown {
		s.snr10 = measurement.Known(int(math.Round(float64(min(max(meta.SNRDecibel, -1000), 1000)) * 10)))
	}
	return s
}

// The format of the journal: a byte with the version, then entries of the same
// size. A number that is not known is the smallest int32, which none of them is.
const (
	journalVersion = 1
	entrySize      = 4 + 8 + 8 + 6*4
	unknownNumber  = math.MinInt32
)

func (s *status) append(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(s.no))
	buf = binary.BigEndian.AppendUint64(buf, uint64(s.contactAt))
	buf = binary.BigEndian.AppendUint64(buf, uint64(s.sampleAt))
	for _, r := range []measurement.Reading{s.rssi, s.snr10, s.dataRate, s.batteryPercent, s.batteryMillivolts} {
		v := int32(unknownNumber)
		if r.Known {
			v = int32(r.Value)
		}
		buf = binary.BigEndian.AppendUint32(buf, uint32(v))
	}
	// A frame counter has 32 bits; all ones stand for unknown, which is one frame in
	// four thousand million.
	fCnt := uint32(math.MaxUint32)
	if s.fCnt.Known {
		fCnt = uint32(s.fCnt.Value)
	}
	return binary.BigEndian.AppendUint32(buf, fCnt)
}

func parseStatus(b []byte) status {
	next := func() measurement.Reading {
		v := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if v == unknownNumber {
			return measurement.Reading{}
		}
		return measurement.Known(int(v))
	}
	s := status{
		no:        int32(binary.BigEndian.Uint32(b)),
		contactAt: int64(binary.BigEndian.Uint64(b[4:])),
		sampleAt:  int64(binary.BigEndian.Uint64(b[12:])),
	}
	b = b[20:]
	s.rssi, s.snr10, s.dataRate, s.batteryPercent, s.batteryMillivolts = next(), next(), next(), next(), next()
	if v := binary.BigEndian.Uint32(b); v != math.MaxUint32 {
		s.fCnt = measurement.Known(int(v))
	}
	return s
}

// read adds the entries of a row of the journal.
func (j *journal) read(row []byte) error {
	if len(row) == 0 || row[0] != journalVersion {
		return errors.New("a journal row of another version")
	}
	row = row[1:]
	if len(row)%entrySize != 0 {
		return errors.New("a journal row is cut short")
	}
	for entry := range slices.Chunk(row, entrySize) {
		j.add(parseStatus(entry))
	}
	return nil
}

const takeJournal = `DELETE FROM node_status_journal RETURNING entries`

// The newest sample's values are taken from the sample itself: of repeated and
// conflicting ones the journal does not know which was kept. For each node what is
// newer wins, because another replica may be about it too.
const writeStatus = `
	INSERT INTO node_status AS old (
	       node_no, last_contact_at, rssi_dbm, snr_db, data_rate_index, battery_percent, battery_millivolts, f_cnt,
	       last_sample_at, last_co2_ppm, last_temperature_decicelsius, last_rel_humidity_percent, last_status)
	SELECT u.node_no, u.contact_at, u.rssi_dbm, u.snr_decibel / 10.0, u.data_rate_index, u.battery_percent, u.battery_millivolts, u.f_cnt,
	       s.time, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status
	  FROM unnest($1::integer[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::integer[], $6::integer[],
	              $7::integer[], $8::integer[], $9::bigint[])
	    AS u (node_no, contact_at, sample_at, rssi_dbm, snr_decibel, data_rate_index, battery_percent, battery_millivolts, f_cnt)
	  JOIN node n ON n.no = u.node_no
	  LEFT JOIN sample s ON s.node_no = u.node_no AND s.time = u.sample_at
	 ORDER BY u.node_no
	    ON CONFLICT (node_no) DO UPDATE SET
	       last_contact_at = greatest(old.last_contact_at, excluded.last_contact_at),
	       rssi_dbm           = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.rssi_dbm, excluded.rssi_dbm) ELSE coalesce(excluded.rssi_dbm, old.rssi_dbm) END,
	       snr_db             = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.snr_db, excluded.snr_db) ELSE coalesce(excluded.snr_db, old.snr_db) END,
	       data_rate_index    = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.data_rate_index, excluded.data_rate_index) ELSE coalesce(excluded.data_rate_index, old.data_rate_index) END,
	       battery_percent    = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.battery_percent, excluded.battery_percent) ELSE coalesce(excluded.battery_percent, old.battery_percent) END,
	       battery_millivolts = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.battery_millivolts, excluded.battery_millivolts) ELSE coalesce(excluded.battery_millivolts, old.battery_millivolts) END,
	       f_cnt              = CASE WHEN old.last_contact_at > excluded.last_contact_at THEN coalesce(old.f_cnt, excluded.f_cnt) ELSE coalesce(excluded.f_cnt, old.f_cnt) END,
	       last_sample_at               = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_sample_at ELSE excluded.last_sample_at END,
	       last_co2_ppm                 = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_co2_ppm ELSE excluded.last_co2_ppm END,
	       last_temperature_decicelsius = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_temperature_decicelsius ELSE excluded.last_temperature_decicelsius END,
	       last_rel_humidity_percent    = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_rel_humidity_percent ELSE excluded.last_rel_humidity_percent END,
	       last_status                  = CASE WHEN old.last_sample_at >= excluded.last_sample_at OR excluded.last_sample_at IS NULL THEN old.last_status ELSE excluded.last_status END`

// vacuumAfter is how many bytes of the journal are worth cleaning up after; the
// server's own vacuum comes once a minute, in which a saturated service writes
// 100 MB.
const vacuumAfter = 4 << 20

// WriteStatus implements ingest.Upkeep: it empties the journal into node_status.
func (s *Store) WriteStatus(ctx context.Context) error {
	size := 0
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, takeJournal)
		if err != nil {
			return err
		}
		var j journal
		j.reset()
		var row []byte
		if _, err := pgx.ForEachRow(rows, []any{&row}, func() error {
			size += len(row)
			return j.read(row)
		}); err != nil {
			return err
		}
		if len(j.entries) == 0 {
			return nil
		}
		p := pipeline{conn: tx.Conn()}
		p.queue(ctx, writeStatus, statusParameters(j.entries), nil)
		return p.run(ctx)
	})
	if err == nil && size > vacuumAfter {
		_, err = s.pool.Exec(ctx, "VACUUM (SKIP_LOCKED) node_status_journal")
	}
	if err != nil {
		return translate(fmt.Errorf("write the node status: %w", err))
	}
	return nil
}

// statusParameters are those of writeStatus.
func statusParameters(entries []status) [][]byte {
	var w write
	nos, contacts, samples := w.arrays[0].reset(oidInt4), w.arrays[1].reset(oidTimestamptz), w.arrays[2].reset(oidTimestamptz)
	for i := 3; i < 8; i++ {
		w.arrays[i].reset(oidInt4)
	}
	fCnts := w.arrays[8].reset(oidInt8)
	for i := range entries {
		e := &entries[i]
		nos.int4(e.no)
		contacts.int8(e.contactAt)
		if e.sampleAt == noTime {
			samples.null()
		} else {
			samples.int8(e.sampleAt)
		}
		for k, r := range []measurement.Reading{e.rssi, e.snr10, e.dataRate, e.batteryPercent, e.batteryMillivolts} {
			if a := &w.arrays[3+k]; r.Known {
				a.int4(int32(r.Value))
			} else {
				a.null()
			}
		}
		bigint(fCnts, e.fCnt)
	}
	return w.values(9)
}
