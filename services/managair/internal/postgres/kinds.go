package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// uuidBytes lets the driver write the bytes of a UUID where they belong. It would
// make a text of them for the library's type to parse, with three allocations.
func uuidBytes(id *inventory.NodeID) *[16]byte { return (*[16]byte)(id) }

func isNoRow(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// insertReturningID runs an INSERT .. RETURNING id.
func insertReturningID(ctx context.Context, tx pgx.Tx, id *int64, sql string, args pgx.NamedArgs) error {
	return tx.QueryRow(ctx, sql, args).Scan(id)
}

func exec(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) error {
	_, err := tx.Exec(ctx, sql, args)
	return err
}

func organizations() kind[inventory.Organization, int64] {
	const isMember = "EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = o.id)"
	return kind[inventory.Organization, int64]{
		permissions: access.Organizations,
		audience: byOrganization("o.id", "EXISTS (SELECT FROM node pn JOIN installation pi ON pi.node_id = pn.id"+
			" WHERE pn.owner_id = o.id AND pi.is_public)"),
		table: "organization", alias: "o",
		// Who the members are is only for members.
		columns: "o.id, o.name, o.description, " +
			"CASE WHEN " + isMember + " THEN ARRAY(SELECT m.user_id FROM membership m WHERE m.organization_id = o.id ORDER BY m.user_id) END, " + isMember,
		scan: func(row pgx.CollectableRow) (o inventory.Organization, err error) {
			err = row.Scan(&o.ID, &o.Name, &o.Description, &o.Users, &o.Member)
			return o, err
		},
		idOf: func(o *inventory.Organization) int64 { return o.ID },
		filters: filters{
			organization: "o.id = @organization",
			user:         isMember + " AND EXISTS (SELECT FROM membership um WHERE um.user_id = @user AND um.organization_id = o.id)",
			search:       "concat_ws(' ', o.name, o.description)",
		},
		order: "o.name, o.id",
		sorts: map[string]string{"name": "o.name", "id": "o.id"},
		references: func(o *inventory.Organization) []reference {
			return userReferences("users", o.Users...)
		},
		insert: func(ctx context.Context, tx pgx.Tx, caller access.Caller, o *inventory.Organization) error {
			err := insertReturningID(ctx, tx, &o.ID,
				"INSERT INTO organization (name, description) VALUES (@name, @description) RETURNING id",
				pgx.NamedArgs{"name": o.Name, "description": o.Description})
			if err != nil {
				return err
			}
			return exec(ctx, tx, `
				INSERT INTO membership (organization_id, user_id, role)
				SELECT @id, user_id, CASE WHEN user_id = @caller THEN 'O' ELSE 'I' END
				  FROM (SELECT unnest(@users::bigint[]) UNION SELECT @caller) members (user_id)
				 ORDER BY user_id = @caller DESC, user_id`,
				pgx.NamedArgs{"id": o.ID, "caller": caller.UserID, "users": o.Users})
		},
		update: func(ctx context.Context, tx pgx.Tx, old, o *inventory.Organization) error {
			err := exec(ctx, tx, "UPDATE organization SET name = @name, description = @description WHERE id = @id",
				pgx.NamedArgs{"id": o.ID, "name": o.Name, "description": o.Description})
			if err != nil || slices.Equal(old.Users, o.Users) {
				return err
			}
			args := pgx.NamedArgs{"id": o.ID, "users": o.Users}
			if err := exec(ctx, tx, "DELETE FROM membership WHERE organization_id = @id AND user_id <> ALL(@users)", args); err != nil {
				return err
			}
			err = exec(ctx, tx, `
				INSERT INTO membership (organization_id, user_id)
				SELECT @id, unnest(@users::bigint[]) ON CONFLICT ON CONSTRAINT membership_unique DO NOTHING`, args)
			if err != nil {
				return err
			}
			return needOwner(ctx, tx, o.ID, inventory.Violation{Relationship: "users"})
		},
		violations: map[string]inventory.Violation{
			"organization_name_unique": {Attribute: "name", Code: "unique"},
		},
	}
}

// lockMembers keeps the members of an organization as they are until the end of the
// transaction, so that two OWNERs do not leave at once. It comes before any of them
// is changed: whoever locks a membership first waits for whoever locks the
// organization first, and the other way round.
func lockMembers(ctx context.Context, tx pgx.Tx, organization int64) error {
	return exec(ctx, tx, "SELECT FROM organization WHERE id = @id FOR UPDATE", pgx.NamedArgs{"id": organization})
}

// needOwner refuses a change after which nobody could manage the organization, whose
// members are locked.
func needOwner(ctx context.Context, tx pgx.Tx, organization int64, place inventory.Violation) error {
	var managed bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM membership WHERE organization_id = @id AND role = 'O')",
		pgx.NamedArgs{"id": organization}).Scan(&managed)
	if err == nil && !managed {
		place.Code, place.Conflict = "last_owner", true
		return &place
	}
	return err
}

