package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// publicRooms are the rooms of a site that everyone may see.
const publicRooms = "room pr WHERE pr.site_id = s.id AND EXISTS (SELECT FROM installation pi WHERE pi.room_id = pr.id AND pi.is_public)"

// publicSites are sites as everyone sees them. What is measured now is looked up
// for the page that is shown only.
func publicSites() kind[inventory.PublicSite, int64] {
	return kind[inventory.PublicSite, int64]{
		permissions: access.PublicSites,
		audience: func(a access.Audience) string {
			if a == access.Everyone {
				return "EXISTS (SELECT FROM " + publicRooms + ")"
			}
			return forAll(a)
		},
		table: "site", alias: "s", from: "JOIN address a ON a.id = s.address_id",
		columns: `s.id, s.name, a.street1, a.zip, a.city, a.latitude::text, a.longitude::text, (
			SELECT json_agg(json_build_object('ID', pr.id, 'Name', pr.name, 'Chosen', ` + chosenProfile("pr", "s") + `, 'Zone', s.time_zone, 'Latest', (
			       SELECT json_agg(json_build_object('Time', latest.time, 'CO2PPM', latest.co2_ppm) ORDER BY i.id)
			         FROM installation i
			         JOIN node n ON n.id = i.node_id
			        CROSS JOIN LATERAL (SELECT m.time, m.co2_ppm, m.status
			                              FROM sample m
			                             WHERE m.node_no = n.no AND m.time >= i.from_time
			                             ORDER BY m.time DESC LIMIT 1) latest
			        -- A faulty sensor says nothing of the air.
			        WHERE latest.status <> 'E' AND i.room_id = pr.id AND i.is_public AND i.from_time <= now() AND (i.to_time IS NULL OR i.to_time > now())))
			       ORDER BY pr.name, pr.id)
			  FROM ` + publicRooms + ")",
		scan: func(row pgx.CollectableRow) (s inventory.PublicSite, err error) {
			err = row.Scan(&s.ID, &s.Name, &s.Street1, &s.Zip, &s.City, &s.Latitude, &s.Longitude, &s.Rooms)
			return s, err
		},
		idOf: func(s *inventory.PublicSite) int64 { return s.ID },
		filters: filters{
			box: `a.latitude BETWEEN @south AND @north
				AND CASE WHEN @west::float8 <= @east::float8 THEN a.longitude BETWEEN @west AND @east
				         ELSE a.longitude >= @west OR a.longitude <= @east END`,
			search: "concat_ws(' ', s.name, s.description, a.street1, a.zip, a.city, (SELECT string_agg(pr.name, ' ') FROM " + publicRooms + "))",
		},
		order: "s.name, s.id",
		sorts: map[string]string{"id": "s.id", "name": "s.name"},
	}
}
