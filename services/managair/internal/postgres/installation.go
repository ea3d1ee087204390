package postgres

import (
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func installations() kind[inventory.Installation, int64] {
	nodeKind, roomKind := nodes(), rooms()
	operated := byOrganization("xs.operator_id", "i.is_public")
	return byTheBook(func(i *inventory.Installation) *int64 { return &i.ID }, kind[inventory.Installation, int64]{
		permissions: access.Installations,
		rules:       &inventory.Installations,
		audience:    operated,
		alias:       "i",
		from:        "JOIN room xr ON xr.id = i.room_id JOIN site xs ON xs.id = xr.site_id JOIN node xn ON xn.id = i.node_id",
		extras: []extra[inventory.Installation]{
			{sql: "image", at: func(i *inventory.Installation) any { return &i.Image }, changed: true},
			{sql: "xn.no", at: func(i *inventory.Installation) any { return &i.NodeNo }},
			// Outsiders learn no names of nodes.
			{
				sql: "CASE WHEN " + operated(access.Members) + " THEN xn.alias END",
				at:  func(i *inventory.Installation) any { return &i.NodeAlias },
			},
		},
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
		crowds: []crowding[inventory.Installation]{installationCrowd},
	})
}
