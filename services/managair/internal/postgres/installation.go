package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func installations() kind[inventory.Installation, int64] {
	nodeKind, roomKind := nodes(), rooms()
	operated := byOrganization("xs.operator_id", "i.is_public")
	return kind[inventory.Installation, int64]{
		permissions: access.Installations,
		rules:       &inventory.Installations,
		audience:    operated,
		table:       "installation", alias: "i",
		from: "JOIN room xr ON xr.id = i.room_id JOIN site xs ON xs.id = xr.site_id JOIN node xn ON xn.id = i.node_id",
		columns: "i.id, i.node_id, i.room_id, i.from_time, i.to_time, i.description, i.is_public, i.image, xn.no, " +
			// Outsiders learn no names of nodes.
			"CASE WHEN " + operated(access.Members) + " THEN xn.alias END",
		scan: func(row pgx.CollectableRow) (i inventory.Installation, err error) {
			err = row.Scan(&i.ID, uuidBytes(&i.NodeID), &i.RoomID, &i.From, &i.To, &i.Description, &i.IsPublic, &i.Image, &i.NodeNo, &i.NodeAlias)
			return i, err
		},
		idOf: func(i *inventory.Installation) int64 { return i.ID },
		filters: filters{
			organization: "xs.operator_id = @organization",
			site:         "xr.site_id = @site",
			room:         "i.room_id = @room",
			node:         "i.node_id = @node",
			search:       "coalesce(i.description, '')",
		},
		order: "i.from_time DESC, i.id DESC",
		sorts: map[string]string{"id": "i.id", "from_timestamp_s": "i.from_time", "to_timestamp_s": "i.to_time"},
		references: func(i *inventory.Installation) []reference {
			return []reference{
				nodeKind.reference("node", i.NodeID, access.Owners),
				roomKind.reference("room", i.RoomID, access.Owners),
			}
		},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, i *inventory.Installation) error {
			return insertReturningID(ctx, tx, &i.ID, `
				INSERT INTO installation (node_id, room_id, from_time, to_time, description, is_public)
				VALUES (@node, @room, @from, @to, @description, @is_public) RETURNING id`, installationArgs(i))
		},
		update: func(ctx context.Context, tx pgx.Tx, _, i *inventory.Installation) error {
			return exec(ctx, tx, `
				UPDATE installation SET node_id = @node, room_id = @room, from_time = @from, to_time = @to,
				       description = @description, is_public = @is_public, image = @image
				 WHERE id = @id`, installationArgs(i))
		},
	}
}

func installationArgs(i *inventory.Installation) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": i.ID, "node": i.NodeID, "room": i.RoomID, "from": i.From, "to": i.To,
		"description": i.Description, "is_public": i.IsPublic, "image": i.Image,
	}
}
