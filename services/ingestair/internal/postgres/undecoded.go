package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Of a device without an EUI a few uplinks are kept, to show what is wrong: no codec can make
// them samples of a node, and it sends for years.
const keepUndecoded = `
	INSERT INTO undecoded_uplink (digest, forwarder, dev_eui, device_id, f_port, f_cnt, data_rate_index,
	                              received_at, payload, envelope, reason)
	SELECT @digest, @forwarder, @dev_eui, @device_id, @f_port, @f_cnt, @data_rate_index,
	       @received_at, @payload, @envelope, @reason
	 WHERE @dev_eui::text IS NOT NULL
	    OR @max_nameless > (SELECT count(*) FROM (
	       SELECT FROM undecoded_uplink
	        WHERE dev_eui IS NULL AND device_id IS NOT DISTINCT FROM @device_id
	        LIMIT @max_nameless) kept)
	    ON CONFLICT DO NOTHING`

// KeepUndecoded implements ingest.Store.
func (s *Store) KeepUndecoded(ctx context.Context, uplinks []ingest.UndecodedUplink) error {
	if len(uplinks) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	var heard []string
	var applications []*string
	for _, u := range uplinks {
		if u.Meta.DevEUI != 0 {
			heard, applications = append(heard, u.Meta.DevEUI.String()), append(applications, optional(u.Meta.Application))
		}
		batch.Queue(keepUndecoded, pgx.NamedArgs{
			"digest": digest(u), "forwarder": u.Forwarder,
			"dev_eui": optional(u.Meta.DevEUI.OrEmpty()), "device_id": optional(u.Meta.DeviceID),
			"f_port": value(u.Meta.FPort), "f_cnt": value(u.Meta.FCnt),
			"data_rate_index": value(u.Meta.DataRateIndex), "received_at": optional(u.Meta.ReceivedAt),
			// The columns are not null; a nil slice would be.
			"payload": append([]byte{}, u.Payload...), "envelope": append([]byte{}, u.Envelope...),
			"reason": u.Reason, "max_nameless": ingest.MaxNameless,
		})
	}
	batch.Queue(samplestore.HearDevices, heard, applications)
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return samplestore.Translate(fmt.Errorf("keep undecoded uplinks: %w", err))
	}
	return nil
}

// digest reports whether two uplinks are the same message.
func digest(u ingest.UndecodedUplink) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(u.Forwarder), u.Payload, u.Envelope} {
		// With the length, so that no two lists of parts look alike.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}

// optional is NULL for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// value is NULL for what is not known.
func value(r measurement.Reading) *int {
	if !r.Known {
		return nil
	}
	return &r.Value
}

// known is value the other way round.
func known(v *int) measurement.Reading {
	if v == nil {
		return measurement.Reading{}
	}
	return measurement.Known(*v)
}

// euiOf reads an EUI that may be missing: 0.
func euiOf(text *string) (lorawan.EUI64, error) {
	if text == nil {
		return 0, nil
	}
	return lorawan.ParseEUI64(*text)
}

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
		"after_id": q.AfterID, "limit": q.Limit, "forwarder": q.Forwarder, "dev_eui": q.DevEUI.OrEmpty(),
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list undecoded uplinks: %w", err))
	}
	kept, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u ingest.KeptUplink, err error) {
		var eui, device *string
		var port, counter, rate *int
		var received *time.Time
		err = row.Scan(&u.ID, &u.KeptAt, &u.Forwarder, &eui, &device, &port, &counter, &rate, &received, &u.Payload, &u.Envelope, &u.Reason)
		if err != nil {
			return u, err
		}
		u.Meta.FPort, u.Meta.FCnt, u.Meta.DataRateIndex = known(port), known(counter), known(rate)
		if device != nil {
			u.Meta.DeviceID = *device
		}
		if received != nil {
			u.Meta.ReceivedAt = *received
		}
		u.Meta.DevEUI, err = euiOf(eui)
		return u, err
	})
	if err != nil {
		return nil, samplestore.Translate(fmt.Errorf("list undecoded uplinks: %w", err))
	}
	return kept, nil
}

// ForgetUndecoded implements ingest.UndecodedStore.
func (s *Store) ForgetUndecoded(ctx context.Context, ids []int64) (int, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM undecoded_uplink WHERE id = ANY ($1)", ids)
	if err != nil {
		return 0, samplestore.Translate(fmt.Errorf("forget undecoded uplinks: %w", err))
	}
	return int(tag.RowsAffected()), nil
}
