package httpapi

import (
	"cmp"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// detail is what people read of an error.
func detail(lang string, e *jsonapi.Error) string {
	key := cmp.Or(e.Text, e.Code)
	if text := words.Errors[key]; text.Is() {
		return text.In(lang, e.Args...)
	}
	return key
}