// isFellow is the condition that the user of an SQL expression is the caller, or
// shares an organization with him.
func isFellow(user string) string {
	return user + ` = @caller OR EXISTS (SELECT FROM membership mine JOIN membership theirs
		ON theirs.organization_id = mine.organization_id WHERE mine.user_id = @caller AND theirs.user_id = ` + user + ")"
}

// introduction is how long somebody who was found by his address can be made a
// member by whoever found him.
const introduction = time.Hour

// isIntroduced is the condition that the caller may make the user @id a member: he
// knows him already, or has found him by his address. To all others an account looks
// as if it did not exist: ids can be guessed. The account is looked at last, so that
// one that is there takes no longer to refuse than one that is not.
var isIntroduced = "SELECT true, true FROM (SELECT " + isFellow("@id::bigint") + ` OR EXISTS (SELECT FROM user_introduction
	WHERE finder_id = @caller AND user_id = @id AND expires_at > now())) known (yes)
	WHERE yes AND EXISTS (SELECT FROM user_account WHERE id = @id AND is_active)`

func userReferences(relationship string, users ...int64) []reference {
	refs := make([]reference, len(users))
	for i, id := range users {
		refs[i] = reference{relationship, id, isIntroduced}
	}
	return refs
}

// introduce notes whom the caller has found by his address. Somebody whose account
// goes in this moment is passed over.
func introduce(ctx context.Context, tx pgx.Tx, caller access.Caller, found []inventory.User) error {
	ids := make([]int64, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	return exec(ctx, tx, `
		INSERT INTO user_introduction (finder_id, user_id, expires_at)
		SELECT @caller, id, now() + @valid FROM user_account WHERE id = ANY(@ids) FOR KEY SHARE
		    ON CONFLICT ON CONSTRAINT user_introduction_pkey DO UPDATE SET expires_at = EXCLUDED.expires_at`,
		pgx.NamedArgs{"caller": caller.UserID, "ids": ids, "valid": introduction})
}

func memberships() kind[inventory.Membership, int64] {
	organizationKind := organizations()
	return kind[inventory.Membership, int64]{
		permissions: access.Memberships,
		audience:    byOrganization("ms.organization_id", "false"),
		table:       "membership", alias: "ms",
		from:    "JOIN user_account u ON u.id = ms.user_id JOIN organization o ON o.id = ms.organization_id",
		columns: "ms.id, ms.user_id, ms.organization_id, ms.role, u.username, o.name",
		scan: func(row pgx.CollectableRow) (m inventory.Membership, err error) {
			err = row.Scan(&m.ID, &m.UserID, &m.OrganizationID, &m.Role, &m.UserName, &m.OrganizationName)
			return m, err
		},
		idOf: func(m *inventory.Membership) int64 { return m.ID },
		filters: filters{
			organization: "ms.organization_id = @organization",
			user:         "ms.user_id = @user",
			username:     "u.username = @username",
		},
		order: "ms.id",
		sorts: map[string]string{"id": "ms.id", "user_name": "u.username", "organization_name": "o.name", "role": "ms.role"},
		references: func(m *inventory.Membership) []reference {
			return append(userReferences("user", m.UserID),
				organizationKind.reference("organization", m.OrganizationID, access.Owners))
		},
		lockFirst: "SELECT FROM organization WHERE id = (SELECT organization_id FROM membership WHERE id = @id) FOR UPDATE",
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, m *inventory.Membership) error {
			if err := lockMembers(ctx, tx, m.OrganizationID); err != nil {
				return err
			}
			return insertReturningID(ctx, tx, &m.ID, `
				INSERT INTO membership (user_id, organization_id, role)
				VALUES (@user, @organization, @role) RETURNING id`,
				pgx.NamedArgs{"user": m.UserID, "organization": m.OrganizationID, "role": m.Role})
		},
		update: func(ctx context.Context, tx pgx.Tx, old, m *inventory.Membership) error {
			err := exec(ctx, tx, "UPDATE membership SET user_id = @user, organization_id = @organization, role = @role WHERE id = @id",
				pgx.NamedArgs{"id": m.ID, "user": m.UserID, "organization": m.OrganizationID, "role": m.Role})
			if err != nil || old.Role != inventory.Owner {
				return err
			}
			return needOwner(ctx, tx, old.OrganizationID, inventory.Violation{Attribute: "role"})
		},
		beforeDelete: func(ctx context.Context, tx pgx.Tx, m *inventory.Membership) error {
			err := exec(ctx, tx, "DELETE FROM membership WHERE id = @id", pgx.NamedArgs{"id": m.ID})
			if err != nil || m.Role != inventory.Owner {
				return err
			}
			return needOwner(ctx, tx, m.OrganizationID, inventory.Violation{})
		},
		violations: map[string]inventory.Violation{
			"membership_unique": {Attribute: "non_field_errors", Code: "unique"},
		},
	}
}

