package samplestore

import (
	"cmp"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
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
