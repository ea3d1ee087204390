package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func addresses() kind[inventory.Address, int64] {
	const unused = "NOT EXISTS (SELECT FROM site us WHERE us.address_id = a.id)"
	const own = "a.created_by = @caller AND " + unused
	return kind[inventory.Address, int64]{
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
		rules:       &inventory.Sites,
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
		update: func(ctx context.Context, tx pgx.Tx, _, s *inventory.Site) error {
			return exec(ctx, tx, `
				UPDATE site SET name = @name, description = @description, address_id = @address, operator_id = @operator,
				       time_zone = @time_zone
				 WHERE id = @id`, with(siteArgs(s), pgx.NamedArgs{"id": s.ID}))
		},
	}
}

func siteArgs(s *inventory.Site) pgx.NamedArgs {
	return pgx.NamedArgs{
		"name": s.Name, "description": s.Description, "address": s.AddressID, "operator": s.OperatorID, "time_zone": s.TimeZone,
	}
}

func rooms() kind[inventory.Room, int64] {
	siteKind := sites()
	return kind[inventory.Room, int64]{
		permissions: access.Rooms,
		rules:       &inventory.Rooms,
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
		update: func(ctx context.Context, tx pgx.Tx, _, r *inventory.Room) error {
			return exec(ctx, tx, `
				UPDATE room SET site_id = @site, name = @name, description = @description, size_sqm = @size_sqm::numeric,
				       height_m = @height_m::numeric, max_occupancy = @max_occupancy
				 WHERE id = @id`, with(roomArgs(r), pgx.NamedArgs{"id": r.ID}))
		},
	}
}

func roomArgs(r *inventory.Room) pgx.NamedArgs {
	return pgx.NamedArgs{
		"site": r.SiteID, "name": r.Name, "description": r.Description,
		"size_sqm": r.SizeSqm, "height_m": r.HeightM, "max_occupancy": r.MaxOccupancy,
	}
}
