package inventory_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Without a codec, the id follows from the name of the protocol.
func TestNodeIDs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "node-ids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Protocol, EUI string
		ID            *inventory.NodeID
	}
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		got, v := inventory.NodeIDOf(example.Protocol, example.EUI)
		if (v != nil) != (example.ID == nil) || example.ID != nil && got != *example.ID {
			t.Errorf("%s with %s: %v, %v; want %v", example.EUI, example.Protocol, got, v, example.ID)
		}
	}
}
