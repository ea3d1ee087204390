package samplestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// The check that the node is not registered has to be in this statement: it waits
// for a registration that is under way (see the trigger that adopts parked
// samples) and then looks with a new snapshot.
const parkSamples = `
	INSERT INTO parked_sample (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status,
	                           dev_eui, device_id, protocol, received_at)
	SELECT p.*
	  FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::smallint[], $5::smallint[], $6::"char"[],
	              $7::text[], $8::text[], $9::text[], $10::timestamptz[]) AS p (node_id)
	 WHERE NOT EXISTS (SELECT FROM node n WHERE n.id = p.node_id)
	    ON CONFLICT DO NOTHING
	RETURNING node_id, time`

func parkedKeyFrom(row [][]byte) parkedKey {
	return parkedKey{uuid.UUID(row[0]), int64(binary.BigEndian.Uint64(row[1]))}
}

// parkParameters are those of parkSamples.
func (w *write) parkParameters() [][]byte {
	c := &w.parking
	ids, times := c.column(0, oidUUID), c.column(1, oidTimestamptz)
	c.measurements(2, func(yield func(*measurement.Sample) bool) {
		for _, k := range w.unknown {
			if !yield(&w.flush.Rows[k.row].Sample) {
				return
			}
		}
	})
	euis, devices := c.column(6, oidText), c.column(7, oidText)
	protocols, received := c.column(8, oidText), c.column(9, oidTimestamptz)
	for _, k := range w.unknown {
		meta := &w.flush.Uplinks[w.flush.Rows[k.row].Uplink].Meta
		ids.uuid(k.key.id)
		times.int8(k.key.micros)
		euis.text(meta.DevEUI.OrEmpty())
		devices.text(meta.DeviceID)
		protocols.text(meta.Protocol)
		if meta.ReceivedAt.IsZero() {
			received.null()
		} else {
			received.int8(micros(meta.ReceivedAt))
		}
	}
	return c.parameters(10)
}

const parkedByKey = `
	SELECT k.i, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent, p.status::text
	  FROM unnest(@ids::uuid[], @times::timestamptz[]) WITH ORDINALITY AS k (node_id, time, i)
	  JOIN parked_sample p ON p.node_id = k.node_id AND p.time = k.time
	 ORDER BY k.i`

// settleParked finds the outcomes of the unknown rows. Those that were not
// inserted are compared with what is there; those of nodes that are registered by
// now stay pending.
func (s *Store) settleParked(ctx context.Context, w *write) error {
	sorted(w.parked, parkedKey.compare)
	missing := merge(w.flush.Rows, w.unknown, w.parked, func(r *keeping.Row, _ parkedKey) {
		r.Outcome = keeping.Parked
	}, compareParked)
	if len(missing) == 0 {
		return nil
	}
	ids, times := make([]uuid.UUID, len(missing)), make([]time.Time, len(missing))
	for i, k := range missing {
		ids[i], times[i] = k.key.id, fromMicros(k.key.micros)
	}
	rows, err := s.pool.Query(ctx, parkedByKey, pgx.NamedArgs{"ids": ids, "times": times})
	if err != nil {
		return fmt.Errorf("find parked samples: %w", err)
	}
	var i int64
	var co2 int16
	var temperature, humidity *int16
	var status string
	_, err = pgx.ForEachRow(rows, []any{&i, &co2, &temperature, &humidity, &status}, func() error {
		row := &w.flush.Rows[missing[i-1].row]
		row.Outcome = compareParked(row.Sample, measurement.Sample{
			CO2PPM: int(co2), TemperatureDecicelsius: reading(temperature), RelHumidityPercent: reading(humidity),
			Status: measurement.Status(status[0]),
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("find parked samples: %w", err)
	}
	return nil
}

// compareParked is compare for a parked sample: repeated, it is still parked.
func compareParked(s, there measurement.Sample) keeping.Outcome {
	if compare(s, there) == keeping.Duplicate {
		return keeping.Parked
	}
	return keeping.Conflict
}
