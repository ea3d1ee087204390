package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
)

// Reports is the report.Store on PostgreSQL.
type Reports struct{ Pool *pgxpool.Pool }

// Sensors is part of report.Store. A silence counts as far as it lies in the time in which
// the sensor was in the room.
func (s Reports) Sensors(ctx context.Context, caller access.Caller, rooms []int64, from, to time.Time) ([]report.Sensor, error) {
	const query = `
		SELECT i.room_id, coalesce(nullif(n.alias, ''), n.id::text), silent.count, silent.seconds,
		       coalesce(h.suspected, false), f.fault IS NOT NULL, st.battery_percent::integer
		  FROM installation i
		  JOIN room r ON r.id = i.room_id
		  JOIN site s ON s.id = r.site_id
		  JOIN membership m ON m.organization_id = s.operator_id AND m.user_id = @caller
		  JOIN node n ON n.id = i.node_id
		  LEFT JOIN node_health h ON h.node_no = n.no
		  LEFT JOIN node_fidelity f ON f.node_no = n.no
		  LEFT JOIN node_status st ON st.node_no = n.no
		 CROSS JOIN LATERAL (SELECT greatest(i.from_time, @from) AS begin, least(coalesce(i.to_time, 'infinity'), @to) AS finish) w
		 CROSS JOIN LATERAL (
		       SELECT count(*)::integer AS count,
		              coalesce(sum(extract(epoch FROM least(coalesce(o.to_time, 'infinity'), w.finish) - greatest(o.from_time, w.begin))), 0)::float8 AS seconds
		         FROM node_outage o
		        WHERE o.node_no = n.no AND o.from_time < w.finish AND coalesce(o.to_time, 'infinity') > w.begin) silent
		 WHERE i.room_id = ANY (@rooms) AND w.begin < w.finish
		 ORDER BY i.room_id, 2, i.id`
	rows, err := s.Pool.Query(ctx, query, pgx.NamedArgs{"caller": caller.UserID, "rooms": rooms, "from": from, "to": to})
	if err == nil {
		var all []report.Sensor
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one report.Sensor, err error) {
			var seconds float64
			err = row.Scan(&one.RoomID, &one.Name, &one.Silences, &seconds, &one.Suspected, &one.Faulty, &one.BatteryPercent)
			one.Silent = time.Duration(seconds) * time.Second
			return one, err
		})
		if err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("sensors of a report: %w", pgdb.Translate(err))
}
