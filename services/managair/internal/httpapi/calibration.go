package httpapi

import (
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) calibrations() *resource[inventory.Calibration, int64] {
	return &resource[inventory.Calibration, int64]{
		typ: typeCalibration, path: "calibrations", permissions: access.Calibrations, repository: a.inventory.Calibrations,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Calibration, int64] { return s.Calibrations },
		ids:     byNumber,
		filters: []string{"organization", "node"}, sorts: []string{"id", "performed_at_s"},
		show: func(v *view, c *inventory.Calibration) jsonapi.Resource {
			id := v.id(c.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeCalibration, ID: id},
				Attributes: attributesOf(v, &inventory.Calibrations, c, 0),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, c.NodeID.String()), Related: v.url("calibrations", id, "node")},
				}),
				Self: v.url("calibrations", id),
			}
		},
		kind: &inventory.Calibrations,
	}
}
