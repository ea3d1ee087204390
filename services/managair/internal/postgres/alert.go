package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Alerts is the alert.Store on PostgreSQL.
type Alerts struct{ Pool *pgxpool.Pool }

var _ alert.Store = Alerts{}

const (
	// leadRetry is how often somebody who waits asks whether nobody leads; leadCheck how often
	// the leader looks whether it still does.
	leadRetry = 2 * time.Second
	leadCheck = 2 * time.Second
)

// Lead is part of alert.Store. The lock is one of a session: it ends with the process, or with the
// connection. Whoever led may not know yet then, and do no harm: what it writes is there once.
func (a Alerts) Lead(ctx context.Context, do func(context.Context) error) error {
	conn, err := pgx.ConnectConfig(ctx, a.Pool.Config().ConnConfig.Copy())
	if err != nil {
		return fmt.Errorf("lead alerts: %w", pgdb.Translate(err))
	}
	defer func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), leadCheck)
		defer cancel()
		_ = conn.Close(within)
	}()
	for locked := false; !locked; {
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtext('alert_evaluate'))").Scan(&locked); err != nil {
			return fmt.Errorf("lead alerts: %w", pgdb.Translate(err))
		}
		if !locked {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(leadRetry):
			}
		}
	}
	leading, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer stop()
		for leading.Err() == nil {
			select {
			case <-leading.Done():
				return
			case <-time.After(leadCheck):
			}
			within, cancel := context.WithTimeout(leading, 5*time.Second)
			err := conn.Ping(within)
			cancel()
			if err != nil {
				return
			}
		}
	}()
	err = do(leading)
	stop()
	<-done
	return err
}

// WaitForChanges is part of alert.Store.
func (a Alerts) WaitForChanges(ctx context.Context, changed func()) error {
	return listen(ctx, a.Pool, []string{"inventory_changed"}, func(string) { changed() })
}

// targetsSQL expands rules to the sensors that they watch at present. A sensor without a room is
// watched by its own rule only: one in a cupboard may be silent. Rules of each scope find their sensors by its
// key: all sensors of the organization held against each of its rules would be millions of pairs.
const targetsSQL = `
	WITH rule AS MATERIALIZED (
	    SELECT ar.id, ar.organization_id, ar.site_id AS of_site, ar.room_id AS of_room, ar.node_id AS of_node,
	           ar.condition, coalesce(ar.quantity, '') AS quantity, ar.threshold, ar.hysteresis, ar.for_s, ar.occupied_only
	      FROM alert_rule ar WHERE ar.enabled AND (` + ruleSpeaks + `)),
	sensor AS MATERIALIZED (
	    SELECT n.no, n.id AS node_id, n.owner_id, i.room_id, r.site_id, i.from_time, coalesce(s.time_zone, '') AS time_zone,
	           coalesce(r.verdict_profile, s.verdict_profile, o.verdict_profile, CASE WHEN s.id IS NULL THEN @profile END) AS profile
	      FROM node n
	      JOIN organization o ON o.id = n.owner_id
	      LEFT JOIN installation i ON i.node_id = n.id AND i.from_time <= now() AND (i.to_time IS NULL OR i.to_time > now())
	      LEFT JOIN room r ON r.id = i.room_id
	      LEFT JOIN site s ON s.id = r.site_id),
	watched AS (
	    SELECT * FROM rule JOIN sensor ON node_id = of_node AND owner_id = organization_id
	     UNION ALL
	    SELECT * FROM rule JOIN sensor ON room_id = of_room AND owner_id = organization_id
	     UNION ALL
	    SELECT * FROM rule JOIN sensor ON site_id = of_site AND owner_id = organization_id
	     UNION ALL
	    SELECT * FROM rule JOIN sensor ON owner_id = organization_id AND room_id IS NOT NULL
	     WHERE num_nonnulls(of_node, of_room, of_site) = 0)
	SELECT id, condition, quantity, threshold::float8, hysteresis::float8, for_s, occupied_only,
	       no, node_id, coalesce(room_id, 0), coalesce(extract(epoch FROM from_time)::bigint, 0), profile, time_zone
	  FROM watched
	 ORDER BY id, no, from_time DESC`

