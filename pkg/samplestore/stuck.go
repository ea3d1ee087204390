package samplestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// Stuck is a value that a sensor did not get away from, since when and until when; nil while
// it lasts.
type Stuck struct {
	NodeNo int32
	CO2PPM int
	Since  time.Time
	Until  *time.Time
}

// has reports whether a sample of the node is one of those that the sensor was stuck at.
func (s Stuck) has(sample *measurement.Sample) bool {
	return sample.CO2PPM == s.CO2PPM && !sample.Time.Before(s.Since) && (s.Until == nil || !sample.Time.After(*s.Until))
}

const stuckSensors = `
	SELECT node_no, co2_ppm::integer, since, released_at
	  FROM stuck_sensor
	 WHERE taken_back_at IS NULL`

// learned is what others found out about nodes.
type learned struct {
	stuck    map[int32][]Stuck
	scripted map[int32]bool
}

// Learn learns which sensors are or were stuck, as the check of all nodes has found out, and
// of which scripts alone have told. Samples of stuck ones are kept, however late they come, and
// marked: they say nothing of the air. Keep learns it the first time; whoever goes on for
// longer than minutes has to learn it again.
func (s *Store) Learn(ctx context.Context) error {
	found := learned{map[int32][]Stuck{}, map[int32]bool{}}
	rows, err := s.pool.Query(ctx, stuckSensors)
	if err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Stuck])
	if err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	for _, one := range all {
		found.stuck[one.NodeNo] = append(found.stuck[one.NodeNo], one)
	}
	rows, err = s.pool.Query(ctx, "SELECT node_no FROM scripted_node")
	if err != nil {
		return Translate(fmt.Errorf("find scripted nodes: %w", err))
	}
	scripted, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return Translate(fmt.Errorf("find scripted nodes: %w", err))
	}
	for _, no := range scripted {
		found.scripted[no] = true
	}
	s.known.Store(&found)
	return nil
}

// markStuck marks the samples of the sensors that are known to be or to have been stuck.
func (s *Store) markStuck(w *write) {
	known := s.known.Load().stuck
	if len(known) == 0 {
		return
	}
	for _, k := range w.known {
		sample := &w.flush.Rows[k.row].Sample
		if slices.ContainsFunc(known[k.key.no], func(one Stuck) bool { return one.has(sample) }) {
			sample.Status = measurement.Faulty
		}
	}
}

// markSamples marks the samples of a stuck sensor, or takes that back.
const markSamples = `
	UPDATE sample
	   SET status = CASE WHEN @marked THEN 'E' ELSE 'M' END::"char"
	 WHERE node_no = @node AND time >= @since AND time <= coalesce(@until, 'infinity'::timestamptz) AND co2_ppm = @co2
	   AND (status = 'E') <> @marked
	RETURNING time`

// MarkStuck marks the samples of a stuck sensor that are there, and has their hours rolled up
// again.
func MarkStuck(ctx context.Context, tx pgx.Tx, s Stuck) error { return mark(ctx, tx, s, true) }

// UnmarkStuck takes back what MarkStuck did. Whether the sensor had called a sample repeated,
// or itself faulty, nobody knows any more: all were measured.
func UnmarkStuck(ctx context.Context, tx pgx.Tx, s Stuck) error { return mark(ctx, tx, s, false) }

func mark(ctx context.Context, tx pgx.Tx, s Stuck, marked bool) error {
	rows, err := tx.Query(ctx, markSamples, pgx.NamedArgs{
		"node": s.NodeNo, "co2": s.CO2PPM, "since": s.Since, "until": s.Until, "marked": marked,
	})
	if err != nil {
		return fmt.Errorf("mark stuck samples: %w", err)
	}
	times, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return fmt.Errorf("mark stuck samples: %w", err)
	}
	hours := hoursOf(times)
	if len(hours) == 0 {
		return nil
	}
	nos := slices.Repeat([]int32{s.NodeNo}, len(hours))
	if _, err := tx.Exec(ctx, addLate, nos, hours); err != nil {
		return fmt.Errorf("note late hours: %w", err)
	}
	return nil
}

// hoursOf returns each hour that some of the times are in, once.
func hoursOf(times []time.Time) []time.Time {
	var hours []time.Time
	seen := map[time.Time]bool{}
	for _, t := range times {
		if hour := t.UTC().Truncate(time.Hour); !seen[hour] {
			seen[hour] = true
			hours = append(hours, hour)
		}
	}
	return hours
}
