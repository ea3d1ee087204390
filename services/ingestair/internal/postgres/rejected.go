package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Samples of a node that were rejected in one transaction came in one uplink, or one after
// the other by the same wrong clock: how far they are apart is right.
const listRejected = `
	SELECT id, node_id,
	       CASE WHEN @by_arrival AND (time_s < @earliest OR reason = @in_future)
	            THEN extract(epoch FROM rejected_at)::bigint + time_s - (
	                 SELECT max(o.time_s)
	                   FROM rejected_sample o
	                  WHERE o.node_id = r.node_id AND o.rejected_at = r.rejected_at
	                    AND o.reason = r.reason AND (o.time_s < @earliest) = (r.time_s < @earliest))
	            ELSE time_s END,
	       co2_ppm, temperature_decicelsius, rel_humidity_percent, status::text, dev_eui, reason
	  FROM rejected_sample r
	 WHERE id > @after_id
	   AND time_s <= @until
	   AND (@reason = '' OR reason = @reason)
	   AND (@dev_eui = '' OR dev_eui = @dev_eui)
	 ORDER BY id
	 LIMIT @limit`

// ListRejected implements ingest.RejectedStore.
func (s *Store) ListRejected(ctx context.Context, q ingest.RejectedQuery) ([]ingest.KeptSample, error) {
	rows, err := s.pool.Query(ctx, listRejected, pgx.NamedArgs{
		"after_id": q.AfterID, "until": q.Until.Unix(), "reason": q.Reason, "dev_eui": q.DevEUI.OrEmpty(), "limit": q.Limit,
		"by_arrival": q.ByArrival, "earliest": measurement.Earliest.Unix(), "in_future": reason.InFuture.Code(),
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list rejected samples: %w", err))
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k ingest.KeptSample, err error) {
		var seconds int64
		var temperature, humidity *int
		var status string
		var eui *string
		if err = row.Scan(&k.ID, &k.NodeID, &seconds, &k.Sample.CO2PPM, &temperature, &humidity, &status, &eui, &k.Reason); err != nil {
			return k, err
		}
		k.Sample.Time, k.Sample.Status = time.Unix(seconds, 0).UTC(), measurement.Status(status[0])
		k.Sample.TemperatureDecicelsius, k.Sample.RelHumidityPercent = known(temperature), known(humidity)
		k.DevEUI, err = euiOf(eui)
		return k, err
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list rejected samples: %w", err))
	}
	return kept, nil
}

// ForgetRejected implements ingest.RejectedStore.
func (s *Store) ForgetRejected(ctx context.Context, ids []int64) error {
	if _, err := s.pool.Exec(ctx, "DELETE FROM rejected_sample WHERE id = ANY ($1)", ids); err != nil {
		return samplestore.Translate(fmt.Errorf("forget rejected samples: %w", err))
	}
	return nil
}

const listRejectedReadings = `
	SELECT id, node_id, time_s, readings, dev_eui, reason
	  FROM rejected_reading
	 WHERE id > @after_id
	   AND time_s <= @until
	   AND (@reason = '' OR reason = @reason)
	   AND (@dev_eui = '' OR dev_eui = @dev_eui)
	 ORDER BY id
	 LIMIT @limit`

// ListRejectedReadings implements ingest.RejectedStore. A row may have several readings: those
// of an archived month, which are told together.
func (s *Store) ListRejectedReadings(ctx context.Context, q ingest.RejectedQuery) ([]ingest.KeptReading, error) {
	rows, err := s.pool.Query(ctx, listRejectedReadings, pgx.NamedArgs{
		"after_id": q.AfterID, "until": q.Until.Unix(), "reason": q.Reason, "dev_eui": q.DevEUI.OrEmpty(), "limit": q.Limit,
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list rejected readings: %w", err))
	}
	var all []ingest.KeptReading
	var k ingest.KeptReading
	var seconds int64
	var packed []byte
	var eui *string
	_, err = pgx.ForEachRow(rows, []any{&k.ID, &k.NodeID, &seconds, &packed, &eui, &k.Reason}, func() (err error) {
		k.Reading.Time = time.Unix(seconds, 0).UTC()
		if k.DevEUI, err = euiOf(eui); err != nil {
			return err
		}
		values, err := quantity.Unpack(nil, packed)
		for _, v := range values {
			k.Reading.Value = v
			all = append(all, k)
		}
		return err
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list rejected readings: %w", err))
	}
	return all, nil
}

// ForgetRejectedReadings implements ingest.RejectedStore.
func (s *Store) ForgetRejectedReadings(ctx context.Context, ids []int64) error {
	if _, err := s.pool.Exec(ctx, "DELETE FROM rejected_reading WHERE id = ANY ($1)", ids); err != nil {
		return samplestore.Translate(fmt.Errorf("forget rejected readings: %w", err))
	}
	return nil
}
