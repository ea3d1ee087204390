package httpapi

import (
	"math"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

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
