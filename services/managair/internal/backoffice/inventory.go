package backoffice

import (
	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// fieldsOf makes the fields of a subject from the rules of the inventory.
func fieldsOf[T any](kind *inventory.Kind[T]) []Field {
	var fields []Field
	for _, of := range kind.Fields() {
		f := Field{
			Name: of.In(), Rule: of.Rule, Required: of.Required, Default: of.Default, Of: of.Of, OnCreate: of.OnCreate,
		}
		switch r := of.Rule.(type) {
		case nil:
			f.Kind = Ref
			if of.Many {
				f.Kind, f.Required = Many, false // a form with nothing ticked says none
			}
		case rule.Text:
			f.Kind, f.Max = Text, r.Max
			if r.Max == rule.MaxFreeText {
				f.Kind = LongText
			}
		case rule.Int:
			f.Kind = Int
		case rule.Decimal:
			f.Kind = Decimal
		case rule.Bool:
			f.Kind = Bool
		case rule.Choice:
			f.Kind, f.Choices = Choice, r
		case inventory.ProfileID:
			f.Kind, f.Choices = Choice, r.IDs()
		case inventory.BandID:
			f.Kind, f.Choices = Choice, r.IDs()
		case inventory.EUI:
			f.Kind = EUI
		case inventory.UUID:
			f.Kind = UUID
		case inventory.Moment:
			f.Kind = Time
		}
		f.Required = f.Required || of.Rule != nil && !of.Null && of.Default != "" && f.Kind != Bool
		fields = append(fields, f)
	}
	return fields
}
