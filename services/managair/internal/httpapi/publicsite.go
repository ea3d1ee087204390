package httpapi

import (
	"math"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

const typePublicSite = "PublicSite"

// publicSites are for start pages and maps: one request has all that they show of
// a site, however many sites there are.
func (a *API) publicSites() *resource[inventory.PublicSite, int64] {
	return &resource[inventory.PublicSite, int64]{
		typ: typePublicSite, path: "public-sites", permissions: access.PublicSites, repository: a.inventory.PublicSites,
		among:   func(s *inventory.Store) inventory.Repository[inventory.PublicSite, int64] { return s.PublicSites },
		ids:     byNumber,
		filters: []string{"search", "box"}, sorts: []string{"id", "name"},
		show: func(v *view, s *inventory.PublicSite) jsonapi.Resource {
			id := formatInt64(s.ID)
			return jsonapi.Resource{
				Identifier: jsonapi.Identifier{Type: typePublicSite, ID: id},
				Attributes: []jsonapi.Attribute{
					{Name: "name", Value: jsonapi.String(s.Name)},
					{Name: "street1", Value: jsonapi.String(s.Street1)},
					{Name: "zip", Value: jsonapi.String(s.Zip)},
					{Name: "city", Value: jsonapi.String(s.City)},
					{Name: "latitude", Value: jsonapi.OptString(s.Latitude)},
					{Name: "longitude", Value: jsonapi.OptString(s.Longitude)},
					{Name: "rooms", Value: jsonapi.Raw(string(appendPublicRooms(nil, s.Rooms)))},
				},
				Self: v.url("public-sites", id),
			}
		},
	}
}

// appendPublicRooms appends [{"id":"1","name":..,"latest_samples":[..],"air_scale":{..}},..].
func appendPublicRooms(dst []byte, rooms []inventory.PublicRoom) []byte {
	dst = append(dst, '[')
	for i, room := range rooms {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":"`...)
		dst = strconv.AppendInt(dst, room.ID, 10)
		dst = append(dst, `","name":`...)
		dst = jsonapi.AppendString(dst, room.Name)
		dst = append(dst, `,"latest_samples":[`...)
		for j, sample := range room.Latest {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"timestamp_s":`...)
			dst = strconv.AppendInt(dst, sample.Time.Unix(), 10)
			dst = append(dst, `,"co2_ppm":`...)
			dst = strconv.AppendInt(dst, int64(sample.CO2PPM), 10)
			dst = append(dst, '}')
		}
		dst = append(dst, `],"air_scale":`...)
		dst = append(dst, bareScales[room.Profile().ID]...)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// parseBox reads "west,south,east,north" in degrees, as in GeoJSON (RFC 7946,
// section 5).
func parseBox(s string) (*inventory.Box, bool) {
	parts := strings.Split(s, ",")
	if len(parts) != 4 {
		return nil, false
	}
	var degrees [4]float64
	for i, part := range parts {
		var err error
		degrees[i], err = strconv.ParseFloat(part, 64)
		limit := 180.0 - float64(i%2)*90
		if err != nil || math.IsNaN(degrees[i]) || math.Abs(degrees[i]) > limit {
			return nil, false
		}
	}
	return &inventory.Box{West: degrees[0], South: degrees[1], East: degrees[2], North: degrees[3]}, degrees[1] <= degrees[3]
}
