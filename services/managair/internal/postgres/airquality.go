package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// AirQuality is the roomair.RoomStore on PostgreSQL.
type AirQuality struct{ Pool *pgxpool.Pool }

// AirRoom is part of roomair.RoomStore. A room without (visible) installations is
// one row without a node.
func (a AirQuality) AirRoom(ctx context.Context, caller access.Caller, id int64) (roomair.Room, error) {
	room, installation := rooms(), installations()
	rows, err := a.Pool.Query(ctx, `
		SELECT rs.time_zone, `+chosenProfile("r", "rs")+`, coalesce(`+chosenBand("r", "rs")+`, ''),
		       EXISTS (SELECT FROM membership cm WHERE cm.organization_id = rs.operator_id AND cm.user_id = @caller),
		       coalesce(r.size_sqm * r.height_m, 0)::float8, coalesce(r.max_occupancy, 0),
		       visible.no, visible.from_time, visible.to_time, visible.protocol, visible.id, visible.node_id
		  FROM `+room.table+` `+room.alias+` `+room.from+`
		  LEFT JOIN LATERAL (
		       SELECT xn.no, i.from_time, i.to_time, xp.identifier AS protocol, i.id, i.node_id::text AS node_id
		         FROM `+installation.table+` `+installation.alias+` `+installation.from+`
		         JOIN node_protocol xp ON xp.id = xn.protocol_id
		        WHERE i.room_id = r.id AND (`+installation.audience(access.Installations.Read)+`)) AS visible ON true
		 WHERE r.id = @id AND (`+room.audience(access.Rooms.Read)+`)
		 ORDER BY visible.from_time, visible.no`,
		pgx.NamedArgs{"id": id, "caller": caller.UserID})
	var found roomair.Room
	if err == nil {
		var no *int32
		var from, to *time.Time
		var protocol, node *string
		var installation *int64
		_, err = pgx.ForEachRow(rows, []any{&found.Zone, &found.Chosen, &found.Band, &found.Member, &found.VolumeM3, &found.People, &no, &from, &to, &protocol, &installation, &node}, func() error {
			if no != nil {
				found.Installations = append(found.Installations, roomair.Installation{
					Span: telemetry.Span{NodeNo: *no, From: *from, To: orZero(to)}, Protocol: *protocol,
					ID: *installation, NodeID: *node,
				})
			}
			return nil
		})
	}
	if err == nil && found.Zone == "" {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return found, fmt.Errorf("room %d: %w", id, pgdb.Translate(err))
	}
	return found, nil
}
