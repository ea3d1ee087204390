package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Fidelity checks whether nodes report, and remembers when they did not.
type Fidelity struct{ Pool *pgxpool.Pool }

const (
	// Locks out other checks until commit, and does nothing for one that is late.
	beginFidelityCheck = `
		UPDATE fidelity_check
		   SET checked_at = @now
		 WHERE checked_at IS NULL OR checked_at < @now`

	// All nodes in one pass; only what changed is written. The parts of the statement
	// see the same snapshot, so none sees what another one writes.
	checkFidelity = `
		WITH assessed AS MATERIALIZED (
			SELECT n.no, s.last_contact_at, f.fidelity AS before,
			       CASE
			           WHEN s.last_contact_at IS NULL THEN 'U'
			           WHEN s.last_contact_at >= @now::timestamptz - @missing_after * expected.interval THEN 'E'
			           WHEN s.last_contact_at >= @now::timestamptz - @dead_after * expected.interval THEN 'M'
			           ELSE 'D'
			       END::"char" AS fidelity
			  FROM node n
			  LEFT JOIN node_status s ON s.node_no = n.no
			  LEFT JOIN node_fidelity f ON f.node_no = n.no,
			       LATERAL (SELECT make_interval(secs => coalesce(n.expected_interval_s, @default_interval_s))) AS expected (interval)
		), changed AS (
			INSERT INTO node_fidelity (node_no, fidelity, since)
			SELECT no, fidelity, @now
			  FROM assessed
			 WHERE fidelity IS DISTINCT FROM before
			    ON CONFLICT (node_no) DO UPDATE SET fidelity = excluded.fidelity, since = excluded.since
		), silent AS (
			SELECT a.*, o.from_time, o.noticed_at
			  FROM assessed a
			  LEFT JOIN node_outage o ON o.node_no = a.no AND o.to_time IS NULL
			 WHERE a.fidelity IN ('M', 'D')
		), opened AS (
			-- Silent for the first time, or again after a contact that no check saw.
			INSERT INTO node_outage (node_no, from_time, noticed_at, dead_at)
			SELECT no, last_contact_at, @now, CASE fidelity WHEN 'D' THEN @now::timestamptz END
			  FROM silent
			 WHERE from_time IS NULL OR last_contact_at > noticed_at
			    ON CONFLICT DO NOTHING
		), updated AS (
			-- News of a contact before the outage was noticed came late: it is shorter.
			UPDATE node_outage o
			   SET from_time = s.last_contact_at,
			       dead_at = CASE s.fidelity WHEN 'D' THEN coalesce(o.dead_at, @now) END
			  FROM silent s
			 WHERE o.node_no = s.no AND o.to_time IS NULL
			   AND s.last_contact_at <= o.noticed_at
			   AND (s.last_contact_at <> o.from_time OR (o.dead_at IS NULL) <> (s.fidelity = 'M'))
		), closed AS (
			UPDATE node_outage o
			   SET to_time = a.last_contact_at
			  FROM assessed a
			 WHERE o.node_no = a.no AND o.to_time IS NULL
			   AND a.last_contact_at > o.from_time
			   AND (a.fidelity = 'E' OR a.last_contact_at > o.noticed_at)
		), undone AS (
			-- More patience than before: it was no outage.
			DELETE FROM node_outage o
			 USING assessed a
			 WHERE o.node_no = a.no AND o.to_time IS NULL
			   AND a.fidelity = 'E' AND a.last_contact_at <= o.from_time
		)
		UPDATE fidelity_check
		   SET unknown = counted.unknown, alive = counted.alive, missing = counted.missing, dead = counted.dead
		  FROM (SELECT count(*) FILTER (WHERE fidelity = 'U') AS unknown,
		               count(*) FILTER (WHERE fidelity = 'E') AS alive,
		               count(*) FILTER (WHERE fidelity = 'M') AS missing,
		               count(*) FILTER (WHERE fidelity = 'D') AS dead
		          FROM assessed) AS counted`
)