func users() kind[inventory.User, int64] {
	return kind[inventory.User, int64]{
		permissions: access.Users,
		audience: func(a access.Audience) string {
			if a == access.Fellows {
				return "u.is_active AND (" + isFellow("u.id") + ")"
			}
			return forAll(a)
		},
		table: "user_account", alias: "u",
		columns: `u.id, u.username, u.email, u.first_name, u.last_name, ARRAY(
			SELECT m.organization_id FROM membership m
			 WHERE m.user_id = u.id
			   AND (u.id = @caller OR EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = m.organization_id))
			 ORDER BY m.organization_id)`,
		scan: func(row pgx.CollectableRow) (u inventory.User, err error) {
			err = row.Scan(&u.ID, &u.Username, &u.Email, &u.FirstName, &u.LastName, &u.Organizations)
			return u, err
		},
		idOf: func(u *inventory.User) int64 { return u.ID },
		filters: filters{
			organization: `EXISTS (SELECT FROM membership om JOIN membership cm ON cm.organization_id = om.organization_id
				WHERE om.user_id = u.id AND om.organization_id = @organization AND cm.user_id = @caller)`,
			// Only confirmed addresses: anybody can claim to have another one.
			email: "EXISTS (SELECT FROM email_address e WHERE e.user_id = u.id AND e.verified AND lower(e.email) = lower(@email))",
		},
		// Who manages an organization may find new members by their address.
		widen: func(q inventory.Query) string {
			if q.Email == "" {
				return ""
			}
			return "u.is_active AND EXISTS (SELECT FROM membership om WHERE om.user_id = @caller AND om.role = 'O')"
		},
		listed: func(ctx context.Context, pool *pgxpool.Pool, caller access.Caller, q inventory.Query, found []inventory.User) error {
			if q.Email == "" || len(found) == 0 {
				return nil
			}
			return inTx(ctx, pool, func(tx pgx.Tx) error { return introduce(ctx, tx, caller, found) })
		},
		order: "u.username, u.id",
		sorts: map[string]string{"username": "u.username", "id": "u.id"},
	}
}

