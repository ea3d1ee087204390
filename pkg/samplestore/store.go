// Package samplestore keeps samples in PostgreSQL. It is the only writer of samples in
// Go; it writes the marks of stuck sensors, too. The only one in SQL is the function that
// adopts what was parked (migration 20). Rules that both obey are functions of the schema,
// and are called here.
//
// The trap: node numbers are kept in memory, and a node may be deleted at any
// time. Every statement that writes numbers therefore compares the epoch of the
// node table, which goes up with each deletion, in its own snapshot.
package samplestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// Store implements keeping.Store.
type Store struct {
	pool *pgxpool.Pool

	nodes  nodeMap
	months months
	writes sync.Pool
	known  atomic.Pointer[learned]

	// boldFrom is how many samples a flush has at least that is written without
	// expecting repeated ones; careful is how many more flushes may not be.
	boldFrom   int
	carefulFor int32
	careful    atomic.Int32
}

// New returns a Store on a pool that Configure has seen.
func New(pool *pgxpool.Pool) *Store {
	return &Store{pool: pool, boldFrom: boldFrom, carefulFor: carefulFor, writes: sync.Pool{New: func() any { return new(write) }}}
}

// Configure makes every session of a pool commit durably, whatever the server's
// default is, and plan its statements once: planning again for the arrays at hand
// takes longer than a small flush.
func Configure(c *pgxpool.Config) {
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
			       CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
			            THEN set_config('synchronous_commit', 'on', false) END`)
		return err
	}
}

// Ping reports whether the database answers, and takes what is written: after a failover
// it may be left read-only.
func (s *Store) Ping(ctx context.Context) error {
	var readOnly bool
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('transaction_read_only')::boolean").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly {
		return errors.New("the database is read-only")
	}
	return nil
}

// maxAttempts bounds how often a flush is taken up again because nodes were
// registered or deleted, or samples removed, in the middle of it.
const maxAttempts = 5

// Keep implements keeping.Store.
func (s *Store) Keep(ctx context.Context, f *keeping.Flush) error {
	if s.known.Load() == nil {
		if err := s.Learn(ctx); err != nil {
			return err
		}
	}
	w := s.writes.Get().(*write)
	defer s.writes.Put(w)
	for i := range f.Rows {
		f.Rows[i].Outcome, f.Rows[i].Fault = keeping.Pending, nil
	}
	for i := range f.Readings {
		f.Readings[i].Outcome, f.Readings[i].Fault = keeping.Pending, nil
	}
	w.flush, w.rejected, w.rejectedReadings = f, slices.Clip(f.Rejected), slices.Clip(f.RejectedReadings)
	defer func() { w.flush, w.rejected, w.rejectedReadings = nil, nil, nil }()
	for range maxAttempts {
		if err := s.attempt(ctx, w); err != nil {
			return Translate(err)
		}
		if pending(f) {
			continue
		}
		if err := s.keepConflicts(ctx, w); err != nil {
			return Translate(fmt.Errorf("keep conflicting samples: %w", err))
		}
		return nil
	}
	return fault.New(fault.Unavailable, "nodes keep changing; try again")
}

func pending(f *keeping.Flush) bool {
	for i := range f.Rows {
		if f.Rows[i].Outcome == keeping.Pending {
			return true
		}
	}
	for i := range f.Readings {
		if f.Readings[i].Outcome == keeping.Pending {
			return true
		}
	}
	return false
}

// attempt writes the pending rows in one transaction and finds out what became of
// them. Rows that stay pending have to be tried again.
func (s *Store) attempt(ctx context.Context, w *write) error {
	if err := s.resolve(ctx, w); err != nil {
		return err
	}
	if err := s.ensurePartitions(ctx, w); err != nil {
		return err
	}
	w.split()
	w.splitReadings()
	s.markStuck(w)
	if len(w.known)+len(w.unknown)+len(w.rejected)+len(w.flush.Uplinks)+len(w.rejectedReadings) == 0 {
		return nil
	}
	if err := s.commit(ctx, w); err != nil {
		if isMissingPartition(err) {
			s.months.forget() // detached in the meantime; look again
			return nil
		}
		return fmt.Errorf("keep samples: %w", err)
	}
	w.rejected, w.rejectedReadings = nil, nil
	if err := s.settleStored(ctx, w); err != nil {
		return err
	}
	if err := s.settleParked(ctx, w); err != nil {
		return err
	}
	return s.settleReadings(ctx, w)
}

// Translate gives what the database cannot take the kind Invalid, and all that
// may go better later the kind Unavailable.
func Translate(err error) error {
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

// addSamples inserts all samples, or none when the epoch is another, or fails when
// one of them was there before.
const addSamples = `
	INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
	SELECT *
	  FROM unnest($2::integer[], $3::timestamptz[], $4::smallint[], $5::smallint[], $6::smallint[], $7::"char"[])
	 WHERE (SELECT epoch FROM node_epoch) = $1::bigint`

// storeSamples inserts those that were not there before. It looks into the index
// for each of them before it inserts, which takes a third of the time.
const storeSamples = addSamples + `
	    ON CONFLICT DO NOTHING
	RETURNING node_no, time`

const (
	// boldFrom: with fewer samples there is nothing to gain, and each failure is a
	// line in the server's log.
	boldFrom = 16
	// carefulFor is how many flushes without a repeated sample have to follow one that
	// had some. A failure costs as much as a flush, so they cost a hundredth at most.
	carefulFor = 100
)

// A statement of its own, after the samples: see note_late_hours. The journal comes
// along, because each statement costs something.
const noteLate = `
	WITH journal AS (INSERT INTO node_status_journal (entries) SELECT unnest($3::bytea[]))` + addLate

const addLate = `
	SELECT note_late_hours($1::integer[], $2::timestamptz[])`

// commit writes everything in one transaction. As long as no samples are repeated
// it does not look for them first, and does so when that fails.
func (s *Store) commit(ctx context.Context, w *write) error {
	if len(w.known) >= s.boldFrom && s.careful.Load() <= 0 {
		err := s.commitWith(ctx, w, addSamples)
		if !isRepeatedSample(err) {
			return err
		}
	}
	err := s.commitWith(ctx, w, storeSamples)
	switch {
	case err != nil || len(w.known) == 0:
	case len(w.returned) < w.distinct:
		s.careful.Store(s.carefulFor)
	case s.careful.Load() > 0:
		s.careful.Add(-1)
	}
	return err
}

// isRepeatedSample recognizes that a key was there, in whatever partition; all
// other statements of a flush tolerate that themselves.
func isRepeatedSample(err error) bool {
	code, _, ok := pgdb.Violation(err)
	return ok && code == pgdb.UniqueViolation
}

func (s *Store) commitWith(ctx context.Context, w *write, insert string) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	p := pipeline{conn: conn.Conn()}
	w.returned, w.parked = w.returned[:0], w.parked[:0]
	journal := w.journalRows()
	if len(w.known) > 0 {
		q := p.queue(ctx, insert, w.sampleParameters(), func(row [][]byte) {
			w.returned = append(w.returned, sampleKey{int32(binary.BigEndian.Uint32(row[0])), int64(binary.BigEndian.Uint64(row[1]))})
		})
		if insert == addSamples {
			q.done = w.allReturned
		}
		p.queue(ctx, noteLate, append(w.lateParameters(), journal), nil)
	} else if journal != nil {
		p.queue(ctx, appendJournal, [][]byte{journal}, nil)
	}
	if len(w.unknown) > 0 {
		p.queue(ctx, parkSamples, w.parkParameters(), func(row [][]byte) {
			w.parked = append(w.parked, parkedKeyFrom(row))
		})
	}
	w.queueReadings(ctx, &p)
	w.queueRejected(ctx, &p)
	if heard := w.heardParameters(); heard != nil {
		p.queue(ctx, HearDevices, heard, nil)
	}
	spoken, heard := w.scriptParameters(s.known.Load().scripted)
	if spoken != nil {
		p.queue(ctx, noteScripted, spoken, nil)
	}
	if heard != nil {
		p.queue(ctx, hearScripted, heard, nil)
	}
	return p.run(ctx)
}
