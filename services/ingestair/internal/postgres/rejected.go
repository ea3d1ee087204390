package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const listRejected = `
	SELECT id, node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent, status::text, dev_eui, reason
	  FROM rejected_sample
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
		if eui != nil {
			k.DevEUI, err = lorawan.ParseEUI64(*eui)
		}
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