// ruleSpeaks is the condition that somebody may still be told by rule ar.
const ruleSpeaks = `NOT ar.personal OR EXISTS (
	SELECT FROM membership sm JOIN user_account su ON su.id = sm.user_id
	 WHERE sm.organization_id = ar.organization_id AND sm.user_id = ar.user_id AND su.is_active)`

// Targets is part of alert.Store.
func (a Alerts) Targets(ctx context.Context) ([]alert.Target, error) {
	rows, err := a.Pool.Query(ctx, targetsSQL, pgx.NamedArgs{"profile": profile.Default})
	if err == nil {
		var targets []alert.Target
		var row alert.Row
		_, err = pgx.ForEachRow(rows, []any{
			&row.RuleID, &row.Kind, &row.Quantity, &row.Threshold, &row.Hysteresis, &row.ForS, &row.OccupiedOnly,
			&row.NodeNo, place(&row.NodeID), &row.RoomID, &row.Since, &row.Chosen, &row.Zone,
		}, func() error {
			targets = append(targets, row.Target())
			return nil
		})
		if err == nil {
			return targets, nil
		}
	}
	return nil, fmt.Errorf("what rules watch: %w", pgdb.Translate(err))
}

// Plans is part of alert.Store.
func (a Alerts) Plans(ctx context.Context) (map[int64]timetable.Plan, error) {
	rows, err := a.Pool.Query(ctx, `
		SELECT r.id, s.time_zone, `+timetableColumns("st")+", "+timetableColumns("rt")+`
		  FROM room r
		  JOIN site s ON s.id = r.site_id
		  LEFT JOIN timetable st ON st.site_id = s.id
		  LEFT JOIN timetable rt ON rt.room_id = r.id
		 WHERE (st.id IS NOT NULL OR rt.id IS NOT NULL)
		   AND EXISTS (SELECT FROM alert_rule ar WHERE ar.organization_id = s.operator_id AND ar.enabled AND ar.occupied_only)`)
	if err != nil {
		return nil, fmt.Errorf("plans of rooms: %w", pgdb.Translate(err))
	}
	plans := map[int64]timetable.Plan{}
	for rows.Next() {
		var id int64
		var zone string
		var site, own timetableRow
		if err = rows.Scan(append(append([]any{&id, &zone}, site.places()...), own.places()...)...); err != nil {
			break
		}
		plan := timetable.Plan{Zone: time.UTC}
		if known, err := inventory.Location(zone); err == nil {
			plan.Zone = known
		}
		if plan.Site, err = site.read(); err != nil {
			break
		}
		if plan.Room, err = own.read(); err != nil {
			break
		}
		plans[id] = plan
	}
	rows.Close()
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("plans of rooms: %w", pgdb.Translate(err))
	}
	return plans, nil
}

// OpenEpisodes is part of alert.Store.
func (a Alerts) OpenEpisodes(ctx context.Context) ([]alert.OpenEpisode, error) {
	rows, err := a.Pool.Query(ctx, `
		SELECT e.id, e.rule_id, n.no, coalesce(e.room_id, 0), e.opened_at, e.worst, e.threshold
		  FROM alert_episode e JOIN node n ON n.id = e.node_id
		 WHERE e.closed_at IS NULL ORDER BY e.id`)
	if err == nil {
		var open []alert.OpenEpisode
		if open, err = pgx.CollectRows(rows, pgx.RowToStructByPos[alert.OpenEpisode]); err == nil {
			return open, nil
		}
	}
	return nil, fmt.Errorf("open alerts: %w", pgdb.Translate(err))
}

