package httpapi

import (
	"math"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Types of resources, as they stand in documents.
const (
	typeQuantity     = "Quantity"
	typeProtocol     = "Protocol"
	typeModel        = "Model"
	typeNode         = "Node"
	typeUser         = "User"
	typeOrganization = "Organization"
	typeMembership   = "Membership"
	typeSite         = "Site"
	typeAddress      = "Address"
	typeRoom         = "Room"
	typeInstallation = "Installation"
)

// addInventory adds the routes of all kinds of things.
func (a *API) addInventory() {
	quantities := &resource[inventory.Quantity, int64]{
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
	protocols := &resource[inventory.Protocol, int64]{
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
	models := a.models()
	organizations := a.organizations()
	memberships := a.memberships()
	users := a.users()
	addresses := a.addresses()
	sites := a.sites()
	rooms := a.rooms()
	nodes := a.nodes()
	installations := a.installations()

	quantities.addRoutes(a)
	protocols.addRoutes(a)
	models.addRoutes(a)
	organizations.addRoutes(a)
	memberships.addRoutes(a)
	users.addRoutes(a)
	addresses.addRoutes(a)
	sites.addRoutes(a)
	a.publicSites().addRoutes(a)
	rooms.addRoutes(a)
	nodes.addRoutes(a)
	installations.addRoutes(a)
	a.Add(Route{
		Method: http.MethodPut, Pattern: Base + "/installations/{id}", Audience: access.Installations.Change,
		Handler: installations.withID(func(w http.ResponseWriter, r *http.Request, id int64) error {
			return installations.change(a, w, r, id, true)
		}),
	})

	relatedMany(a, users, "organizations", access.Fellows, organizations, func(q *inventory.Query, id int64) { q.User = id })
	relatedMany(a, users, "memberships", access.Fellows, memberships, func(q *inventory.Query, id int64) { q.User = id })
	relatedOne(a, memberships, "user", access.Members, users, func(m *inventory.Membership) int64 { return m.UserID })
	relatedOne(a, memberships, "organization", access.Members, organizations, func(m *inventory.Membership) int64 { return m.OrganizationID })
	relatedMany(a, organizations, "users", access.Members, users, func(q *inventory.Query, id int64) { q.Organization = id })
	relatedMany(a, organizations, "memberships", access.Members, memberships, func(q *inventory.Query, id int64) { q.Organization = id })
	relatedMany(a, organizations, "sites", access.Public, sites, func(q *inventory.Query, id int64) { q.Organization = id })
	relatedMany(a, organizations, "nodes", access.Members, nodes, func(q *inventory.Query, id int64) { q.Organization = id })
	relatedOne(a, sites, "organization", access.Public, organizations, func(s *inventory.Site) int64 { return s.OperatorID })
	relatedOne(a, sites, "operator", access.Public, organizations, func(s *inventory.Site) int64 { return s.OperatorID })
	relatedOne(a, sites, "address", access.Members, addresses, func(s *inventory.Site) int64 { return s.AddressID })
	relatedMany(a, sites, "rooms", access.Public, rooms, func(q *inventory.Query, id int64) { q.Site = id })
	relatedOne(a, rooms, "site", access.Public, sites, func(r *inventory.Room) int64 { return r.SiteID })
	relatedMany(a, rooms, "installations", access.Public, installations, func(q *inventory.Query, id int64) { q.Room = id })
	relatedOne(a, installations, "room", access.Public, rooms, func(i *inventory.Installation) int64 { return i.RoomID })
	relatedOne(a, installations, "node", access.Members, nodes, func(i *inventory.Installation) inventory.NodeID { return i.NodeID })
	relatedOne(a, nodes, "protocol", access.Members, protocols, func(n *inventory.Node) int64 { return n.ProtocolID })
	relatedOne(a, nodes, "model", access.Members, models, func(n *inventory.Node) int64 { return n.ModelID })
	relatedOne(a, nodes, "owner", access.Members, organizations, func(n *inventory.Node) int64 { return n.OwnerID })
	a.addSeries(nodes, installations)
	a.addLinkages(organizations, users)
	relatedMany(a, nodes, "installations", access.Members, installations, func(q *inventory.Query, id inventory.NodeID) { q.Node = id })
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

func toMany(typ string, ids []int64) jsonapi.Linkage {
	identifiers := make([]jsonapi.Identifier, len(ids))
	for i, id := range ids {
		identifiers[i] = jsonapi.Identifier{Type: typ, ID: formatInt64(id)}
	}
	return jsonapi.ToMany(identifiers)
}

func (a *API) organizations() *resource[inventory.Organization, int64] {
	return &resource[inventory.Organization, int64]{
		typ: typeOrganization, path: "organizations", permissions: access.Organizations, repository: a.inventory.Organizations,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
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
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "name", Value: jsonapi.String(o.Name)},
					{Name: "description", Value: jsonapi.OptString(o.Description)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					users,
					{Name: "memberships", Related: v.url("organizations", id, "memberships")},
					{Name: "sites", Related: v.url("organizations", id, "sites")},
					{Name: "nodes", Related: v.url("organizations", id, "nodes")},
				}),
				Self: v.url("organizations", id),
			}
		},
		decode: func(f *jsonapi.Fields, o *inventory.Organization) {
			f.Text("name", &o.Name, 50, jsonapi.Required)
			f.OptText("description", &o.Description, 0)
			if ids, ok := f.ToManyIDs("users", typeUser, jsonapi.Optional); ok {
				o.Users = ids
			}
			f.ReadOnlyRelationship("memberships", "sites", "nodes")
		},
	}
}

