package httpapi

import (
	"net/http"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
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
	typeCalibration  = "Calibration"
)

// addInventory adds the routes of all kinds of things.
func (a *API) addInventory() {
	quantities := a.quantities()
	protocols := a.protocols()
	models := a.models()
	organizations := a.organizations()
	memberships := a.memberships()
	users := a.users()
	addresses := a.addresses()
	sites := a.sites()
	rooms := a.rooms()
	nodes := a.nodes()
	installations := a.installations()
	calibrations := a.calibrations()
	alertRules := a.alertRules()

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
	calibrations.addRoutes(a)
	alertRules.addRoutes(a)
	a.add(Route{
		Method: http.MethodPut, Pattern: Base + "/installations/{id}", Audience: access.Installations.Change,
		Handler: installations.withID(func(w http.ResponseWriter, r *http.Request, id int64) error {
			return installations.change(a, w, r, id, true)
		}),
	})

	relatedMany(a, users, "organizations", access.Fellows, organizations, "user")
	relatedMany(a, users, "memberships", access.Fellows, memberships, "user")
	relatedOne(a, memberships, "user", access.Members, users, func(m *inventory.Membership) int64 { return m.UserID })
	relatedOne(a, memberships, "organization", access.Members, organizations, func(m *inventory.Membership) int64 { return m.OrganizationID })
	relatedMany(a, organizations, "users", access.Members, users, "organization")
	relatedMany(a, organizations, "memberships", access.Members, memberships, "organization")
	relatedMany(a, organizations, "sites", access.Public, sites, "organization")
	relatedMany(a, organizations, "nodes", access.Members, nodes, "organization")
	relatedOne(a, sites, "organization", access.Public, organizations, func(s *inventory.Site) int64 { return s.OperatorID })
	relatedOne(a, sites, "operator", access.Public, organizations, func(s *inventory.Site) int64 { return s.OperatorID })
	relatedOne(a, sites, "address", access.Public, addresses, func(s *inventory.Site) int64 { return s.AddressID })
	relatedMany(a, sites, "rooms", access.Public, rooms, "site")
	relatedOne(a, rooms, "site", access.Public, sites, func(r *inventory.Room) int64 { return r.SiteID })
	relatedMany(a, rooms, "installations", access.Public, installations, "room")
	relatedOne(a, installations, "room", access.Public, rooms, func(i *inventory.Installation) int64 { return i.RoomID })
	relatedOne(a, installations, "node", access.Members, nodes, func(i *inventory.Installation) inventory.NodeID { return i.NodeID })
	relatedOne(a, nodes, "protocol", access.Members, protocols, func(n *inventory.Node) int64 { return n.ProtocolID })
	relatedOne(a, nodes, "model", access.Members, models, func(n *inventory.Node) int64 { return n.ModelID })
	relatedOne(a, nodes, "owner", access.Members, organizations, func(n *inventory.Node) int64 { return n.OwnerID })
	a.addSeries(nodes, installations)
	a.addReadings(a.readings, nodes, installations)
	a.addTables(organizations, sites, rooms)
	a.addLinkages(organizations, users)
	relatedMany(a, nodes, "installations", access.Members, installations, "node")
	relatedMany(a, nodes, "calibrations", access.Members, calibrations, "node")
	relatedOne(a, calibrations, "node", access.Members, nodes, func(c *inventory.Calibration) inventory.NodeID { return c.NodeID })
}

func toMany(typ string, ids []int64) jsonapi.Linkage {
	identifiers := make([]jsonapi.Identifier, len(ids))
	for i, id := range ids {
		identifiers[i] = jsonapi.Identifier{Type: typ, ID: formatInt64(id)}
	}
	return jsonapi.ToMany(identifiers)
}
