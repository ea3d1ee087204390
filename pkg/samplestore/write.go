package samplestore

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// write is a flush on its way into the database: what is known of its rows, and
// buffers that are used again by the next one.
type write struct {
	flush *keeping.Flush
	// rejected are to be kept aside by the next transaction that is committed.
	rejected []keeping.RejectedRow
	// nos are the numbers of the uplinks' nodes as of epoch; 0 is not registered.
	nos   []int32
	epoch int64

	known   []keyed[sampleKey]
	unknown []keyed[parkedKey]
	// distinct is how many keys the known rows have.
	distinct int
	// returned and parked are the keys of the rows that were inserted.
	returned []sampleKey
	parked   []parkedKey

	readings        []keyed[sampleKey]
	unknownReadings []keyed[parkedKey]
	// readingsReturned and readingsParked are the keys of the rows that were inserted.
	readingsReturned []sampleKey
	readingsParked   []parkedKey
	// rejectedReadings are to be kept aside by the next transaction that is committed.
	rejectedReadings []keeping.RejectedReading

	samples, late, parking, rejecting, hearing, spoken, unscripted columns
	measuring, readingParking, readingRejecting                    columns
	journal                                                        journal
}

// sampleKey is the key of a sample; the time in PostgreSQL's microseconds.
type sampleKey struct {
	no     int32
	micros int64
}

func (k sampleKey) compare(other sampleKey) int {
	return cmp.Or(cmp.Compare(k.no, other.no), cmp.Compare(k.micros, other.micros))
}

// parkedKey is the key of a parked sample.
type parkedKey struct {
	id     uuid.UUID
	micros int64
}

func (k parkedKey) compare(other parkedKey) int {
	return cmp.Or(slices.Compare(k.id[:], other.id[:]), cmp.Compare(k.micros, other.micros))
}

// keyed is a row of the flush with its key: of a sample for a row whose node is
// registered, of a parked one for others.
type keyed[K any] struct {
	key K
	row int32 // index in the flush, among the rows or the readings
}

// split sorts the pending rows into known and unknown ones, each ordered by key:
// two writers with the same keys in different orders would wait for each other.
// Rows of the same key stay in the order in which they came.
func (w *write) split() {
	w.known, w.unknown = w.known[:0], w.unknown[:0]
	for i := range w.flush.Rows {
		r := &w.flush.Rows[i]
		if r.Outcome != keeping.Pending {
			continue
		}
		at := micros(r.Sample.Time)
		if no := w.nos[r.Uplink]; no != 0 {
			w.known = append(w.known, keyed[sampleKey]{sampleKey{no, at}, int32(i)})
		} else if uplink := w.flush.Uplinks[r.Uplink]; uplink.Registered {
			w.reject(r, keeping.Foreign()) // deleted meanwhile
		} else {
			w.unknown = append(w.unknown, keyed[parkedKey]{parkedKey{uplink.NodeID, at}, int32(i)})
		}
	}
	slices.SortFunc(w.known, func(a, b keyed[sampleKey]) int {
		return cmp.Or(a.key.compare(b.key), cmp.Compare(a.row, b.row))
	})
	w.distinct = 0
	for range w.keys() {
		w.distinct++
	}
	slices.SortFunc(w.unknown, func(a, b keyed[parkedKey]) int {
		return cmp.Or(a.key.compare(b.key), cmp.Compare(a.row, b.row))
	})
}

// keys are the first rows of each key of the known ones.
func (w *write) keys() iter.Seq[keyed[sampleKey]] {
	return func(yield func(keyed[sampleKey]) bool) {
		for i, k := range w.known {
			if i > 0 && w.known[i-1].key == k.key {
				continue
			}
			if !yield(k) {
				return
			}
		}
	}
}

// allReturned is what addSamples did when it has written so many rows.
func (w *write) allReturned(rows int64) error {
	switch rows {
	case 0: // another epoch
	case int64(w.distinct):
		for k := range w.keys() {
			w.returned = append(w.returned, k.key)
		}
	default:
		return fmt.Errorf("of %d samples %d were written", w.distinct, rows)
	}
	return nil
}

// sampleParameters are those of storeSamples.
func (w *write) sampleParameters() [][]byte {
	nos, times := w.samples.column(0, oidInt4), w.samples.column(1, oidTimestamptz)
	for k := range w.keys() {
		nos.int4(k.key.no)
		times.int8(k.key.micros)
	}
	w.samples.measurements(2, func(yield func(*measurement.Sample) bool) {
		for k := range w.keys() {
			if !yield(&w.flush.Rows[k.row].Sample) {
				return
			}
		}
	})
	epoch := binary.BigEndian.AppendUint64(nil, uint64(w.epoch))
	return append([][]byte{epoch}, w.samples.parameters(6)...)
}

const microsPerHour = 3600 * 1_000_000

// lateParameters are those of noteLate: each hour of each node once.
func (w *write) lateParameters() [][]byte {
	nos, hours := w.late.column(0, oidInt4), w.late.column(1, oidTimestamptz)
	var last sampleKey
	for i, k := range w.known {
		hour := sampleKey{k.key.no, k.key.micros - k.key.micros%microsPerHour}
		if i > 0 && hour == last {
			continue
		}
		last = hour
		nos.int4(hour.no)
		hours.int8(hour.micros)
	}
	return w.late.parameters(2)
}
