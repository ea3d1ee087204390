package profile_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/profile"
)

// The thresholds as their sources have them: a second copy on purpose, so that a slip of
// the hand in a file is seen.
func TestThresholdsAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"de-uba":            "<1000 (5 %) good, <=2000 (0 %), rest",
		"de-school":         "<=1000 (5 %) good, rest",
		"at":                "<=1000 (5 %) good, rest",
		"en-16798":          "<=550 (5 %) good, <=800 (5 %) good, <=1350 (5 %), rest",
		"nl-frisse-scholen": "<=800 (0 %) good, <=950 (0 %) good, <=1200 (0 %), rest",
		"fr-evaluation":     "<800 (0 %) good, <=1500 (0 %), rest",
		"be":                "<900 (5 %) good, <1200 (5 %) good, rest",
		"uk-dfe":            "<=800 (5 %) good, <=1500 (5 %), rest",
		"clair-2020":        "rest good, rest",
	}
	for _, p := range profile.All() {
		if got := levels(p); got != want[p.ID] {
			t.Errorf("%s: %s, want %s", p.ID, got, want[p.ID])
		}
		delete(want, p.ID)
	}
	for id := range want {
		t.Errorf("there is no %s", id)
	}
}

func levels(p profile.Profile) string {
	var texts []string
	for _, l := range p.Levels {
		text := "rest"
		if l.BelowPPM > 0 {
			text = "<" + strconv.Itoa(l.BelowPPM) + " (" + strconv.FormatFloat(l.TolerancePercent, 'f', -1, 64) + " %)"
		}
		if l.UpToPPM > 0 {
			text = "<=" + strconv.Itoa(l.UpToPPM) + " (" + strconv.FormatFloat(l.TolerancePercent, 'f', -1, 64) + " %)"
		}
		if l.Good {
			text += " good"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func TestOrder(t *testing.T) {
	t.Parallel()
	all := profile.All()
	if all[0].ID != profile.Default || all[len(all)-1].Averaging != profile.Calendar {
		t.Errorf("first %s, last %s", all[0].ID, all[len(all)-1].ID)
	}
	if p, ok := profile.Get("be"); !ok || p.ID != "be" || p.Limit().ID != "b" {
		t.Errorf("be: %v %s", ok, p.ID)
	}
	if _, ok := profile.Get("de"); ok {
		t.Error("de is none")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := file(t, "be.json")
	if _, err := profile.Parse(good); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, old, replacement string }{
		{"an unknown field", `"country"`, `"land"`},
		{"an id that is none", `"id": "be"`, `"id": "Be!"`},
		{"of no country, and a country's own", `"country": "BE",`, ``},
		{"no version", `"version": 1`, `"version": 0`},
		{"no English name", `"en": "Reference levels`, `"EN2": "Reference levels`},
		{"another averaging", `"momentary"`, `"weekly"`},
		{"another base", `"absolute"`, `"relative"`},
		{"lessons without length", `"momentary"`, `"lesson"`},
		{"bounds that fall", `"below_ppm": 900`, `"below_ppm": 1200`},
		{"two bounds", `"below_ppm": 900`, `"below_ppm": 900, "up_to_ppm": 900`},
		{"a negative bound", `"below_ppm": 900`, `"below_ppm": -900`},
		{"a bound that no sensor reaches", `"below_ppm": 1200`, `"below_ppm": 12000`},
		{"no bound", `"below_ppm": 900`, `"below_ppm": 0`},
		{"much tolerance", `"tolerance_percent": 5`, `"tolerance_percent": 51`},
		{"two levels of one name", `"id": "b"`, `"id": "a"`},
		{"a bound of the last", `"id": "none"`, `"up_to_ppm": 3000, "id": "none"`},
		{"good again", `"id": "none"`, `"good": true, "id": "none"`},
		{"no role", `"role": "good"`, `"role": ""`},
		{"a role that gets better", `"role": "good"`, `"role": "high"`},
		{"a last level that is not high", `"role": "high"`, `"role": "elevated"`},
		{"a moment that is its own", `"absolute"`, `"absolute", "moment": {"note": {"de": "x", "en": "x"}}`},
		{"above outdoors without a word on the moment", `"absolute"`, `"outdoor"`},
		{"a source without language", `"lang": "fr"`, `"lang": ""`},
		{"bad needs", `"range_ppm": 1200`, `"range_ppm": -1`},
		{"nothing at all", string(good), ``},
		{"more than one", `{`, `{} {`},
	}
	for _, c := range cases {
		content := strings.Replace(string(good), c.old, c.replacement, 1)
		if content == string(good) {
			t.Fatalf("%s: nothing changed", c.name)
		}
		if p, err := profile.Parse([]byte(content)); err == nil {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	if _, err := profile.Parse(append(good, make([]byte, 64<<10)...)); err == nil {
		t.Error("too long: no error")
	}
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("data", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// FuzzParse: what is read can be applied.
func FuzzParse(f *testing.F) {
	for _, p := range profile.All() {
		f.Add(file(f, p.ID+".json"))
	}
	f.Add([]byte(`{"levels":[{"good":true},{}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := profile.Parse(content)
		if err != nil {
			return
		}
		if !p.Limit().Good || p.Levels[len(p.Levels)-1].Beyond(1e9) {
			t.Errorf("%+v", p)
		}
		for i, l := range p.Levels {
			// What is too much for a level is too much for those before.
			for _, better := range p.Levels[:i] {
				for _, ppm := range []float64{0, float64(l.BoundPPM()), 20_000} {
					if l.Beyond(ppm) && !better.Beyond(ppm) {
						t.Errorf("%v ppm: %s, but not %s", ppm, better.ID, l.ID)
					}
				}
			}
			if same, ok := p.Level(l.ID); !ok || same != l {
				t.Errorf("level %s", l.ID)
			}
		}
	})
}
