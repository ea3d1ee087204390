package httpapi

import (
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// types are the types of resources by the tables of the things.
var types = map[string]string{
	inventory.Quantities.Table: typeQuantity, inventory.Protocols.Table: typeProtocol, inventory.Models.Table: typeModel,
	inventory.Nodes.Table: typeNode, "user_account": typeUser, inventory.Organizations.Table: typeOrganization,
	inventory.Memberships.Table: typeMembership, inventory.Sites.Table: typeSite, inventory.Addresses.Table: typeAddress,
	inventory.Rooms.Table: typeRoom, inventory.Installations.Table: typeInstallation,
	inventory.Calibrations.Table: typeCalibration, inventory.AlertRules.Table: typeAlertRule,
}

// take takes the fields of a thing out of a document, as the book of rules has them.
func take[T any](f *jsonapi.Fields, k *inventory.Kind[T], thing *T) {
	for _, field := range k.Fields() {
		set := func(text *string) *fault.Violation { return k.Set(thing, field.Name, text) }
		need := jsonapi.Need(field.Required)
		switch _, isMoment := field.Rule.(inventory.Moment); {
		case field.OnCreate: // see takeID
		case isMoment:
			takeMoment(f, field, set)
		case field.Many:
			if ids, ok := f.ToManyIDs(field.Name, types[field.Of], need); ok {
				text := joinIDs(ids)
				refuse(f, set(&text))
			}
		case field.Reference():
			f.ToOne(field.Name, types[field.Of], need, func(id string) *fault.Violation { return set(&id) })
		default:
			f.Take(field.Name, field.Rule, need, jsonapi.Gap(field.Null), set)
		}
	}
}

func joinIDs(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = formatInt64(id)
	}
	return strings.Join(texts, ",")
}

// takeMoment takes a time, which documents write in Unix seconds, or as "now". An end that
// there is not is null or OpenEnd.
func takeMoment(f *jsonapi.Fields, field inventory.Field, set func(*string) *fault.Violation) {
	moment, _ := field.Rule.(inventory.Moment)
	f.Moment(field.Name, inventory.MinMoment, inventory.MaxMoment, jsonapi.Need(field.Required), jsonapi.Gap(field.Null),
		func(seconds *int64) *fault.Violation {
			if seconds == nil || moment.End && *seconds == inventory.OpenEnd {
				return set(nil)
			}
			text := time.Unix(*seconds, 0).UTC().Format(time.RFC3339)
			return set(&text)
		})
}

// refuse adds what is wrong, if anything is.
func refuse(f *jsonapi.Fields, v *fault.Violation) {
	if v != nil {
		f.Fail(v)
	}
}
