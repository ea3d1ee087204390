package web

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"
)

var errNotText = errors.New("the form has characters that are no text")

// ParseForm reads the fields of a form. It refuses what no field can have and no
// column keeps: NUL and what is not UTF-8.
func ParseForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	for key, values := range r.Form {
		for _, v := range append(values, key) {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return errNotText
			}
		}
	}
	return nil
}
