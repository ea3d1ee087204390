// Package constraint says what the database refuses. What its constraints mean stands
// in the domain; the names are found in the errors here, and nowhere else.
package constraint

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Violation says which rule err reports as broken, nil if it is none.
func Violation(err error) *fault.Violation {
	if v, ok := errors.AsType[*fault.Violation](err); ok {
		return v
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return nil
	case strings.HasPrefix(pgErr.Code, "22") && pgErr.Code != unstorable:
		return &fault.Violation{Reason: reason.Invalid, Detail: pgErr.Message}
	case !strings.HasPrefix(pgErr.Code, "23"):
		return nil
	case pgErr.Code == pgdb.NotNullViolation:
		return &fault.Violation{Field: pgErr.ColumnName, Reason: reason.Null}
	}
	if v, ok := inventory.Broken(pgErr.ConstraintName); ok {
		return v
	}
	if v, ok := identity.Broken(pgErr.ConstraintName); ok {
		return v
	}
	return nil
}

// unstorable is the SQLSTATE of a text with characters that cannot be kept.
const unstorable = "22021"

// InUse says that something refers to what is to be deleted.
func InUse() *fault.Violation { return &fault.Violation{Reason: reason.InUse, Conflict: true} }
