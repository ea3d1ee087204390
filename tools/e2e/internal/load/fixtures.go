package load

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/simulate"
)

// fixtures returns a public site with a room for each node, beside what the
// example fixtures of managair hold (organization 1, protocol 1, model 1).
func fixtures(nodes []*simulate.Node, caller uuid.UUID, from time.Time) []byte {
	const first = 9000 // out of the way of the ids there
	type object struct {
		Model  string         `json:"model"`
		PK     any            `json:"pk"`
		Fields map[string]any `json:"fields"`
	}
	objects := []object{
		{"core.address", first, map[string]any{"street1": "Am Ende 1", "zip": "10115", "city": "Berlin"}},
		{"core.site", first, map[string]any{"name": "End to end", "description": "", "address": first, "operator": 1}},
	}
	node := func(i int, id uuid.UUID, eui string) {
		objects = append(objects,
			object{"core.node", id, map[string]any{"eui64": eui, "alias": fmt.Sprintf("e2e %d", i), "protocol": 1, "model": 1, "owner": 1}},
			object{"core.room", first + i, map[string]any{
				"name": fmt.Sprintf("Room %d", i), "description": "", "size_sqm": "50.0", "height_m": "3.0", "max_occupancy": 20, "site": first,
			}},
			object{"core.roomnodeinstallation", first + i, map[string]any{
				"node": id, "room": first + i, "from_timestamp_s": from.AddDate(0, 0, -1).Unix(), "to_timestamp_s": 2147483647,
				"description": "", "is_public": true,
			}})
	}
	for i, n := range nodes {
		node(i, n.ID(), n.DevEUI.String())
	}
	node(len(nodes), caller, "FFFFFFFFFFFFFFFE")
	text, err := json.Marshal(objects)
	if err != nil {
		panic(err) // maps of plain values
	}
	return text
}