func addresses() kind[inventory.Address, int64] {
	const unused = "NOT EXISTS (SELECT FROM site us WHERE us.address_id = a.id)"
	const own = "a.created_by = @caller AND " + unused
	return kind[inventory.Address, int64]{
		permissions: access.Addresses,
		audience: func(a access.Audience) string {
			switch a {
			case access.Members:
				return own + ` OR EXISTS (SELECT FROM site ms JOIN membership cm ON cm.organization_id = ms.operator_id
					WHERE ms.address_id = a.id AND cm.user_id = @caller)`
			case access.Owners:
				// Of all the organizations that use it.
				return own + " OR NOT " + unused + ` AND NOT EXISTS (SELECT FROM site fs WHERE fs.address_id = a.id AND NOT EXISTS
					(SELECT FROM membership cm WHERE cm.organization_id = fs.operator_id AND cm.user_id = @caller AND cm.role = 'O'))`
			case access.Public:
				return `EXISTS (SELECT FROM site ps JOIN room pr ON pr.site_id = ps.id JOIN installation pi ON pi.room_id = pr.id
					WHERE ps.address_id = a.id AND pi.is_public)`
			default:
				return forAll(a)
			}
		},
		table: "address", alias: "a",
		columns: "a.id, a.street1, a.street2, a.zip, a.city, a.latitude::text, a.longitude::text",
		scan: func(row pgx.CollectableRow) (a inventory.Address, err error) {
			err = row.Scan(&a.ID, &a.Street1, &a.Street2, &a.Zip, &a.City, &a.Latitude, &a.Longitude)
			return a, err
		},
		idOf:    func(a *inventory.Address) int64 { return a.ID },
		filters: filters{search: "concat_ws(' ', a.street1, a.street2, a.zip, a.city)"},
		order:   "a.city, a.street1, a.id",
		sorts:   map[string]string{"id": "a.id", "city": "a.city", "zip": "a.zip", "street1": "a.street1"},
		insert: func(ctx context.Context, tx pgx.Tx, caller access.Caller, a *inventory.Address) error {
			return insertReturningID(ctx, tx, &a.ID, `
				INSERT INTO address (street1, street2, zip, city, latitude, longitude, created_by)
				VALUES (@street1, @street2, @zip, @city, @latitude::numeric, @longitude::numeric, @caller) RETURNING id`,
				with(addressArgs(a), pgx.NamedArgs{"caller": caller.UserID}))
		},
		update: func(ctx context.Context, tx pgx.Tx, _, a *inventory.Address) error {
			return exec(ctx, tx, `
				UPDATE address SET street1 = @street1, street2 = @street2, zip = @zip, city = @city,
				       latitude = @latitude::numeric, longitude = @longitude::numeric
				 WHERE id = @id`, with(addressArgs(a), pgx.NamedArgs{"id": a.ID}))
		},
	}
}

func addressArgs(a *inventory.Address) pgx.NamedArgs {
	return pgx.NamedArgs{
		"street1": a.Street1, "street2": a.Street2, "zip": a.Zip, "city": a.City,
		"latitude": a.Latitude, "longitude": a.Longitude,
	}
}

func sites() kind[inventory.Site, int64] {
	organizationKind, addressKind := organizations(), addresses()
	return kind[inventory.Site, int64]{
		permissions: access.Sites,
		audience: byOrganization("s.operator_id",
			"EXISTS (SELECT FROM room pr JOIN installation pi ON pi.room_id = pr.id WHERE pr.site_id = s.id AND pi.is_public)"),
		table: "site", alias: "s",
		columns: "s.id, s.name, s.description, s.address_id, s.operator_id, s.time_zone",
		scan: func(row pgx.CollectableRow) (s inventory.Site, err error) {
			err = row.Scan(&s.ID, &s.Name, &s.Description, &s.AddressID, &s.OperatorID, &s.TimeZone)
			return s, err
		},
		idOf: func(s *inventory.Site) int64 { return s.ID },
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
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, s *inventory.Site) error {
			return insertReturningID(ctx, tx, &s.ID, `
				INSERT INTO site (name, description, address_id, operator_id, time_zone)
				VALUES (@name, @description, @address, @operator, @time_zone) RETURNING id`, siteArgs(s))
		},
		update: func(ctx context.Context, tx pgx.Tx, old, s *inventory.Site) error {
			if old.OperatorID != s.OperatorID {
				err := refuseIfExists(ctx, tx, "operator", `
					SELECT EXISTS (SELECT FROM room r JOIN installation i ON i.room_id = r.id WHERE r.site_id = @id)`, s.ID)
				if err != nil {
					return err
				}
			}
			return exec(ctx, tx, `
				UPDATE site SET name = @name, description = @description, address_id = @address, operator_id = @operator,
				       time_zone = @time_zone
				 WHERE id = @id`, with(siteArgs(s), pgx.NamedArgs{"id": s.ID}))
		},
		violations: map[string]inventory.Violation{
			"site_name_unique": {Attribute: "name", Code: "unique"},
		},
	}
}

