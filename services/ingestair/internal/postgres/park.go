package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

type parkedKey struct {
	NodeID uuid.UUID
	Time   time.Time
}

func (k parkedKey) equal(other parkedKey) bool {
	return k.NodeID == other.NodeID && k.Time.Equal(other.Time)
}

func parkedKeyOf(r *ingest.Row) parkedKey { return parkedKey{r.NodeID, r.Sample.Time} }

// The check that the node is not registered has to be in this statement: it waits
// for a registration that is under way (see the trigger that adopts parked
// samples) and then looks with a new snapshot.
const parkSamples = `
	INSERT INTO parked_sample (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status,
	                           dev_eui, device_id, protocol, received_at)
	SELECT p.node_id, p.time, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent, p.status::"char",
	       p.dev_eui, p.device_id, p.protocol, p.received_at
	  FROM unnest($1::uuid[], $2::timestamptz[], $3::smallint[], $4::smallint[], $5::smallint[], $6::text[],
	              $7::text[], $8::text[], $9::text[], $10::timestamptz[])
	    AS p (node_id, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status,
	          dev_eui, device_id, protocol, received_at)
	 WHERE NOT EXISTS (SELECT FROM node n WHERE n.id = p.node_id)
	    ON CONFLICT DO NOTHING
	RETURNING node_id, time`

func queuePark(batch *pgx.Batch, rows []*ingest.Row, parked *[]parkedKey) {
	c := newColumns(len(rows))
	ids := make([]uuid.UUID, len(rows))
	euis, devices, protocols := make([]*string, len(rows)), make([]*string, len(rows)), make([]*string, len(rows))
	received := make([]*time.Time, len(rows))
	for i, r := range rows {
		c.add(r.Sample)
		meta := &r.Uplink.Meta
		ids[i] = r.NodeID
		euis[i], devices[i], protocols[i] = euiText(meta.DevEUI), optional(meta.DeviceID), optional(meta.Protocol)
		received[i] = optional(meta.ReceivedAt)
	}
	batch.Queue(parkSamples, ids, c.times, c.co2, c.temperature, c.humidity, c.status,
		euis, devices, protocols, received).Query(func(rows pgx.Rows) (err error) {
		*parked, err = pgx.CollectRows(rows, pgx.RowToStructByPos[parkedKey])
		return err
	})
}

// optional is NULL for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func euiText(eui lorawan.EUI64) *string {
	if eui == 0 {
		return nil
	}
	return new(eui.String())
}

// settleParked finds the outcomes of rows that are ordered by key, of which
// parked were inserted, in the same order.
func (s *Store) settleParked(ctx context.Context, rows []*ingest.Row, parked []parkedKey) error {
	next, last := 0, -1
	var missing []*ingest.Row
	for i, r := range rows {
		switch key := parkedKeyOf(r); {
		case last >= 0 && key.equal(parkedKeyOf(rows[last])):
			r.Outcome = compareParked(r.Sample, rows[last].Sample)
		case next < len(parked) && parked[next].equal(key):
			r.Outcome = ingest.Parked
			next, last = next+1, i
		default:
			missing = append(missing, r)
		}
	}
	if next < len(parked) {
		return fmt.Errorf("park samples: %d of %d inserted rows come back out of order", len(parked)-next, len(parked))
	}
	if len(missing) == 0 {
		return nil
	}
	return s.settleMissingParked(ctx, missing)
}

const parkedByKey = `
	SELECT k.i, p.co2_ppm, p.temperature_decicelsius, p.rel_humidity_percent, p.status::text
	  FROM unnest(@ids::uuid[], @times::timestamptz[]) WITH ORDINALITY AS k (node_id, time, i)
	  JOIN parked_sample p ON p.node_id = k.node_id AND p.time = k.time
	 ORDER BY k.i`

// settleMissingParked compares rows that were not inserted with those that are
// there. Rows of nodes that are registered by now stay pending.
func (s *Store) settleMissingParked(ctx context.Context, missing []*ingest.Row) error {
	ids, times := make([]uuid.UUID, len(missing)), make([]time.Time, len(missing))
	for i, r := range missing {
		ids[i], times[i] = r.NodeID, r.Sample.Time
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
		row := missing[i-1]
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
func compareParked(s, there measurement.Sample) ingest.Outcome {
	if compare(s, there) == ingest.Duplicate {
		return ingest.Parked
	}
	return ingest.Conflict
}
