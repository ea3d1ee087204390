package samplestore

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/quantity"
)

// Readings of one node and second are a row, in which each quantity has the value that came
// first. A row is inserted in the flush's transaction; quantities that come later are added to
// it after that, and before anybody is answered.
const (
	storeReadings = `
	INSERT INTO reading (node_no, time, readings)
	SELECT *
	  FROM unnest($2::integer[], $3::timestamptz[], $4::bytea[])
	 WHERE (SELECT epoch FROM node_epoch) = $1::bigint
	    ON CONFLICT DO NOTHING
	RETURNING node_no, time`

	// As with samples, the check that the node is not registered has to be in this statement.
	parkReadings = `
	INSERT INTO parked_reading (node_id, time, readings, dev_eui, received_at)
	SELECT p.*
	  FROM unnest($1::uuid[], $2::timestamptz[], $3::bytea[], $4::text[], $5::timestamptz[]) AS p (node_id)
	 WHERE NOT EXISTS (SELECT FROM node n WHERE n.id = p.node_id)
	    ON CONFLICT DO NOTHING
	RETURNING node_id, time`

	rejectReadings = `
	INSERT INTO rejected_reading (node_id, time_s, readings, dev_eui, reason, field, detail)
	SELECT node_id, time_s, readings, dev_eui, reason, coalesce(field, ''), coalesce(detail, '')
	  FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[])
	    AS r (node_id, time_s, readings, dev_eui, reason, field, detail)
	 ORDER BY node_id, time_s, readings -- two writers with the same readings must not wait for each other
	    ON CONFLICT DO NOTHING`
)

// splitReadings sorts the pending readings as split does the rows, and those of one key by
// their quantities.
func (w *write) splitReadings() {
	w.readings, w.unknownReadings = w.readings[:0], w.unknownReadings[:0]
	for i := range w.flush.Readings {
		r := &w.flush.Readings[i]
		if r.Outcome != keeping.Pending {
			continue
		}
		at := micros(r.Time)
		if no := w.nos[r.Uplink]; no != 0 {
			w.readings = append(w.readings, keyed[sampleKey]{sampleKey{no, at}, int32(i)})
		} else if uplink := w.flush.Uplinks[r.Uplink]; uplink.Registered {
			w.rejectReading(r, keeping.Foreign()) // deleted meanwhile
		} else {
			w.unknownReadings = append(w.unknownReadings, keyed[parkedKey]{parkedKey{uplink.NodeID, at}, int32(i)})
		}
	}
	sortReadings(w.flush.Readings, w.readings, sampleKey.compare)
	sortReadings(w.flush.Readings, w.unknownReadings, parkedKey.compare)
}

func sortReadings[K any](all []keeping.ReadingRow, keys []keyed[K], compare func(a, b K) int) {
	slices.SortFunc(keys, func(a, b keyed[K]) int {
		return cmp.Or(compare(a.key, b.key), cmp.Compare(all[a.row].Quantity, all[b.row].Quantity), cmp.Compare(a.row, b.row))
	})
}

// seconds are the readings of each key, in the order of their quantities.
func seconds[K comparable](keys []keyed[K]) iter.Seq[[]keyed[K]] {
	return func(yield func([]keyed[K]) bool) {
		for len(keys) > 0 {
			n := 1
			for n < len(keys) && keys[n].key == keys[0].key {
				n++
			}
			if !yield(keys[:n]) {
				return
			}
			keys = keys[n:]
		}
	}
}

// firsts are the values of one key, of each quantity that which came first.
func firsts[K any](dst []quantity.Value, all []keeping.ReadingRow, second []keyed[K]) []quantity.Value {
	dst = dst[:0]
	for _, k := range second {
		if v := all[k.row].Value; len(dst) == 0 || dst[len(dst)-1].Quantity != v.Quantity {
			dst = append(dst, v)
		}
	}
	return dst
}

