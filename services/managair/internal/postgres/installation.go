package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func installations() kind[inventory.Installation, int64] {
	nodeKind, roomKind := nodes(), rooms()
	operated := byOrganization("xs.operator_id", "i.is_public")
	return kind[inventory.Installation, int64]{
		permissions: access.Installations,
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
			if err := needOneOrganization(ctx, tx, i); err != nil {
				return err
			}
			return insertReturningID(ctx, tx, &i.ID, `
				INSERT INTO installation (node_id, room_id, from_time, to_time, description, is_public)
				VALUES (@node, @room, @from, @to, @description, @is_public) RETURNING id`, installationArgs(i))
		},
		update: func(ctx context.Context, tx pgx.Tx, _, i *inventory.Installation) error {
			if err := needOneOrganization(ctx, tx, i); err != nil {
				return err
			}
			return exec(ctx, tx, `
				UPDATE installation SET node_id = @node, room_id = @room, from_time = @from, to_time = @to,
				       description = @description, is_public = @is_public, image = @image
				 WHERE id = @id`, installationArgs(i))
		},
		violations: map[string]fault.Violation{
			"installation_no_overlap":       {Field: "non_field_errors", Code: "overlap"},
			"installation_ends_after_start": {Field: "to_timestamp_s", Code: "ends_before_start"},
		},
	}
}

// needOneOrganization locks node and room against being moved away meanwhile.
func needOneOrganization(ctx context.Context, tx pgx.Tx, i *inventory.Installation) error {
	var one bool
	err := tx.QueryRow(ctx, `
		SELECT n.owner_id = s.operator_id
		  FROM node n, room r JOIN site s ON s.id = r.site_id
		 WHERE n.id = @node AND r.id = @room
		   FOR SHARE`, pgx.NamedArgs{"node": i.NodeID, "room": i.RoomID}).Scan(&one)
	if err == nil && !one {
		return &fault.Violation{Field: "non_field_errors", Code: "invalid", Text: "different_organizations"}
	}
	return err
}

func installationArgs(i *inventory.Installation) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": i.ID, "node": i.NodeID, "room": i.RoomID, "from": i.From, "to": i.To,
		"description": i.Description, "is_public": i.IsPublic, "image": i.Image,
	}
}
