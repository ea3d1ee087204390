package alert

import (
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/climate"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Template makes rules that are right for most by one request.
type Template struct {
	// ID is that of the HTTP API; texts in words go by it.
	ID string
	// Rules are without names and without what they are for. Each has an id in Template.
	Rules []inventory.AlertRule
}

// Templates are those that there are.
func Templates() []Template {
	return []Template{
		{"airing", []inventory.AlertRule{
			// In a lesson of 45 minutes that is soon enough to do something.
			rule("airing", Profile, func(r *inventory.AlertRule) { r.ForS, r.OccupiedOnly = new(int64(300)), true }),
		}},
		{"sensors", []inventory.AlertRule{
			rule("sensors.silent", Silent, func(r *inventory.AlertRule) { r.RemindAfterS = new(int64(7 * 86_400)) }),
			rule("sensors.faulty", Faulty, func(*inventory.AlertRule) {}),
			rule("sensors.battery", Battery, func(r *inventory.AlertRule) { r.Threshold = new("10") }),
		}},
		{"collection", []inventory.AlertRule{
			climateRule("collection.dry", Below, Humidity, climate.Bizot.LowPercent),
			climateRule("collection.humid", Above, Humidity, climate.Bizot.HighPercent),
			climateRule("collection.cold", Below, Temperature, climate.Bizot.LowCelsius),
			climateRule("collection.warm", Above, Temperature, climate.Bizot.HighCelsius),
			// The band is ±10 % about the mean; a swing is from the lowest to the highest.
			climateRule("collection.unsteady", Swing, Humidity, 2*climate.Bizot.SwingPercent),
		}},
	}
}

// FindTemplate returns the template of an id.
func FindTemplate(id string) (Template, bool) {
	for _, t := range Templates() {
		if t.ID == id {
			return t, true
		}
	}
	return Template{}, false
}

// SameUse reports whether two rules were made by the same use of a template: for the same, and
// of the same owner where both are seen by one caller.
func SameUse(a, b *inventory.AlertRule) bool {
	return same(a.Template, b.Template) && a.Template != nil && a.Personal == b.Personal && a.OrganizationID == b.OrganizationID &&
		same(a.SiteID, b.SiteID) && same(a.RoomID, b.RoomID) && same(a.NodeID, b.NodeID)
}

func same[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func rule(id string, kind Kind, set func(*inventory.AlertRule)) inventory.AlertRule {
	r := inventory.AlertRules.New()
	r.Condition, r.Template = string(kind), &id
	set(&r)
	return r
}

func climateRule(id string, kind Kind, quantity string, threshold float64) inventory.AlertRule {
	return rule(id, kind, func(r *inventory.AlertRule) {
		r.Quantity, r.Threshold = &quantity, new(strconv.FormatFloat(threshold, 'f', -1, 64))
		if kind.measured() {
			r.ForS = new(int64(1800))
		}
	})
}
