package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi/openapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// object is a part of the description.
type object = map[string]any

// at follows keys down.
func at(o object, keys ...string) object {
	for _, key := range keys {
		o, _ = o[key].(object)
	}
	return o
}

func description(t *testing.T) object {
	t.Helper()
	var doc object
	if err := json.Unmarshal(openapi.JSON(), &doc); err != nil {
		t.Fatal(err)
	}
	return at(doc, "components", "schemas")
}

// attribute returns what the description has to say of a field.
func attribute(f inventory.Field) object {
	of := object{"type": "string"}
	switch r := f.Rule.(type) {
	case rule.Text:
		of["maxLength"] = float64(r.Max)
		if !r.Blank {
			of["minLength"] = 1.0
		}
		if r.Pattern != nil {
			of["pattern"] = r.Pattern.String()
		}
	case rule.Int:
		of = object{"type": "integer", "minimum": float64(r.Low), "maximum": float64(r.High)}
	case rule.Decimal:
		of["format"] = "decimal"
		of["pattern"] = decimalPattern(r)
	case rule.Bool:
		of = object{"type": "boolean"}
	case rule.Choice:
		of["enum"] = []any{}
		for _, one := range r {
			of["enum"] = append(of["enum"].([]any), one)
		}
	case inventory.EUI:
		of["pattern"] = "^[0-9A-F]{16}$"
	case inventory.ProfileID, inventory.BandID:
		of["pattern"] = profile.IDPattern
	case inventory.Moment:
		of = object{"type": []any{"string", "integer"}, "minimum": float64(r.Least()), "maximum": float64(inventory.MaxMoment)}
		if f.Null {
			of["type"] = []any{"string", "integer", "null"}
		}
		return of
	}
	if f.Null {
		of["type"] = []any{of["type"], "null"}
	}
	return of
}

// decimalPattern is what numbers with so many digits look like. Bounds are told in words.
func decimalPattern(r rule.Decimal) string {
	sign, places := "", `\d`
	if r.Low < 0 {
		sign = "-?"
	}
	if r.Places > 1 {
		places = fmt.Sprintf(`\d{1,%d}`, r.Places)
	}
	return fmt.Sprintf(`^%s\d{1,%d}(\.%s)?$`, sign, r.Digits-r.Places, places)
}

// The description and the book of rules say the same of each field: of new things, of
// changes, and of what is answered.
func TestDescriptionSaysWhatTheBookSays(t *testing.T) {
	t.Parallel()
	schemas := description(t)
	for table, fields := range inventory.Book() {
		for _, name := range []string{types[table], "New" + types[table], "Change" + types[table]} {
			request := name != types[table]
			data := at(schemas, name)
			if request {
				data = at(schemas, name, "properties", "data")
			}
			attributes, relationships := at(data, "properties", "attributes"), at(data, "properties", "relationships")
			var required, requiredRefs []string
			told := maps.Clone(at(attributes, "properties"))
			toldRefs := maps.Clone(at(relationships, "properties"))
			for _, f := range fields {
				switch {
				case f.Name == "id":
				case f.Reference():
					checkRelationship(t, name, f, at(toldRefs, f.Name))
					delete(toldRefs, f.Name)
					if f.Required {
						requiredRefs = append(requiredRefs, f.Name)
					}
				default:
					checkAttribute(t, name, f, at(told, f.Name), request)
					delete(told, f.Name)
					if f.Required {
						required = append(required, f.Name)
					}
				}
			}
			if !request {
				continue
			}
			if name == "NewNode" {
				delete(told, "claim_code") // is proof, and not kept
			}
			if len(told) > 0 {
				t.Errorf("%s has attributes of which the book knows nothing: %v", name, slices.Collect(maps.Keys(told)))
			}
			if !strings.HasPrefix(name, "New") {
				required, requiredRefs = nil, nil
			}
			checkRequired(t, name, attributes, required)
			checkRequired(t, name, relationships, requiredRefs)
		}
	}
}

func checkAttribute(t *testing.T, schema string, f inventory.Field, got object, request bool) {
	t.Helper()
	if got == nil {
		t.Errorf("%s has no %s", schema, f.Name)
		return
	}
	want := attribute(f)
	if !request {
		switch r := f.Rule.(type) {
		case inventory.Moment:
			want["type"] = "integer" // an open end has a number of its own
			if f.Null && !r.End {
				want["type"] = []any{"integer", "null"}
			}
			want["minimum"] = float64(inventory.MinMoment) // what was there before the rule is answered, too
		case rule.Text:
			delete(want, "pattern") // what was there before the rule is answered, too
		}
	}
	if r, ok := f.Rule.(rule.Decimal); ok {
		low, high := r.Bounds()
		if text, _ := got["description"].(string); !strings.Contains(text, low+" to "+high) {
			t.Errorf("%s.%s: the description has to say %q: %s", schema, f.Name, low+" to "+high, text)
		}
	}
	if strings.HasPrefix(schema, "New") && f.Default != "" && fmt.Sprint(got["default"]) != f.Default {
		t.Errorf("%s.%s: default %v, want %s", schema, f.Name, got["default"], f.Default)
	}
	// Titles and descriptions are for people, and the rules know nothing of them.
	got = maps.Clone(got)
	for _, key := range []string{"description", "title", "default"} {
		delete(got, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s.%s (-book +description):\n%s", schema, f.Name, diff)
	}
}

func checkRelationship(t *testing.T, schema string, f inventory.Field, got object) {
	t.Helper()
	data := at(got, "properties", "data")
	if f.Many {
		data = at(data, "items")
	}
	if typ := at(data, "properties", "type")["const"]; typ != types[f.Of] {
		t.Errorf("%s.%s is a %v, want %s", schema, f.Name, typ, types[f.Of])
	}
}

func checkRequired(t *testing.T, schema string, of object, want []string) {
	t.Helper()
	var got []string
	list, _ := of["required"].([]any)
	for _, one := range list {
		got = append(got, one.(string))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s requires %v, want %v", schema, got, want)
	}
}
