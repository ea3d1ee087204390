package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const samplesByKey = `
	SELECT (SELECT epoch FROM node_epoch) AS epoch,
	       k.i, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status::text
	  FROM unnest(@nos::integer[], @times::timestamptz[]) WITH ORDINALITY AS k (node_no, time, i)
	  LEFT JOIN sample s ON s.node_no = k.node_no AND s.time = k.time
	 ORDER BY k.i`

// settleStored finds the outcomes of the known rows. Those that were not inserted
// are compared with what is there.
func (s *Store) settleStored(ctx context.Context, w *write) error {
	missing := w.mergeReturned()
	if len(missing) == 0 {
		return nil
	}
	// A statement that inserted nothing may have found another epoch; then all rows
	// stay pending.
	noneStored := len(w.returned) == 0
	nos, times := make([]int32, len(missing)), make([]time.Time, len(missing))
	for i, k := range missing {
		nos[i], times[i] = k.no, fromMicros(k.micros)
	}
	rows, err := s.pool.Query(ctx, samplesByKey, pgx.NamedArgs{"nos": nos, "times": times})
	if err != nil {
		return fmt.Errorf("find samples: %w", err)
	}
	var now, i int64
	var co2, temperature, humidity *int16
	var status *string
	_, err = pgx.ForEachRow(rows, []any{&now, &i, &co2, &temperature, &humidity, &status}, func() error {
		if now != w.epoch && noneStored || co2 == nil {
			return nil // stays pending
		}
		row := &w.flush.Rows[missing[i-1].row]
		row.Outcome = compare(row.Sample, measurement.Sample{
			CO2PPM: int(*co2), TemperatureDecicelsius: reading(temperature), RelHumidityPercent: reading(humidity),
			Status: measurement.Status((*status)[0]),
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("find samples: %w", err)
	}
	s.nodes.learn(now, map[uuid.UUID]int32{}) // forgets all when the epoch is new
	return nil
}

// mergeReturned marks the rows that were inserted as stored, settles repetitions
// among the rows themselves, and returns what is left.
func (w *write) mergeReturned() (missing []knownRow) {
	// They come back as they went in; should that ever change, the walk below needs
	// the order all the same.
	if !slices.IsSortedFunc(w.returned, sampleKey.compare) {
		slices.SortFunc(w.returned, sampleKey.compare)
	}
	next := 0
	var stored *knownRow // the last one
	for i := range w.known {
		k := &w.known[i]
		row := &w.flush.Rows[k.row]
		switch {
		case stored != nil && stored.sampleKey == k.sampleKey:
			row.Outcome = compare(row.Sample, w.flush.Rows[stored.row].Sample)
		case next < len(w.returned) && w.returned[next] == k.sampleKey:
			row.Outcome, row.NodeNo = ingest.Stored, k.no
			stored = k
			next++
		default:
			missing = append(missing, *k)
		}
	}
	return missing
}

// compare tells what a sample is beside one that was there with the same key.
func compare(s, there measurement.Sample) ingest.Outcome {
	s.Time = there.Time
	if s == there {
		return ingest.Duplicate
	}
	return ingest.Conflict
}

func reading[T int16 | int](v *T) measurement.Reading {
	if v == nil {
		return measurement.Reading{}
	}
	return measurement.Known(int(*v))
}