// Check judges all nodes as of now. It does nothing, and returns what the other one
// found, when a later check was there already.
func (f Fidelity) Check(ctx context.Context, now time.Time) (fidelity.Summary, error) {
	var sum fidelity.Summary
	err := pgx.BeginFunc(ctx, f.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, beginFidelityCheck, pgx.NamedArgs{"now": now})
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			if err := judge(ctx, tx, now); err != nil {
				return err
			}
		}
		sum, err = latestCheck(ctx, tx)
		return err
	})
	return sum, pgdb.Translate(err)
}

// judge finds out which nodes report, and what is wrong with those that do.
func judge(ctx context.Context, tx pgx.Tx, now time.Time) error {
	err := exec(ctx, tx, checkFidelity, pgx.NamedArgs{
		"now":                now,
		"missing_after":      float64(fidelity.MissingAfter),
		"dead_after":         float64(fidelity.DeadAfter),
		"default_interval_s": int32(fidelity.DefaultInterval / time.Second),
	})
	if err != nil {
		return err
	}
	return judgeFaults(ctx, tx, now)
}

// Latest returns what the latest check counted.
func (f Fidelity) Latest(ctx context.Context) (fidelity.Summary, error) {
	sum, err := latestCheck(ctx, f.Pool)
	return sum, pgdb.Translate(err)
}

func latestCheck(ctx context.Context, db querier) (fidelity.Summary, error) {
	rows, _ := db.Query(ctx, `SELECT checked_at, unknown, alive, missing, dead, faulty FROM fidelity_check`)
	return pgx.CollectExactlyOneRow(rows, scanSummary)
}

func scanSummary(row pgx.CollectableRow) (sum fidelity.Summary, err error) {
	var checkedAt *time.Time
	err = row.Scan(&checkedAt, &sum.Unknown, &sum.Alive, &sum.Missing, &sum.Dead, &sum.Faulty)
	sum.CheckedAt = orZero(checkedAt)
	return sum, err
}

// NodeFidelity returns what the latest check found of each node.
func (f Fidelity) NodeFidelity() inventory.Repository[fidelity.Node, inventory.NodeID] {
	return &repository[fidelity.Node, inventory.NodeID]{db: f.Pool, kind: kind[fidelity.Node, inventory.NodeID]{
		permissions: access.Fidelity,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node", alias: "n",
		from: "LEFT JOIN node_fidelity nf ON nf.node_no = n.no LEFT JOIN node_status ns ON ns.node_no = n.no CROSS JOIN fidelity_check fc",
		// A node that no check has seen is not known yet.
		columns: "n.id, coalesce(nf.fidelity, 'U')::text, coalesce(nf.fault, ''), nf.fault_since, ns.last_contact_at, fc.checked_at, " +
			"ns.battery_percent, ns.battery_millivolts, ns.rssi_dbm",
		scan: func(row pgx.CollectableRow) (n fidelity.Node, err error) {
			var state string
			var faultSince, lastContact, checkedAt *time.Time
			if err = row.Scan(place(&n.ID), &state, &n.Fault, &faultSince, &lastContact, &checkedAt, &n.BatteryPercent, &n.BatteryMillivolts, &n.RSSIdBm); err == nil {
				n.State, n.FaultSince, n.LastContact, n.CheckedAt = fidelity.State(state[0]), orZero(faultSince), orZero(lastContact), orZero(checkedAt)
			}
			return n, err
		},
		idOf:    func(n *fidelity.Node) inventory.NodeID { return n.ID },
		filters: nodeFilters,
		order:   "n.eui64, n.id",
		sorts:   map[string]string{"id": "n.id", "fidelity": "coalesce(nf.fidelity, 'U')", "last_contact_s": "ns.last_contact_at"},
	}}
}

