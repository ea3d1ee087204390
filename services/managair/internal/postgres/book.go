package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// byTheBook completes a kind with what follows from its rules: each field of the book is
// a column of the table, which is read, inserted and changed.
func byTheBook[T any](id func(*T) *int64, k kind[T, int64]) kind[T, int64] {
	k.table = k.rules.Table
	k.idOf = func(thing *T) int64 { return *id(thing) }
	var read, names, values, changes []string
	for _, f := range k.rules.Fields() {
		column, out, in := f.In(), "", ""
		if _, ok := f.Rule.(rule.Decimal); ok {
			out, in = "::text", "::numeric" // digits as they are, not the nearest float
		}
		read = append(read, k.alias+"."+column+out)
		names = append(names, column)
		values = append(values, "@"+column+in)
		changes = append(changes, column+" = @"+column+in)
	}
	k.columns = strings.Join(append(read, k.alias+".id"), ", ")
	k.scan = func(row pgx.CollectableRow) (thing T, err error) {
		places := make([]any, 0, len(read)+1)
		for _, at := range k.rules.Places(&thing) {
			places = append(places, at)
		}
		err = row.Scan(append(places, id(&thing))...)
		return thing, err
	}
	if k.creator != "" {
		names, values = append(names, k.creator), append(values, "@caller")
	}
	insert := "INSERT INTO " + k.table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ") RETURNING id"
	k.insert = func(ctx context.Context, tx pgx.Tx, caller access.Caller, thing *T) error {
		return insertReturningID(ctx, tx, id(thing), insert, argsOf(k.rules, thing, "caller", caller.UserID))
	}
	update := "UPDATE " + k.table + " SET " + strings.Join(changes, ", ") + " WHERE id = @id"
	k.update = func(ctx context.Context, tx pgx.Tx, _, thing *T) error {
		return exec(ctx, tx, update, argsOf(k.rules, thing, "id", *id(thing)))
	}
	return k
}

// argsOf returns the values of a thing's columns, and one more.
func argsOf[T any](rules *inventory.Kind[T], thing *T, name string, value any) pgx.NamedArgs {
	args := pgx.NamedArgs{name: value}
	for f, at := range rules.Places(thing) {
		args[f.In()] = at
	}
	return args
}
