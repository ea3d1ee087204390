package samplestore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// Uplinks that were lost show in the frame counter, which goes on by one with each
// frame. What comes late, on a slower way, was not lost: counters that were passed over
// are remembered for a while.

const (
	dayMicros = int64(24 * time.Hour / time.Microsecond)

	// maxSilence is from when on a silence says nothing of the radio: the sensor was off,
	// or nobody listened. The count begins anew.
	maxSilence = dayMicros
	// maxAdvance is what a counter goes on in that time at the most, with a frame every
	// five seconds. More is a leap of the device.
	maxAdvance = int64(24 * time.Hour / (5 * time.Second))
	// maxStepBack is how far back a counter may go for a frame that some gateway delivers
	// once more. Beyond, the device has joined again, or was reset.
	maxStepBack = 16
	// maxSpans bounds what is remembered of a node.
	maxSpans = 64
)

// span is a run of frame counters, both included.
type span struct{ from, to int64 }

// radioState is where the count of a node goes on from.
type radioState struct {
	day     int64 // since 2000-01-01
	at      int64 // of the newest uplink
	fCnt    int64 // of the same
	missing []span
}

// radioDay is what is added to a node's row of a day.
type radioDay struct {
	no                int32
	day, at, fCnt     int64
	uplinks, expected int64
	// Of so many uplinks it is known how they were received, and sums of that.
	received, rssi, snr10, spreadingFactor, gateways int64
}

// radioCounts counts the uplinks of nodes by days.
type radioCounts struct {
	nos    []int32
	heard  map[int32][]status // in the order of time and counter
	before map[int32]radioState
	after  map[int32]radioState
	days   []radioDay
}

// radioOf returns the counts of uplinks that have a frame counter.
func radioOf(entries []status) *radioCounts {
	c := &radioCounts{heard: map[int32][]status{}, before: map[int32]radioState{}, after: map[int32]radioState{}}
	for i := range entries {
		if e := &entries[i]; e.told[fCnt].Known {
			c.heard[e.no] = append(c.heard[e.no], *e)
		}
	}
	for no, all := range c.heard {
		c.nos = append(c.nos, no)
		slices.SortFunc(all, func(a, b status) int {
			return cmp.Or(cmp.Compare(a.contactAt, b.contactAt), cmp.Compare(a.told[fCnt].Value, b.told[fCnt].Value))
		})
	}
	slices.Sort(c.nos)
	return c
}

// count counts what was heard on top of what was there before.
func (c *radioCounts) count() {
	for _, no := range c.nos {
		state, known := c.before[no]
		first := len(c.days)
		for _, e := range c.heard[no] {
			expected, isNew := int64(1), true
			if known {
				expected, isNew = state.take(e.contactAt, int64(e.told[fCnt].Value))
			} else {
				state, known = radioState{at: e.contactAt, fCnt: int64(e.told[fCnt].Value)}, true
			}
			if !isNew {
				continue
			}
			day := floorDay(e.contactAt)
			state.day = max(state.day, day)
			i := first + slices.IndexFunc(c.days[first:], func(d radioDay) bool { return d.day == day })
			if i < first {
				i = len(c.days)
				c.days = append(c.days, radioDay{no: no, day: day, at: e.contactAt, fCnt: int64(e.told[fCnt].Value)})
			}
			c.days[i].add(&e, expected)
		}
		// What is no longer missing must not be counted again, where nothing else is new.
		today := func(d radioDay) bool { return d.day == state.day }
		if len(c.days) > first && !slices.ContainsFunc(c.days[first:], today) {
			c.days = append(c.days, radioDay{no: no, day: state.day, at: state.at, fCnt: state.fCnt})
		}
		c.after[no] = state
	}
}

func floorDay(at int64) int64 {
	day := at / dayMicros
	if at%dayMicros < 0 {
		day--
	}
	return day
}

// take takes an uplink into account. It returns by how many uplinks the counter went on,
// and whether this one is new.
func (s *radioState) take(at, counter int64) (expected int64, isNew bool) {
	ahead := at > s.at || at == s.at && counter > s.fCnt
	advance := counter - s.fCnt
	switch {
	case !ahead || advance <= 0 && advance >= -maxStepBack:
		return 0, s.found(counter)
	case advance < 0 || advance > maxAdvance || at-s.at > maxSilence:
		s.missing, expected = nil, 1
	default:
		expected = advance
		if advance > 1 {
			s.missing = bounded(append(s.missing, span{s.fCnt + 1, counter - 1}))
		}
	}
	s.at, s.fCnt = at, counter
	return expected, true
}

// found reports whether a frame was missing, and no longer is.
func (s *radioState) found(counter int64) bool {
	for i, m := range s.missing {
		if counter < m.from || counter > m.to {
			continue
		}
		var rest []span
		if m.from < counter {
			rest = append(rest, span{m.from, counter - 1})
		}
		if counter < m.to {
			rest = append(rest, span{counter + 1, m.to})
		}
		s.missing = bounded(slices.Replace(s.missing, i, i+1, rest...))
		return true
	}
	return false
}

// bounded forgets the oldest.
func bounded(spans []span) []span { return spans[max(len(spans)-maxSpans, 0):] }

