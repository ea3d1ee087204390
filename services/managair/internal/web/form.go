package web

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// ParseForm reads the fields of a form. What no field can have and no column keeps, NUL
// and what is not UTF-8, is a violation of the field.
func ParseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(fault.Invalid, err, "bad form")
	}
	for _, key := range slices.Sorted(maps.Keys(r.Form)) {
		if isNoText(key) || slices.ContainsFunc(r.Form[key], isNoText) {
			v := &fault.Violation{Field: strings.ToValidUTF8(key, "?"), Reason: reason.NullCharactersNotAllowed}
			return fault.Wrap(fault.Invalid, v, "bad form")
		}
	}
	return nil
}

func isNoText(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }

// WrongForm says what is wrong with a request that is Invalid, and with which field of its
// form if it is one.
func WrongForm(language string, err error) string {
	v, ok := errors.AsType[*fault.Violation](err)
	if !ok {
		return reason.Invalid.In(language)
	}
	// Rows of other things have their place before the name.
	name := v.Field[strings.LastIndexByte(v.Field, '.')+1:]
	if t := words.Fields[name]; t.Is() {
		name = t.In(language)
	}
	return name + ": " + v.Reason.In(language, v.Args...)
}
