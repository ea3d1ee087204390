package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

func nodeHealth() kind[sensorhealth.Node, inventory.NodeID] {
	return kind[sensorhealth.Node, inventory.NodeID]{
		permissions: access.Health,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node", alias: "n",
		// A node that no run has seen is one of which there are too few nights.
		from: "LEFT JOIN node_health h ON h.node_no = n.no",
		columns: "n.id, h.judged_at, coalesce(h.silence, '" + string(sensorhealth.TooFewNights) + "'), coalesce(h.weeks, 0), coalesce(h.others, 0), " +
			"coalesce(h.suspected, false), coalesce(h.impossible_nights, 0), " +
			"h.offset_ppm::float8, h.offset_plus_minus_ppm::float8, h.offset_beyond::float8, " +
			"h.drift_ppm::float8, h.drift_plus_minus_ppm::float8, h.drift_beyond::float8, " +
			"h.step_day - " + dayOne + ", h.step_ppm::float8, h.step_plus_minus_ppm::float8, " +
			"coalesce(h.battery_silence, '" + string(sensorhealth.TooFewDays) + "'), coalesce(h.battery_days, 0), " +
			"coalesce(h.battery_empty_day - " + dayOne + ", 0), coalesce(h.battery_earliest_day - " + dayOne + ", 0), coalesce(h.battery_latest_day - " + dayOne + ", 0)",
		scan:    scanHealth,
		idOf:    func(n *sensorhealth.Node) inventory.NodeID { return n.ID },
		filters: nodeFilters,
		order:   "n.eui64, n.id",
		sorts:   map[string]string{"id": "n.id", "suspected": "coalesce(h.suspected, false)"},
	}
}

func scanHealth(row pgx.CollectableRow) (n sensorhealth.Node, err error) {
	var judgedAt *time.Time
	var offset, drift, step estimate
	var stepDay *int
	f, b := &n.Finding, &n.Battery
	err = row.Scan(place(&n.ID), &judgedAt, &f.Silence, &f.Weeks, &f.Others, &n.Suspected, &f.ImpossibleNights,
		&offset.value, &offset.plusMinus, &offset.beyond, &drift.value, &drift.plusMinus, &drift.beyond,
		&stepDay, &step.value, &step.plusMinus,
		&b.Silence, &b.Days, &b.EmptyDay, &b.EarliestDay, &b.LatestDay)
	n.JudgedAt = orZero(judgedAt)
	f.Offset, f.Drift = offset.known(), drift.known()
	if e := step.known(); e != nil && stepDay != nil {
		f.Step = &sensorhealth.Step{Day: *stepDay, PPM: *e}
	}
	return n, err
}

// estimate is one as the database has it: NULL is none.
type estimate struct{ value, plusMinus, beyond *float64 }

func (e estimate) known() *sensorhealth.Estimate {
	if e.value == nil || e.plusMinus == nil {
		return nil
	}
	known := &sensorhealth.Estimate{Value: *e.value, PlusMinus: *e.plusMinus}
	if e.beyond != nil {
		known.Beyond = *e.beyond
	}
	return known
}
