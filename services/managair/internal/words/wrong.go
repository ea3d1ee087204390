package words

// Wrong is what is wrong with a field of a form, by its code.
var Wrong = map[string]Text{
	"blank":                       {"Bitte ausfüllen.", "Please fill this in."},
	"eui64_taken":                 Errors["eui64_taken"],
	"claim_registered":            {"Das Gerät ist schon registriert, und zwar von: %v. Übergeben wird es bei den Sensoren, mit einem anderen Eigentümer.", "The device is registered already, by: %v. It is handed over among the sensors, by giving it another owner."},
	"conflict":                    {"Das widerspricht dem, was schon da ist.", "That contradicts what is already there."},
	"different_organizations":     {"Sensor und Raum müssen derselben Organisation gehören.", "Sensor and room must belong to the same organization."},
	"does_not_exist":              {"Bitte eine der Möglichkeiten wählen.", "Please choose one of the possibilities."},
	"ends_before_start":           {"Das Ende muss nach dem Anfang liegen.", "The end must be after the start."},
	"id_mismatch":                 {"Die Id folgt aus Protokoll und Geräte-EUI: %s. Sie kann weggelassen werden.", "The id follows from protocol and device EUI: %s. It can be left out."},
	"in_use":                      {"Es wird noch benutzt, oder das, worauf es verweist, gibt es nicht.", "It is still in use, or what it refers to does not exist."},
	"installed_elsewhere":         {"Es hat Installationen in der bisherigen Organisation.", "It has installations in its present organization."},
	"invalid":                     {"Das hat nicht die richtige Form.", "This does not have the right form."},
	"invalid_choice":              {"Bitte wählen Sie eine der Möglichkeiten.", "Please choose one of the possibilities."},
	"invalid_eui64":               {"Eine EUI-64 hat 16 hexadezimale Ziffern.", "An EUI-64 has 16 hexadecimal digits."},
	"invalid_integer":             {"Das ist keine ganze Zahl.", "This is not a whole number."},
	"invalid_number":              {"Das ist keine Zahl.", "This is not a number."},
	"invalid_time_zone":           {"Das ist keine Zeitzone. Gemeint ist ein Name wie Europe/Berlin.", "This is not a time zone. What is meant is a name such as Europe/Berlin."},
	"invalid_uuid":                {"Das ist keine UUID.", "This is not a UUID."},
	"invalid_zip":                 {"Eine Postleitzahl besteht aus Buchstaben, Ziffern, Leerzeichen und Bindestrichen.", "A postal code consists of letters, digits, blanks and hyphens."},
	"last_owner":                  {"Eine Organisation braucht mindestens einen OWNER.", "An organization needs at least one OWNER."},
	"last_superuser":              {"Es muss jemand übrig bleiben, der alles verwalten darf.", "Somebody must be left who may administer everything."},
	"max_decimal_places":          {"Höchstens %v Nachkommastellen sind erlaubt.", "No more than %v decimal places are allowed."},
	"max_length":                  {"Das ist zu lang.", "This is too long."},
	"max_value":                   {"Das darf höchstens %v sein.", "This must be at most %v."},
	"max_whole_digits":            {"Höchstens %v Stellen vor dem Komma sind erlaubt.", "No more than %v digits before the decimal point are allowed."},
	"min_value":                   {"Das muss mindestens %v sein.", "This must be at least %v."},
	"null":                        {"Bitte ausfüllen.", "Please fill this in."},
	"null_characters_not_allowed": {"Es enthält Zeichen, die nicht gespeichert werden können.", "It has characters that cannot be kept."},
	"other_device":                {"Das macht ein anderes Gerät daraus. Bitte das andere neu registrieren.", "That makes another device of it. Please register the other one anew."},
	"overlap":                     {"Der Sensor ist in dieser Zeit schon installiert.", "The sensor is already installed in that time."},
	"password_entirely_numeric":   {"Das Passwort besteht nur aus Ziffern.", "The password is entirely numeric."},
	"password_incorrect":          {"Das Passwort ist falsch.", "The password is wrong."},
	"password_mismatch":           {"Die beiden Passwörter sind verschieden.", "The two passwords differ."},
	"password_too_common":         {"Das Passwort ist zu leicht zu erraten.", "The password is too easy to guess."},
	"password_too_long":           {"Das Passwort ist zu lang.", "The password is too long."},
	"password_too_short":          {"Das Passwort braucht mindestens 8 Zeichen.", "The password needs at least 8 characters."},
	"password_too_similar":        {"Das Passwort ist Ihrem Namen oder Ihrer Adresse zu ähnlich.", "The password is too similar to your name or address."},
	"quota_exceeded":              {"Mehr davon sind nicht erlaubt.", "No more of these are allowed."},
	"quota_tokens":                {"Ein Konto kann höchstens %v Tokens haben. Bitte zuerst eines widerrufen.", "An account can have at most %v tokens. Please revoke one first."},
	"required":                    {"Bitte ausfüllen.", "Please fill this in."},
	"unique":                      {"Das wird schon benutzt.", "This is in use already."},
}

// WrongWith says what is wrong with a field, in general where the code has no text.
func WrongWith(code string) Text {
	if t := Wrong[code]; t.Is() {
		return t
	}
	return Wrong["invalid"]
}