// Samples is part of alert.Store.
func (a Alerts) Samples(ctx context.Context, nodes []int32, since time.Time, each func(int32, measurement.Sample)) error {
	rows, err := a.Pool.Query(ctx, `
		SELECT s.node_no, s.time, s.co2_ppm, s.temperature_decicelsius, s.rel_humidity_percent, s.status::text
		  FROM unnest(@nodes::integer[]) AS wanted (no)
		 CROSS JOIN LATERAL (SELECT * FROM sample WHERE node_no = wanted.no AND time >= @since ORDER BY time) s`,
		pgx.NamedArgs{"nodes": nodes, "since": since})
	if err == nil {
		var node int32
		var s nullableSample
		_, err = pgx.ForEachRow(rows, []any{&node, &s.time, &s.co2, &s.temperature, &s.humidity, &s.status}, func() error {
			each(node, *s.sample())
			return nil
		})
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("samples for alerts: %w", pgdb.Translate(err))
}

// factsStale is how long ago the check of who reports may be: after that nothing is known.
const factsStale = 5 * time.Minute

// Facts is part of alert.Store.
func (a Alerts) Facts(ctx context.Context, now time.Time) ([]alert.Fact, bool, error) {
	rows, err := a.Pool.Query(ctx, `
		SELECT n.no,
		       CASE WHEN f.fidelity IN ('M', 'D') THEN coalesce(ns.last_contact_at, f.since) END,
		       least(f.fault_since, CASE WHEN h.suspected THEN coalesce(h.suspected_since, h.judged_at) END),
		       ns.battery_percent::float8, h.battery_empty_day::timestamptz
		  FROM node n
		  LEFT JOIN node_fidelity f ON f.node_no = n.no
		  LEFT JOIN node_status ns ON ns.node_no = n.no
		  LEFT JOIN node_health h ON h.node_no = n.no
		 WHERE (f.fidelity IN ('M', 'D') OR f.fault IS NOT NULL OR h.suspected OR ns.battery_percent IS NOT NULL OR h.battery_empty_day IS NOT NULL)
		   AND EXISTS (SELECT FROM alert_rule ar WHERE ar.organization_id = n.owner_id AND ar.enabled
		                  AND ar.condition IN ('silent', 'faulty', 'battery'))`)
	if err == nil {
		var facts []alert.Fact
		facts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f alert.Fact, err error) {
			var silent, faulty *time.Time
			err = row.Scan(&f.NodeNo, &silent, &faulty, &f.BatteryPercent, &f.BatteryEmpty)
			f.SilentSince, f.FaultySince = orZero(silent), orZero(faulty)
			return f, err
		})
		if err == nil {
			var fresh bool
			err = a.Pool.QueryRow(ctx, "SELECT coalesce(checked_at > @since, false) FROM fidelity_check",
				pgx.NamedArgs{"since": now.Add(-factsStale)}).Scan(&fresh)
			if err == nil {
				return facts, fresh, nil
			}
		}
	}
	return nil, false, fmt.Errorf("facts for alerts: %w", pgdb.Translate(err))
}

// Spans is part of alert.Store. The hour in which the 24 hours begin is read from samples.
func (a Alerts) Spans(ctx context.Context, nodes []int32, now time.Time) ([]alert.Span, error) {
	from := now.Add(-24 * time.Hour)
	whole := from.UTC().Truncate(time.Hour).Add(time.Hour)
	rows, err := a.Pool.Query(ctx, `
		SELECT wanted.no, max(h.hour) + interval '1 hour',
		       min(h.co2_min)::float8, min(h.temperature_min) / 10.0::float8, min(h.rel_humidity_min)::float8,
		       max(h.co2_max)::float8, max(h.temperature_max) / 10.0::float8, max(h.rel_humidity_max)::float8
		  FROM unnest(@nodes::integer[]) AS wanted (no)
		 CROSS JOIN LATERAL (
		       SELECT * FROM sample_hours(wanted.no, @whole, @until)
		        UNION ALL
		       SELECT * FROM sample_hours_raw(wanted.no, @from, @whole)) h
		 GROUP BY wanted.no`,
		pgx.NamedArgs{"nodes": nodes, "from": from, "whole": whole, "until": now.UTC().Truncate(time.Hour).Add(time.Hour)})
	if err == nil {
		var spans []alert.Span
		spans, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s alert.Span, err error) {
			var low, high [3]*float64
			err = row.Scan(&s.NodeNo, &s.Until, &low[0], &low[1], &low[2], &high[0], &high[1], &high[2])
			for q := range low {
				s.Low[q], s.High[q] = orNaN(low[q]), orNaN(high[q])
			}
			return s, err
		})
		if err == nil {
			return spans, nil
		}
	}
	return nil, fmt.Errorf("spans for alerts: %w", pgdb.Translate(err))
}
