package httpapi

import (
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func (a *API) quantities() *resource[inventory.Quantity, int64] {
	return &resource[inventory.Quantity, int64]{
		typ: typeQuantity, path: "quantities", permissions: access.Quantities, repository: a.inventory.Quantities,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s, sorts: []string{"id", "quantity"},
		show: func(v *view, q *inventory.Quantity) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeQuantity, ID: v.id(q.ID)},
				Attributes: v.attributes(0, []jsonapi.Attribute{{Name: "quantity", Value: jsonapi.String(q.Name)}, {Name: "base_unit", Value: jsonapi.String(q.BaseUnit)}}),
				Self:       v.url("quantities", v.id(q.ID)),
			}
		},
		decode: func(f *jsonapi.Fields, q *inventory.Quantity) {
			f.Text("quantity", &q.Name, 30, jsonapi.Required)
			f.Text("base_unit", &q.BaseUnit, 30, jsonapi.Required)
		},
	}
}

func (a *API) protocols() *resource[inventory.Protocol, int64] {
	return &resource[inventory.Protocol, int64]{
		typ: typeProtocol, path: "protocols", permissions: access.Protocols, repository: a.inventory.Protocols,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s, sorts: []string{"id", "identifier"},
		initial: inventory.Protocol{NumUplinkMsgs: 1, NumDownlinkMsgs: 1},
		show: func(v *view, p *inventory.Protocol) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeProtocol, ID: v.id(p.ID)},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "identifier", Value: jsonapi.String(p.Identifier)},
					{Name: "num_uplink_msgs", Value: jsonapi.Int(p.NumUplinkMsgs)},
					{Name: "num_downlink_msgs", Value: jsonapi.Int(p.NumDownlinkMsgs)},
				}),
				Self: v.url("protocols", v.id(p.ID)),
			}
		},
		decode: func(f *jsonapi.Fields, p *inventory.Protocol) {
			f.Text("identifier", &p.Identifier, 30, jsonapi.Required)
			f.Int("num_uplink_msgs", &p.NumUplinkMsgs, 0, math.MaxInt32, jsonapi.Optional)
			f.Int("num_downlink_msgs", &p.NumDownlinkMsgs, 0, math.MaxInt32, jsonapi.Optional)
		},
	}
}

func (a *API) models() *resource[inventory.Model, int64] {
	return &resource[inventory.Model, int64]{
		typ: typeModel, path: "models", permissions: access.Models, repository: a.inventory.Models,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s, sorts: []string{"id", "name", "trade_name", "manufacturer"},
		show: func(v *view, m *inventory.Model) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeModel, ID: v.id(m.ID)},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "name", Value: jsonapi.String(m.Name)},
					{Name: "trade_name", Value: jsonapi.String(m.TradeName)},
					{Name: "manufacturer", Value: jsonapi.String(m.Manufacturer)},
					{Name: "sensor_type", Value: jsonapi.String(m.SensorType)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{{Name: "quantities", Linkage: toMany(typeQuantity, m.Quantities), Count: true}}),
				Self:          v.url("models", v.id(m.ID)),
			}
		},
		decode: func(f *jsonapi.Fields, m *inventory.Model) {
			f.Text("name", &m.Name, 30, jsonapi.Required)
			f.Text("trade_name", &m.TradeName, 30, jsonapi.Required)
			f.Text("manufacturer", &m.Manufacturer, 30, jsonapi.Required)
			f.Text("sensor_type", &m.SensorType, 100, jsonapi.Required)
			if ids, ok := f.ToManyIDs("quantities", typeQuantity, jsonapi.Required); ok {
				m.Quantities = ids
			}
		},
	}
}

// parseUUID reads a UUID with or without dashes.
func parseUUID(s string) (uuid.UUID, bool) {
	if len(s) != 36 && len(s) != 32 {
		return uuid.UUID{}, false // the library also takes URNs and braces
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}

func (a *API) nodes() *resource[inventory.Node, inventory.NodeID] {
	return &resource[inventory.Node, inventory.NodeID]{
		typ: typeNode, path: "nodes", permissions: access.Nodes, repository: a.inventory.Nodes,
		parseID: parseUUID, formatID: uuid.UUID.String,
		byIDs:   func(q *inventory.Query, ids []inventory.NodeID) { q.NodeIDs = ids },
		filters: []string{"organization", "search"}, sorts: []string{"id", "eui64", "alias"},
		detail:   seriesKnown,
		decorate: a.decorateNodes,
		show: func(v *view, n *inventory.Node) jsonapi.Resource {
			id := n.ID.String()
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeNode, ID: id},
				Attributes: v.attributes(5, []jsonapi.Attribute{
					{Name: "eui64", Value: jsonapi.String(n.EUI64)},
					{Name: "alias", Value: jsonapi.String(n.Alias)},
					{Name: "description", Value: jsonapi.OptString(n.Description)},
					{Name: "expected_interval_s", Value: jsonapi.OptInt(n.ExpectedIntervalS)},
				}),
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
			id := body.ID
			if !body.HasID {
				f.Text("id", &id, 36, jsonapi.Required)
			}
			if id == "" {
				return
			}
			var ok bool
			if n.ID, ok = parseUUID(strings.TrimSpace(id)); !ok {
				f.FailText("id", "invalid", "invalid_uuid")
			}
		},
		decode: func(f *jsonapi.Fields, n *inventory.Node) {
			eui := n.EUI64
			f.Text("eui64", &eui, 32, jsonapi.Required)
			if parsed, err := lorawan.ParseEUI64(eui); err == nil {
				n.EUI64 = parsed.String()
			} else if eui != "" {
				f.FailText("eui64", "invalid", "invalid_eui64")
			}
			f.Text("alias", &n.Alias, 100, jsonapi.Required)
			f.OptText("description", &n.Description, 0)
			f.OptInt("expected_interval_s", &n.ExpectedIntervalS, int64(fidelity.MinInterval/time.Second), int64(fidelity.MaxInterval/time.Second))
			f.ToOneID("protocol", typeProtocol, &n.ProtocolID, jsonapi.Required)
			f.ToOneID("model", typeModel, &n.ModelID, jsonapi.Required)
			f.ToOneID("owner", typeOrganization, &n.OwnerID, jsonapi.Required)
			f.ReadOnlyRelationship("installations")
		},
	}
}
