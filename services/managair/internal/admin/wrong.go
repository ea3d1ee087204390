package admin

import (
	"errors"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// wrongs are the texts of what is wrong, by the input's name.
type wrongs map[string]string

// blame puts a refusal of the store to its field, and reports whether it was one.
func blame(lang string, err error, prefixes []string, wrong wrongs) bool {
	e, ok := errors.AsType[*fault.Violation](err)
	if !ok {
		return false
	}
	prefix := ""
	if e.Item < len(prefixes) {
		prefix = prefixes[e.Item]
	}
	wrong[prefix+e.Field] = problem(lang, e)
	return true
}

// asColumn calls the field of a violation as the column, by which forms know it.
func asColumn(err error) error {
	if e, ok := errors.AsType[*fault.Violation](err); ok && e.Reference {
		e.Field += "_id"
		return e
	}
	return err
}

// problem says what the store refuses.
func problem(lang string, e *fault.Violation) string {
	t := e.Reason.In(lang, e.Args...)
	if e.Detail != "" {
		t += " (" + e.Detail + ")"
	}
	return t
}

func notFound() error { return fault.New(fault.NotFound, "not found") }
