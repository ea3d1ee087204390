package access

// Audience is a set of callers, seen from one thing. The store turns it into a
// condition of its queries; the transport asks only whether one has to be
// logged in.
type Audience uint8

// The audiences.
const (
	// Nobody: not through the API.
	Nobody Audience = iota
	// Everyone, anonymous callers too.
	Everyone
	// Accounts is everyone who is logged in.
	Accounts
	// Public is the members of the organization that the thing belongs to, and
	// everyone if a public installation is involved.
	Public
	// Members is the members of the organization.
	Members
	// Owners is the members of the organization who have the role OWNER.
	Owners
	// Fellows is the person concerned and those who share an organization with them.
	Fellows
	// Concerned is the OWNERs of the organization, and the member that it is about.
	Concerned
	// Superusers is the administrators of the server.
	Superusers
)

// NeedsAccount reports whether anonymous callers are never among the audience.
func (a Audience) NeedsAccount() bool { return a != Everyone && a != Public }

// Permissions says who may do what with the things of one kind. What a caller
// may not read does not exist for them. Moving a thing to another organization
// needs the permission to change it there too.
type Permissions struct {
	Read, Create, Change, Delete Audience
}

// The policy: one line for each kind of thing.
var (
	// Quantities, protocols and models are shared by all organizations, so only
	// administrators change them.
	Quantities = Permissions{Read: Everyone, Create: Superusers, Change: Superusers, Delete: Superusers}
	Protocols  = Quantities
	Models     = Quantities

	// Whoever creates an organization becomes its OWNER.
	Organizations = Permissions{Read: Public, Create: Accounts, Change: Owners, Delete: Owners}
	// An organization keeps at least one OWNER. All others may leave it.
	Memberships = Permissions{Read: Members, Create: Owners, Change: Owners, Delete: Concerned}
	Users       = Permissions{Read: Fellows}

	Sites = Permissions{Read: Public, Create: Owners, Change: Owners, Delete: Owners}
	Rooms = Sites
	// Some of what an installation measures is for members only (quantity.Quantity.MembersOnly).
	Installations = Sites
	Nodes         = Permissions{Read: Members, Create: Owners, Change: Owners, Delete: Owners}
	// What was done to a sensor stands in its log for those who see the sensor.
	Calibrations = Nodes
	// An address belongs to the organizations whose sites use it, and until then to
	// whoever created it. A site shows its address to everyone who may see the site.
	Addresses = Permissions{Read: Public, Create: Accounts, Change: Owners, Delete: Owners}
	// A public site is what everyone sees of a site, members too: the rooms that have
	// public installations.
	PublicSites = Permissions{Read: Everyone}
	// Timetables say when people are in rooms, and so do the days of rooms: whoever wants
	// to break in would like to know. They are changed as sites and rooms are.
	Timetables = Permissions{Read: Members, Create: Owners, Change: Owners, Delete: Owners}
	// Air files say when people were in a room, so they are the organization's, until it
	// publishes one: then whoever sees the room reads it. What is published is not deleted.
	AirFiles = Permissions{Read: Members, Create: Owners, Change: Owners, Delete: Owners}
	// Forms that laws ask for name people and say when rooms are used.
	SiteForms = Permissions{Read: Members, Create: Owners, Change: Owners, Delete: Owners}
	// Fidelity is the health of a node, seen by those who see the node.
	Fidelity = Permissions{Read: Members}
	Outages  = Fidelity
	// A rule for alerts is its account's (Concerned), or the organization's: then its members see
	// it and its OWNERs change it. Episodes are seen, and acknowledged, by those who see the rule.
	AlertRules    = Permissions{Read: Fellows, Create: Accounts, Change: Concerned, Delete: Concerned}
	AlertEpisodes = Permissions{Read: Fellows, Change: Fellows}
	// AlertSnoozes silences whoever else is told, so it takes the right to change the rule.
	AlertSnoozes = AlertRules.Change
	// Health is whether it measures rightly, as the nightly job found.
	Health = Fidelity
)
