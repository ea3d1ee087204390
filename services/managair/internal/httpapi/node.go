package httpapi

import (
	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/claim"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) quantities() *resource[inventory.Quantity, int64] {
	return &resource[inventory.Quantity, int64]{
		typ: typeQuantity, path: "quantities", permissions: access.Quantities, repository: a.inventory.Quantities,
		among: func(s *inventory.Store) inventory.Repository[inventory.Quantity, int64] { return s.Quantities },
		ids:   byNumber, sorts: []string{"id", "quantity"},
		show: func(v *view, q *inventory.Quantity) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeQuantity, ID: v.id(q.ID)},
				Attributes: attributesOf(v, &inventory.Quantities, q, 0),
				Self:       v.url("quantities", v.id(q.ID)),
			}
		},
		kind: &inventory.Quantities,
	}
}

func (a *API) protocols() *resource[inventory.Protocol, int64] {
	return &resource[inventory.Protocol, int64]{
		typ: typeProtocol, path: "protocols", permissions: access.Protocols, repository: a.inventory.Protocols,
		among: func(s *inventory.Store) inventory.Repository[inventory.Protocol, int64] { return s.Protocols },
		ids:   byNumber, sorts: []string{"id", "identifier"},
		show: func(v *view, p *inventory.Protocol) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeProtocol, ID: v.id(p.ID)},
				Attributes: attributesOf(v, &inventory.Protocols, p, 0),
				Self:       v.url("protocols", v.id(p.ID)),
			}
		},
		kind: &inventory.Protocols,
	}
}

func (a *API) models() *resource[inventory.Model, int64] {
	return &resource[inventory.Model, int64]{
		typ: typeModel, path: "models", permissions: access.Models, repository: a.inventory.Models,
		among: func(s *inventory.Store) inventory.Repository[inventory.Model, int64] { return s.Models },
		ids:   byNumber, sorts: []string{"id", "name", "trade_name", "manufacturer"},
		show: func(v *view, m *inventory.Model) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier:    jsonapi.Identifier{Type: typeModel, ID: v.id(m.ID)},
				Attributes:    attributesOf(v, &inventory.Models, m, 0),
				Relationships: v.relationships([]jsonapi.Relationship{{Name: "quantities", Linkage: toMany(typeQuantity, m.Quantities), Count: true}}),
				Self:          v.url("models", v.id(m.ID)),
			}
		},
		kind: &inventory.Models,
	}
}

func (a *API) nodes() *resource[inventory.Node, inventory.NodeID] {
	return &resource[inventory.Node, inventory.NodeID]{
		typ: typeNode, path: "nodes", permissions: access.Nodes, repository: a.inventory.Nodes,
		among:   func(s *inventory.Store) inventory.Repository[inventory.Node, inventory.NodeID] { return s.Nodes },
		ids:     byNodeID,
		filters: []string{"organization", "search"}, sorts: []string{"id", "eui64", "alias"},
		detail:   seriesKnown,
		decorate: a.decorateNodes,
		show: func(v *view, n *inventory.Node) jsonapi.Resource {
			id := n.ID.String()
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeNode, ID: id},
				Attributes: attributesOf(v, &inventory.Nodes, n, 5),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "protocol", Linkage: jsonapi.ToOne(typeProtocol, v.id(n.ProtocolID)), Related: v.url("nodes", id, "protocol")},
					{Name: "model", Linkage: jsonapi.ToOne(typeModel, v.id(n.ModelID)), Related: v.url("nodes", id, "model")},
					{Name: "owner", Linkage: jsonapi.ToOne(typeOrganization, v.id(n.OwnerID)), Related: v.url("nodes", id, "owner")},
					{Name: "installations", Related: v.url("nodes", id, "installations")},
				}),
				Self: v.url("nodes", id),
			}
		},
		takeID: func(f *jsonapi.Fields, body jsonapi.Body, n *inventory.Node) {
			var code *string
			f.OptText("claim_code", &code, claim.MaxCode)
			if code != nil {
				n.ClaimCode = *code
			}
			set := func(text *string) *fault.Violation {
				if text == nil {
					return nil
				}
				if v := inventory.Nodes.Set(n, "id", text); v != nil {
					return v
				}
				if n.ID == uuid.Nil { // it stands for none
					return &fault.Violation{Field: "id", Reason: reason.InvalidUUID}
				}
				return nil
			}
			if body.HasID && (body.ID != "" || !body.Form) {
				if v := set(&body.ID); v != nil {
					f.Fail(v)
				}
				return
			}
			f.Take("id", inventory.UUID{}, jsonapi.Optional, jsonapi.Nullable, set)
		},
		kind:     &inventory.Nodes,
		readOnly: []string{"installations"},
	}
}
