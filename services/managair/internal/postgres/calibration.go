package postgres

import (
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func calibrations() kind[inventory.Calibration, int64] {
	nodeKind := nodes()
	return byTheBook(func(c *inventory.Calibration) *int64 { return &c.ID }, kind[inventory.Calibration, int64]{
		permissions: access.Calibrations,
		rules:       &inventory.Calibrations,
		audience:    byOrganization("n.owner_id", "false"),
		alias:       "cal",
		from:        "JOIN node n ON n.id = cal.node_id",
		filters: filters{
			organization: "n.owner_id = @organization",
			node:         "cal.node_id = @node",
			search:       "coalesce(cal.description, '')",
		},
		order: "cal.performed_at DESC, cal.id DESC",
		sorts: map[string]string{"id": "cal.id", "performed_at_s": "cal.performed_at"},
		references: func(c *inventory.Calibration) []reference {
			return []reference{nodeKind.reference("node", c.NodeID, access.Owners)}
		},
		crowds: []crowding[inventory.Calibration]{calibrationCrowd},
	})
}