func (a *API) memberships() *resource[inventory.Membership, int64] {
	return &resource[inventory.Membership, int64]{
		typ: typeMembership, path: "memberships", permissions: access.Memberships, repository: a.inventory.Memberships,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"organization", "username", "user"}, sorts: []string{"id", "role", "user_name", "organization_name"},
		initial: inventory.Membership{Role: inventory.Inspector},
		show: func(v *view, m *inventory.Membership) jsonapi.Resource {
			id := v.id(m.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeMembership, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "role", Value: jsonapi.String(m.Role)},
					{Name: "user_name", Value: jsonapi.String(m.UserName)},
					{Name: "organization_name", Value: jsonapi.String(m.OrganizationName)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "user", Linkage: jsonapi.ToOne(typeUser, v.id(m.UserID)), Related: v.url("memberships", id, "user")},
					{Name: "organization", Linkage: jsonapi.ToOne(typeOrganization, v.id(m.OrganizationID)), Related: v.url("memberships", id, "organization")},
				}),
				Self: v.url("memberships", id),
			}
		},
		decode: func(f *jsonapi.Fields, m *inventory.Membership) {
			f.Choice("role", &m.Role, inventory.Owner, inventory.Inspector)
			f.ToOneID("user", typeUser, &m.UserID, jsonapi.Required)
			f.ToOneID("organization", typeOrganization, &m.OrganizationID, jsonapi.Required)
		},
	}
}

func (a *API) users() *resource[inventory.User, int64] {
	return &resource[inventory.User, int64]{
		typ: typeUser, path: "users", permissions: access.Users, repository: a.inventory.Users,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"organization", "search"}, sorts: []string{"id", "username"},
		// Users are found by their whole e-mail address only: parts of it could be guessed.
		adjust: func(iq *inventory.Query, q jsonapi.Query) {
			iq.Search, iq.Email = nil, strings.TrimSpace(q.Filter["search"])
		},
		show: func(v *view, u *inventory.User) jsonapi.Resource {
			id := v.id(u.ID)
			resource := jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeUser, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{{Name: "username", Value: jsonapi.String(u.Username)}}),
				Self:       v.url("users", id),
			}
			if v.detail {
				resource.Attributes = append(resource.Attributes,
					jsonapi.Attribute{Name: "email", Value: jsonapi.String(u.Email)},
					jsonapi.Attribute{Name: "first_name", Value: jsonapi.String(u.FirstName)},
					jsonapi.Attribute{Name: "last_name", Value: jsonapi.String(u.LastName)})
				resource.Relationships = []jsonapi.Relationship{
					{
						Name: "organizations", Linkage: toMany(typeOrganization, u.Organizations), Count: true,
						Self: v.url("users", id, "relationships", "organizations"), Related: v.url("users", id, "organizations"),
					},
					{Name: "memberships", Related: v.url("users", id, "memberships")},
				}
			}
			return resource
		},
	}
}

