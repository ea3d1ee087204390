package samplestore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// stuck is the value that a sensor does not get away from, and since when.
type stuck struct {
	co2PPM int
	since  time.Time
}

const stuckSensors = `SELECT node_no, co2_ppm::integer, since FROM stuck_sensor WHERE released_at IS NULL`

// LearnStuck learns which sensors are stuck, as the check of all nodes has found out. Their
// samples are kept, and marked: they say nothing of the air.
func (s *Store) LearnStuck(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, stuckSensors)
	if err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	found := map[int32]stuck{}
	var no int32
	var one stuck
	if _, err := pgx.ForEachRow(rows, []any{&no, &one.co2PPM, &one.since}, func() error { found[no] = one; return nil }); err != nil {
		return Translate(fmt.Errorf("find stuck sensors: %w", err))
	}
	s.stuck.Store(&found)
	return nil
}

// markStuck marks the samples of the sensors that are known to be stuck.
func (s *Store) markStuck(w *write) {
	known := s.stuck.Load()
	if known == nil || len(*known) == 0 {
		return
	}
	for _, k := range w.known {
		sample := &w.flush.Rows[k.row].Sample
		if one, ok := (*known)[k.key.no]; ok && sample.CO2PPM == one.co2PPM && !sample.Time.Before(one.since) {
			sample.Status = measurement.Faulty
		}
	}
}
