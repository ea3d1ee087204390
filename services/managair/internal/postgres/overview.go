package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
)

// Parked is part of backoffice.Store.
func (b Backoffice) Parked(ctx context.Context, caller access.Caller) ([]backoffice.ParkedNode, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "parked_sample"}); err != nil {
		return nil, err
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT p.*, coalesce((SELECT h.application FROM heard_device h WHERE h.eui64 = p.dev_eui), '') AS application
		  FROM (SELECT node_id, coalesce(max(dev_eui), '') AS dev_eui, coalesce(max(device_id), '') AS device_id,
		               coalesce(max(protocol), '') AS protocol, count(DISTINCT time) AS samples, min(time) AS first, max(time) AS last
		          FROM (SELECT node_id, dev_eui, device_id, protocol, time FROM parked_sample
		                 UNION ALL
		                SELECT node_id, dev_eui, NULL, NULL, time FROM parked_reading) seconds
		         GROUP BY node_id ORDER BY max(time) DESC, node_id LIMIT 500) p
		 ORDER BY p.last DESC, p.node_id`)
	if err != nil {
		return nil, fmt.Errorf("list parked samples: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[backoffice.ParkedNode])
	if err != nil {
		return nil, fmt.Errorf("list parked samples: %w", pgdb.Translate(err))
	}
	return all, nil
}

// Health is part of backoffice.Store.
func (b Backoffice) Health(ctx context.Context, caller access.Caller) ([]backoffice.NodeHealth, error) {
	if err := allowed(ctx, b.Pool, caller, &backoffice.Subject{Name: "node"}); err != nil {
		return nil, err
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT n.id::text, n.alias, n.eui64, o.name, coalesce(f.fidelity::text, 'U'), f.since,
		       coalesce(f.fault, ''), f.fault_since,
		       EXISTS (SELECT FROM stuck_sensor x WHERE x.node_no = n.no AND x.released_at IS NULL),
		       s.last_co2_ppm::integer, s.last_contact_at, s.battery_percent::integer, s.rssi_dbm::integer
		  FROM node n
		  JOIN organization o ON o.id = n.owner_id
		  LEFT JOIN node_fidelity f ON f.node_no = n.no
		  LEFT JOIN node_status s ON s.node_no = n.no
		 ORDER BY f.fault IS NULL, array_position('{D,M,U,E}', coalesce(f.fidelity::text, 'U')), n.alias, n.id
		 LIMIT 2000`)
	if err != nil {
		return nil, fmt.Errorf("list node health: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[backoffice.NodeHealth])
	if err != nil {
		return nil, fmt.Errorf("list node health: %w", pgdb.Translate(err))
	}
	return all, nil
}

// Overview is part of backoffice.Store.
func (b Backoffice) Overview(ctx context.Context, caller access.Caller) (backoffice.Overview, error) {
	o := backoffice.Overview{Counts: map[string]int64{}, Health: map[string]int64{}}
	names, err := b.Allowed(ctx, caller)
	if err != nil {
		return o, err
	}
	for _, name := range names {
		var n int64
		// Only as far as a number tells something at a glance.
		err := b.Pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+pgx.Identifier{name}.Sanitize()+" LIMIT 100000) few").Scan(&n)
		if err != nil {
			return o, fmt.Errorf("count %s: %w", name, pgdb.Translate(err))
		}
		o.Counts[name] = n
	}
	err = b.Pool.QueryRow(ctx, "SELECT count(DISTINCT node_id) FROM (SELECT node_id FROM parked_sample UNION ALL SELECT node_id FROM parked_reading) parked").Scan(&o.Parked)
	if err != nil {
		return o, fmt.Errorf("count parked nodes: %w", pgdb.Translate(err))
	}
	rows, err := b.Pool.Query(ctx, `
		SELECT coalesce(f.fidelity::text, 'U'), count(*) FROM node n LEFT JOIN node_fidelity f ON f.node_no = n.no GROUP BY 1`)
	if err != nil {
		return o, fmt.Errorf("count node health: %w", pgdb.Translate(err))
	}
	var letter string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&letter, &n}, func() error {
		o.Health[letter] = n
		return nil
	})
	return o, pgdb.Translate(err)
}

// Facts is part of backoffice.Store.
func (b Backoffice) Facts(ctx context.Context) ([][2]string, error) {
	var version, size, samples string
	var migration int64
	var started time.Time
	err := b.Pool.QueryRow(ctx, `
		SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database())),
		       (SELECT max(version_id) FROM goose_db_version WHERE is_applied), pg_postmaster_start_time(),
		       (SELECT pg_size_pretty(coalesce(sum(pg_total_relation_size(inhrelid)), 0)) FROM pg_inherits WHERE inhparent = 'sample'::regclass)`).
		Scan(&version, &size, &migration, &started, &samples)
	if err != nil {
		return nil, fmt.Errorf("ask the database: %w", pgdb.Translate(err))
	}
	return [][2]string{
		{"postgresql", version},
		{"since", started.UTC().Format("2006-01-02 15:04 UTC")},
		{"database", size},
		{"samples", samples},
		{"schema", fmt.Sprintf("%05d", migration)},
	}, nil
}