// zipForm allows what postal codes of the world consist of.
var zipForm = regexp.MustCompile(`^[\p{L}\d][\p{L}\d -]*$`)

func (a *API) addresses() *resource[inventory.Address, int64] {
	return &resource[inventory.Address, int64]{
		typ: typeAddress, path: "addresses", permissions: access.Addresses, repository: a.inventory.Addresses,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"search"}, sorts: []string{"id", "city", "zip", "street1"},
		show: func(v *view, ad *inventory.Address) jsonapi.Resource {
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeAddress, ID: v.id(ad.ID)},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "street1", Value: jsonapi.String(ad.Street1)},
					{Name: "street2", Value: jsonapi.OptString(ad.Street2)},
					{Name: "zip", Value: jsonapi.String(ad.Zip)},
					{Name: "city", Value: jsonapi.String(ad.City)},
					{Name: "latitude", Value: jsonapi.OptString(ad.Latitude)},
					{Name: "longitude", Value: jsonapi.OptString(ad.Longitude)},
				}),
				Self: v.url("addresses", v.id(ad.ID)),
			}
		},
		decode: func(f *jsonapi.Fields, ad *inventory.Address) {
			f.Text("street1", &ad.Street1, 50, jsonapi.Required)
			f.OptText("street2", &ad.Street2, 50)
			before := ad.Zip
			f.Text("zip", &ad.Zip, 5, jsonapi.Required)
			if ad.Zip != before && !zipForm.MatchString(ad.Zip) {
				f.FailText("zip", "invalid", "invalid_zip")
			}
			f.Text("city", &ad.City, 50, jsonapi.Required)
			f.OptDecimal("latitude", &ad.Latitude, 9, 6, -90, 90)
			f.OptDecimal("longitude", &ad.Longitude, 9, 6, -180, 180)
		},
	}
}

func (a *API) sites() *resource[inventory.Site, int64] {
	return &resource[inventory.Site, int64]{
		typ: typeSite, path: "sites", permissions: access.Sites, repository: a.inventory.Sites,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"organization", "search"}, sorts: []string{"id", "name"},
		show: func(v *view, s *inventory.Site) jsonapi.Resource {
			id := v.id(s.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeSite, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "name", Value: jsonapi.String(s.Name)},
					{Name: "description", Value: jsonapi.OptString(s.Description)},
					{Name: "time_zone", Value: jsonapi.String(s.TimeZone)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "address", Linkage: jsonapi.ToOne(typeAddress, v.id(s.AddressID)), Related: v.url("sites", id, "address")},
					{Name: "operator", Linkage: jsonapi.ToOne(typeOrganization, v.id(s.OperatorID)), Related: v.url("sites", id, "organization")},
					{Name: "rooms", Related: v.url("sites", id, "rooms")},
				}),
				Self: v.url("sites", id),
			}
		},
		decode: func(f *jsonapi.Fields, s *inventory.Site) {
			f.Text("name", &s.Name, 50, jsonapi.Required)
			f.OptText("description", &s.Description, 0)
			if s.TimeZone == "" {
				s.TimeZone = inventory.DefaultTimeZone
			}
			f.Text("time_zone", &s.TimeZone, 64, jsonapi.Optional)
			if !isTimeZone(s.TimeZone) {
				f.FailText("time_zone", "invalid", "invalid_time_zone")
			}
			f.ToOneID("address", typeAddress, &s.AddressID, jsonapi.Required)
			f.ToOneID("operator", typeOrganization, &s.OperatorID, jsonapi.Required)
			f.ReadOnlyRelationship("rooms")
		},
	}
}

