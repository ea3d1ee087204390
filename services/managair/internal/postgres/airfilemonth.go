package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

var _ roomair.MonthStore = AirFiles{}

// MonthRooms is part of roomair.MonthStore. Whoever is an OWNER for longest is the one for
// whom files are made.
func (s AirFiles) MonthRooms(ctx context.Context) ([]roomair.MonthRoom, error) {
	const query = `
		SELECT r.id, owner.user_id, rs.time_zone, been.begin, been.finish
		  FROM organization o
		 CROSS JOIN LATERAL (SELECT m.user_id FROM membership m WHERE m.organization_id = o.id AND m.role = 'O' ORDER BY m.id LIMIT 1) owner
		  JOIN site rs ON rs.operator_id = o.id
		  JOIN room r ON r.site_id = rs.id
		 CROSS JOIN LATERAL (
		       SELECT min(i.from_time) AS begin, CASE WHEN bool_or(i.to_time IS NULL) THEN NULL ELSE max(i.to_time) END AS finish
		         FROM installation i WHERE i.room_id = r.id) been
		 WHERE o.monthly_air_files AND been.begin IS NOT NULL
		 ORDER BY r.id`
	rows, err := s.Pool.Query(ctx, query)
	if err == nil {
		var all []roomair.MonthRoom
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one roomair.MonthRoom, err error) {
			var to *time.Time
			err = row.Scan(&one.Room, &one.Owner, &one.Zone, &one.From, &to)
			one.To = orZero(to)
			return one, err
		})
		if err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("find rooms of which files of months are wanted: %w", pgdb.Translate(err))
}

// MonthProgress is part of roomair.MonthStore.
func (s AirFiles) MonthProgress(ctx context.Context, room int64, month civil.Date) (p roomair.MonthProgress, err error) {
	var tried *time.Time
	err = s.Pool.QueryRow(ctx, `
		SELECT coalesce(k.looks, 0), k.tried_at, EXISTS (
		       SELECT FROM air_file f
		        WHERE f.room_id = @room AND f.from_date = @month AND f.to_date = (@month::date + interval '1 month - 1 day')::date AND f.deleted_at IS NULL)
		  FROM (VALUES (1)) one LEFT JOIN air_file_month k ON k.room_id = @room AND k.month = @month`,
		pgx.NamedArgs{"room": room, "month": month.String()}).Scan(&p.Looks, &tried, &p.Kept)
	if err != nil {
		return p, fmt.Errorf("find how far a month of room %d is: %w", room, pgdb.Translate(err))
	}
	p.TriedAt = orZero(tried)
	return p, nil
}

// NoteMonth is part of roomair.MonthStore.
func (s AirFiles) NoteMonth(ctx context.Context, room int64, month civil.Date, looks int, at time.Time) error {
	_, err := s.Pool.Exec(ctx, `
		INSERT INTO air_file_month AS k (room_id, month, looks, tried_at)
		SELECT id, @month, @looks, @at FROM room WHERE id = @room
		    ON CONFLICT (room_id, month) DO UPDATE SET looks = greatest(k.looks, @looks), tried_at = greatest(k.tried_at, @at)`,
		pgx.NamedArgs{"room": room, "month": month.String(), "looks": looks, "at": at})
	if err != nil {
		return fmt.Errorf("note a month of room %d: %w", room, pgdb.Translate(err))
	}
	return nil
}
