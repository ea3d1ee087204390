package postgres

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/rule"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// extra is what is read of a thing and is no field of the book.
type extra[T any] struct {
	sql string
	at  func(*T) any
	// changed says that sql is a column that changes are written to.
	changed bool
}

// writing is one change of a thing; old is nil for a new one.
type writing[T any] func(ctx context.Context, tx pgx.Tx, caller access.Caller, old, thing *T) error

// byTheBook completes a kind with what follows from its rules: each field of the book is
// a column of the table, which is read, inserted and changed. Lists of references have
// tables of their own, which the kind reads as extras and writes in its after.
func byTheBook[T any, ID comparable](id func(*T) *ID, k kind[T, ID]) kind[T, ID] {
	k.table = k.rules.Table
	k.idOf = func(thing *T) ID { return *id(thing) }
	var read, names, values, changes []string
	numbered := true // by the database, on insertion
	for _, f := range k.rules.Fields() {
		if f.Many {
			continue
		}
		column, out, in := f.In(), "", ""
		if _, ok := f.Rule.(rule.Decimal); ok {
			out, in = "::text", "::numeric" // digits as they are, not the nearest float
		}
		read = append(read, k.alias+"."+column+out)
		names = append(names, column)
		values = append(values, "@"+column+in)
		if f.OnCreate {
			numbered = false
		} else {
			changes = append(changes, column+" = @"+column+in)
		}
	}
	if numbered {
		read = append(read, k.alias+".id")
	}
	for _, e := range k.extras {
		if e.changed {
			changes = append(changes, e.sql+" = @"+e.sql)
			e.sql = k.alias + "." + e.sql
		}
		read = append(read, e.sql)
	}
	k.columns = strings.Join(read, ", ")
	k.scan = func(row pgx.CollectableRow) (thing T, err error) {
		places := make([]any, 0, len(read))
		for f, at := range k.rules.Places(&thing) {
			if !f.Many {
				places = append(places, place(at))
			}
		}
		if numbered {
			places = append(places, id(&thing))
		}
		for _, e := range k.extras {
			places = append(places, e.at(&thing))
		}
		err = row.Scan(places...)
		return thing, err
	}
	if k.creator != "" {
		names, values = append(names, k.creator), append(values, "@caller")
	}
	insert := "INSERT INTO " + k.table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ") RETURNING id"
	k.insert = k.around(func(ctx context.Context, tx pgx.Tx, caller access.Caller, _, thing *T) error {
		args := k.args(thing)
		args["caller"] = caller.UserID
		return tx.QueryRow(ctx, insert, args).Scan(place(id(thing)))
	})
	update := "UPDATE " + k.table + " SET " + strings.Join(changes, ", ") + " WHERE id = @id"
	k.update = k.around(func(ctx context.Context, tx pgx.Tx, _ access.Caller, _, thing *T) error {
		args := k.args(thing)
		args["id"] = *id(thing)
		return exec(ctx, tx, update, args)
	})
	return k
}

// around does what comes before and after the writing of a thing.
func (k *kind[T, ID]) around(write writing[T]) writing[T] {
	steps := []writing[T]{k.before, write, k.after}
	return func(ctx context.Context, tx pgx.Tx, caller access.Caller, old, thing *T) error {
		for _, step := range steps {
			if step == nil {
				continue
			}
			if err := step(ctx, tx, caller, old, thing); err != nil {
				return err
			}
		}
		return nil
	}
}

// args returns the values of a thing's columns.
func (k *kind[T, ID]) args(thing *T) pgx.NamedArgs {
	args := pgx.NamedArgs{}
	for f, at := range k.rules.Places(thing) {
		args[f.In()] = at
	}
	for _, e := range k.extras {
		if e.changed {
			args[e.sql] = e.at(thing)
		}
	}
	return args
}

// place lets the driver write the bytes of a UUID where they belong. It would make a
// text of them for the library's type to parse, with three allocations.
func place(at any) any {
	if id, ok := at.(*uuid.UUID); ok {
		return (*[16]byte)(id)
	}
	return at
}