// queueReadings writes readings, and parks those of unknown nodes.
func (w *write) queueReadings(ctx context.Context, p *pipeline) {
	w.readingsReturned, w.readingsParked = w.readingsReturned[:0], w.readingsParked[:0]
	if len(w.readings) > 0 {
		p.queue(ctx, storeReadings, w.readingParameters(), func(row [][]byte) {
			w.readingsReturned = append(w.readingsReturned, sampleKey{int32(binary.BigEndian.Uint32(row[0])), int64(binary.BigEndian.Uint64(row[1]))})
		})
	}
	if len(w.unknownReadings) > 0 {
		p.queue(ctx, parkReadings, w.parkReadingParameters(), func(row [][]byte) {
			w.readingsParked = append(w.readingsParked, parkedKeyFrom(row))
		})
	}
}

func (w *write) readingParameters() [][]byte {
	c := &w.measuring
	nos, times, rows := c.column(0, oidInt4), c.column(1, oidTimestamptz), c.column(2, oidBytea)
	var values []quantity.Value
	var packed []byte
	for second := range seconds(w.readings) {
		nos.int4(second[0].key.no)
		times.int8(second[0].key.micros)
		values = firsts(values, w.flush.Readings, second)
		packed = quantity.AppendPacked(packed[:0], values)
		rows.bytes(packed)
	}
	return append([][]byte{binary.BigEndian.AppendUint64(nil, uint64(w.epoch))}, c.parameters(3)...)
}

func (w *write) parkReadingParameters() [][]byte {
	c := &w.readingParking
	ids, times, rows := c.column(0, oidUUID), c.column(1, oidTimestamptz), c.column(2, oidBytea)
	euis, received := c.column(3, oidText), c.column(4, oidTimestamptz)
	for second := range seconds(w.unknownReadings) {
		meta := &w.flush.Uplinks[w.flush.Readings[second[0].row].Uplink].Meta
		ids.uuid(second[0].key.id)
		times.int8(second[0].key.micros)
		rows.bytes(quantity.AppendPacked(nil, firsts(nil, w.flush.Readings, second)))
		euis.text(meta.DevEUI.OrEmpty())
		if meta.ReceivedAt.IsZero() {
			received.null()
		} else {
			received.int8(micros(meta.ReceivedAt))
		}
	}
	return c.parameters(5)
}

// rejectReading gives a reading its outcome, and keeps it aside if that is due to its sender.
func (w *write) rejectReading(r *keeping.ReadingRow, why *fault.Violation) {
	r.Outcome, r.Fault = keeping.Rejected, why
	if uplink := w.flush.Uplinks[r.Uplink]; !uplink.Registered {
		w.rejectedReadings = append(w.rejectedReadings, keeping.RejectedReading{NodeID: uplink.NodeID, Reading: r.Reading, DevEUI: uplink.Meta.DevEUI, Fault: why})
	}
}

// keepReadingConflicts is keepConflicts for readings.
func (w *write) keepReadingConflicts() {
	for i := range w.flush.Readings {
		r := &w.flush.Readings[i]
		if uplink := w.flush.Uplinks[r.Uplink]; r.Outcome == keeping.Conflict && !uplink.Registered {
			w.rejectedReadings = append(w.rejectedReadings, keeping.RejectedReading{
				NodeID: uplink.NodeID, Reading: r.Reading, DevEUI: uplink.Meta.DevEUI,
				Fault: keeping.ReadingConflict(),
			})
		}
	}
}

func (w *write) rejectReadingParameters() [][]byte {
	c := &w.readingRejecting
	ids, times, rows := c.column(0, oidUUID), c.column(1, oidInt8), c.column(2, oidBytea)
	euis, reasons, names, details := c.column(3, oidText), c.column(4, oidText), c.column(5, oidText), c.column(6, oidText)
	for _, r := range w.rejectedReadings {
		ids.uuid(r.NodeID)
		times.int8(r.Reading.Time.Unix())
		rows.bytes(quantity.AppendPacked(nil, []quantity.Value{r.Reading.Value}))
		euis.text(r.DevEUI.OrEmpty())
		reasons.text(r.Fault.Code())
		names.text(r.Fault.Field)
		details.text(r.Fault.Detail)
	}
	return c.parameters(7)
}

