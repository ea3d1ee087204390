package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const listUndecoded = `
	SELECT id, kept_at, forwarder, dev_eui, device_id, f_port, f_cnt, data_rate_index,
	       received_at, payload, envelope, reason
	  FROM undecoded_uplink
	 WHERE id > @after_id
	   AND (@forwarder = '' OR forwarder = @forwarder)
	   AND (@dev_eui = '' OR dev_eui = @dev_eui)
	 ORDER BY id
	 LIMIT @limit`

// ListUndecoded implements ingest.UndecodedStore.
func (s *Store) ListUndecoded(ctx context.Context, q ingest.UndecodedQuery) ([]ingest.KeptUplink, error) {
	rows, err := s.pool.Query(ctx, listUndecoded, pgx.NamedArgs{
		"after_id": q.AfterID, "limit": q.Limit, "forwarder": q.Forwarder, "dev_eui": euiText(q.DevEUI),
	})
	if err != nil {
		return nil, translate(fmt.Errorf("list undecoded uplinks: %w", err))
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u ingest.KeptUplink, err error) {
		var eui, device *string
		var port, counter, rate *int
		var received *time.Time
		err = row.Scan(&u.ID, &u.KeptAt, &u.Forwarder, &eui, &device, &port, &counter, &rate, &received, &u.Payload, &u.Envelope, &u.Reason)
		if err != nil {
			return u, err
		}
		u.Meta.FPort, u.Meta.FCnt, u.Meta.DataRateIndex = reading(port), reading(counter), reading(rate)
		if device != nil {
			u.Meta.DeviceID = *device
		}
		if received != nil {
			u.Meta.ReceivedAt = *received
		}
		if eui != nil {
			u.Meta.DevEUI, err = lorawan.ParseEUI64(*eui)
		}
		return u, err
	})
	if err != nil {
		return nil, translate(fmt.Errorf("list undecoded uplinks: %w", err))
	}
	return kept, nil
}

// ForgetUndecoded implements ingest.UndecodedStore.
func (s *Store) ForgetUndecoded(ctx context.Context, ids []int64) (int, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM undecoded_uplink WHERE id = ANY ($1)", ids)
	if err != nil {
		return 0, translate(fmt.Errorf("forget undecoded uplinks: %w", err))
	}
	return int(tag.RowsAffected()), nil
}
