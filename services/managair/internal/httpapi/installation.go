package httpapi

import (
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) installations() *resource[inventory.Installation, int64] {
	return &resource[inventory.Installation, int64]{
		typ: typeInstallation, path: "installations", permissions: access.Installations, repository: a.inventory.Installations,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Installation, int64] { return s.Installations },
		ids:     byNumber,
		filters: []string{"room", "site", "organization", "node"}, sorts: []string{"id", "from_timestamp_s", "to_timestamp_s"},
		detail:   seriesKnown,
		decorate: a.decorateInstallations,
		show: func(v *view, i *inventory.Installation) jsonapi.Resource {
			id := v.id(i.ID)
			image := jsonapi.Null()
			if i.Image != nil {
				image = jsonapi.String(strings.TrimSuffix(v.base, Base) + MediaPath + *i.Image)
			}
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeInstallation, ID: id},
				Attributes: attributesOf(v, &inventory.Installations, i, 5,
					jsonapi.Attribute{Name: "image", Value: image}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, i.NodeID.String()), Related: v.url("installations", id, "node")},
					{Name: "room", Linkage: jsonapi.ToOne(typeRoom, v.id(i.RoomID)), Related: v.url("installations", id, "room")},
				}),
				Self: v.url("installations", id),
			}
		},
		kind: &inventory.Installations,
	}
}
