package httpapi

import (
	"math"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

const typeSensorHealth = "SensorHealth"

// addHealth adds the routes that tell whether sensors measure rightly.
func (a *API) addHealth(nodes inventory.Repository[sensorhealth.Node, inventory.NodeID]) {
	(&resource[sensorhealth.Node, inventory.NodeID]{
		typ: typeSensorHealth, path: "sensor-health", permissions: access.Health, repository: nodes,
		ids:     byNodeID,
		filters: []string{"organization", "site", "room", "node"}, sorts: []string{"id", "suspected"},
		show: showHealth,
	}).addRoutes(a)
}

func showHealth(v *view, n *sensorhealth.Node) jsonapi.Resource {
	id, f, b := n.ID.String(), n.Finding, n.Battery
	stepDay, step := jsonapi.Null(), jsonapi.Null()
	if f.Step != nil {
		stepDay, step = dayOf(f.Step.Day), jsonapi.Raw(string(append(figure(&f.Step.PPM), '}')))
	}
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeSensorHealth, ID: id},
		Attributes: v.attributes(0, []jsonapi.Attribute{
			{Name: "judged_at_s", Value: optTime(n.JudgedAt)},
			{Name: "suspected", Value: jsonapi.Bool(n.Suspected)},
			{Name: "silence", Value: optText(string(f.Silence))},
			{Name: "week_count", Value: jsonapi.Int(f.Weeks)},
			{Name: "other_sensor_count", Value: jsonapi.Int(f.Others)},
			{Name: "offset_ppm", Value: estimated(f.Offset)},
			{Name: "drift_ppm_per_30_days", Value: estimated(f.Drift)},
			{Name: "step_date", Value: stepDay},
			{Name: "step_ppm", Value: step},
			{Name: "impossible", Value: jsonapi.Bool(f.Impossible())},
			{Name: "impossible_night_count", Value: jsonapi.Int(f.ImpossibleNights)},
			{Name: "battery_silence", Value: optText(string(b.Silence))},
			{Name: "battery_day_count", Value: jsonapi.Int(b.Days)},
			{Name: "battery_empty_date", Value: dayOf(b.EmptyDay)},
			{Name: "battery_earliest_date", Value: dayOf(b.EarliestDay)},
			{Name: "battery_latest_date", Value: dayOf(b.LatestDay)},
		}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "node", Linkage: jsonapi.ToOne(typeNode, id), Related: v.url("nodes", id)},
		}),
		Self: v.url("sensor-health", id),
	}
}

// estimated is an estimate as documents have it. Probabilities are cut to a thousandth, so
// that none reaches the bound of suspicion by rounding.
func estimated(e *sensorhealth.Estimate) jsonapi.Value {
	if e == nil {
		return jsonapi.Null()
	}
	text := append(figure(e), `,"probability":`...)
	text = strconv.AppendFloat(text, math.Floor(1000*e.Beyond+1e-9)/1000, 'f', -1, 64)
	text = append(text, `,"suspected":`...)
	text = strconv.AppendBool(text, e.Suspected())
	return jsonapi.Raw(string(append(text, '}')))
}

// figure is the begin of an object with a value and its interval, to a tenth of a ppm.
func figure(e *sensorhealth.Estimate) []byte {
	text := []byte(`{"value":`)
	text = strconv.AppendFloat(text, math.Round(10*e.Value)/10+0, 'f', -1, 64)
	text = append(text, `,"plus_minus":`...)
	return strconv.AppendFloat(text, math.Round(10*e.PlusMinus)/10, 'f', -1, 64)
}

// dayOf is the date of a number of days since 1970, and null for 0.
func dayOf(day int) jsonapi.Value {
	if day == 0 {
		return jsonapi.Null()
	}
	return jsonapi.String(time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly))
}
