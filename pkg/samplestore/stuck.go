package samplestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// stuck is a value that a sensor did not get away from, since when and until when; nil while
// it lasts.
type stuck struct {
	co2PPM int
	since  time.Time
	until  *time.Time
}

// has reports whether a sample is one of those that the sensor was stuck at.
func (s stuck) has(sample *measurement.Sample) bool {
	return sample.CO2PPM == s.co2PPM && !sample.Time.Before(s.since) && (s.until == nil || !sample.Time.After(*s.until))
}

const stuckSensors = `SELECT node_no, co2_ppm::integer, since, released_at FROM stuck_sensor`

// LearnStuck learns which sensors are or were stuck, as the check of all nodes has found out.
// Their samples are kept, however late they come, and marked: they say nothing of the air.
// Keep learns it the first time; whoever goes on for longer than minutes has to learn it again.
func (s *Store) LearnStuck(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, stuckSensors)
	if err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	found := map[int32][]stuck{}
	var no int32
	var one stuck
	_, err = pgx.ForEachRow(rows, []any{&no, &one.co2PPM, &one.since, &one.until}, func() error {
		found[no] = append(found[no], one)
		return nil
	})
	if err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	s.stuck.Store(&found)
	return nil
}

// markStuck marks the samples of the sensors that are known to be or to have been stuck.
func (s *Store) markStuck(w *write) {
	known := *s.stuck.Load()
	if len(known) == 0 {
		return
	}
	for _, k := range w.known {
		sample := &w.flush.Rows[k.row].Sample
		if slices.ContainsFunc(known[k.key.no], func(one stuck) bool { return one.has(sample) }) {
			sample.Status = measurement.Faulty
		}
	}
}
