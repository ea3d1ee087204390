package words_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// The pages made here and those of the web frontend use the same words.
func TestWordsAreThoseOfTheWebFrontend(t *testing.T) {
	t.Parallel()
	shared := map[string]words.Text{
		"app.logIn":         words.ActionLogin,
		"app.cancel":        words.Cancel,
		"app.save":          words.ActionSave,
		"account.logOut":    words.ActionLogout,
		"account.password":  words.TitlePassword,
		"account.email":     words.TitleEmail,
		"account.delete":    words.TitleDelete,
		"dash.rooms":        words.Subjects["room"],
		"dash.sensors":      words.Subjects["node"],
		"fidelity.M":        words.Missing,
		"sensor.model":      words.Fields["model_id"],
		"sensor.protocol":   words.Fields["protocol_id"],
		"site.timeZone":     words.Fields["time_zone"],
		"member.role":       words.Fields["role"],
		"member.email":      words.Fields["email"],
		"role.O":            words.Choices["O"],
		"role.I":            words.Choices["I"],
		"dash.organization": words.Fields["organization_id"],
		"sensor.alias":      words.Fields["alias"],
		"sensor.eui":        words.Fields["eui64"],
		"address.zip":       words.Fields["zip"],
		"address.city":      words.Fields["city"],
		"address.latitude":  words.Fields["latitude"],
		"address.longitude": words.Fields["longitude"],
		"token.title":       words.Subjects["ingestion_token"],
		"token.make":        words.IngestionTokenMake,
		"token.name":        words.Fields["name"],
		"token.revoke":      words.ActionRevoke,
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

// What the glossary of CONTRIBUTING calls otherwise is in no text that people read, of
// either page system. The key of a device at its network is called a key.
func TestOneWordForOneThing(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, language := range words.Languages {
		for key, text := range frontendWords(t, language.Code) {
			texts[language.Code+" "+key] = text
		}
	}
	for _, file := range []string{"account.go", "admin.go", "api.go", "mail.go", "notify.go", "subjects.go", "table.go", "../../../../pkg/reason/catalogue.go"} {
		files := token.NewFileSet()
		source, err := parser.ParseFile(files, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		texted(source, func(l *ast.BasicLit) { texts[files.Position(l.Pos()).String()] = l.Value })
	}
	if len(texts) < 900 {
		t.Errorf("%d texts found: they are written differently now", len(texts))
	}
	appKey := regexp.MustCompile(`Schlüssel \(AppKey\)`)
	others := regexp.MustCompile(`(?i)schlüssel|inspektor|einlog|auslog|\bnodes?\b`)
	roles := regexp.MustCompile(`OWNER|INSPECTOR`)
	for where, text := range texts {
		if text = appKey.ReplaceAllString(text, ""); others.MatchString(text) || roles.MatchString(text) {
			t.Errorf("%s: %s", where, text)
		}
	}
}

// texted visits the texts of a catalogue: its strings but for keys and codes.
func texted(n ast.Node, visit func(*ast.BasicLit)) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.KeyValueExpr:
			texted(n.Value, visit)
			return false
		case *ast.CompositeLit:
			if of, ok := n.Type.(*ast.Ident); ok && of.Name == "Reason" {
				for _, text := range n.Elts[1:] {
					texted(text, visit)
				}
				return false
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				visit(n)
			}
		}
		return true
	})
}

// In French a mark stands apart from its word, and with it on one line.
func TestFrenchMarksStayWithTheirWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		words.SignAsk.In("fr"):                      "Comment est l’air ici\u202f?",
		words.SignScale.In("fr", "norme"):           "CO2 en ppm, selon\u00a0: norme",
		words.ReportGood.In("fr", "bon : très"):     "L’air était bon – «\u00a0bon : très\u00a0».",
		words.FrenchLevel("nl-frisse-scholen", "a"): "classe A\u00a0: excellent",
		words.ReportBattery.In("fr", "ERS", 12):     "ERS\u00a0: pile à 12\u00a0%",
		words.ReportMore.In("fr", 2, 60):            "2 autres pièces ne figurent pas dans ce rapport\u202f; un rapport en a 60 au plus.",
		words.SignScale.In("en", "norm"):            "CO2 in ppm, by: norm",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