// readingTable is where readings of a kind of key are: find has what is there of keys, in
// their order, and the epoch of the nodes; add replaces what was found by more, where nobody
// else did, and returns the places of those keys. It locks rows in the order of their keys,
// because two writers must not wait for each other.
type readingTable[K any] struct {
	find, add string
	args      func([]K) pgx.NamedArgs
	outcome   keeping.Outcome // of what is new
	again     keeping.Outcome // of what was there
}

var (
	stored = readingTable[sampleKey]{
		find: `
	SELECT k.i, (SELECT epoch FROM node_epoch) AS epoch, r.readings
	  FROM unnest(@nos::integer[], @times::timestamptz[]) WITH ORDINALITY AS k (node_no, time, i)
	  LEFT JOIN reading r ON r.node_no = k.node_no AND r.time = k.time
	 ORDER BY k.i`,
		add: `
	WITH there AS MATERIALIZED (
	SELECT r.node_no, r.time, k.whole, k.i
	  FROM unnest(@nos::integer[], @times::timestamptz[], @there::bytea[], @whole::bytea[])
	       WITH ORDINALITY AS k (node_no, time, there, whole, i)
	  JOIN reading r ON r.node_no = k.node_no AND r.time = k.time
	 WHERE r.readings = k.there
	 ORDER BY r.node_no, r.time
	   FOR UPDATE OF r)
	UPDATE reading r SET readings = there.whole
	  FROM there
	 WHERE r.node_no = there.node_no AND r.time = there.time
	RETURNING there.i`,
		args: func(keys []sampleKey) pgx.NamedArgs {
			nos, times := make([]int32, len(keys)), make([]time.Time, len(keys))
			for i, k := range keys {
				nos[i], times[i] = k.no, fromMicros(k.micros)
			}
			return pgx.NamedArgs{"nos": nos, "times": times}
		},
		outcome: keeping.Stored, again: keeping.Duplicate,
	}
	parked = readingTable[parkedKey]{
		find: `
	SELECT k.i, (SELECT epoch FROM node_epoch) AS epoch, p.readings
	  FROM unnest(@ids::uuid[], @times::timestamptz[]) WITH ORDINALITY AS k (node_id, time, i)
	  LEFT JOIN parked_reading p ON p.node_id = k.node_id AND p.time = k.time
	 ORDER BY k.i`,
		add: `
	WITH there AS MATERIALIZED (
	SELECT p.node_id, p.time, k.whole, k.i
	  FROM unnest(@ids::uuid[], @times::timestamptz[], @there::bytea[], @whole::bytea[])
	       WITH ORDINALITY AS k (node_id, time, there, whole, i)
	  JOIN parked_reading p ON p.node_id = k.node_id AND p.time = k.time
	 WHERE p.readings = k.there
	 ORDER BY p.node_id, p.time
	   FOR UPDATE OF p)
	UPDATE parked_reading p SET readings = there.whole
	  FROM there
	 WHERE p.node_id = there.node_id AND p.time = there.time
	RETURNING there.i`,
		args: func(keys []parkedKey) pgx.NamedArgs {
			ids, times := make([]uuid.UUID, len(keys)), make([]time.Time, len(keys))
			for i, k := range keys {
				ids[i], times[i] = k.id, fromMicros(k.micros)
			}
			return pgx.NamedArgs{"ids": ids, "times": times}
		},
		outcome: keeping.Parked, again: keeping.Parked,
	}
)

// settleReadings finds the outcomes of the readings, and adds those of which another quantity
// was there before.
func (s *Store) settleReadings(ctx context.Context, w *write) error {
	if err := settle(ctx, s, w, stored, w.readings, w.readingsReturned, sampleKey.compare); err != nil {
		return err
	}
	return settle(ctx, s, w, parked, w.unknownReadings, w.readingsParked, parkedKey.compare)
}

