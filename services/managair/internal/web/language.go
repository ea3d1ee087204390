package web

import (
	"net/http"

	"golang.org/x/text/language"
)

var matcher = language.NewMatcher([]language.Tag{language.German, language.English})

// LanguageOf returns "de" or "en": what the visitor chose on a page, else what the
// browser asks for.
func LanguageOf(r *http.Request) string {
	if chosen, err := r.Cookie(LanguageCookie); err == nil && (chosen.Value == "de" || chosen.Value == "en") {
		return chosen.Value
	}
	if wanted := r.Header.Get("Accept-Language"); wanted != "" && len(wanted) < 200 {
		if _, i := language.MatchStrings(matcher, wanted); i == 1 {
			return "en"
		}
	}
	return "de"
}

// LanguageCookie is the web client's.
const LanguageCookie = "preferredlanguage"
