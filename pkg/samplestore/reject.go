package samplestore

import (
	"cmp"
	"context"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

const rejectSamples = `
	INSERT INTO rejected_sample (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	                             dev_eui, reason, field, detail, status)
	SELECT node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	       dev_eui, reason, coalesce(field, ''), coalesce(detail, ''), status
	  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
	              $6::text[], $7::text[], $8::text[], $9::text[], $10::"char"[])
	    AS r (node_id, time_s, co2_ppm, temperature_decicelsius, rel_humidity_percent,
	          dev_eui, reason, field, detail, status)
	 ORDER BY node_id, time_s -- two writers with the same samples must not wait for each other
	    ON CONFLICT DO NOTHING`

// reject gives a row its outcome, and keeps it aside if that is due to its sender.
func (w *write) reject(r *keeping.Row, why *fault.Violation) {
	r.Outcome, r.Fault = keeping.Rejected, why
	if uplink := w.flush.Uplinks[r.Uplink]; !uplink.Registered {
		w.rejected = append(w.rejected, keeping.RejectedRow{NodeID: uplink.NodeID, Sample: r.Sample, DevEUI: uplink.Meta.DevEUI, Fault: why})
	}
}

// keepConflicts keeps the rows aside that another sample of the same node and second was
// before: they were measured all the same. What is copied from elsewhere (Past) still is
// there. An acknowledgement comes after it; without one all of it comes again.
func (s *Store) keepConflicts(ctx context.Context, w *write) error {
	if w.flush.Past {
		return nil
	}
	for i := range w.flush.Rows {
		r := &w.flush.Rows[i]
		if uplink := w.flush.Uplinks[r.Uplink]; r.Outcome == keeping.Conflict && !uplink.Registered {
			w.rejected = append(w.rejected, keeping.RejectedRow{
				NodeID: uplink.NodeID, Sample: r.Sample, DevEUI: uplink.Meta.DevEUI,
				Fault: &fault.Violation{Reason: reason.Conflict, Field: "time_s", Detail: "another sample of this node and second was there before"},
			})
		}
	}
	w.keepReadingConflicts()
	if len(w.rejected)+len(w.rejectedReadings) == 0 {
		return nil
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	p := pipeline{conn: conn.Conn()}
	w.queueRejected(ctx, &p)
	return p.run(ctx)
}

// queueRejected keeps aside what was rejected.
func (w *write) queueRejected(ctx context.Context, p *pipeline) {
	if len(w.rejected) > 0 {
		p.queue(ctx, rejectSamples, w.rejectParameters(), nil)
	}
	if len(w.rejectedReadings) > 0 {
		p.queue(ctx, rejectReadings, w.rejectReadingParameters(), nil)
	}
}

// rejectParameters are those of rejectSamples.
func (w *write) rejectParameters() [][]byte {
	c := &w.rejecting
	ids, times, co2 := c.column(0, oidUUID), c.column(1, oidInt8), c.column(2, oidInt8)
	temperature, humidity := c.column(3, oidInt8), c.column(4, oidInt8)
	euis, reasons := c.column(5, oidText), c.column(6, oidText)
	names, details, statuses := c.column(7, oidText), c.column(8, oidText), c.column(9, oidChar)
	for _, r := range w.rejected {
		ids.uuid(r.NodeID)
		times.int8(r.Sample.Time.Unix())
		co2.int8(int64(r.Sample.CO2PPM))
		temperature.bigint(r.Sample.TemperatureDecicelsius)
		humidity.bigint(r.Sample.RelHumidityPercent)
		euis.text(r.DevEUI.OrEmpty())
		reasons.text(r.Fault.Code())
		names.text(r.Fault.Field)
		details.text(r.Fault.Detail)
		statuses.char(byte(cmp.Or(r.Sample.Status, measurement.Measured)))
	}
	return c.parameters(10)
}
