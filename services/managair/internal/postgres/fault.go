package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
)

// The steps of judgeFaults, which comes after the check of who reports.
const (
	// Whatever else it tells, it moves again; what no air has is no value. Here and below rows
	// are locked in the order of nodes, as by whoever takes back and by the ingestair.
	releaseStuck = `
		WITH chosen AS MATERIALIZED (
			SELECT x.id
			  FROM stuck_sensor x
			  JOIN node_status s ON s.node_no = x.node_no
			 WHERE x.released_at IS NULL AND s.last_co2_ppm <> x.co2_ppm AND s.last_status <> 'E'
			 ORDER BY x.node_no
			   FOR UPDATE OF x)
		UPDATE stuck_sensor x
		   SET released_at = @now
		  FROM chosen
		 WHERE x.id = chosen.id`

	// standing are the nodes that say the same as all of yesterday, and for how long they
	// have: only of those more than one day is looked at. Yesterday's last hours may not be
	// rolled up yet, so it may have fewer samples. Days of a stuck sensor are not rolled up.
	// Of those that may be frozen the hours since yesterday are looked at, rolled up or not:
	// CASE has it done for no others.
	standing = `
		SELECT f.node_no, s.last_co2_ppm, same.*
		  FROM node_fidelity f
		  JOIN node_status s ON s.node_no = f.node_no
		  JOIN sample_day y ON y.node_no = s.node_no AND y.day = @yesterday
		       AND y.co2_min = s.last_co2_ppm AND y.co2_max = s.last_co2_ppm,
		       LATERAL (
		           SELECT count(*) FILTER (WHERE d.day > @yesterday::timestamptz - @frozen::interval) AS lately,
		                  count(*) FILTER (WHERE d.day > @yesterday::timestamptz - @frozen_at_rest::interval) AS week,
		                  count(*) AS days,
		                  min(d.day) FILTER (WHERE d.day > @yesterday::timestamptz - @frozen_at_rest::interval) AS since
		             FROM sample_day d
		            WHERE d.node_no = y.node_no AND d.day <= @yesterday
		              AND d.day > @yesterday::timestamptz - @stuck_at_rest::interval
		              AND d.co2_min = y.co2_min AND d.co2_max = y.co2_min
		              AND (d.n >= @frozen_samples OR d.day = @yesterday)
		       ) AS same
		 WHERE f.fidelity = 'E' AND s.last_status <> 'E'
		   AND CASE WHEN same.lately = @frozen_days THEN NOT EXISTS (
		           SELECT FROM sample_hours(s.node_no, @yesterday, @yesterday::timestamptz + interval '48 hours') h
		            WHERE h.co2_min <> s.last_co2_ppm OR h.co2_max <> s.last_co2_ppm)
		       END`

	// It is stuck since the first whole day of the value after the last one with another, and
	// after it was stuck before: of that, too, no day is rolled up, whatever its value was.
	findStuck = `
		INSERT INTO stuck_sensor (node_no, since, co2_ppm, found_at)
		SELECT node_no, (SELECT min(d.day)
		                   FROM sample_day d
		                  WHERE d.node_no = standing.node_no AND d.day <= @yesterday
		                    AND d.day > greatest(
		                        (SELECT max(o.day) FROM sample_day o
		                          WHERE o.node_no = standing.node_no AND o.day <= @yesterday
		                            AND (o.co2_min <> last_co2_ppm OR o.co2_max <> last_co2_ppm)),
		                        (SELECT max(x.since) FROM stuck_sensor x WHERE x.node_no = standing.node_no),
		                        '-infinity')), last_co2_ppm, @now
		  FROM (` + standing + `) standing
		 WHERE last_co2_ppm > @rest OR days = @stuck_at_rest_days
		    ON CONFLICT (node_no) WHERE released_at IS NULL DO NOTHING`

	// What was taken back lately is looked at as well: a pen may have marked in the meantime.
	stuckToMark = `
		SELECT node_no, co2_ppm::integer, since, released_at, found_at, taken_back_at
		  FROM stuck_sensor
		 WHERE taken_back_at IS NULL AND released_at IS NULL OR taken_back_at > @learning
		 ORDER BY node_no, since`

	// It can be done again: an older version of the worker, which knows nothing of it, marks anew.
	takeBackStuck = `
		WITH chosen AS MATERIALIZED (
			SELECT node_no, since FROM stuck_sensor WHERE id::text = ANY (@ids) ORDER BY node_no, since FOR UPDATE)
		UPDATE stuck_sensor x
		   SET taken_back_at = now()
		  FROM chosen
		 WHERE x.node_no = chosen.node_no AND x.since = chosen.since
		RETURNING x.node_no, x.co2_ppm::integer, x.since, x.released_at`

	markNewestStuck = `
		WITH chosen AS MATERIALIZED (
			SELECT s.node_no
			  FROM node_status s
			  JOIN stuck_sensor x ON x.node_no = s.node_no
			 WHERE x.released_at IS NULL AND x.taken_back_at IS NULL AND s.last_co2_ppm = x.co2_ppm
			   AND s.last_sample_at >= x.since AND s.last_status <> 'E'
			 ORDER BY s.node_no
			   FOR UPDATE OF s)
		UPDATE node_status s
		   SET last_status = 'E'
		  FROM chosen
		 WHERE s.node_no = chosen.node_no`

	unmarkNewestStuck = `
		UPDATE node_status
		   SET last_status = 'M'
		 WHERE node_no = @node AND last_co2_ppm = @co2 AND last_sample_at >= @since
		   AND last_sample_at <= coalesce(@until, 'infinity'::timestamptz) AND last_status = 'E'`

	// Only what changed is written.
	checkFaults = `
		WITH assessed AS MATERIALIZED (
			SELECT f.node_no, f.fault AS before,
			       CASE
			           WHEN f.fidelity <> 'E' THEN NULL
			           WHEN x.node_no IS NOT NULL AND x.taken_back_at IS NULL THEN @frozen_fault
			           WHEN s.last_status = 'E' THEN @implausible
			           -- Unless somebody knows that it tells the same rightly.
			           WHEN standing.week = @frozen_at_rest_days AND x.node_no IS NULL THEN @frozen_fault
			       END AS fault,
			       coalesce(CASE WHEN x.taken_back_at IS NULL THEN x.since END, CASE WHEN s.last_status = 'E' THEN s.last_sample_at ELSE standing.since END) AS since
			  FROM node_fidelity f
			  JOIN node_status s ON s.node_no = f.node_no
			  LEFT JOIN stuck_sensor x ON x.node_no = f.node_no AND x.released_at IS NULL
			  LEFT JOIN (` + standing + `) standing ON standing.node_no = f.node_no
		), changed AS (
			UPDATE node_fidelity f
			   SET fault = a.fault, fault_since = CASE WHEN a.fault IS NOT NULL THEN a.since END
			  FROM assessed a
			 WHERE f.node_no = a.node_no AND a.fault IS DISTINCT FROM a.before
		)
		UPDATE fidelity_check SET faulty = (SELECT count(fault) FROM assessed)`
)