// Outages returns the times in which nodes were silent, the newest first.
func (f Fidelity) Outages() inventory.Repository[fidelity.Outage, int64] {
	return &repository[fidelity.Outage, int64]{db: f.Pool, kind: kind[fidelity.Outage, int64]{
		permissions: access.Outages,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node_outage", alias: "ot",
		from:    "JOIN node n ON n.no = ot.node_no",
		columns: "ot.id, n.id, ot.from_time, ot.to_time, ot.noticed_at, ot.dead_at",
		scan: func(row pgx.CollectableRow) (o fidelity.Outage, err error) {
			var to, deadAt *time.Time
			err = row.Scan(&o.ID, place(&o.NodeID), &o.From, &to, &o.NoticedAt, &deadAt)
			o.To, o.DeadAt = orZero(to), orZero(deadAt)
			return o, err
		},
		idOf:    func(o *fidelity.Outage) int64 { return o.ID },
		filters: nodeFilters,
		order:   "ot.from_time DESC, ot.id DESC",
		sorts:   map[string]string{"id": "ot.id", "from_timestamp_s": "ot.from_time", "to_timestamp_s": "ot.to_time"},
	}}
}

// Radio returns how nodes were received in the last fidelity.RadioDays.
func (f Fidelity) Radio() inventory.Repository[fidelity.Radio, inventory.NodeID] {
	return &repository[fidelity.Radio, inventory.NodeID]{db: f.Pool, kind: kind[fidelity.Radio, inventory.NodeID]{
		permissions: access.Fidelity,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node", alias: "n",
		from: fmt.Sprintf(`LEFT JOIN node_status ns ON ns.node_no = n.no
			LEFT JOIN LATERAL (
			SELECT coalesce(sum(d.uplinks), 0) AS uplinks, coalesce(sum(d.expected), 0) AS expected,
			       (sum(d.spreading_factor) / nullif(sum(d.received), 0))::float8 AS spreading_factor,
			       (sum(d.gateways) / nullif(sum(d.received), 0))::float8 AS gateways,
			       (sum(d.rssi_dbm) / nullif(sum(d.received), 0))::float8 AS rssi_dbm,
			       (sum(d.snr_10_db) / nullif(sum(d.received), 0) / 10)::float8 AS snr_db
			  FROM node_radio_day d
			 WHERE d.node_no = n.no AND d.day > (now() AT TIME ZONE 'UTC')::date - %d) rd ON true`, fidelity.RadioDays),
		columns: "n.id, ns.last_contact_at, ns.spreading_factor, ns.bandwidth_khz, ns.frequency_hz, ns.gateways, ns.rssi_dbm, ns.snr_db::float8, " +
			"rd.uplinks, rd.expected, rd.spreading_factor, rd.gateways, rd.rssi_dbm, rd.snr_db",
		scan: func(row pgx.CollectableRow) (r fidelity.Radio, err error) {
			var lastContact *time.Time
			err = row.Scan(place(&r.ID), &lastContact, &r.SpreadingFactor, &r.BandwidthKHz, &r.FrequencyHz, &r.Gateways, &r.RSSIdBm, &r.SNRdB,
				&r.Uplinks, &r.Expected, &r.Mean.SpreadingFactor, &r.Mean.Gateways, &r.Mean.RSSIdBm, &r.Mean.SNRdB)
			r.LastContact = orZero(lastContact)
			return r, err
		},
		idOf:    func(r *fidelity.Radio) inventory.NodeID { return r.ID },
		filters: nodeFilters,
		order:   "n.eui64, n.id",
		sorts:   map[string]string{"id": "n.id", "last_contact_s": "ns.last_contact_at"},
	}}
}

// nodeFilters pick nodes by their owner and by where they are now.
var nodeFilters = filters{
	organization: "n.owner_id = @organization",
	node:         "n.id = @node",
	site:         "EXISTS (SELECT FROM installation ni JOIN room nr ON nr.id = ni.room_id WHERE ni.node_id = n.id AND " + installedNow + " AND nr.site_id = @site)",
	room:         "EXISTS (SELECT FROM installation ni WHERE ni.node_id = n.id AND " + installedNow + " AND ni.room_id = @room)",
}

const installedNow = "ni.from_time <= now() AND (ni.to_time IS NULL OR ni.to_time > now())"

// orZero turns NULL into the zero time.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
