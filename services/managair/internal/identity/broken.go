package identity

import "github.com/clairberlin/clair-stack/pkg/fault"

// constraints says what the constraints of the schema mean.
var constraints = map[string]fault.Violation{
	"user_account_username_unique":  {Field: "username", Code: "unique"},
	"user_account_username_length":  {Field: "username", Code: "max_length"},
	"email_address_verified_unique": {Field: "email", Code: "unique"},
	"email_address_user_unique":     {Field: "email", Code: "unique"},
	"email_address_one_primary":     {Field: "is_primary", Code: "unique"},
	"email_address_form":            {Field: "email", Code: "invalid"},
	"email_address_user_id_fkey":    {Field: "user_id", Reference: true, Code: "does_not_exist"},
	"api_token_user_id_fkey":        {Field: "user_id", Reference: true, Code: "does_not_exist"},
	"staff_right_unique":            {Field: "subject", Code: "unique"},
	"staff_right_subject":           {Field: "subject", Code: "invalid_choice"},
	"staff_right_user_id_fkey":      {Field: "user_id", Reference: true, Code: "does_not_exist"},
}

// Broken says what a broken constraint of the schema means; ok is false when it is
// none of the accounts'.
func Broken(constraint string) (v *fault.Violation, ok bool) {
	found, ok := constraints[constraint]
	return &found, ok
}
