// Package postgres keeps samples in PostgreSQL. It holds the only SQL of the
// ingestair.
//
// The trap: node numbers are kept in memory, and a node may be deleted at any
// time. Every statement that writes numbers therefore compares the epoch of the
// node table, which goes up with each deletion, in its own snapshot.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Store implements ingest.Store.
type Store struct {
	pool *pgxpool.Pool

	nodes  nodeMap
	mu     sync.Mutex
	months map[month]bool // that are known to have a partition
}

// New returns a Store on a pool that Configure has seen.
func New(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool, months: map[month]bool{}}
}

// Configure makes every session of a pool commit durably, whatever the server's
// default is.
func Configure(c *pgxpool.Config) {
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			SELECT set_config('synchronous_commit', 'on', false)
			 WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`)
		return err
	}
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// maxAttempts bounds how often a flush is taken up again because nodes were
// registered or deleted, or samples removed, in the middle of it.
const maxAttempts = 5

// Keep implements ingest.Store.
func (s *Store) Keep(ctx context.Context, f *ingest.Flush) error {
	pending := make([]*ingest.Row, len(f.Rows))
	for i := range f.Rows {
		f.Rows[i].Outcome = ingest.Pending
		pending[i] = &f.Rows[i]
	}
	rejected := f.Rejected
	for range maxAttempts {
		if err := s.attempt(ctx, pending, rejected); err != nil {
			return translate(err)
		}
		rejected = nil
		pending = slices.DeleteFunc(pending, func(r *ingest.Row) bool { return r.Outcome != ingest.Pending })
		if len(pending) == 0 {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "nodes keep changing; try again")
}

// attempt writes rows in one transaction and finds out what became of them. Rows
// that stay pending have to be tried again.
func (s *Store) attempt(ctx context.Context, rows []*ingest.Row, rejected []ingest.RejectedRow) error {
	if err := s.ensurePartitions(ctx, rows); err != nil {
		return err
	}
	known, unknown, epoch, err := s.resolve(ctx, rows)
	if err != nil {
		return err
	}
	known.sort()
	slices.SortStableFunc(unknown, func(a, b *ingest.Row) int {
		return cmp.Or(compareIDs(a.NodeID, b.NodeID), a.Sample.Time.Compare(b.Sample.Time))
	})
	var stored []sampleKey
	var parked []parkedKey
	batch := &pgx.Batch{}
	if len(known.rows) > 0 {
		queueStore(batch, known, epoch, &stored)
	}
	if len(unknown) > 0 {
		queuePark(batch, unknown, &parked)
	}
	if len(rejected) > 0 {
		queueReject(batch, rejected)
	}
	if batch.Len() == 0 {
		return nil
	}
	// A batch without BEGIN is one transaction.
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep samples: %w", err)
	}
	return errors.Join(
		s.settleStored(ctx, known, epoch, stored),
		s.settleParked(ctx, unknown, parked),
	)
}

// keyed are rows with the numbers of their nodes.
type keyed struct {
	rows []*ingest.Row
	nos  []int32
}

// sort orders by key. Two writers with the same keys in different orders would
// wait for each other.
func (k *keyed) sort() {
	order := make([]int, len(k.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(k.nos[a], k.nos[b]), k.rows[a].Sample.Time.Compare(k.rows[b].Sample.Time))
	})
	rows, nos := make([]*ingest.Row, len(order)), make([]int32, len(order))
	for to, from := range order {
		rows[to], nos[to] = k.rows[from], k.nos[from]
	}
	k.rows, k.nos = rows, nos
}

// sampleKey is the key of a sample.
type sampleKey struct {
	NodeNo int32
	Time   time.Time
}

func (k *keyed) key(i int) sampleKey { return sampleKey{k.nos[i], k.rows[i].Sample.Time} }

func (k sampleKey) equal(other sampleKey) bool {
	return k.NodeNo == other.NodeNo && k.Time.Equal(other.Time)
}

const storeSamples = `
	INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
	SELECT node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status::"char"
	  FROM unnest($2::integer[], $3::timestamptz[], $4::smallint[], $5::smallint[], $6::smallint[], $7::text[])
	    AS s (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
	 WHERE (SELECT epoch FROM node_epoch) = $1
	    ON CONFLICT DO NOTHING
	RETURNING node_no, time`

func queueStore(batch *pgx.Batch, k *keyed, epoch int64, stored *[]sampleKey) {
	c := newColumns(len(k.rows))
	for _, r := range k.rows {
		c.add(r.Sample)
	}
	batch.Queue(storeSamples, epoch, k.nos, c.times, c.co2, c.temperature, c.humidity, c.status).Query(func(rows pgx.Rows) (err error) {
		*stored, err = pgx.CollectRows(rows, pgx.RowToStructByPos[sampleKey])
		return err
	})
}

// columns are samples as the arrays that a statement unnests.
type columns struct {
	times                 []time.Time
	co2                   []int16
	temperature, humidity []*int16
	status                []string
}

func newColumns(n int) *columns {
	return &columns{
		times: make([]time.Time, 0, n), co2: make([]int16, 0, n),
		temperature: make([]*int16, 0, n), humidity: make([]*int16, 0, n), status: make([]string, 0, n),
	}
}

func (c *columns) add(s measurement.Sample) {
	c.times = append(c.times, s.Time)
	c.co2 = append(c.co2, int16(s.CO2PPM))
	c.temperature = append(c.temperature, smallint(s.TemperatureDecicelsius))
	c.humidity = append(c.humidity, smallint(s.RelHumidityPercent))
	c.status = append(c.status, string(rune(s.Status)))
}

func smallint(r measurement.Reading) *int16 {
	if !r.Known {
		return nil
	}
	v := int16(r.Value)
	return &v
}

func reading(v *int16) measurement.Reading {
	if v == nil {
		return measurement.Reading{}
	}
	return measurement.Known(int(*v))
}

// settleStored finds the outcomes of rows that are ordered by key, of which
// stored were inserted, in the same order.
func (s *Store) settleStored(ctx context.Context, k *keyed, epoch int64, stored []sampleKey) error {
	next, last := 0, -1 // last is the index of the last row that was stored
	var missing []int
	for i, r := range k.rows {
		switch {
		case last >= 0 && k.key(i).equal(k.key(last)):
			r.Outcome = compare(r.Sample, k.rows[last].Sample)
		case next < len(stored) && stored[next].equal(k.key(i)):
			r.Outcome = ingest.Stored
			next, last = next+1, i
		default:
			missing = append(missing, i)
		}
	}
	if next < len(stored) {
		return fmt.Errorf("keep samples: %d of %d inserted rows come back out of order", len(stored)-next, len(stored))
	}
	if len(missing) == 0 {
		return nil
	}
	return s.settleMissing(ctx, k, epoch, missing, len(stored) == 0)
}

const samplesByKey = `
	SELECT (SELECT epoch FROM node_epoch) AS epoch,
	       k.i, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status::text
	  FROM unnest(@nos::integer[], @times::timestamptz[]) WITH ORDINALITY AS k (node_no, time, i)
	  LEFT JOIN sample s ON s.node_no = k.node_no AND s.time = k.time
	 ORDER BY k.i`

// settleMissing compares rows that were not inserted with those that are there.
// noneStored says that the whole statement inserted nothing, which also happens
// when the epoch has changed; then all rows stay pending.
func (s *Store) settleMissing(ctx context.Context, k *keyed, epoch int64, missing []int, noneStored bool) error {
	nos, times := make([]int32, len(missing)), make([]time.Time, len(missing))
	for to, from := range missing {
		nos[to], times[to] = k.nos[from], k.rows[from].Sample.Time
	}
	rows, err := s.pool.Query(ctx, samplesByKey, pgx.NamedArgs{"nos": nos, "times": times})
	if err != nil {
		return fmt.Errorf("find samples: %w", err)
	}
	var now, i int64
	var co2, temperature, humidity *int16
	var status *string
	_, err = pgx.ForEachRow(rows, []any{&now, &i, &co2, &temperature, &humidity, &status}, func() error {
		row := k.rows[missing[i-1]]
		if now != epoch && noneStored || co2 == nil {
			return nil // stays pending
		}
		row.Outcome = compare(row.Sample, measurement.Sample{
			CO2PPM: int(*co2), TemperatureDecicelsius: reading(temperature), RelHumidityPercent: reading(humidity),
			Status: measurement.Status((*status)[0]),
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("find samples: %w", err)
	}
	return nil
}

// compare tells what a sample is beside one that was there with the same key.
func compare(s, there measurement.Sample) ingest.Outcome {
	s.Time = there.Time
	if s == there {
		return ingest.Duplicate
	}
	return ingest.Conflict
}

// translate gives what the database cannot take the kind Invalid, and all that
// may go better later the kind Unavailable.
func translate(err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if ok && (strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23")) {
		return fault.Wrap(fault.Invalid, err, "the database refuses the sample: "+pgErr.Message)
	}
	if pgdb.IsUnavailable(err) {
		return pgdb.Translate(err)
	}
	// A missing table or right is no fault of the sample: the caller keeps it until
	// somebody has mended that.
	return fault.Wrap(fault.Unavailable, err, "the database does not work")
}

func compareIDs(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
