package web

import (
	"net/http"

	"golang.org/x/text/language"

	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// LanguageCookie is the web client's.
const LanguageCookie = "preferredlanguage"

var matcher = newMatcher()

func newMatcher() language.Matcher {
	tags := make([]language.Tag, len(words.Languages))
	for i, l := range words.Languages {
		tags[i] = language.Make(l.Code)
	}
	return language.NewMatcher(tags)
}

// LanguageOf returns the code of a language that texts are in: what the visitor chose
// on a page, else what the browser asks for.
func LanguageOf(r *http.Request) string {
	if chosen, err := r.Cookie(LanguageCookie); err == nil && words.Known(chosen.Value) {
		return chosen.Value
	}
	if wanted := r.Header.Get("Accept-Language"); wanted != "" && len(wanted) < 200 {
		_, i := language.MatchStrings(matcher, wanted)
		return words.Languages[i].Code
	}
	return words.Languages[0].Code
}
