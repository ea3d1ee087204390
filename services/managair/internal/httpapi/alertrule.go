package httpapi

import (
	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

const typeAlertRule = "AlertRule"

func (a *API) alertRules() *resource[inventory.AlertRule, int64] {
	return &resource[inventory.AlertRule, int64]{
		typ: typeAlertRule, path: "alert-rules", permissions: access.AlertRules, repository: a.inventory.AlertRules,
		among:   func(s *inventory.Store) inventory.Repository[inventory.AlertRule, int64] { return s.AlertRules },
		ids:     byNumber,
		filters: []string{"organization", "site", "room", "node", "search"}, sorts: []string{"id", "name"},
		show: showAlertRule,
		kind: &inventory.AlertRules,
		decode: func(f *jsonapi.Fields, r *inventory.AlertRule) {
			takeScope(f, r)
			if ids, given := f.ToManyIDs("channels", typeChannel, jsonapi.Optional); given {
				r.ChannelIDs = ids
			}
		},
	}
}

func showAlertRule(v *view, r *inventory.AlertRule) jsonapi.Resource {
	id, organization := v.id(r.ID), v.id(r.OrganizationID)
	return jsonapi.Resource{
		Identifier: jsonapi.Identifier{Type: typeAlertRule, ID: id},
		Attributes: attributesOf(v, &inventory.AlertRules, r, 0, jsonapi.Attribute{Name: "template", Value: jsonapi.OptString(r.Template)}),
		Relationships: v.relationships([]jsonapi.Relationship{
			{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, organization), Related: v.url("organizations", organization)},
			toNumbered(v, "user", typeUser, "users", r.UserID),
			toNumbered(v, "site", typeSite, "sites", r.SiteID),
			toNumbered(v, "room", typeRoom, "rooms", r.RoomID),
			toNode(v, r.NodeID),
			{Name: "channels", Linkage: jsonapi.ToMany(identifiers(typeChannel, r.ChannelIDs, formatInt64))},
		}),
		Self: v.url("alert-rules", id),
	}
}

// toNumbered is a relationship to one thing, or to none.
func toNumbered(v *view, name, typ, path string, id *int64) jsonapi.Relationship {
	if id == nil {
		return jsonapi.Relationship{Name: name, Linkage: jsonapi.ToNone()}
	}
	text := v.id(*id)
	return jsonapi.Relationship{Name: name, Linkage: jsonapi.ToOne(typ, text), Related: v.url(path, text)}
}

func toNode(v *view, id *uuid.UUID) jsonapi.Relationship {
	if id == nil {
		return jsonapi.Relationship{Name: "node", Linkage: jsonapi.ToNone()}
	}
	text := id.String()
	return jsonapi.Relationship{Name: "node", Linkage: jsonapi.ToOne(typeNode, text), Related: v.url("nodes", text)}
}

// takeScope takes what a rule watches.
func takeScope(f *jsonapi.Fields, r *inventory.AlertRule) {
	number := func(name, typ string, at **int64) {
		f.OptToOne(name, typ, func(text string) *fault.Violation {
			id, ok := int64ID(text)
			*at = &id
			return unknownUnless(ok, text)
		})
	}
	number("site", typeSite, &r.SiteID)
	number("room", typeRoom, &r.RoomID)
	f.OptToOne("node", typeNode, func(text string) *fault.Violation {
		id, ok := inventory.ParseNodeID(text)
		r.NodeID = &id
		return unknownUnless(ok, text)
	})
}
