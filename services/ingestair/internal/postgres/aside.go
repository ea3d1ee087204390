package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const rejectSample = `
	INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	                             dev_eui, reason, field, detail)
	VALUES (@node_id, @time_s, @co2_ppm, @temperature_decicelsius, @rel_humidity_percent,
	        @dev_eui, @reason, @field, @detail)`

func queueReject(batch *pgx.Batch, rejected []ingest.RejectedRow) {
	for _, r := range rejected {
		batch.Queue(rejectSample, pgx.NamedArgs{
			"node_id": r.NodeID, "time_s": r.Sample.Time.Unix(), "co2_ppm": r.Sample.CO2PPM,
			"temperature_decicelsius": bigint(r.Sample.TemperatureDecicelsius),
			"rel_humidity_percent":    bigint(r.Sample.RelHumidityPercent),
			"dev_eui":                 euiText(r.DevEUI),
			"reason":                  string(r.Fault.Reason), "field": r.Fault.Field, "detail": r.Fault.Detail,
		})
	}
}

func bigint(r measurement.Reading) *int64 {
	if !r.Known {
		return nil
	}
	v := int64(r.Value)
	return &v
}

const keepUndecoded = `
	INSERT INTO undecoded_uplink (digest, forwarder, dev_eui, device_id, f_port, f_cnt, data_rate_index,
	                              received_at, payload, envelope, reason)
	VALUES (@digest, @forwarder, @dev_eui, @device_id, @f_port, @f_cnt, @data_rate_index,
	        @received_at, @payload, @envelope, @reason)
	    ON CONFLICT DO NOTHING`

// KeepUndecoded implements ingest.Store.
func (s *Store) KeepUndecoded(ctx context.Context, uplinks []ingest.UndecodedUplink) error {
	if len(uplinks) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, u := range uplinks {
		batch.Queue(keepUndecoded, pgx.NamedArgs{
			"digest": digest(u), "forwarder": u.Forwarder,
			"dev_eui": euiText(u.Meta.DevEUI), "device_id": optional(u.Meta.DeviceID),
			"f_port": smallint(u.Meta.FPort), "f_cnt": bigint(u.Meta.FCnt),
			"data_rate_index": smallint(u.Meta.DataRateIndex), "received_at": optional(u.Meta.ReceivedAt),
			// The columns are not null; a nil slice would be.
			"payload": append([]byte{}, u.Payload...), "envelope": append([]byte{}, u.Envelope...),
			"reason": u.Reason,
		})
	}
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return translate(fmt.Errorf("keep undecoded uplinks: %w", err))
	}
	return nil
}

// digest tells whether two uplinks are the same message.
func digest(u ingest.UndecodedUplink) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(u.Forwarder), u.Payload, u.Envelope} {
		// With the length, so that no two lists of parts look alike.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return h.Sum(nil)
}