// isTimeZone tells whether name is an IANA time zone. Go would also take names that
// mean the zone of this machine.
func isTimeZone(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func (a *API) rooms() *resource[inventory.Room, int64] {
	return &resource[inventory.Room, int64]{
		typ: typeRoom, path: "rooms", permissions: access.Rooms, repository: a.inventory.Rooms,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"site", "organization", "search"}, sorts: []string{"id", "name", "size_sqm", "height_m", "max_occupancy"},
		show: func(v *view, r *inventory.Room) jsonapi.Resource {
			id := v.id(r.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeRoom, ID: id},
				Attributes: v.attributes(0, []jsonapi.Attribute{
					{Name: "name", Value: jsonapi.String(r.Name)},
					{Name: "description", Value: jsonapi.OptString(r.Description)},
					{Name: "size_sqm", Value: jsonapi.OptString(r.SizeSqm)},
					{Name: "height_m", Value: jsonapi.OptString(r.HeightM)},
					{Name: "max_occupancy", Value: jsonapi.OptInt(r.MaxOccupancy)},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "site", Linkage: jsonapi.ToOne(typeSite, v.id(r.SiteID)), Related: v.url("rooms", id, "site")},
					{Name: "installations", Related: v.url("rooms", id, "installations")},
				}),
				Self: v.url("rooms", id),
			}
		},
		decode: func(f *jsonapi.Fields, r *inventory.Room) {
			f.Text("name", &r.Name, 50, jsonapi.Required)
			f.OptText("description", &r.Description, 0)
			f.OptDecimal("size_sqm", &r.SizeSqm, 5, 1, 0, math.MaxInt64)
			f.OptDecimal("height_m", &r.HeightM, 3, 1, 0, math.MaxInt64)
			f.OptInt("max_occupancy", &r.MaxOccupancy, 0, math.MaxInt32)
			f.ToOneID("site", typeSite, &r.SiteID, jsonapi.Required)
			f.ReadOnlyRelationship("installations")
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

// openEnd stands for an installation without an end in documents: the largest
// 32-bit Unix time. A real end may be later; that one second cannot be an end.
const openEnd = math.MaxInt32

// maxTime is the last second of the year 9999, the end of what RFC 3339 can say.
const maxTime = 253_402_300_799

func (a *API) installations() *resource[inventory.Installation, int64] {
	return &resource[inventory.Installation, int64]{
		typ: typeInstallation, path: "installations", permissions: access.Installations, repository: a.inventory.Installations,
		parseID: int64ID, formatID: formatInt64, byIDs: byInt64s,
		filters: []string{"room", "site", "organization", "node"}, sorts: []string{"id", "from_timestamp_s", "to_timestamp_s"},
		detail:   seriesKnown,
		decorate: a.decorateInstallations,
		show: func(v *view, i *inventory.Installation) jsonapi.Resource {
			id := v.id(i.ID)
			to := int64(openEnd)
			if i.To != nil {
				to = i.To.Unix()
			}
			image := jsonapi.Null()
			if i.Image != nil {
				image = jsonapi.String(strings.TrimSuffix(v.base, Base) + MediaPath + *i.Image)
			}
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typeInstallation, ID: id},
				Attributes: v.attributes(5, []jsonapi.Attribute{
					{Name: "from_timestamp_s", Value: jsonapi.Int(i.From.Unix())},
					{Name: "to_timestamp_s", Value: jsonapi.Int(to)},
					{Name: "description", Value: jsonapi.OptString(i.Description)},
					{Name: "is_public", Value: jsonapi.Bool(i.IsPublic)},
					{Name: "image", Value: image},
				}),
				Relationships: v.relationships([]jsonapi.Relationship{
					{Name: "node", Linkage: jsonapi.ToOne(typeNode, i.NodeID.String()), Related: v.url("installations", id, "node")},
					{Name: "room", Linkage: jsonapi.ToOne(typeRoom, v.id(i.RoomID)), Related: v.url("installations", id, "room")},
				}),
				Self: v.url("installations", id),
			}
		},
		decode: func(f *jsonapi.Fields, i *inventory.Installation) {
			from, to := i.From.Unix(), int64(openEnd)
			if i.To != nil {
				to = i.To.Unix()
			}
			f.Int("from_timestamp_s", &from, 0, maxTime, jsonapi.Required)
			f.Int("to_timestamp_s", &to, 0, maxTime, jsonapi.Optional)
			i.From, i.To = time.Unix(from, 0).UTC(), nil
			if to != openEnd {
				end := time.Unix(to, 0).UTC()
				i.To = &end
			}
			f.OptText("description", &i.Description, 0)
			f.Bool("is_public", &i.IsPublic)
			node := ""
			f.ToOne("node", typeNode, &node, jsonapi.Required)
			if node != "" {
				var ok bool
				if i.NodeID, ok = parseUUID(node); !ok {
					f.FailRelationship("node", "does_not_exist", node)
				}
			}
			f.ToOneID("room", typeRoom, &i.RoomID, jsonapi.Required)
		},
	}
}
