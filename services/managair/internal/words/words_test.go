package words_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// The pages made here and those of the web frontend use the same words.
func TestWordsAreThoseOfTheWebFrontend(t *testing.T) {
	t.Parallel()
	shared := map[string]words.Text{
		"app.logIn":        words.ActionLogin,
		"app.cancel":       words.Cancel,
		"app.save":         words.ActionSave,
		"account.logOut":   words.ActionLogout,
		"account.password": words.TitlePassword,
		"account.email":    words.TitleEmail,
		"account.delete":   words.TitleDelete,
		"dash.rooms":       words.Subjects["room"],
		"dash.sensors":     words.Subjects["node"],
		"fidelity.M":       words.Missing,
		"sensor.model":     words.Fields["model_id"],
		"sensor.protocol":  words.Fields["protocol_id"],
		"site.timeZone":    words.Fields["time_zone"],
		"member.role":      words.Fields["role"],
	}
	for _, language := range words.Languages {
		theirs := frontendWords(t, language.Code)
		for key, text := range shared {
			if got, want := text.In(language.Code), theirs[key]; got != want {
				t.Errorf("%s in %s: here %q, in the web frontend %q", key, language.Code, got, want)
			}
		}
	}
}

func frontendWords(t *testing.T, language string) map[string]string {
	t.Helper()
	source, err := os.ReadFile("../../../static-frontend/src/lib/i18n/" + language + ".ts")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`"([\w.-]+)":\s+"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(string(source), -1) {
		all[m[1]] = m[2]
	}
	return all
}

// What the admin pages show by name has a text.
func TestAdminNamesHaveTexts(t *testing.T) {
	t.Parallel()
	for _, s := range backoffice.Subjects {
		if !words.Subjects[s.Name].Is() || !words.Groups[s.Group].Is() {
			t.Errorf("subject %s of group %s has no text", s.Name, s.Group)
		}
		if (!s.Fixed || s.Made) && !words.OneOf[s.Name].Is() {
			t.Errorf("one %s has no text", s.Name)
		}
		for _, action := range s.Actions {
			if !words.Actions[action].Is() {
				t.Errorf("action %s has no text", action)
			}
		}
		for _, f := range s.Fields {
			if !words.Fields[f.Name].Is() {
				t.Errorf("field %s of %s has no text", f.Name, s.Name)
			}
		}
	}
}

// People read of sensors; nodes are what programs call them.
func TestPeopleReadOfSensors(t *testing.T) {
	t.Parallel()
	for _, texts := range []map[string]words.Text{words.Subjects, words.OneOf, words.Fields, words.Choices, words.Wrong, words.Errors} {
		for key, text := range texts {
			for _, language := range words.Languages {
				if s := strings.ToLower(text.In(language.Code)); strings.Contains(s, "node") || strings.Contains(s, "einlog") || strings.Contains(s, "auslog") {
					t.Errorf("%s in %s: %q", key, language.Code, s)
				}
			}
		}
	}
}

// Every code that the API and what it asks can answer with has a text. The codes are
// read from the sources: they are given where a rule is broken, far from the words.
func TestCodesHaveTexts(t *testing.T) {
	t.Parallel()
	literal := regexp.MustCompile(`\b(?:Code|Text): +"([a-z][a-z0-9_]+)"|\.Fail\([^,()]+, "([a-z_0-9]+)"|\.FailText\([^,()]+, "([a-z_0-9]+)", "([a-z_0-9]+)"`)
	found := 0
	for _, pattern := range []string{
		"../httpapi/*.go", "../inventory/*.go", "../identity/*.go", "../postgres/*.go", "../postgres/constraint/*.go",
		"../../../../pkg/jsonapi/*.go", "../../../../pkg/fault/*.go",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range literal.FindAllSubmatch(source, -1) {
				for _, code := range m[1:] {
					if len(code) == 0 {
						continue
					}
					found++
					if !words.Errors[string(code)].Is() && !words.Wrong[string(code)].Is() {
						t.Errorf("%s: the code %q has no text", filepath.Base(file), code)
					}
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("%d codes found: the sources are written differently now", found)
	}
}
