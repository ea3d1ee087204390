package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
)

// The migration that makes sample_hour explains how roll-ups work. All steps of
// the job are one transaction each, and only one replica does one at a time.

const (
	tryLockRollup = `SELECT pg_try_advisory_xact_lock(hashtext('sample_rollup'))`

	// The clock is the database's, so that replicas agree. It may jump; the bounds
	// never go back.
	raiseLateBefore = `
	UPDATE sample_rollup_state
	   SET late_before = date_trunc('hour', now() - @lag::interval, 'UTC'), barrier = NULL
	 WHERE late_before = rolled_until
	   AND late_before < date_trunc('hour', now() - @lag::interval, 'UTC')`

	// In a transaction of its own, after late_before was committed: whoever gets a
	// number from here on sees it.
	setBarrier = `
	UPDATE sample_rollup_state
	   SET barrier = pg_snapshot_xmax(pg_current_snapshot())
	 WHERE late_before > rolled_until AND barrier IS NULL`

	// All that may have written without seeing late_before have ended.
	boundsBehindBarrier = `
	SELECT rolled_until, late_before
	  FROM sample_rollup_state
	 WHERE late_before > rolled_until AND barrier <= pg_snapshot_xmin(pg_current_snapshot())`

	// By node, because the samples' key begins with it.
	rollUpHours = `
	INSERT INTO sample_hour (hour, node_no, ` + aggregates + `)
	SELECT h.hour, h.node_no, ` + aggregates + `
	  FROM node n, LATERAL sample_hours_raw(n.no, @from_time, @to_time) h
	 ORDER BY h.node_no, h.hour
	    ON CONFLICT (node_no, hour) DO UPDATE SET ` + replaceHour

	rollUpDays = `
	INSERT INTO sample_day (day, node_no, ` + aggregates + `)
	SELECT date_trunc('day', hour, 'UTC') AS day, node_no, ` + sumHours + `
	  FROM sample_hour
	 WHERE hour >= date_trunc('day', @from_time::timestamptz, 'UTC') AND hour < @to_time
	   AND node_no IN (SELECT no FROM node)
	 GROUP BY 1, 2
	 ORDER BY 2, 1
	    ON CONFLICT (node_no, day) DO UPDATE SET ` + replaceHour

	setRolledUntil = `UPDATE sample_rollup_state SET rolled_until = late_before`

	// Hours that are not rolled up yet stay: they may come late once more.
	takeLate = `
	WITH chosen AS (
	    SELECT DISTINCT node_no, hour
	      FROM sample_late
	     WHERE hour < (SELECT rolled_until FROM sample_rollup_state)
	     ORDER BY node_no, hour
	     LIMIT @chunk
	), gone AS (
	    DELETE FROM sample_late l USING chosen c WHERE l.node_no = c.node_no AND l.hour = c.hour
	)
	SELECT node_no, hour FROM chosen ORDER BY node_no, hour`

	rollUpLateHours = `
	INSERT INTO sample_hour (hour, node_no, ` + aggregates + `)
	SELECT h.hour, h.node_no, ` + aggregates + `
	  FROM unnest(@nos::integer[], @hours::timestamptz[]) AS l (node_no, hour),
	       LATERAL sample_hours_raw(l.node_no, l.hour, l.hour + interval '1 hour') h
	 ORDER BY h.node_no, h.hour
	    ON CONFLICT (node_no, hour) DO UPDATE SET ` + replaceHour

	// Samples can also have been removed, or be those of a faulty sensor only.
	dropEmptyHours = `
	DELETE FROM sample_hour h
	 USING unnest(@nos::integer[], @hours::timestamptz[]) AS l (node_no, hour)
	 WHERE h.node_no = l.node_no AND h.hour = l.hour
	   AND NOT EXISTS (SELECT FROM sample s
	                    WHERE s.node_no = l.node_no AND s.time >= l.hour AND s.time < l.hour + interval '1 hour' AND s.status <> 'E')`

	lateDays = `
	SELECT DISTINCT node_no, date_trunc('day', hour, 'UTC') AS day
	  FROM unnest(@nos::integer[], @hours::timestamptz[]) AS l (node_no, hour)`

	rollUpLateDays = `
	INSERT INTO sample_day (day, node_no, ` + aggregates + `)
	SELECT d.day, d.node_no, s.*
	  FROM (` + lateDays + `) d,
	       LATERAL (SELECT ` + sumHours + `
	                  FROM sample_hour h
	                 WHERE h.node_no = d.node_no AND h.hour >= d.day AND h.hour < d.day + interval '24 hours'
	                HAVING count(*) > 0) s
	 ORDER BY d.node_no, d.day
	    ON CONFLICT (node_no, day) DO UPDATE SET ` + replaceHour

	dropEmptyDays = `
	DELETE FROM sample_day s
	 USING (` + lateDays + `) d
	 WHERE s.node_no = d.node_no AND s.day = d.day
	   AND NOT EXISTS (SELECT FROM sample_hour h
	                    WHERE h.node_no = d.node_no AND h.hour >= d.day AND h.hour < d.day + interval '24 hours')`

	// Columns are named, because versions to come have more of them.
	aggregates = `
	       n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, temperature_min, temperature_max,
	       rel_humidity_n, rel_humidity_sum, rel_humidity_min, rel_humidity_max`

	sumHours = `
	       sum(n)::integer, sum(co2_sum)::integer, min(co2_min), max(co2_max),
	       sum(temperature_n)::integer, sum(temperature_sum)::integer, min(temperature_min), max(temperature_max),
	       sum(rel_humidity_n)::integer, sum(rel_humidity_sum)::integer, min(rel_humidity_min), max(rel_humidity_max)`

	replaceHour = `
	       n = excluded.n, co2_sum = excluded.co2_sum, co2_min = excluded.co2_min, co2_max = excluded.co2_max,
	       temperature_n = excluded.temperature_n, temperature_sum = excluded.temperature_sum,
	       temperature_min = excluded.temperature_min, temperature_max = excluded.temperature_max,
	       rel_humidity_n = excluded.rel_humidity_n, rel_humidity_sum = excluded.rel_humidity_sum,
	       rel_humidity_min = excluded.rel_humidity_min, rel_humidity_max = excluded.rel_humidity_max`
)

