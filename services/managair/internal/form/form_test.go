package form_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

var now = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func begun() form.Document {
	return form.Begin(form.Key{Site: 1, Form: "fr-aeration", From: civil.Date{Year: 2026, Month: 1, Day: 5}, To: civil.Date{Year: 2026, Month: 1, Day: 30}}, form.Content{
		Site: form.Values{"establishment_name": "École", "room_count": "2"},
		Rooms: []form.RoomValues{
			{Room: 1, Name: "Salle 1", Fields: form.Values{"location": "Salle 1", "co2_above_800": "true"}},
			{Room: 2, Name: "Salle 2", Fields: form.Values{"location": "Salle 2"}},
		},
	}, now)
}

// Each thing that a law asks for is said in all languages, once, with the place that asks for
// it; what it does not ask for is never required. The norm that it names is known.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, f := range form.Forms() {
		if _, ok := profile.Get(f.Profile); !ok || f.Source.URL == "" || f.Source.Article == "" || f.Source.Since.Year < 2000 {
			t.Errorf("%s: %+v", f.ID, f.Source)
		}
		if !words.OfReport(f.Language) {
			t.Errorf("%s is printed in %q", f.ID, f.Language)
		}
		for _, fields := range [][]form.Field{f.Site, f.Room} {
			seen := map[string]bool{}
			for i := range fields {
				one := &fields[i]
				if seen[one.ID] || one.Paragraph == "" && !one.Optional {
					t.Errorf("%s: field %s twice, or required by nobody", f.ID, one.ID)
				}
				seen[one.ID] = true
				for _, l := range words.ReportLanguages {
					if text := one.Name.In(l.Code); text == "" || strings.Contains(text, "%!") || strings.Contains(text, "%d") {
						t.Errorf("%s: field %s in %s: %q", f.ID, one.ID, l.Code, text)
					}
				}
			}
		}
	}
	// Seven numbers, as the arrêté has.
	paragraphs := map[string]bool{}
	for _, f := range append(form.France.Site, form.France.Room...) {
		paragraphs[strings.Split(f.Paragraph, "°")[0]] = true
	}
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		if !paragraphs[n] {
			t.Errorf("nothing asks for %s°", n)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change form.Change
		// field is what is wrong; "" for nothing.
		field   string
		changed bool
		want    func(*form.Document)
	}{
		{name: "nothing", change: form.Change{Of: 1}},
		{name: "what stands there", change: form.Change{Of: 1, Site: form.Values{"establishment_name": " École "}}},
		{
			name: "a field", change: form.Change{Of: 1, Site: form.Values{"siret": "12345678901234"}}, changed: true,
			want: func(d *form.Document) { d.Filled.Site["siret"] = "12345678901234" },
		},
		{
			name: "a field is emptied", change: form.Change{Of: 1, Site: form.Values{"room_count": ""}}, changed: true,
			want: func(d *form.Document) { delete(d.Filled.Site, "room_count") },
		},
		{name: "an old version was seen", change: form.Change{Of: 2}, field: "version"},
		{name: "no SIRET", change: form.Change{Of: 1, Site: form.Values{"siret": "1234"}}, field: "fields/siret"},
		{name: "no number", change: form.Change{Of: 1, Site: form.Values{"room_count": "viele"}}, field: "fields/room_count"},
		{name: "less than none", change: form.Change{Of: 1, Site: form.Values{"room_count": "-1"}}, field: "fields/room_count"},
		{name: "no day", change: form.Change{Of: 1, Site: form.Values{"maintained_on": "2026-02-30"}}, field: "fields/maintained_on"},
		{name: "no such field", change: form.Change{Of: 1, Site: form.Values{"colour": "red"}}, field: "fields/colour"},
		{name: "too long", change: form.Change{Of: 1, Site: form.Values{"description": strings.Repeat("x", 4001)}}, field: "fields/description"},
		{
			name: "a room was not looked at, another one was", changed: true,
			change: form.Change{Of: 1, Rooms: []form.RoomValues{{Room: 2, Fields: form.Values{"opening_count": "3", "vents_flow": "false"}}}},
			want: func(d *form.Document) {
				d.Filled.Rooms = []form.RoomValues{{Room: 2, Name: "Salle 2", Fields: form.Values{"location": "Salle 2", "opening_count": "3", "vents_flow": "false"}}}
			},
		},
		{name: "a room of others", change: form.Change{Of: 1, Rooms: []form.RoomValues{{Room: 3}}}, field: "rooms/0/room"},
		{name: "a room twice", change: form.Change{Of: 1, Rooms: []form.RoomValues{{Room: 1}, {Room: 1}}}, field: "rooms/1/room"},
		{name: "neither yes nor no", change: form.Change{Of: 1, Rooms: []form.RoomValues{{Room: 1, Fields: form.Values{"vents_flow": "perhaps"}}}}, field: "rooms/0/fields/vents_flow"},
	} {
		d, want := begun(), begun()
		changed, err := d.Apply(&form.France, test.change, now)
		if test.want != nil {
			test.want(&want)
			want.Version = 2
		}
		v, _ := errors.AsType[*fault.Violation](err)
		if (v == nil) != (test.field == "") || v != nil && v.Field != test.field || changed != test.changed {
			t.Errorf("%s: %v, %v", test.name, changed, err)
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

// What is known anew takes the place of what was known, and not of what the operator wrote.
func TestWhatIsKnownAnew(t *testing.T) {
	t.Parallel()
	d := begun()
	if _, err := d.Apply(&form.France, form.Change{Of: 1, Site: form.Values{"room_count": "7"}, Rooms: []form.RoomValues{{Room: 1, Fields: form.Values{"location": "1er étage"}}}}, now); err != nil {
		t.Fatal(err)
	}
	known := form.Content{
		Site: form.Values{"establishment_name": "École Curie", "room_count": "3"},
		Rooms: []form.RoomValues{
			{Room: 1, Name: "Classe 1", Fields: form.Values{"location": "Classe 1"}},
			{Room: 2, Name: "Salle 2", Fields: form.Values{"location": "Salle 2"}},
			{Room: 5, Name: "Salle 5", Fields: form.Values{"location": "Salle 5"}},
		},
	}
	changed, err := d.Apply(&form.France, form.Change{Of: 2, Known: &known}, now)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	want := form.Content{
		Site:  form.Values{"establishment_name": "École Curie", "room_count": "7"},
		Rooms: []form.RoomValues{{Room: 1, Name: "Classe 1", Fields: form.Values{"location": "1er étage"}}},
	}
	if diff := cmp.Diff(want, d.Filled); diff != "" {
		t.Error(diff)
	}
	// A room that is new may be looked at.
	if _, err := d.Apply(&form.France, form.Change{Of: 3, Rooms: []form.RoomValues{{Room: 5}}}, now); err != nil || d.Filled.Rooms[0].Fields["location"] != "Salle 5" {
		t.Error(err, d.Filled.Rooms)
	}
	// Of what the law asks for nine fields of the site are empty, and four of the room.
	if n := d.Missing(&form.France); n != 9+4 {
		t.Errorf("%d are missing", n)
	}
}

// A page sends all fields, among them what was known before: that becomes what is known now.
func TestWhatIsKnownAnewWithAllFields(t *testing.T) {
	t.Parallel()
	d := begun()
	known := form.Content{
		Site: form.Values{"establishment_name": "École Curie", "room_count": "2"},
		Rooms: []form.RoomValues{
			{Room: 1, Name: "Salle 1", Fields: form.Values{"location": "Salle 1", "co2_above_800": "false"}},
			{Room: 5, Name: "Salle 5", Fields: form.Values{"location": "Salle 5"}},
		},
	}
	change := form.Change{Of: 1, Known: &known, Site: form.Values{"establishment_name": "École", "room_count": "9"}, Rooms: []form.RoomValues{
		{Room: 1, Fields: form.Values{"location": "1er étage", "co2_above_800": "true"}},
		{Room: 5, Fields: form.Values{"opening_count": "2"}},
	}}
	if _, err := d.Apply(&form.France, change, now); err != nil {
		t.Fatal(err)
	}
	want := form.Content{
		Site: form.Values{"establishment_name": "École Curie", "room_count": "9"},
		Rooms: []form.RoomValues{
			{Room: 1, Name: "Salle 1", Fields: form.Values{"location": "1er étage", "co2_above_800": "false"}},
			{Room: 5, Name: "Salle 5", Fields: form.Values{"location": "Salle 5", "opening_count": "2"}},
		},
	}
	if diff := cmp.Diff(want, d.Filled); diff != "" {
		t.Error(diff)
	}
}

// However odd what is sent is, it is refused or kept as it can be read again.
func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"Of":1,"Site":{"siret":"12345678901234"},"Rooms":[{"room":1,"fields":{"opening_count":"3"}}]}`))
	f.Add([]byte(`{"Of":1,"Site":{"description":"\u0000"},"Rooms":[]}`))
	f.Add([]byte(`{"Of":1,"Known":{"fields":{"siret":"x"},"rooms":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c form.Change
		if json.Unmarshal(data, &c) != nil {
			return
		}
		d := begun()
		if _, err := d.Apply(&form.France, c, now); err != nil {
			return
		}
		text, err := d.Text()
		if err != nil {
			t.Fatal(err)
		}
		again := form.Document{Key: d.Key, Version: d.Version, MadeAt: d.MadeAt}
		if err := again.Read(text); err != nil {
			t.Fatal(err)
		}
		if more, err := again.Text(); err != nil || string(more) != string(text) {
			t.Errorf("%v: %s, then %s", err, text, more)
		}
		form.Write(&form.France, &d, "Ville", "fr", time.UTC)
	})
}