func settle[K comparable](ctx context.Context, s *Store, w *write, t readingTable[K], keys []keyed[K], returned []K, compare func(a, b K) int) error {
	if len(keys) == 0 {
		return nil
	}
	sorted(returned, compare)
	// A statement that inserted nothing may have found another epoch; then all stay pending.
	noneStored, next := len(returned) == 0, 0
	var missing [][]keyed[K]
	var missingKeys []K
	for second := range seconds(keys) {
		if next < len(returned) && returned[next] == second[0].key {
			next++
			tell(w, t, second, nil)
			continue
		}
		missing, missingKeys = append(missing, second), append(missingKeys, second[0].key)
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := s.pool.Query(ctx, t.find, t.args(missingKeys))
	if err != nil {
		return fmt.Errorf("find readings: %w", err)
	}
	type found struct {
		I, Epoch int64
		Readings []byte
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	if err != nil {
		return fmt.Errorf("find readings: %w", err)
	}
	var more growing[K]
	for _, f := range all {
		if f.Epoch != w.epoch && noneStored || f.Readings == nil {
			continue // stays pending
		}
		second, key := missing[f.I-1], missingKeys[f.I-1]
		there, err := quantity.Unpack(nil, f.Readings)
		if err != nil {
			return fmt.Errorf("readings of %v: %w", key, err)
		}
		if whole := quantity.Merge(there, firsts(nil, w.flush.Readings, second)); len(whole) > len(there) {
			more.add(key, second, there, f.Readings, quantity.AppendPacked(nil, whole))
			continue
		}
		tell(w, t, second, there)
	}
	return addReadings(ctx, s, w, t, &more)
}

// growing are the seconds of which something was there, and to which more is added.
type growing[K any] struct {
	keys          []K
	seconds       [][]keyed[K]
	values        [][]quantity.Value // that are there
	packed, whole [][]byte           // as it is there, and with what is new
}

func (g *growing[K]) add(key K, second []keyed[K], there []quantity.Value, packed, whole []byte) {
	g.keys, g.seconds, g.values = append(g.keys, key), append(g.seconds, second), append(g.values, there)
	g.packed, g.whole = append(g.packed, packed), append(g.whole, whole)
}

// addReadings adds to all seconds at once, and settles their readings. Where somebody else did
// in the meantime, they stay pending.
func addReadings[K any](ctx context.Context, s *Store, w *write, t readingTable[K], more *growing[K]) error {
	if len(more.keys) == 0 {
		return nil
	}
	args := t.args(more.keys)
	args["there"], args["whole"] = more.packed, more.whole
	rows, err := s.pool.Query(ctx, t.add, args)
	if err != nil {
		return fmt.Errorf("add readings: %w", err)
	}
	added, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("add readings: %w", err)
	}
	for _, i := range added {
		tell(w, t, more.seconds[i-1], more.values[i-1])
	}
	return nil
}

// tell gives the readings of a second their outcomes, when what was not there has been written.
func tell[K any](w *write, t readingTable[K], second []keyed[K], there []quantity.Value) {
	var first quantity.Value // of the quantity, among these
	for _, k := range second {
		r := &w.flush.Readings[k.row]
		before, known := first, first.Quantity == r.Quantity
		if !known {
			first = r.Value
		}
		if at, ok := slices.BinarySearchFunc(there, r.Quantity, func(v quantity.Value, id quantity.ID) int { return cmp.Compare(v.Quantity, id) }); ok {
			before, known = there[at], true
		}
		switch {
		case !known:
			r.Outcome, r.NodeNo = t.outcome, w.nos[r.Uplink]
		case before.Steps == r.Steps:
			r.Outcome = t.again
		default:
			r.Outcome = keeping.Conflict
		}
	}
}
