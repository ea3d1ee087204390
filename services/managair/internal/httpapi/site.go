package httpapi

import (
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) addresses() *resource[inventory.Address, int64] {
	return &resource[inventory.Address, int64]{
		typ: typeAddress, path: "addresses", permissions: access.Addresses, repository: a.inventory.Addresses,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Address, int64] { return s.Addresses },
		ids:     byNumber,
		filters: []string{"search"}, sorts: []string{"id", "city", "zip", "street1"},
		own: true, // public ones are seen with their sites
		show: func(v *view, ad *inventory.Address) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeAddress, ID: v.id(ad.ID)},
				Attributes: attributesOf(v, &inventory.Addresses, ad, 0),
				Self:       v.url("addresses", v.id(ad.ID)),
			}
		},
		kind: &inventory.Addresses,
	}
}

func (a *API) sites() *resource[inventory.Site, int64] {
	return &resource[inventory.Site, int64]{
		typ: typeSite, path: "sites", permissions: access.Sites, repository: a.inventory.Sites,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Site, int64] { return s.Sites },
		ids:     byNumber,
		filters: []string{"organization", "search"}, sorts: []string{"id", "name"},
		show: func(v *view, s *inventory.Site) jsonapi.Resource {
			id := v.id(s.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeSite, ID: id},
				Attributes: attributesOf(v, &inventory.Sites, s, 0),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "address", Linkage: jsonapi.ToOne(typeAddress, v.id(s.AddressID)), Related: v.url("sites", id, "address")},
					{Name: "operator", Linkage: jsonapi.ToOne(typeOrganization, v.id(s.OperatorID)), Related: v.url("sites", id, "organization")},
					{Name: "rooms", Related: v.url("sites", id, "rooms")},
				}),
				Self: v.url("sites", id),
			}
		},
		kind:     &inventory.Sites,
		readOnly: []string{"rooms"},
	}
}

func (a *API) rooms() *resource[inventory.Room, int64] {
	return &resource[inventory.Room, int64]{
		typ: typeRoom, path: "rooms", permissions: access.Rooms, repository: a.inventory.Rooms,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Room, int64] { return s.Rooms },
		ids:     byNumber,
		filters: []string{"site", "organization", "search"}, sorts: []string{"id", "name", "size_sqm", "height_m", "max_occupancy"},
		show: func(v *view, r *inventory.Room) jsonapi.Resource {
			id := v.id(r.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeRoom, ID: id},
				Attributes: attributesOf(v, &inventory.Rooms, r, 1, airScale(&r.Judged)),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "site", Linkage: jsonapi.ToOne(typeSite, v.id(r.SiteID)), Related: v.url("rooms", id, "site")},
					{Name: "installations", Related: v.url("rooms", id, "installations")},
				}),
				Self: v.url("rooms", id),
			}
		},
		kind:     &inventory.Rooms,
		readOnly: []string{"installations"},
	}
}