// The pen marks by itself what comes of a stuck sensor. There are moments in which it does
// not know yet that a sensor is stuck, or that this was taken back. Late samples may come in
// such a moment. So until learnWithin after it all samples of the sensor are looked at. Then,
// as long as it is stuck, it is those of markAgain.
const (
	learnWithin = 15 * time.Minute
	markAgain   = 2 * time.Hour
)

// judgeFaults finds out what is wrong with nodes that report.
func judgeFaults(ctx context.Context, tx pgx.Tx, now time.Time) error {
	args := pgx.NamedArgs{
		"now":                 now,
		"yesterday":           now.UTC().Truncate(day).Add(-day),
		"implausible":         string(fidelity.Implausible),
		"frozen_fault":        string(fidelity.Frozen),
		"rest":                fidelity.RestCO2PPM,
		"frozen":              fidelity.FrozenAfter,
		"frozen_at_rest":      fidelity.FrozenAtRestAfter,
		"stuck_at_rest":       fidelity.StuckAtRestAfter,
		"frozen_days":         int64(fidelity.FrozenAfter / day),
		"frozen_at_rest_days": int64(fidelity.FrozenAtRestAfter / day),
		"stuck_at_rest_days":  int64(fidelity.StuckAtRestAfter / day),
		"frozen_samples":      fidelity.FrozenSamples,
	}
	for _, sql := range []string{releaseStuck, findStuck} {
		if err := exec(ctx, tx, sql, args); err != nil {
			return err
		}
	}
	if err := markSamples(ctx, tx, now); err != nil {
		return err
	}
	for _, sql := range []string{markNewestStuck, checkFaults} {
		if err := exec(ctx, tx, sql, args); err != nil {
			return err
		}
	}
	return nil
}

type stuckSensor struct {
	samplestore.Stuck
	FoundAt     time.Time
	TakenBackAt *time.Time
}

// markSamples marks the samples of stuck sensors, and has their hours rolled up again. Each
// sensor has a statement of its own: then no plan can read the samples of all.
func markSamples(ctx context.Context, tx pgx.Tx, now time.Time) error {
	rows, err := tx.Query(ctx, stuckToMark, pgx.NamedArgs{"learning": now.Add(-learnWithin)})
	if err != nil {
		return err
	}
	stuck, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s stuckSensor, err error) {
		err = row.Scan(&s.NodeNo, &s.CO2PPM, &s.Since, &s.Until, &s.FoundAt, &s.TakenBackAt)
		return s, err
	})
	if err != nil {
		return err
	}
	for _, s := range stuck {
		if s.TakenBackAt != nil {
			if err := unmark(ctx, tx, s.Stuck); err != nil {
				return err
			}
			continue
		}
		if recently := now.Add(-markAgain); s.FoundAt.Before(now.Add(-learnWithin)) && s.Since.Before(recently) {
			s.Since = recently
		}
		if err := samplestore.MarkStuck(ctx, tx, s.Stuck); err != nil {
			return err
		}
	}
	return nil
}

// takeBack takes marks of stuck sensors back: what they told was so. They are not marked again
// before they have told another value.
func takeBack(ctx context.Context, tx pgx.Tx, ids []string) (int64, error) {
	rows, err := tx.Query(ctx, takeBackStuck, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return 0, err
	}
	stuck, err := pgx.CollectRows(rows, pgx.RowToStructByPos[samplestore.Stuck])
	if err != nil {
		return 0, err
	}
	for _, s := range stuck {
		if err := unmark(ctx, tx, s); err != nil {
			return 0, err
		}
	}
	return int64(len(stuck)), nil
}

func unmark(ctx context.Context, tx pgx.Tx, s samplestore.Stuck) error {
	if err := samplestore.UnmarkStuck(ctx, tx, s); err != nil {
		return err
	}
	return exec(ctx, tx, unmarkNewestStuck, pgx.NamedArgs{"node": s.NodeNo, "co2": s.CO2PPM, "since": s.Since, "until": s.Until})
}