func siteArgs(s *inventory.Site) pgx.NamedArgs {
	return pgx.NamedArgs{
		"name": s.Name, "description": s.Description, "address": s.AddressID, "operator": s.OperatorID, "time_zone": s.TimeZone,
	}
}

// refuseIfExists refuses to move what is installed in the organization that it
// leaves: node and room of an installation always belong to one organization.
func refuseIfExists(ctx context.Context, tx pgx.Tx, relationship, query string, id any) error {
	var exists bool
	if err := tx.QueryRow(ctx, query, pgx.NamedArgs{"id": id}).Scan(&exists); err != nil {
		return err
	}
	if exists {
		return &inventory.Violation{Relationship: relationship, Code: "conflict", Text: "installed_elsewhere", Conflict: true}
	}
	return nil
}

func rooms() kind[inventory.Room, int64] {
	siteKind := sites()
	return kind[inventory.Room, int64]{
		permissions: access.Rooms,
		audience: byOrganization("rs.operator_id",
			"EXISTS (SELECT FROM installation pi WHERE pi.room_id = r.id AND pi.is_public)"),
		table: "room", alias: "r", from: "JOIN site rs ON rs.id = r.site_id",
		columns: "r.id, r.site_id, r.name, r.description, r.size_sqm::text, r.height_m::text, r.max_occupancy::bigint",
		scan: func(row pgx.CollectableRow) (r inventory.Room, err error) {
			err = row.Scan(&r.ID, &r.SiteID, &r.Name, &r.Description, &r.SizeSqm, &r.HeightM, &r.MaxOccupancy)
			return r, err
		},
		idOf: func(r *inventory.Room) int64 { return r.ID },
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
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, r *inventory.Room) error {
			return insertReturningID(ctx, tx, &r.ID, `
				INSERT INTO room (site_id, name, description, size_sqm, height_m, max_occupancy)
				VALUES (@site, @name, @description, @size_sqm::numeric, @height_m::numeric, @max_occupancy) RETURNING id`, roomArgs(r))
		},
		update: func(ctx context.Context, tx pgx.Tx, old, r *inventory.Room) error {
			if old.SiteID != r.SiteID {
				if err := refuseRoomMove(ctx, tx, r.ID, r.SiteID); err != nil {
					return err
				}
			}
			return exec(ctx, tx, `
				UPDATE room SET site_id = @site, name = @name, description = @description, size_sqm = @size_sqm::numeric,
				       height_m = @height_m::numeric, max_occupancy = @max_occupancy
				 WHERE id = @id`, with(roomArgs(r), pgx.NamedArgs{"id": r.ID}))
		},
		violations: map[string]inventory.Violation{
			"room_name_unique": {Attribute: "name", Code: "unique"},
		},
	}
}

