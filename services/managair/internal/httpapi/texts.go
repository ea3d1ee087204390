package httpapi

import (
	"fmt"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

// texts are what people read of an error, by code (or the Text of an error), in
// German and English. Programs read the code. The predecessor answered in
// German, so that is the language for those who do not ask for one.
var texts = map[string][2]string{
	"authentication_failed":       {"Ungültiges Token.", "Invalid token."},
	"blank":                       {"Dieses Feld darf nicht leer sein.", "This field may not be blank."},
	"conflict":                    {"Das widerspricht dem, was schon da ist.", "That contradicts what is already there."},
	"different_organizations":     {"Sensor und Raum müssen derselben Organisation gehören.", "Node and room must belong to the same organization."},
	"does_not_exist":              {"Ungültiger pk \"%v\" - Objekt existiert nicht.", "Invalid id \"%v\": there is no such object."},
	"email_not_verified":          {"Die E-Mail-Adresse ist noch nicht bestätigt. Wir haben Ihnen noch einmal geschrieben.", "The e-mail address is not confirmed yet. We have written to you again."},
	"ends_before_start":           {"Das Ende muss nach dem Anfang liegen.", "The end must be after the start."},
	"error":                       {"Fehler.", "Error."},
	"image_invalid":               {"Das ist kein Bild im Format JPEG, PNG, GIF oder WebP.", "This is not an image of type JPEG, PNG, GIF or WebP."},
	"uploads_full":                {"Gerade werden zu viele Bilder hochgeladen. Bitte in einigen Sekunden noch einmal versuchen.", "Too many pictures are being uploaded right now. Please try again in some seconds."},
	"image_too_costly":            {"Dieses Bild braucht beim Lesen zu viel Speicher oder Zeit. Als gewöhnliches (nicht progressives) JPEG gespeichert wird es angenommen.", "This image takes too much memory or time to read. Saved as an ordinary (not progressive) JPEG it is accepted."},
	"image_too_large":             {"Das Bild hat mehr als %v Bildpunkte.", "The image has more than %v pixels."},
	"in_use":                      {"Wird noch benutzt und kann nicht gelöscht werden.", "It is in use and cannot be deleted."},
	"include_unknown":             {"\"%v\" kann nicht eingeschlossen werden; möglich: %v", "\"%v\" cannot be included; possible: %v"},
	"incorrect_type":              {"Falscher Typ: ein Objekt mit type und id wird erwartet.", "Incorrect type: an object with type and id is expected."},
	"installed_elsewhere":         {"Das Objekt hat Installationen in der bisherigen Organisation.", "The object has installations in its present organization."},
	"invalid":                     {"Ungültiger Wert.", "Invalid value."},
	"invalid_boolean":             {"Muss ein Wahrheitswert sein.", "Must be a valid boolean."},
	"invalid_choice":              {"\"%v\" ist keine gültige Option; möglich: %v", "\"%v\" is not a valid choice; possible: %v"},
	"invalid_eui64":               {"Eine EUI-64 hat 16 hexadezimale Ziffern.", "An EUI-64 has 16 hexadecimal digits."},
	"invalid_id":                  {"Ungültige id.", "Invalid id."},
	"invalid_integer":             {"Eine gültige Ganzzahl ist erforderlich.", "A valid integer is required."},
	"invalid_month":               {"\"%v\" ist kein Monat; er wird wie 2026-01 geschrieben.", "\"%v\" is not a month; it is written like 2026-01."},
	"invalid_number":              {"Eine gültige Zahl ist erforderlich.", "A valid number is required."},
	"invalid_page":                {"Ungültige Seite.", "Invalid page."},
	"invalid_parameter":           {"invalid query parameter: %v", "invalid query parameter: %v"},
	"invalid_query":               {"Die Parameter sind nicht lesbar.", "The query cannot be read."},
	"invalid_range":               {"Der Anfang liegt nach dem Ende.", "The start is after the end."},
	"invalid_text":                {"Ein Text wird erwartet.", "Not a valid string."},
	"invalid_uuid":                {"Muss eine gültige UUID sein.", "Must be a valid UUID."},
	"invalid_value":               {"Ungültiger Wert.", "Invalid value."},
	"invalid_time_zone":           {"Das ist keine Zeitzone. Gemeint ist ein Name wie Europe/Berlin.", "This is no time zone. What is meant is a name such as Europe/Berlin."},
	"invalid_zip":                 {"Eine Postleitzahl besteht aus Buchstaben, Ziffern, Leerzeichen und Bindestrichen.", "A postal code consists of letters, digits, blanks and hyphens."},
	"key_unknown":                 {"Der Link wurde schon benutzt oder ist zu alt.", "The link has been used or is too old."},
	"last_owner":                  {"Eine Organisation braucht mindestens einen OWNER.", "An organization needs at least one OWNER."},
	"logged_out":                  {"Erfolgreich ausgeloggt.", "Successfully logged out."},
	"max_decimal_places":          {"Höchstens %v Nachkommastellen sind erlaubt.", "No more than %v decimal places are allowed."},
	"max_length":                  {"Höchstens %v Zeichen sind erlaubt.", "No more than %v characters are allowed."},
	"max_value":                   {"Muss kleiner oder gleich %v sein.", "Must be less than or equal to %v."},
	"max_whole_digits":            {"Höchstens %v Stellen vor dem Komma sind erlaubt.", "No more than %v digits before the decimal point are allowed."},
	"method_not_allowed":          {"Methode \"%v\" nicht erlaubt.", "Method \"%v\" not allowed."},
	"min_value":                   {"Muss größer oder gleich %v sein.", "Must be greater than or equal to %v."},
	"missing_id":                  {"The resource identifier object must contain an 'id' member", "The resource identifier object must contain an 'id' member"},
	"missing_type":                {"The resource identifier object must contain a 'type' member", "The resource identifier object must contain a 'type' member"},
	"no_operations":               {"Eine Liste von Vorgängen wird erwartet.", "A list of operations is expected."},
	"no_primary_data":             {"Received document does not contain primary data", "Received document does not contain primary data"},
	"not_a_list":                  {"Eine Liste wird erwartet.", "A list is expected."},
	"not_acceptable":              {"Keine der verlangten Darstellungen ist verfügbar.", "None of the requested representations is available."},
	"not_an_object":               {"Received data is not a valid JSON:API resource object", "Received data is not a valid JSON:API resource object"},
	"not_authenticated":           {"Anmeldedaten fehlen.", "Authentication credentials were not provided."},
	"not_found":                   {"Nicht gefunden.", "Not found."},
	"null":                        {"Dieses Feld darf nicht null sein.", "This field may not be null."},
	"null_characters_not_allowed": {"Null-Zeichen und ungültiges UTF-8 sind nicht erlaubt.", "Null characters and invalid UTF-8 are not allowed."},
	"operation_unsupported":       {"Solche Vorgänge gibt es hier nicht.", "There are no such operations here."},
	"overlap":                     {"Der Sensor ist in dieser Zeit schon installiert.", "The node is already installed in that time."},
	"parse_error":                 {"Das Dokument ist nicht lesbar: %v", "The document cannot be read: %v"},
	"password_changed":            {"Das neue Passwort wurde gespeichert.", "New password has been saved."},
	"password_entirely_numeric":   {"Das Passwort besteht nur aus Ziffern.", "The password is entirely numeric."},
	"password_incorrect":          {"Das Passwort ist falsch.", "The password is wrong."},
	"password_mismatch":           {"Die beiden Passwörter sind verschieden.", "The two passwords differ."},
	"password_too_common":         {"Das Passwort ist zu leicht zu erraten.", "The password is too easy to guess."},
	"password_too_long":           {"Das Passwort ist zu lang.", "The password is too long."},
	"password_too_short":          {"Das Passwort braucht mindestens 8 Zeichen.", "The password needs at least 8 characters."},
	"password_too_similar":        {"Das Passwort ist Ihrem Namen oder Ihrer Adresse zu ähnlich.", "The password is too similar to your name or address."},
	"permission_denied":           {"Sie sind nicht berechtigt, das zu tun.", "You do not have permission to perform this action."},
	"read_only":                   {"Dieses Feld kann hier nicht geändert werden.", "This field cannot be changed here."},
	"read_only_token":             {"Mit diesem Token darf nur gelesen werden.", "This token may only read."},
	"required":                    {"Dieses Feld ist erforderlich.", "This field is required."},
	"reset_mail_sent":             {"Wir haben an diese Adresse geschrieben.", "We have written to that address."},
	"throttled":                   {"Zu viele Anfragen; bitte in %v Sekunden wieder.", "Too many requests; try again in %v seconds."},
	"too_large":                   {"Die Anfrage ist zu groß.", "The request is too large."},
	"too_many_operations":         {"Höchstens %v Vorgänge auf einmal sind erlaubt.", "No more than %v operations at once are allowed."},
	"too_slow":                    {"Die Antwort hat zu lange gedauert.", "The answer took too long."},
	"unavailable":                 {"Der Dienst ist vorübergehend nicht verfügbar.", "The service is temporarily unavailable."},
	"unique":                      {"Der Wert wird schon verwendet.", "This value is already in use."},
	"unknown_filter":              {"Unbekannter Filter \"%v\"; möglich: %v", "Unknown filter \"%v\"; possible: %v"},
	"unknown_sort":                {"Nach \"%v\" kann nicht sortiert werden; möglich: %v", "Cannot sort by \"%v\"; possible: %v"},
	"unsupported_media_type":      {"Medientyp \"%v\" wird nicht unterstützt.", "Unsupported media type \"%v\"."},
	"wrong_credentials":           {"Mit diesen Angaben ist kein Einloggen möglich.", "Unable to log in with these credentials."},
}

func detail(lang string, e *jsonapi.Error) string {
	key := e.Text
	if key == "" {
		key = e.Code
	}
	pair, ok := texts[key]
	if !ok {
		return key
	}
	text := pair[0]
	if lang == "en" {
		text = pair[1]
	}
	if len(e.Args) == 0 {
		return text
	}
	return fmt.Sprintf(text, e.Args...)
}
