package inventory

import (
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Whole is the field of rules that concern several fields of a thing.
const Whole = "non_field_errors"

// constraints says what the constraints of the schema mean that do not follow from
// one field: what is unique, and the rules over several fields and rows.
var constraints = map[string]fault.Violation{
	"organization_name_unique":        {Field: "name", Reason: reason.Unique},
	"membership_unique":               {Field: Whole, Reason: reason.Unique},
	"site_name_unique":                {Field: "name", Reason: reason.Unique},
	"room_name_unique":                {Field: "name", Reason: reason.Unique},
	"quantity_name_unique":            {Field: "quantity", Reason: reason.Unique},
	"node_protocol_identifier_unique": {Field: "identifier", Reason: reason.Unique},
	"network_application_unique":      {Field: "application", Reason: reason.Unique},
	"node_model_name_unique":          {Field: "name", Reason: reason.Unique},
	"node_pkey":                       {Field: "eui64", Reason: reason.EUI64Taken}, // the id follows from it
	"node_eui64_unique":               {Field: "eui64", Reason: reason.EUI64Taken},

	"installation_no_overlap":       {Field: Whole, Reason: reason.Overlap},
	"installation_ends_after_start": {Field: "to_timestamp_s", Reason: reason.EndsBeforeStart},

	"installation_one_organization": {Field: Whole, Reason: reason.DifferentOrganizations},
	"node_stays_in_organization":    {Field: "owner", Reference: true, Reason: reason.InstalledElsewhere, Conflict: true},
	"room_stays_in_organization":    {Field: "site", Reference: true, Reason: reason.InstalledElsewhere, Conflict: true},
	"site_stays_in_organization":    {Field: "operator", Reference: true, Reason: reason.InstalledElsewhere, Conflict: true},
	"organization_keeps_owner":      {Reason: reason.LastOwner, Conflict: true},

	"alert_rule_template_once": {Field: Whole, Reason: reason.TemplateInUse, Conflict: true},

	"claim_code_organization_id_fkey":      {Field: "organization_id", Reason: reason.DoesNotExist},
	"node_model_quantity_quantity_id_fkey": {Field: "quantities", Reference: true, Reason: reason.DoesNotExist},
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
				return f.broken(reason.DoesNotExist), true
			case f.In() + "_length", f.In() + "_range", f.In() + "_form", f.In(), strings.TrimSuffix(f.In(), "_s") + "_range":
				return f.broken(reason.Invalid), true
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
		Nodes.Table: Nodes.Fields(), Installations.Table: Installations.Fields(), Calibrations.Table: Calibrations.Fields(),
		AlertRules.Table: AlertRules.Fields(),
	}
}
