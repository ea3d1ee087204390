package inventory_test

import (
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func TestTheProfileOfARoom(t *testing.T) {
	t.Parallel()
	id := func(s string) *string { return &s }
	for _, test := range []struct {
		name   string
		chosen *string
		zone   string
		want   string
	}{
		{"the one that was chosen", id("be"), "Europe/Berlin", "be"},
		{"that of the country", nil, "Europe/Berlin", "de-uba"},
		{"Austria", nil, "Europe/Vienna", "at"},
		{"the Netherlands", nil, "Europe/Amsterdam", "nl-frisse-scholen"},
		{"France, also beyond the seas", nil, "Indian/Reunion", "fr-evaluation"},
		{"Belgium", nil, "Europe/Brussels", "be"},
		{"the United Kingdom", nil, "Europe/London", "uk-dfe"},
		{"a country without one", nil, "Europe/Rome", "en-16798"},
		{"a zone of no country", nil, "UTC", "en-16798"},
		{"one of another version of the program", id("be-2030"), "Europe/Brussels", "be"},
	} {
		j := inventory.Judged{Chosen: test.chosen, Zone: test.zone}
		if got := j.Profile().ID; got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
