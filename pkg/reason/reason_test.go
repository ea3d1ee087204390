package reason_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/reason"
)

func TestIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		r        reason.Reason
		language string
		args     []any
		want     string
	}{
		{"with the figure", reason.MaxLength, "en", []any{50}, "This is too long: no more than 50 characters are allowed."},
		{"without it", reason.MaxLength, "en", nil, "This is too long."},
		{"too few", reason.InvalidChoice, "en", []any{"x"}, "This is not one of the choices."},
		{"too many", reason.Blank, "en", []any{50}, "This field may not be blank."},
		{"a figure with a sign of ours", reason.DoesNotExist, "en", []any{"[100%]"}, "There is no such thing: “[100%]”."},
		{"German", reason.Blank, "de", nil, "Dieses Feld darf nicht leer sein."},
		{"who asks for another language", reason.Blank, "fr", nil, "Dieses Feld darf nicht leer sein."},
	} {
		if got := test.r.In(test.language, test.args...); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Whether a door knows the figures or not, what it says is a whole sentence, and
// people read of sensors: nodes are what programs call them.
func TestTexts(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "catalogue.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen, n := map[string]string{}, 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		n++
		name := spec.Names[0].Name
		var texts []string
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			text, err := strconv.Unquote(e.(*ast.BasicLit).Value)
			if err != nil || text == "" {
				t.Fatalf("%s: %v", name, err)
			}
			texts = append(texts, text)
		}
		if strings.Count(texts[1], "%") != strings.Count(texts[2], "%") {
			t.Errorf("%s: the languages tell other figures", name)
		}
		for _, text := range texts[1:] {
			before, figures, _ := strings.Cut(text, "[")
			figures, after, closed := strings.Cut(figures, "]")
			switch said := before + after; {
			case closed != strings.Contains(figures, "%v"), strings.ContainsAny(said, "%[]"):
				t.Errorf("%s: %q: figures stand in one pair of brackets", name, text)
			case strings.Contains(strings.ToLower(text), "node"):
				t.Errorf("%s: %q: people read of sensors", name, text)
			}
			if seen[text] != "" {
				t.Errorf("%s says the same as %s", name, seen[text])
			}
			seen[text] = name
		}
		return false
	})
	if n < 80 {
		t.Errorf("%d reasons found: they are written differently now", n)
	}
}
