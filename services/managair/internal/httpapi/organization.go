package httpapi

import (
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) organizations() *resource[inventory.Organization, int64] {
	return &resource[inventory.Organization, int64]{
		typ: typeOrganization, path: "organizations", permissions: access.Organizations, repository: a.inventory.Organizations,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Organization, int64] { return s.Organizations },
		ids:     byNumber,
		filters: []string{"search"}, sorts: []string{"id", "name"},
		show: func(v *view, o *inventory.Organization) jsonapi.Resource {
			id := v.id(o.ID)
			users := jsonapi.Relationship{Name: "users", Related: v.url("organizations", id, "users")}
			if o.Member {
				users.Linkage, users.Count = toMany(typeUser, o.Users), true
				users.Self = v.url("organizations", id, "relationships", "users")
			}
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeOrganization, ID: id},
				Attributes: attributesOf(v, &inventory.Organizations, o, 0),
				Relationships: v.relationships([]jsonapi.Relationship{
					users,
					{Name: "memberships", Related: v.url("organizations", id, "memberships")},
					{Name: "sites", Related: v.url("organizations", id, "sites")},
					{Name: "nodes", Related: v.url("organizations", id, "nodes")},
				}),
				Self: v.url("organizations", id),
			}
		},
		kind: &inventory.Organizations,
		// Who the members are is changed in several ways, all of which are one.
		decode: func(f *jsonapi.Fields, o *inventory.Organization) {
			if ids, ok := f.ToManyIDs("users", typeUser, jsonapi.Optional); ok {
				o.Users = ids
			}
		},
		readOnly: []string{"memberships", "sites", "nodes"},
	}
}

func (a *API) memberships() *resource[inventory.Membership, int64] {
	return &resource[inventory.Membership, int64]{
		typ: typeMembership, path: "memberships", permissions: access.Memberships, repository: a.inventory.Memberships,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Membership, int64] { return s.Memberships },
		ids:     byNumber,
		filters: []string{"organization", "username", "user"}, sorts: []string{"id", "role", "user_name", "organization_name"},
		show: func(v *view, m *inventory.Membership) jsonapi.Resource {
			id := v.id(m.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeMembership, ID: id},
				Attributes: attributesOf(v, &inventory.Memberships, m, 0,
					jsonapi.Attribute{Name: "user_name", Value: jsonapi.String(m.UserName)},
					jsonapi.Attribute{Name: "organization_name", Value: jsonapi.String(m.OrganizationName)}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "user", Linkage: jsonapi.ToOne(typeUser, v.id(m.UserID)), Related: v.url("memberships", id, "user")},
					{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, v.id(m.OrganizationID)), Related: v.url("memberships", id, "organization")},
				}),
				Self: v.url("memberships", id),
			}
		},
		kind: &inventory.Memberships,
		made: true, // see addMember
	}
}

func (a *API) users() *resource[inventory.User, int64] {
	return &resource[inventory.User, int64]{
		typ: typeUser, path: "users", permissions: access.Users, repository: a.inventory.Users,
		among:   func(s *inventory.Store) inventory.Repository[inventory.User, int64] { return s.Users },
		ids:     byNumber,
		filters: []string{"organization", "search"}, sorts: []string{"id", "username"},
		// Users are found by their whole e-mail address only: parts of it could be guessed.
		adjust: func(iq *inventory.Query, q jsonapi.Query) {
			iq.Search, iq.Email = nil, strings.TrimSpace(q.Filter["search"])
		},
		// The predecessor's dashboard looks for whom it makes a member. Whether an address has
		// an account is not told: each is its own id, by which it is invited.
		instead: func(iq inventory.Query) []inventory.User {
			if iq.Organization != 0 || identity.CheckEmail(iq.Email) != nil {
				return nil
			}
			return []inventory.User{{Username: iq.Email}}
		},
		show: func(v *view, u *inventory.User) jsonapi.Resource {
			if u.ID == 0 {
				return jsonapi.Resource{
					Identifier: jsonapi.Identifier{Type: typeUser, ID: u.Username},
					Attributes: v.attributes(0, []jsonapi.Attribute{{Name: "username", Value: jsonapi.String(u.Username)}}),
				}
			}
			id := v.id(u.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeUser, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "username", Value: jsonapi.String(u.Username)},
					{Name: "email", Value: jsonapi.String(u.Email)},
					{Name: "first_name", Value: jsonapi.String(u.FirstName)},
					{Name: "last_name", Value: jsonapi.String(u.LastName)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{
						Name: "organizations", Linkage: toMany(typeOrganization, u.Organizations), Count: true,
						Self: v.url("users", id, "relationships", "organizations"), Related: v.url("users", id, "organizations"),
					},
					{Name: "memberships", Related: v.url("users", id, "memberships")},
				}),
				Self: v.url("users", id),
			}
		},
	}
}
