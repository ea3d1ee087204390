package postgres_test

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// manyRules are four of each of 300 sensors of an organization, each in a room of its own: of the sensor, of
// its room, and of others.
const manyRules = `
	INSERT INTO room (id, site_id, name) SELECT 5000 + i, (SELECT min(site_id) FROM room), 'Room ' || i FROM generate_series(1, 300) i;
	INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
	SELECT gen_random_uuid(), 'A1E4700000000' || lpad(i::text, 3, '0'), 'Many ' || i, n.protocol_id, n.model_id, n.owner_id
	  FROM generate_series(1, 300) i, (SELECT * FROM node ORDER BY no LIMIT 1) n;
	INSERT INTO installation (node_id, room_id, from_time, is_public)
	SELECT id, 5000 + substr(alias, 6)::integer, '2026-01-01', false FROM node WHERE alias LIKE 'Many %';
	INSERT INTO alert_rule (name, organization_id, personal, node_id, room_id, enabled, condition, occupied_only, tell_recovery, time_zone)
	SELECT 'Rule', n.owner_id, false, CASE WHEN k > 2 THEN n.id END, CASE WHEN k <= 2 THEN 5000 + substr(n.alias, 6)::integer END, true, 'silent', false, false, 'UTC'
	  FROM node n, generate_series(1, 4) k WHERE n.alias LIKE 'Many %';
	ANALYZE node, installation, room, alert_rule`

// What many rules watch is read in about as many steps as there are rules: each is not held against each sensor of its organization.
func TestRulesFindTheirSensorsByKey(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, manyRules)
	var told []byte
	err := w.QueryRow(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+postgres.TargetsSQL, pgx.NamedArgs{"profile": "x"}).Scan(&told)
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Rows    float64 `json:"Actual Rows"`
		Loops   float64 `json:"Actual Loops"`
		Removed float64 `json:"Rows Removed by Join Filter"`
		Filter  float64 `json:"Rows Removed by Filter"`
		Plans   []node
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(told, &plans); err != nil {
		t.Fatal(err)
	}
	var steps func(n node) float64
	steps = func(n node) float64 {
		all := (n.Rows + n.Removed + n.Filter) * n.Loops
		for _, p := range n.Plans {
			all += steps(p)
		}
		return all
	}
	const rules = 1200
	if got := plans[0].Plan.Rows; got != rules {
		t.Errorf("%v are watched, want %d", got, rules)
	}
	got := steps(plans[0].Plan)
	t.Logf("%.0f steps for a rule", got/rules)
	if got > 50*rules {
		t.Errorf("%.0f steps for %d rules\n%s", got, rules, told)
	}
}
