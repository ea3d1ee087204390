package httpapi

import (
	"math"
	"regexp"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

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
