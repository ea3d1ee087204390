package postgres

import (
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func addresses() kind[inventory.Address, int64] {
	const unused = "NOT EXISTS (SELECT FROM site us WHERE us.address_id = a.id)"
	const own = "a.created_by = @caller AND " + unused
	return byTheBook(func(a *inventory.Address) *int64 { return &a.ID }, kind[inventory.Address, int64]{
		permissions: access.Addresses,
		rules:       &inventory.Addresses,
		audience: func(a access.Audience) string {
			const members = own + ` OR EXISTS (SELECT FROM site ms JOIN membership cm ON cm.organization_id = ms.operator_id
				WHERE ms.address_id = a.id AND cm.user_id = @caller)`
			switch a {
			case access.Members:
				return members
			case access.Owners:
				// Of all the organizations that use it.
				return own + " OR NOT " + unused + ` AND NOT EXISTS (SELECT FROM site fs WHERE fs.address_id = a.id AND NOT EXISTS
					(SELECT FROM membership cm WHERE cm.organization_id = fs.operator_id AND cm.user_id = @caller AND cm.role = 'O'))`
			case access.Public:
				return members + ` OR EXISTS (SELECT FROM site ps JOIN room pr ON pr.site_id = ps.id JOIN installation pi ON pi.room_id = pr.id
					WHERE ps.address_id = a.id AND pi.is_public)`
			default:
				return forAll(a)
			}
		},
		alias: "a", creator: "created_by",
		filters: filters{search: "concat_ws(' ', a.street1, a.street2, a.zip, a.city)"},
		order:   "a.city, a.street1, a.id",
		sorts:   map[string]string{"id": "a.id", "city": "a.city", "zip": "a.zip", "street1": "a.street1"},
		crowds:  []crowding[inventory.Address]{addressCrowd},
	})
}

func sites() kind[inventory.Site, int64] {
	organizationKind, addressKind := organizations(), addresses()
	return byTheBook(func(s *inventory.Site) *int64 { return &s.ID }, kind[inventory.Site, int64]{
		permissions: access.Sites,
		rules:       &inventory.Sites,
		audience: byOrganization("s.operator_id",
			"EXISTS (SELECT FROM room pr JOIN installation pi ON pi.room_id = pr.id WHERE pr.site_id = s.id AND pi.is_public)"),
		alias: "s",
		filters: filters{
			organization: "s.operator_id = @organization",
			search:       "concat_ws(' ', s.name, s.description)",
		},
		order: "s.name, s.id",
		sorts: map[string]string{"id": "s.id", "name": "s.name"},
		references: func(s *inventory.Site) []reference {
			return []reference{
				addressKind.reference("address", s.AddressID, access.Owners),
				organizationKind.reference("operator", s.OperatorID, access.Owners),
			}
		},
		crowds: []crowding[inventory.Site]{siteCrowd, carriedRooms},
	})
}

func rooms() kind[inventory.Room, int64] {
	siteKind := sites()
	return byTheBook(func(r *inventory.Room) *int64 { return &r.ID }, kind[inventory.Room, int64]{
		permissions: access.Rooms,
		rules:       &inventory.Rooms,
		audience: byOrganization("rs.operator_id",
			"EXISTS (SELECT FROM installation pi WHERE pi.room_id = r.id AND pi.is_public)"),
		alias: "r", from: "JOIN site rs ON rs.id = r.site_id",
		filters: filters{
			organization: "rs.operator_id = @organization",
			site:         "r.site_id = @site",
			search:       "concat_ws(' ', r.name, r.description)",
		},
		order: "r.name, r.id",
		sorts: map[string]string{"id": "r.id", "name": "r.name", "size_sqm": "r.size_sqm", "height_m": "r.height_m", "max_occupancy": "r.max_occupancy"},
		references: func(r *inventory.Room) []reference {
			return []reference{siteKind.reference("site", r.SiteID, access.Owners)}
		},
		extras: []extra[inventory.Room]{
			{sql: chosenProfile("r", "rs"), at: func(r *inventory.Room) any { return &r.Chosen }},
			{sql: "rs.time_zone", at: func(r *inventory.Room) any { return &r.Zone }},
		},
		crowds: []crowding[inventory.Room]{roomCrowd},
	})
}

// chosenProfile is the profile that was chosen for a room, chosenBand the band.
func chosenProfile(room, site string) string { return chosen("verdict_profile", room, site) }
func chosenBand(room, site string) string    { return chosen("climate_band", room, site) }

// chosen is what was chosen for a room: for itself, its site or its organization.
func chosen(column, room, site string) string {
	return "coalesce(" + room + "." + column + ", " + site + "." + column + ", (SELECT co." + column + " FROM organization co WHERE co.id = " + site + ".operator_id))"
}
