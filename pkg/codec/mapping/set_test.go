package mapping_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/codec/mapping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// document is one of a name with profiles.
func document(name, profiles string) string {
	return `{"form":1,"name":"` + name + `","version":2,"title":"T","source":{"url":"https://a.example","licence":"own"},"profiles":[` + profiles +
		`],"blocks":[{"fields":[{"quantity":"light_lux","pointer":"/l"}]}]}`
}

// known is which names there are of documents, and of one codec.
func known(set *mapping.Set) func(string) bool {
	return func(name string) bool { return set.Document(name) != nil || name == "clairchen" }
}

func TestChoose(t *testing.T) {
	t.Parallel()
	set, err := mapping.Load(folder(t, map[string]string{
		"a.json":        document("milesight-am307", `"Our profile"`),
		"b.json":        document("ours", `"decentlab/dl-iam"`),
		"mappings.json": `{"form":1,"documents":[` + document("bundled", `"Loft"`) + `],"devices":{"24e124710b000001":"ours"},"profiles":{"Hall":"elsys"}}`,
		"notes.txt":     "no mapping",
		".hidden.json":  "no mapping",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		uplink lorawan.Uplink
		want   string
	}{
		{"a device before all", lorawan.Uplink{DevEUI: 0x24E124710B000001, Mapping: "decentlab", Profile: "hall"}, "ours"},
		{"a tag before the profile", lorawan.Uplink{Mapping: "decentlab", Profile: "hall"}, "decentlab"},
		{"a tag that names nothing does not hide the profile's", lorawan.Uplink{Mapping: "decentlap", Profile: "hall"}, "elsys"},
		{"and is told where there is no other", lorawan.Uplink{Mapping: "decentlap", Profile: "cellar"}, "decentlap"},
		{"a tag that names a codec", lorawan.Uplink{Mapping: "clairchen", Profile: "hall"}, "clairchen"},
		{"a profile, in any case", lorawan.Uplink{Profile: "HALL"}, "elsys"},
		{"a profile of a document of one's own", lorawan.Uplink{Profile: "our profile"}, "milesight-am307"},
		{"one that takes it from another", lorawan.Uplink{Profile: "Decentlab/DL-IAM"}, "ours"},
		{"one that the document it replaces had", lorawan.Uplink{Profile: "milesight-iot/am307"}, ""},
		{"others stay", lorawan.Uplink{Profile: "decentlab/dl-pm"}, "decentlab"},
		{"one of several in a file", lorawan.Uplink{Profile: "loft"}, "bundled"},
		{"nobody's", lorawan.Uplink{DevEUI: 7}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, passed := set.Choose(&tt.uplink, known(set))
			if want := tt.uplink.Mapping == "decentlap" && tt.want != "decentlap"; got != tt.want || passed != want {
				t.Errorf("got %q, %t, want %q, %t", got, passed, tt.want, want)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		all := mapping.Ready()
		all.AssignAll("clairchen")
		if got, _ := all.Choose(&lorawan.Uplink{Mapping: "decentlab", Profile: "milesight-iot/am307"}, known(all)); got != "clairchen" || !slices.Contains(all.Assigned(), "clairchen") {
			t.Errorf("got %q of %q, want clairchen", got, all.Assigned())
		}
	})
	if d := set.Document("milesight-am307"); d.Version != 2 {
		t.Errorf("version %d, want that of the folder", d.Version)
	}
}

// An operator is told all files and places that are wrong, at once.
func TestLoadTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"two of a name", map[string]string{"a.json": document("a", ""), "b.json": document("a", "")}, `b.json: /name: unique another document has "a", too`},
		{"two of a profile", map[string]string{"a.json": document("a", `"P"`), "b.json": document("b", `"x","p"`)}, `b.json: /profiles/1: unique "p" is one of "a", too`},
		{
			"several",
			map[string]string{"a.json": "{", "b.json": "[]", "mappings.json": "1"},
			"a.json: invalid it is no JSON\nb.json: invalid an object is expected\nmappings.json: invalid an object is expected",
		},
		{
			"devices",
			map[string]string{"mappings.json": `{"form":1,"devices":{"24E124":"ours","24E124710B000001":"o/","24e124710b000001":"ours"},"profile":{}}`},
			`mappings.json: /devices/24E124: invalid device EUI "24E124": want 16 hexadecimal digits; /devices/24E124710B000001: invalid a name of small letters, digits and hyphens is expected; ` +
				`/devices/24e124710b000001: invalid it stands there twice; /profile: invalid there is no such member`,
		},
		{
			"documents",
			map[string]string{"a.json": document("a", ""), "mappings.json": `{"form":1,"documents":[` + document("a", "") + `,{"form":1},[]]}`},
			`mappings.json: /documents/0/name: unique another document has "a", too; /documents/1/name: required it is missing; /documents/1/version: required it is missing; ` +
				`/documents/1/title: required it is missing; /documents/1/source: required it is missing; /documents/2: invalid an object is expected`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := mapping.Load(folder(t, tt.files))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := mapping.Load("/there/is/none"); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(`{"form":1,"documents":[` + document("a", `"p"`) + `]}`)
	f.Add(`{"form":1,"devices":{"24e124710b000001":"ours"},"profiles":{"Hall":"elsys"}}`)
	f.Fuzz(func(t *testing.T, content string) {
		if set, err := mapping.Load(folder(t, map[string]string{"mappings.json": content})); err == nil {
			set.Choose(&lorawan.Uplink{DevEUI: 1, Profile: "a"}, known(set))
		}
	})
}
