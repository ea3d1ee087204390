package inventory

import (
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Whole is the field of rules that concern several fields of a thing.
const Whole = "non_field_errors"

// constraints says what the constraints of the schema mean that do not follow from
// one field: what is unique, and the rules over several fields and rows.
var constraints = map[string]fault.Violation{
	"organization_name_unique":        {Field: "name", Code: "unique"},
	"membership_unique":               {Field: Whole, Code: "unique"},
	"site_name_unique":                {Field: "name", Code: "unique"},
	"room_name_unique":                {Field: "name", Code: "unique"},
	"quantity_name_unique":            {Field: "quantity", Code: "unique"},
	"node_protocol_identifier_unique": {Field: "identifier", Code: "unique"},
	"network_application_unique":      {Field: "application", Code: "unique"},
	"node_model_name_unique":          {Field: "name", Code: "unique"},
	"node_pkey":                       {Field: "eui64", Code: "unique", Text: "eui64_taken"}, // the id follows from it
	"node_eui64_unique":               {Field: "eui64", Code: "unique", Text: "eui64_taken"},

	"installation_no_overlap":       {Field: Whole, Code: "overlap"},
	"installation_ends_after_start": {Field: "to_timestamp_s", Code: "ends_before_start"},

	"installation_one_organization": {Field: Whole, Code: "invalid", Text: "different_organizations"},
	"node_stays_in_organization":    {Field: "owner", Reference: true, Code: "conflict", Text: "installed_elsewhere", Conflict: true},
	"room_stays_in_organization":    {Field: "site", Reference: true, Code: "conflict", Text: "installed_elsewhere", Conflict: true},
	"site_stays_in_organization":    {Field: "operator", Reference: true, Code: "conflict", Text: "installed_elsewhere", Conflict: true},
	"organization_keeps_owner":      {Code: "last_owner", Conflict: true},

	"claim_code_organization_id_fkey":      {Field: "organization_id", Code: "does_not_exist"},
	"node_model_quantity_quantity_id_fkey": {Field: "quantities", Reference: true, Code: "does_not_exist"},
}

// Broken says what a broken constraint of the schema means; ok is false when it is
// none of the inventory's.
func Broken(constraint string) (v *fault.Violation, ok bool) {
	if v, ok := constraints[constraint]; ok {
		return &v, true
	}
	for table, fields := range Book() {
		rest, ok := strings.CutPrefix(constraint, table+"_")
		if !ok {
			continue
		}
		for _, f := range fields {
			switch rest {
			case f.In() + "_fkey":
				return f.broken("does_not_exist"), true
			case f.In() + "_length", f.In() + "_range", f.In() + "_form", f.In(), strings.TrimSuffix(f.In(), "_s") + "_range":
				return f.broken("invalid"), true
			}
		}
	}
	return nil, false
}

// Book returns the fields of all kinds by their tables.
func Book() map[string][]Field {
	return map[string][]Field{
		Organizations.Table: Organizations.Fields(), Memberships.Table: Memberships.Fields(),
		Addresses.Table: Addresses.Fields(), Sites.Table: Sites.Fields(), Rooms.Table: Rooms.Fields(),
		Quantities.Table: Quantities.Fields(), Protocols.Table: Protocols.Fields(), Models.Table: Models.Fields(),
		Nodes.Table: Nodes.Fields(), Installations.Table: Installations.Fields(),
	}
}
