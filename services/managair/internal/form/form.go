// Package form fills in what laws ask operators to write down each year: a fixed list of
// fields about a site and the rooms that were looked at. What Clair knows is in it already,
// the rest is the operator's.
//
// A Form is data: fields with the place in the law that asks for each, what may stand in it,
// and where Clair would know it from. There is one mechanism for all of them; another law is
// another entry of Forms. What is kept is a Document, of which each change makes a version.
//
// The trap: a form says what was looked at, and whoever signs it answers for that. Nothing is
// entered that was not measured or said.
package form

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// Bounds of documents.
const (
	// MaxRooms is how many rooms a document has.
	MaxRooms = 100
	// MaxDays is how many days it is about: what is measured is read for each room at once.
	MaxDays = 62
	// MaxBytes is how long the JSON of a version is.
	MaxBytes = 1 << 20
	// MaxVersions is how many versions a document has, MaxDocuments how many documents a site.
	MaxVersions  = 200
	MaxDocuments = 200

	maxLine = 200
	maxText = 4000
)

// Kind is what may stand in a field. The words are those of the HTTP API.
type Kind string

// The kinds. Each is written as text: a date as 2026-01-31, a count in digits, a truth as
// "true" or "false".
const (
	Line  Kind = "line"
	Text  Kind = "text"
	Count Kind = "count"
	Day   Kind = "date"
	Truth Kind = "boolean"
)

// Source is the law that asks for a form, as it was read.
type Source struct {
	// Title is what it is called, Article which part of it, in its own language.
	Title, Article string
	// Since is from when on the version that was read is in force.
	Since civil.Date
	URL   string
}

// Field is one thing that is to be written down.
type Field struct {
	ID string
	// Paragraph is where in the Source it is asked for; "" is what the law does not ask for,
	// and what explains another field.
	Paragraph string
	Name      words.Told
	Kind      Kind
	// Optional: the law asks for it where there is such a thing ("le cas échéant"), or not at all.
	Optional bool
	// Form is what a Line has to look like, if not nil; Wrong is what is wrong with others.
	Form  *regexp.Regexp
	Wrong reason.Reason
	// Known is what Clair knows of it, "" for nothing; nil where it never does. The room is nil
	// for fields of the site.
	Known func(f *Facts, room *RoomFacts) string
}

// Form is a list of fields.
type Form struct {
	ID    string
	Title words.Told
	// Language is that of the authority, in which it is printed when nobody says otherwise.
	Language string
	// Country is a code of ISO 3166.
	Country string
	Source  Source
	// Profile is the norm by which what was measured is held against bounds.
	Profile string
	// Note says what has to be known to fill it in.
	Note words.Told
	// Site and Room are the fields of the site, and of each room that was looked at.
	Site, Room []Field
}

// Forms are those that there are.
func Forms() []*Form { return []*Form{&France} }

// Find returns the form of an id.
func Find(id string) (*Form, bool) {
	i := slices.IndexFunc(Forms(), func(f *Form) bool { return f.ID == id })
	if i < 0 {
		return nil, false
	}
	return Forms()[i], true
}

// IDs are those of all forms.
func IDs() []string {
	var ids []string
	for _, f := range Forms() {
		ids = append(ids, f.ID)
	}
	return ids
}

// clean returns a value as it is kept, "" for what is not filled in.
func (f *Field) clean(value string) (string, *fault.Violation) {
	var r rule.Rule
	switch f.Kind {
	case Line:
		r = rule.Text{Max: maxLine, Blank: true, Pattern: f.Form, Wrong: f.Wrong}
	case Text:
		r = rule.Text{Max: maxText, Blank: true}
	case Count:
		r = rule.Int{Low: 0, High: 100_000}
	case Truth:
		r = rule.Bool{}
	case Day:
		r = date{}
	}
	if value == "" {
		return "", nil
	}
	return r.Clean(value)
}

// date is the rule of a day.
type date struct{}

func (date) Clean(text string) (string, *fault.Violation) {
	day, err := civil.ParseDate(text)
	if err != nil {
		return "", &fault.Violation{Reason: reason.InvalidDate, Args: []any{text}}
	}
	return day.String(), nil
}

// Values are what stands in fields, by their ids. What is not filled in is not in it.
type Values map[string]string

// RoomValues are those of a room.
type RoomValues struct {
	Room   int64  `json:"room"`
	Name   string `json:"name"`
	Fields Values `json:"fields"`
}

// Content is what stands in a form.
type Content struct {
	Site  Values       `json:"fields"`
	Rooms []RoomValues `json:"rooms"`
}

// Key is what a document is about.
type Key struct {
	Site int64
	Form string
	// From and To are whole days of the site; To is the last one.
	From, To civil.Date
}

// Document is a form that is being, or was, filled in: one version of it.
type Document struct {
	Key

	ID      int64
	Version int
	MadeAt  time.Time
	// Filled is what stands in it; Known what Clair knew when it was last asked.
	Filled, Known Content
}

// Begin is the first version of a document: what is known.
func Begin(key Key, known Content, now time.Time) Document {
	return Document{Key: key, Version: 1, MadeAt: now, Filled: known.clone(), Known: known}
}

func (c Content) clone() Content {
	to := Content{Site: c.Site.clone(), Rooms: slices.Clone(c.Rooms)}
	for i := range to.Rooms {
		to.Rooms[i].Fields = to.Rooms[i].Fields.clone()
	}
	return to
}

func (v Values) clone() Values {
	to := Values{}
	maps.Copy(to, v)
	return to
}

