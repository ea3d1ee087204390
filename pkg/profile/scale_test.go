package profile_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/profile"
)

// Bounds and colours of the moment, as pages show them: a second copy on purpose.
func TestScales(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"de-uba":            "good <1000, elevated <=2000, high",
		"de-school":         "good <1000, elevated <=2000, high, derived",
		"at":                "good <1000, elevated <=2000, high, derived",
		"clair-2020":        "good <1000, elevated <=2000, high, derived",
		"en-16798":          "good <=970, good <=1220, elevated <=1770, high, derived",
		"nl-frisse-scholen": "good <=800, good <=950, elevated <=1200, high",
		"fr-evaluation":     "good <800, elevated <=1500, high",
		"be":                "good <900, elevated <1200, high",
		"uk-dfe":            "good <=800, elevated <=1500, high, derived",
	}
	for _, p := range profile.All() {
		s := p.Scale()
		var texts []string
		for _, l := range s.Levels {
			text := string(l.Role)
			switch {
			case l.BelowPPM > 0:
				text += " <" + strconv.Itoa(l.BelowPPM)
			case l.UpToPPM > 0:
				text += " <=" + strconv.Itoa(l.UpToPPM)
			}
			texts = append(texts, text)
		}
		if s.Derived != nil {
			texts = append(texts, "derived")
		}
		if got := strings.Join(texts, ", "); got != want[p.ID] {
			t.Errorf("%s: %s, want %s", p.ID, got, want[p.ID])
		}
	}
}

func TestLevelOfTheMoment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id   string
		ppm  float64
		want profile.Role
	}{
		{"be", 899, profile.Good},
		{"be", 900, profile.Elevated},
		{"be", 1000, profile.Elevated},
		{"be", 1200, profile.High},
		{"fr-evaluation", 1000, profile.Elevated},
		{"fr-evaluation", 1500, profile.Elevated},
		{"fr-evaluation", 1501, profile.High},
		{"de-uba", 999, profile.Good},
		{"en-16798", 1000, profile.Good},
		{"en-16798", 1221, profile.Elevated},
	} {
		p, _ := profile.Get(test.id)
		if got := p.Scale().LevelOf(test.ppm).Role; got != test.want {
			t.Errorf("%s: %v ppm is %s, want %s", test.id, test.ppm, got, test.want)
		}
	}
}

func TestWhatStandsInForTheMomentIsThere(t *testing.T) {
	t.Parallel()
	for _, p := range profile.All() {
		if p.Moment == nil || p.Moment.As == "" {
			continue
		}
		if other, ok := profile.Get(p.Moment.As); !ok || other.Moment != nil {
			t.Errorf("%s is held against %q", p.ID, p.Moment.As)
		}
	}
}

// Which rooms are judged by which profile when nobody chose one: a second copy on purpose.
func TestCountries(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"DE": "de-uba", "AT": "at", "NL": "nl-frisse-scholen", "FR": "fr-evaluation", "BE": "be", "GB": "uk-dfe", "IT": "en-16798", "": "en-16798",
	}
	for country, id := range want {
		if got := profile.OfCountry(country); got != id {
			t.Errorf("%q: %s, want %s", country, got, id)
		}
	}
	for _, p := range profile.All() {
		if own, ok := profile.Get(profile.OfCountry(p.Country)); !ok || own.Country != p.Country && p.Country != "" {
			t.Errorf("%s: %s has no profile of its own", p.ID, p.Country)
		}
	}
}

// Where a profile holds by itself is no part of the norm that documents quote.
func TestDocumentsDoNotSayWhereAProfileHoldsByItself(t *testing.T) {
	t.Parallel()
	for _, p := range profile.All() {
		if content, err := json.Marshal(p); err != nil || strings.Contains(string(content), "national\":") {
			t.Errorf("%s: %s, %v", p.ID, content, err)
		}
	}
}