// refuseRoomMove refuses to take a room with installations to another organization.
func refuseRoomMove(ctx context.Context, tx pgx.Tx, room, site int64) error {
	var refused bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM installation i JOIN node n ON n.id = i.node_id
		                WHERE i.room_id = @room AND n.owner_id <> (SELECT operator_id FROM site WHERE id = @site))`,
		pgx.NamedArgs{"room": room, "site": site}).Scan(&refused)
	if err == nil && refused {
		return &inventory.Violation{Relationship: "site", Code: "conflict", Text: "installed_elsewhere", Conflict: true}
	}
	return err
}

func roomArgs(r *inventory.Room) pgx.NamedArgs {
	return pgx.NamedArgs{
		"site": r.SiteID, "name": r.Name, "description": r.Description,
		"size_sqm": r.SizeSqm, "height_m": r.HeightM, "max_occupancy": r.MaxOccupancy,
	}
}

func quantities() kind[inventory.Quantity, int64] {
	return kind[inventory.Quantity, int64]{
		permissions: access.Quantities,
		audience:    forAll,
		table:       "quantity", alias: "q",
		columns: "q.id, q.name, q.base_unit",
		scan: func(row pgx.CollectableRow) (q inventory.Quantity, err error) {
			err = row.Scan(&q.ID, &q.Name, &q.BaseUnit)
			return q, err
		},
		idOf:  func(q *inventory.Quantity) int64 { return q.ID },
		order: "q.id",
		sorts: map[string]string{"id": "q.id", "quantity": "q.name"},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, q *inventory.Quantity) error {
			return insertReturningID(ctx, tx, &q.ID, "INSERT INTO quantity (name, base_unit) VALUES (@name, @base_unit) RETURNING id",
				pgx.NamedArgs{"name": q.Name, "base_unit": q.BaseUnit})
		},
		update: func(ctx context.Context, tx pgx.Tx, _, q *inventory.Quantity) error {
			return exec(ctx, tx, "UPDATE quantity SET name = @name, base_unit = @base_unit WHERE id = @id",
				pgx.NamedArgs{"id": q.ID, "name": q.Name, "base_unit": q.BaseUnit})
		},
		violations: map[string]inventory.Violation{
			"quantity_name_unique": {Attribute: "quantity", Code: "unique"},
		},
	}
}

func protocols() kind[inventory.Protocol, int64] {
	return kind[inventory.Protocol, int64]{
		permissions: access.Protocols,
		audience:    forAll,
		table:       "node_protocol", alias: "p",
		columns: "p.id, p.identifier, p.num_uplink_msgs::bigint, p.num_downlink_msgs::bigint",
		scan: func(row pgx.CollectableRow) (p inventory.Protocol, err error) {
			err = row.Scan(&p.ID, &p.Identifier, &p.NumUplinkMsgs, &p.NumDownlinkMsgs)
			return p, err
		},
		idOf:  func(p *inventory.Protocol) int64 { return p.ID },
		order: "p.id",
		sorts: map[string]string{"id": "p.id", "identifier": "p.identifier"},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, p *inventory.Protocol) error {
			return insertReturningID(ctx, tx, &p.ID, `
				INSERT INTO node_protocol (identifier, num_uplink_msgs, num_downlink_msgs)
				VALUES (@identifier, @uplinks, @downlinks) RETURNING id`, protocolArgs(p))
		},
		update: func(ctx context.Context, tx pgx.Tx, _, p *inventory.Protocol) error {
			return exec(ctx, tx, `
				UPDATE node_protocol SET identifier = @identifier, num_uplink_msgs = @uplinks, num_downlink_msgs = @downlinks
				 WHERE id = @id`, with(protocolArgs(p), pgx.NamedArgs{"id": p.ID}))
		},
		violations: map[string]inventory.Violation{
			"node_protocol_identifier_unique": {Attribute: "identifier", Code: "unique"},
		},
	}
}

func protocolArgs(p *inventory.Protocol) pgx.NamedArgs {
	return pgx.NamedArgs{"identifier": p.Identifier, "uplinks": p.NumUplinkMsgs, "downlinks": p.NumDownlinkMsgs}
}

func models() kind[inventory.Model, int64] {
	quantityKind := quantities()
	return kind[inventory.Model, int64]{
		permissions: access.Models,
		audience:    forAll,
		table:       "node_model", alias: "nm",
		columns: `nm.id, nm.name, nm.trade_name, nm.manufacturer, nm.sensor_type,
			ARRAY(SELECT quantity_id FROM node_model_quantity WHERE node_model_id = nm.id ORDER BY quantity_id)`,
		scan: func(row pgx.CollectableRow) (m inventory.Model, err error) {
			err = row.Scan(&m.ID, &m.Name, &m.TradeName, &m.Manufacturer, &m.SensorType, &m.Quantities)
			return m, err
		},
		idOf:  func(m *inventory.Model) int64 { return m.ID },
		order: "nm.id",
		sorts: map[string]string{"id": "nm.id", "name": "nm.name", "trade_name": "nm.trade_name", "manufacturer": "nm.manufacturer"},
		references: func(m *inventory.Model) []reference {
			refs := make([]reference, len(m.Quantities))
			for i, id := range m.Quantities {
				refs[i] = quantityKind.reference("quantities", id, access.Everyone)
			}
			return refs
		},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, m *inventory.Model) error {
			err := insertReturningID(ctx, tx, &m.ID, `
				INSERT INTO node_model (name, trade_name, manufacturer, sensor_type)
				VALUES (@name, @trade_name, @manufacturer, @sensor_type) RETURNING id`, modelArgs(m))
			if err != nil {
				return err
			}
			return setQuantities(ctx, tx, m)
		},
		update: func(ctx context.Context, tx pgx.Tx, old, m *inventory.Model) error {
			err := exec(ctx, tx, `
				UPDATE node_model SET name = @name, trade_name = @trade_name, manufacturer = @manufacturer, sensor_type = @sensor_type
				 WHERE id = @id`, modelArgs(m))
			if err != nil || slices.Equal(old.Quantities, m.Quantities) {
				return err
			}
			return setQuantities(ctx, tx, m)
		},
		violations: map[string]inventory.Violation{
			"node_model_name_unique": {Attribute: "name", Code: "unique"},
		},
	}
}

func setQuantities(ctx context.Context, tx pgx.Tx, m *inventory.Model) error {
	args := pgx.NamedArgs{"id": m.ID, "quantities": m.Quantities}
	if err := exec(ctx, tx, "DELETE FROM node_model_quantity WHERE node_model_id = @id", args); err != nil {
		return err
	}
	return exec(ctx, tx, "INSERT INTO node_model_quantity (node_model_id, quantity_id) SELECT @id, unnest(@quantities::bigint[])", args)
}

func modelArgs(m *inventory.Model) pgx.NamedArgs {
	return pgx.NamedArgs{"id": m.ID, "name": m.Name, "trade_name": m.TradeName, "manufacturer": m.Manufacturer, "sensor_type": m.SensorType}
}

func nodes() kind[inventory.Node, inventory.NodeID] {
	organizationKind, protocolKind, modelKind := organizations(), protocols(), models()
	return kind[inventory.Node, inventory.NodeID]{
		permissions: access.Nodes,
		audience:    byOrganization("n.owner_id", "false"),
		table:       "node", alias: "n",
		columns: "n.id, n.eui64, n.alias, n.description, n.protocol_id, n.model_id, n.owner_id, n.expected_interval_s::bigint, n.no",
		scan: func(row pgx.CollectableRow) (n inventory.Node, err error) {
			err = row.Scan(uuidBytes(&n.ID), &n.EUI64, &n.Alias, &n.Description, &n.ProtocolID, &n.ModelID, &n.OwnerID, &n.ExpectedIntervalS, &n.No)
			return n, err
		},
		idOf: func(n *inventory.Node) inventory.NodeID { return n.ID },
		filters: filters{
			organization: "n.owner_id = @organization",
			search:       "concat_ws(' ', n.alias, n.eui64)",
		},
		order: "n.eui64, n.id",
		sorts: map[string]string{"id": "n.id", "eui64": "n.eui64", "alias": "n.alias"},
		references: func(n *inventory.Node) []reference {
			return []reference{
				protocolKind.reference("protocol", n.ProtocolID, access.Everyone),
				modelKind.reference("model", n.ModelID, access.Everyone),
				organizationKind.reference("owner", n.OwnerID, access.Owners),
			}
		},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, n *inventory.Node) error {
			return exec(ctx, tx, `
				INSERT INTO node (id, eui64, alias, description, protocol_id, model_id, owner_id, expected_interval_s)
				VALUES (@id, @eui64, @alias, @description, @protocol, @model, @owner, @expected_interval)`, nodeArgs(n))
		},
		update: func(ctx context.Context, tx pgx.Tx, old, n *inventory.Node) error {
			if old.OwnerID != n.OwnerID {
				err := refuseIfExists(ctx, tx, "owner", "SELECT EXISTS (SELECT FROM installation WHERE node_id = @id)", n.ID)
				if err != nil {
					return err
				}
			}
			return exec(ctx, tx, `
				UPDATE node SET eui64 = @eui64, alias = @alias, description = @description,
				       protocol_id = @protocol, model_id = @model, owner_id = @owner, expected_interval_s = @expected_interval
				 WHERE id = @id`, nodeArgs(n))
		},
		violations: map[string]inventory.Violation{
			"node_pkey":         {Attribute: "id", Code: "unique"},
			"node_eui64_unique": {Attribute: "eui64", Code: "unique"},
		},
	}
}

func nodeArgs(n *inventory.Node) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": n.ID, "eui64": n.EUI64, "alias": n.Alias, "description": n.Description,
		"protocol": n.ProtocolID, "model": n.ModelID, "owner": n.OwnerID, "expected_interval": n.ExpectedIntervalS,
	}
}

func installations() kind[inventory.Installation, int64] {
	nodeKind, roomKind := nodes(), rooms()
	operated := byOrganization("xs.operator_id", "i.is_public")
	return kind[inventory.Installation, int64]{
		permissions: access.Installations,
		audience:    operated,
		table:       "installation", alias: "i",
		from: "JOIN room xr ON xr.id = i.room_id JOIN site xs ON xs.id = xr.site_id JOIN node xn ON xn.id = i.node_id",
		columns: "i.id, i.node_id, i.room_id, i.from_time, i.to_time, i.description, i.is_public, i.image, xn.no, " +
			// Outsiders learn no names of nodes.
			"CASE WHEN " + operated(access.Members) + " THEN xn.alias END",
		scan: func(row pgx.CollectableRow) (i inventory.Installation, err error) {
			err = row.Scan(&i.ID, uuidBytes(&i.NodeID), &i.RoomID, &i.From, &i.To, &i.Description, &i.IsPublic, &i.Image, &i.NodeNo, &i.NodeAlias)
			return i, err
		},
		idOf: func(i *inventory.Installation) int64 { return i.ID },
		filters: filters{
			organization: "xs.operator_id = @organization",
			site:         "xr.site_id = @site",
			room:         "i.room_id = @room",
			node:         "i.node_id = @node",
			search:       "coalesce(i.description, '')",
		},
		order: "i.from_time DESC, i.id DESC",
		sorts: map[string]string{"id": "i.id", "from_timestamp_s": "i.from_time", "to_timestamp_s": "i.to_time"},
		references: func(i *inventory.Installation) []reference {
			return []reference{
				nodeKind.reference("node", i.NodeID, access.Owners),
				roomKind.reference("room", i.RoomID, access.Owners),
			}
		},
		insert: func(ctx context.Context, tx pgx.Tx, _ access.Caller, i *inventory.Installation) error {
			if err := needOneOrganization(ctx, tx, i); err != nil {
				return err
			}
			return insertReturningID(ctx, tx, &i.ID, `
				INSERT INTO installation (node_id, room_id, from_time, to_time, description, is_public)
				VALUES (@node, @room, @from, @to, @description, @is_public) RETURNING id`, installationArgs(i))
		},
		update: func(ctx context.Context, tx pgx.Tx, _, i *inventory.Installation) error {
			if err := needOneOrganization(ctx, tx, i); err != nil {
				return err
			}
			return exec(ctx, tx, `
				UPDATE installation SET node_id = @node, room_id = @room, from_time = @from, to_time = @to,
				       description = @description, is_public = @is_public, image = @image
				 WHERE id = @id`, installationArgs(i))
		},
		violations: map[string]inventory.Violation{
			"installation_no_overlap":       {Attribute: "non_field_errors", Code: "overlap"},
			"installation_ends_after_start": {Attribute: "to_timestamp_s", Code: "ends_before_start"},
		},
	}
}

// needOneOrganization locks node and room against being moved away meanwhile.
func needOneOrganization(ctx context.Context, tx pgx.Tx, i *inventory.Installation) error {
	var one bool
	err := tx.QueryRow(ctx, `
		SELECT n.owner_id = s.operator_id
		  FROM node n, room r JOIN site s ON s.id = r.site_id
		 WHERE n.id = @node AND r.id = @room
		   FOR SHARE`, pgx.NamedArgs{"node": i.NodeID, "room": i.RoomID}).Scan(&one)
	if err == nil && !one {
		return &inventory.Violation{Attribute: "non_field_errors", Code: "invalid", Text: "different_organizations"}
	}
	return err
}

func installationArgs(i *inventory.Installation) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id": i.ID, "node": i.NodeID, "room": i.RoomID, "from": i.From, "to": i.To,
		"description": i.Description, "is_public": i.IsPublic, "image": i.Image,
	}
}
