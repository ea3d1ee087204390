package mapping

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Set are documents that are used together, and the devices that somebody has given one.
type Set struct {
	documents map[string]*Document // by name
	profiles  map[string]string    // names by profile, in lower case
	devices   map[lorawan.EUI64]string
	all       string // of all devices; else empty
}

//go:embed ready/*.json
var ready embed.FS

// Ready returns the documents that come with this package. Where each is from stands in its
// source.
func Ready() *Set {
	s := newSet()
	if err := s.add(ready, "ready"); err != nil {
		panic(err) // a test reads them
	}
	return s
}

func newSet() *Set {
	return &Set{documents: map[string]*Document{}, profiles: map[string]string{}, devices: map[lorawan.EUI64]string{}}
}

// setFile is the file of a folder that says which devices and profiles have which document,
// whatever the documents themselves say. It may hold documents, too.
const setFile = "mappings.json"

// maxSetBytes bounds it: a swarm's configurations are no larger.
const maxSetBytes = 1 << 20

// maxDocuments bounds how many documents one file may hold.
const maxDocuments = 1000

// Load returns the documents that come with this package, and over them those of a folder: its
// files whose names end in .json. A document there takes the place of one of its name, and its
// profiles are no longer another's. The file mappings.json says by which document, or codec,
// devices and profiles are read, and may hold documents, all of it as it needs:
//
//	{"form": 1, "documents": [], "devices": {"24E124710B000001": "milesight-am307"}, "profiles": {"my profile": "elsys"}}
//
// An error names the files, and in them the places.
func Load(folder string) (*Set, error) {
	s := Ready()
	if folder == "" {
		return s, nil
	}
	own := newSet()
	if err := own.add(os.DirFS(folder), "."); err != nil {
		return nil, err
	}
	for name, d := range own.documents {
		if old := s.documents[name]; old != nil {
			for _, profile := range old.Profiles {
				if key := strings.ToLower(profile); s.profiles[key] == name {
					delete(s.profiles, key)
				}
			}
		}
		s.documents[name] = d
	}
	maps.Copy(s.profiles, own.profiles)
	s.devices = own.devices
	return s, nil
}

// add adds the files of a folder. All that is wrong is told at once.
func (s *Set) add(from fs.FS, folder string) error {
	entries, err := fs.ReadDir(from, folder)
	if err != nil {
		return fmt.Errorf("read the mappings: %w", err)
	}
	var problems []error
	var set []byte
	for _, e := range entries {
		// Mounted configurations have links to folders of hidden names beside the files.
		if e.IsDir() || path.Ext(e.Name()) != ".json" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		content, err := fs.ReadFile(from, path.Join(folder, e.Name()))
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("read the mappings: %w", err))
		case e.Name() == setFile:
			set = content
		default:
			if err := s.addDocument(content); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", e.Name(), err))
			}
		}
	}
	if set != nil {
		if err := s.addSet(set); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", setFile, err))
		}
	}
	return errors.Join(problems...)
}

func (s *Set) addDocument(content []byte) error {
	d, err := Parse(content)
	if err != nil {
		return err
	}
	var r reader
	if s.take(&r, "", d); len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// take adds a document that stands at a place.
func (s *Set) take(r *reader, at string, d *Document) {
	if s.documents[d.Name] != nil {
		r.wrong(at+"/name", reason.Unique, "another document has %q, too", d.Name)
		return
	}
	s.documents[d.Name] = d
	for i, profile := range d.Profiles {
		key := strings.ToLower(profile)
		if other, ok := s.profiles[key]; ok && other != d.Name {
			r.wrong(fmt.Sprintf("%s/profiles/%d", at, i), reason.Unique, "%q is one of %q, too", profile, other)
			continue
		}
		s.profiles[key] = d.Name
	}
}

// addSet reads mappings.json.
func (s *Set) addSet(content []byte) error {
	var r reader
	switch {
	case len(content) > maxSetBytes:
		r.wrong("", reason.MaxLength, "more than %d bytes", maxSetBytes)
	case !utf8.Valid(content) || !gjson.ValidBytes(content):
		r.wrong("", reason.Invalid, "it is no JSON")
	default:
		r.object("", gjson.ParseBytes(content), members{
			"form": r.whole(Form, func(int) {}),
			"documents": func(at string, v gjson.Result) {
				r.list(at, v, maxDocuments, func(at string, v gjson.Result) {
					before := len(r.problems)
					if d := r.document(at, v); len(r.problems) == before {
						s.take(&r, at, d)
					}
				})
			},
			"devices": r.names(func(key, name string) error {
				eui, err := lorawan.ParseDevEUI(key)
				s.devices[eui] = name
				return err
			}),
			"profiles": r.names(func(key, name string) error {
				s.Assign(key, name)
				return nil
			}),
		}, "form")
	}
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// names reads an object whose members have names of documents, or codecs.
func (r *reader) names(take func(key, name string) error) func(string, gjson.Result) {
	return func(at string, v gjson.Result) {
		if !v.IsObject() {
			r.wrong(at, reason.Invalid, "an object of names is expected")
			return
		}
		seen := map[string]bool{}
		v.ForEach(func(key, value gjson.Result) bool {
			place := at + "/" + escape.Replace(key.Str)
			var name string
			r.name(&name)(place, value)
			if err := take(key.Str, name); err != nil {
				r.wrong(place, reason.Invalid, "%v", err)
			}
			if seen[strings.ToUpper(key.Str)] {
				r.wrong(place, reason.Invalid, "it stands there twice")
			}
			seen[strings.ToUpper(key.Str)] = true
			return len(r.problems) < maxProblems
		})
	}
}

// Document returns a document by its name, nil where there is none.
func (s *Set) Document(name string) *Document { return s.documents[name] }

// Names returns the names of all documents, sorted.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.documents))
	for name := range s.documents {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Assign gives a profile a document, or a codec, by its name.
func (s *Set) Assign(profile, name string) { s.profiles[strings.ToLower(profile)] = name }

// AssignAll gives all devices a document, or a codec, by its name, whatever else says.
func (s *Set) AssignAll(name string) { s.all = name }

// Choose returns the name of the document, or codec, by which a device's uplinks are read:
// that of the device, else that of its tag at the network server, else that of its profile;
// empty where nobody has said. known says which names there are: a tag that is none of them
// counts only where the profile has no name, and passed says that it was passed over.
func (s *Set) Choose(u *lorawan.Uplink, known func(name string) bool) (name string, passed bool) {
	if s.all != "" {
		return s.all, false
	}
	if name, ok := s.devices[u.DevEUI]; ok {
		return name, false
	}
	if u.Mapping != "" && known(u.Mapping) {
		return u.Mapping, false
	}
	if u.Profile != "" {
		name = s.profiles[strings.ToLower(u.Profile)]
	}
	if name == "" {
		return u.Mapping, false
	}
	return name, u.Mapping != ""
}

// Assigned returns all names that devices and profiles were given, sorted, each once.
func (s *Set) Assigned() []string {
	var names []string
	if s.all != "" {
		names = append(names, s.all)
	}
	for _, name := range s.devices {
		names = append(names, name)
	}
	for _, name := range s.profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
