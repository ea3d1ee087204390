package mapping_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

var update = flag.Bool("update", false, "write the .want files of testdata/ready anew")

// vector is what a model's codec makes of an uplink, and where that is from.
type vector struct {
	From    string          `json:"from"`
	FPort   uint8           `json:"f_port"`
	Bytes   string          `json:"bytes"`
	Decoded json.RawMessage `json:"decoded"`
}

// Each mapping that we ship has vectors, and says where it is from and under which licence.
func TestReady(t *testing.T) {
	t.Parallel()
	set := mapping.Ready()
	sensor, err := catalog.ForSensors(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := set.Document(name)
			if licence := d.Source.Licence; licence != "MIT" && licence != "Apache-2.0" {
				t.Errorf("the licence %q is not among those whose files may be used here", licence)
			}
			if len(d.Profiles) == 0 {
				t.Error("no device has it")
			}
			path := filepath.Join("testdata", "ready", name)
			content, err := os.ReadFile(path + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var vectors []vector
			if err := json.Unmarshal(content, &vectors); err != nil || len(vectors) == 0 {
				t.Fatalf("no vectors: %v", err)
			}
			var got strings.Builder
			for i, v := range vectors {
				payload, err := hex.DecodeString(v.Bytes)
				if err != nil || v.From == "" {
					t.Fatalf("vector %d: bytes or source: %v", i, err)
				}
				u := lorawan.Uplink{
					DevEUI: 1, FPort: v.FPort, Payload: payload, Decoded: string(v.Decoded), ReceivedAt: received,
					Profile: strings.ToUpper(d.Profiles[i%len(d.Profiles)]),
				}
				m, err := sensor.Decode(&u)
				if err != nil {
					got.WriteString(err.Error() + "\n\n")
					continue
				}
				got.WriteString(strings.Join(append([]string{"by " + m.By}, lines(m)...), "\n") + "\n\n")
			}
			if *update {
				if err := os.WriteFile(path+".want", []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