// Text is what is kept of a version.
func (d *Document) Text() ([]byte, error) {
	text, err := json.Marshal(kept{d.Filled, d.Known})
	if err == nil && len(text) > MaxBytes {
		err = &fault.Violation{Reason: reason.FormTooLong, Args: []any{MaxBytes}}
	}
	return text, err
}

// Read reads what Text wrote.
func (d *Document) Read(text []byte) error {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return fmt.Errorf("read version %d of form %d: %w", d.Version, d.ID, err)
	}
	d.Filled, d.Known = k.Filled, k.Known
	return nil
}

type kept struct {
	Filled Content `json:"filled"`
	Known  Content `json:"known"`
}

// Change is what is to become of a document; nil leaves a part as it is.
type Change struct {
	// Of is the version that whoever changes it has seen.
	Of int
	// Site are fields of the site: those that are named become that, others stay.
	Site Values
	// Rooms are all rooms that were looked at, in their order; those that are missing were not.
	Rooms []RoomValues
	// Known is what Clair knows now: fields that stand as it knew them before become that.
	Known *Content
}

// Apply changes a document into its next version, and reports whether anything is new. The
// first field that is wrong is named as in the API: fields/siret, rooms/2/fields/opening_count.
func (d *Document) Apply(f *Form, c Change, now time.Time) (changed bool, err error) {
	if c.Of != d.Version {
		return false, &fault.Violation{Field: "version", Reason: reason.FormChanged, Conflict: true}
	}
	next := Document{Key: d.Key, ID: d.ID, Version: d.Version + 1, MadeAt: now, Filled: d.Filled.clone(), Known: d.Known}
	if wrong := take(f.Site, c.Site, next.Filled.Site, "fields/"); wrong != nil {
		return false, wrong
	}
	if c.Rooms != nil {
		if wrong := next.takeRooms(f, c.Rooms, c.Known); wrong != nil {
			return false, wrong
		}
	}
	// Last: whoever sends all fields, as a page does, sends among them what was known before.
	if c.Known != nil {
		next.know(*c.Known)
	}
	if next.Version > MaxVersions {
		return false, &fault.Violation{Reason: reason.TooManyFormVersions, Args: []any{MaxVersions}, Conflict: true}
	}
	before, err := d.Text()
	if err != nil {
		return false, err
	}
	after, err := next.Text()
	if err != nil || string(before) == string(after) {
		return false, err
	}
	*d = next
	return true, nil
}

// take puts values into fields.
func take(fields []Field, from, into Values, path string) *fault.Violation {
	for _, id := range slices.Sorted(keys(from)) {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.ID == id })
		if i < 0 {
			return &fault.Violation{Field: path + id, Reason: reason.UnknownField, Args: []any{id}}
		}
		value, wrong := fields[i].clean(from[id])
		if wrong != nil {
			wrong.Field = path + id
			return wrong
		}
		if value == "" {
			delete(into, id)
		} else {
			into[id] = value
		}
	}
	return nil
}

func keys(v Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for id := range v {
			if !yield(id) {
				return
			}
		}
	}
}

// takeRooms sets the rooms that were looked at. What a room is called is not the operator's.
func (d *Document) takeRooms(f *Form, rooms []RoomValues, now *Content) *fault.Violation {
	var all []RoomValues
	for i, room := range rooms {
		path := "rooms/" + strconv.Itoa(i) + "/"
		old, known := find(d.Filled.Rooms, room.Room)
		if !known {
			old, known = find(d.Known.Rooms, room.Room)
		}
		if !known && now != nil {
			old, known = find(now.Rooms, room.Room)
		}
		if _, twice := find(all, room.Room); !known || twice {
			return &fault.Violation{Field: path + "room", Reason: reason.DoesNotExist, Args: []any{room.Room}}
		}
		old.Fields = old.Fields.clone()
		if wrong := take(f.Room, room.Fields, old.Fields, path+"fields/"); wrong != nil {
			return wrong
		}
		all = append(all, old)
	}
	d.Filled.Rooms = all
	return nil
}

func find(rooms []RoomValues, id int64) (RoomValues, bool) {
	for _, r := range rooms {
		if r.Room == id {
			return r, true
		}
	}
	return RoomValues{Fields: Values{}}, false
}

// know replaces what stands as it was known before. Rooms stay those that were looked at.
func (d *Document) know(now Content) {
	follow(d.Filled.Site, d.Known.Site, now.Site)
	for i := range d.Filled.Rooms {
		r := &d.Filled.Rooms[i]
		before, _ := find(d.Known.Rooms, r.Room)
		after, there := find(now.Rooms, r.Room)
		if there {
			r.Name = after.Name
			follow(r.Fields, before.Fields, after.Fields)
		}
	}
	d.Known = now
}

// follow takes what is known now, where what was known before stands.
func follow(filled, before, now Values) {
	for id := range union(before, now) {
		if filled[id] != before[id] {
			continue
		}
		if now[id] == "" {
			delete(filled, id)
		} else {
			filled[id] = now[id]
		}
	}
}

func union(a, b Values) Values {
	all := a.clone()
	for id := range b {
		all[id] = ""
	}
	return all
}

// Missing is how many fields are empty that the law asks for in any case.
func (d *Document) Missing(f *Form) (n int) {
	count := func(fields []Field, v Values) {
		for i := range fields {
			if !fields[i].Optional && v[fields[i].ID] == "" {
				n++
			}
		}
	}
	count(f.Site, d.Filled.Site)
	for _, r := range d.Filled.Rooms {
		count(f.Room, r.Fields)
	}
	return n
}
