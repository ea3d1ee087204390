package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

const rejectSamples = `
	INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	                             dev_eui, reason, field, detail)
	SELECT node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	       dev_eui, reason, coalesce(field, ''), coalesce(detail, '')
	  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
	              $6::text[], $7::text[], $8::text[], $9::text[])
	    AS r (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	          dev_eui, reason, field, detail)
	 ORDER BY node_id, time_s -- two writers with the same samples must not wait for each other
	    ON CONFLICT DO NOTHING`

// rejectParameters are those of rejectSamples.
func (*write) rejectParameters(rejected []ingest.RejectedRow) [][]byte {
	var own write // the shared arrays may still have to be sent
	ids, times, co2 := own.arrays[0].reset(oidUUID), own.arrays[1].reset(oidInt8), own.arrays[2].reset(oidInt8)
	temperature, humidity := own.arrays[3].reset(oidInt8), own.arrays[4].reset(oidInt8)
	euis, reasons := own.arrays[5].reset(oidText), own.arrays[6].reset(oidText)
	names, details := own.arrays[7].reset(oidText), own.arrays[8].reset(oidText)
	for _, r := range rejected {
		ids.uuid(r.NodeID)
		times.int8(r.Sample.Time.Unix())
		co2.int8(int64(r.Sample.CO2PPM))
		bigint(temperature, r.Sample.TemperatureDecicelsius)
		bigint(humidity, r.Sample.RelHumidityPercent)
		euis.text(euiText(r.DevEUI))
		reasons.text(string(r.Fault.Reason))
		names.text(r.Fault.Field)
		details.text(r.Fault.Detail)
	}
	return own.values(9)
}

func bigint(a *array, r measurement.Reading) {
	if r.Known {
		a.int8(int64(r.Value))
	} else {
		a.null()
	}
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
			"dev_eui": optional(euiText(u.Meta.DevEUI)), "device_id": optional(u.Meta.DeviceID),
			"f_port": value(u.Meta.FPort), "f_cnt": value(u.Meta.FCnt),
			"data_rate_index": value(u.Meta.DataRateIndex), "received_at": optional(u.Meta.ReceivedAt),
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

// What is deleted at once, so that no transaction becomes long.
const forgetChunk = 5000

// The tables are small beside the samples, and each has an index on its time.
const (
	forgetParked = `
	DELETE FROM parked_sample WHERE (node_id, time) IN (
		SELECT node_id, time FROM parked_sample WHERE parked_at < $1 ORDER BY parked_at LIMIT $2)`
	forgetRejected = `
	DELETE FROM rejected_sample WHERE id IN (
		SELECT id FROM rejected_sample WHERE rejected_at < $1 ORDER BY rejected_at LIMIT $2)`
	forgetUndecoded = `
	DELETE FROM undecoded_uplink WHERE id IN (
		SELECT id FROM undecoded_uplink WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)`
	// Bounded also in number: a sender gone mad must not fill the disk.
	forgetManyRejected = `
	DELETE FROM rejected_sample WHERE id IN (
		SELECT id FROM rejected_sample
		 WHERE id <= (SELECT id FROM rejected_sample ORDER BY id DESC OFFSET $1 LIMIT 1)
		 ORDER BY id LIMIT $2)`
)

// Forget implements ingest.Upkeep.
func (s *Store) Forget(ctx context.Context, now time.Time, r ingest.Retention) error {
	for _, step := range []struct {
		sql   string
		limit any
	}{
		{forgetParked, now.Add(-r.Parked)},
		{forgetRejected, now.Add(-r.Rejected)},
		{forgetUndecoded, now.Add(-r.Undecoded)},
		{forgetManyRejected, r.MaxRejected},
	} {
		for more := true; more; {
			tag, err := s.pool.Exec(ctx, step.sql, step.limit, forgetChunk)
			if err != nil {
				return translate(fmt.Errorf("delete what was kept long enough: %w", err))
			}
			more = tag.RowsAffected() == forgetChunk
		}
	}
	return nil
}
