package identity

import (
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// constraints says what the constraints of the schema mean.
var constraints = map[string]fault.Violation{
	"user_account_username_unique":  {Field: "username", Reason: reason.Unique},
	"user_account_username_length":  {Field: "username", Reason: reason.MaxLength, Args: []any{MaxUsername}},
	"email_address_verified_unique": {Field: "email", Reason: reason.Unique},
	"email_address_user_unique":     {Field: "email", Reason: reason.Unique},
	"email_address_one_primary":     {Field: "is_primary", Reason: reason.Unique},
	"email_address_form":            {Field: "email", Reason: reason.Invalid},
	"email_address_user_id_fkey":    {Field: "user_id", Reference: true, Reason: reason.DoesNotExist},
	"api_token_user_id_fkey":        {Field: "user_id", Reference: true, Reason: reason.DoesNotExist},
	"staff_right_unique":            {Field: "subject", Reason: reason.Unique},
	"staff_right_subject":           {Field: "subject", Reason: reason.InvalidChoice},
	"staff_right_user_id_fkey":      {Field: "user_id", Reference: true, Reason: reason.DoesNotExist},
}

// Broken says what a broken constraint of the schema means; ok is false when it is
// none of the accounts'.
func Broken(constraint string) (v *fault.Violation, ok bool) {
	found, ok := constraints[constraint]
	return &found, ok
}