const (
	// rollupLag is how long after an hour its samples are expected: nodes send several
	// at once, up to half an hour later.
	rollupLag = 30 * time.Minute
	// lateChunk is how many late hours are done in a transaction.
	lateChunk = 2000
)

// errBusy means that another replica is at it.
var errBusy = errors.New("another replica is rolling up")

// RollUp implements ingest.Upkeep: it does one step of the roll-up and tells
// whether there is more to do at once.
func (s *Store) RollUp(ctx context.Context) (more bool, err error) {
	more, err = s.rollUpLate(ctx)
	if err == nil {
		err = s.advance(ctx, rollupLag)
	}
	if errors.Is(err, errBusy) {
		return false, nil
	}
	if err != nil {
		return false, samplestore.Translate(fmt.Errorf("roll up samples: %w", err))
	}
	return more, nil
}

func (s *Store) rollup(ctx context.Context, step func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var locked bool
		if err := tx.QueryRow(ctx, tryLockRollup).Scan(&locked); err != nil {
			return err
		}
		if !locked {
			return errBusy
		}
		return step(tx)
	})
}

// advance moves the bounds on, as far as that can be done without waiting, and not
// beyond the hours that began lag ago.
func (s *Store) advance(ctx context.Context, lag time.Duration) error {
	for _, step := range []func(pgx.Tx) error{
		func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, raiseLateBefore, pgx.NamedArgs{"lag": lag})
			return err
		},
		func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, setBarrier)
			return err
		},
		func(tx pgx.Tx) error { return rollUpNew(ctx, tx) },
	} {
		if err := s.rollup(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// rollUpNew rolls up the hours up to late_before, when the barrier is passed.
func rollUpNew(ctx context.Context, tx pgx.Tx) error {
	var from, to time.Time
	err := tx.QueryRow(ctx, boundsBehindBarrier).Scan(&from, &to)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	// New statements, new snapshots: they see all that ended before the barrier.
	bounds := pgx.NamedArgs{"from_time": from, "to_time": to}
	for _, sql := range []string{rollUpHours, rollUpDays} {
		if _, err := tx.Exec(ctx, sql, bounds); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, setRolledUntil)
	return err
}

// rollUpLate rolls up some of the late hours again.
func (s *Store) rollUpLate(ctx context.Context) (more bool, err error) {
	err = s.rollup(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, takeLate, pgx.NamedArgs{"chunk": lateChunk})
		if err != nil {
			return err
		}
		var nos []int32
		var hours []time.Time
		var no int32
		var hour time.Time
		if _, err := pgx.ForEachRow(rows, []any{&no, &hour}, func() error {
			nos, hours = append(nos, no), append(hours, hour)
			return nil
		}); err != nil || len(nos) == 0 {
			return err
		}
		more = len(nos) == lateChunk
		late := pgx.NamedArgs{"nos": nos, "hours": hours}
		for _, sql := range []string{rollUpLateHours, dropEmptyHours, rollUpLateDays, dropEmptyDays} {
			if _, err := tx.Exec(ctx, sql, late); err != nil {
				return err
			}
		}
		return nil
	})
	return more, err
}