func (d *radioDay) add(e *status, expected int64) {
	if e.contactAt >= d.at {
		d.at, d.fCnt = e.contactAt, int64(e.told[fCnt].Value)
	}
	d.uplinks++
	d.expected += expected
	for _, r := range []int{rssi, snr10, spreadingFactor, gateways} {
		if !e.told[r].Known {
			return
		}
	}
	d.received++
	d.rssi += int64(e.told[rssi].Value)
	d.snr10 += int64(e.told[snr10].Value)
	d.spreadingFactor += int64(e.told[spreadingFactor].Value)
	d.gateways += int64(e.told[gateways].Value)
}

// packSpans writes spans, the newest first, as pairs of unsigned varints: how far the end
// is below what was written before (at first, the newest counter), and how many there are
// before it.
func packSpans(spans []span, newest int64) []byte {
	row := []byte{}
	for _, m := range slices.Backward(spans) {
		row = binary.AppendUvarint(row, uint64(newest-m.to))
		row = binary.AppendUvarint(row, uint64(m.to-m.from))
		newest = m.from
	}
	return row
}

var errSpans = errors.New("what is missing of a node's uplinks cannot be read")

// unpackSpans reads what packSpans has written.
func unpackSpans(row []byte, newest int64) ([]span, error) {
	var spans []span
	if newest < 0 {
		return nil, errSpans
	}
	for len(row) > 0 {
		gap, n := binary.Uvarint(row)
		if n <= 0 {
			return nil, errSpans
		}
		row = row[n:]
		length, n := binary.Uvarint(row)
		if n <= 0 || gap == 0 || gap > uint64(newest) || length > uint64(newest)-gap || len(spans) == maxSpans {
			return nil, errSpans
		}
		row = row[n:]
		to := newest - int64(gap)
		newest = to - int64(length)
		spans = append(spans, span{newest, to})
	}
	slices.Reverse(spans)
	return spans, nil
}

const radioStates = `
	SELECT r.node_no, r.day - date '2000-01-01', r.last_at, r.f_cnt, r.missing
	  FROM unnest($1::integer[]) AS n (no),
	       LATERAL (SELECT * FROM node_radio_day d WHERE d.node_no = n.no ORDER BY d.day DESC LIMIT 1) r`

// queueState asks for where the counts go on from.
func (c *radioCounts) queueState(ctx context.Context, p *pipeline) {
	var columns columns
	nos := columns.column(0, oidInt4)
	for _, no := range c.nos {
		nos.int4(no)
	}
	p.queue(ctx, radioStates, columns.parameters(1), func(v [][]byte) {
		no := int32(binary.BigEndian.Uint32(v[0]))
		s := radioState{
			day:  int64(int32(binary.BigEndian.Uint32(v[1]))),
			at:   int64(binary.BigEndian.Uint64(v[2])),
			fCnt: int64(binary.BigEndian.Uint64(v[3])),
		}
		// Without it a late uplink is not counted, and nothing else happens.
		s.missing, _ = unpackSpans(v[4], s.fCnt)
		c.before[no] = s
	})
}

const addRadioDays = `
	INSERT INTO node_radio_day AS old (node_no, day, last_at, f_cnt, missing, uplinks, expected,
	                                   received, rssi_dbm, snr_10_db, spreading_factor, gateways)
	SELECT u.node_no, date '2000-01-01' + u.day, u.last_at, u.f_cnt, u.missing, u.uplinks, u.expected,
	       u.received, u.rssi_dbm, u.snr_10_db, u.spreading_factor, u.gateways
	  FROM unnest($1::integer[], $2::integer[], $3::timestamptz[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[],
	              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
	    AS u (node_no, day, last_at, f_cnt, missing, uplinks, expected, received, rssi_dbm, snr_10_db, spreading_factor, gateways)
	  JOIN node n ON n.no = u.node_no
	 ORDER BY u.node_no, u.day
	    ON CONFLICT (node_no, day) DO UPDATE SET
	       last_at = greatest(old.last_at, excluded.last_at),
	       f_cnt   = CASE WHEN old.last_at > excluded.last_at THEN old.f_cnt ELSE excluded.f_cnt END,
	       missing = excluded.missing,
	       uplinks = old.uplinks + excluded.uplinks, expected = old.expected + excluded.expected,
	       received = old.received + excluded.received, rssi_dbm = old.rssi_dbm + excluded.rssi_dbm,
	       snr_10_db = old.snr_10_db + excluded.snr_10_db,
	       spreading_factor = old.spreading_factor + excluded.spreading_factor, gateways = old.gateways + excluded.gateways`

// queueDays adds what was counted. The row of the newest day keeps where to go on.
func (c *radioCounts) queueDays(ctx context.Context, p *pipeline) {
	if len(c.days) == 0 {
		return
	}
	var columns columns
	nos, days, ats := columns.column(0, oidInt4), columns.column(1, oidInt4), columns.column(2, oidTimestamptz)
	counters, missing := columns.column(3, oidInt8), columns.column(4, oidBytea)
	var sums [7]*array
	for i := range sums {
		sums[i] = columns.column(5+i, oidInt8)
	}
	for i := range c.days {
		d := &c.days[i]
		nos.int4(d.no)
		days.int4(int32(d.day))
		ats.int8(d.at)
		counters.int8(d.fCnt)
		if s := c.after[d.no]; s.day == d.day {
			missing.bytes(packSpans(s.missing, s.fCnt))
		} else {
			missing.bytes(nil)
		}
		for i, v := range []int64{d.uplinks, d.expected, d.received, d.rssi, d.snr10, d.spreadingFactor, d.gateways} {
			sums[i].int8(v)
		}
	}
	p.queue(ctx, addRadioDays, columns.parameters(12), nil)
}
