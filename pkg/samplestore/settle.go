package samplestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
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
	sorted(w.returned, sampleKey.compare)
	missing := merge(w.flush.Rows, w.known, w.returned, func(r *keeping.Row, k sampleKey) {
		r.Outcome, r.NodeNo = keeping.Stored, k.no
	}, compare)
	if len(missing) == 0 {
		return nil
	}
	// A statement that inserted nothing may have found another epoch; then all rows
	// stay pending.
	noneStored := len(w.returned) == 0
	nos, times := make([]int32, len(missing)), make([]time.Time, len(missing))
	for i, k := range missing {
		nos[i], times[i] = k.key.no, fromMicros(k.key.micros)
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

// merge settles the rows whose keys came back, and repetitions among the rows
// themselves, and returns what is left. Both rows and returned are ordered by key.
func merge[K comparable](all []keeping.Row, rows []keyed[K], returned []K, inserted func(*keeping.Row, K), repeated func(s, there measurement.Sample) keeping.Outcome) (missing []keyed[K]) {
	next := 0
	var last *keyed[K] // the last one that was inserted
	for i := range rows {
		k := &rows[i]
		row := &all[k.row]
		switch {
		case last != nil && last.key == k.key:
			row.Outcome = repeated(row.Sample, all[last.row].Sample)
		case next < len(returned) && returned[next] == k.key:
			inserted(row, k.key)
			last = k
			next++
		default:
			missing = append(missing, *k)
		}
	}
	return missing
}

// sorted sorts keys that came back. They come back as they went in; should that ever
// change, merge needs the order all the same.
func sorted[K any](keys []K, compare func(a, b K) int) {
	if !slices.IsSortedFunc(keys, compare) {
		slices.SortFunc(keys, compare)
	}
}

// compare tells what a sample is beside one that was there with the same key. That a
// sensor is at fault may be found out after its sample was stored, or before it is repeated.
func compare(s, there measurement.Sample) keeping.Outcome {
	s.Time = there.Time
	if s.Status == measurement.Faulty || there.Status == measurement.Faulty {
		s.Status = there.Status
	}
	if s == there {
		return keeping.Duplicate
	}
	return keeping.Conflict
}

func reading(v *int16) measurement.Reading {
	if v == nil {
		return measurement.Reading{}
	}
	return measurement.Known(int(*v))
}
