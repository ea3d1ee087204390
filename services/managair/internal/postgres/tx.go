package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// beginner is a pool, or a transaction: in it, others are savepoints.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// database is what repositories work on.
type database interface {
	beginner
	querier
}

// inTx runs do in a transaction, and rolls back if it fails. It tells the
// database who the caller is, for the log of changes (table audit_log): whatever
// changes something that people see goes through here.
func inTx(ctx context.Context, db beginner, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if id := access.CallerFrom(ctx).UserID; id != 0 {
			if _, err := tx.Exec(ctx, "SELECT set_config('clair.actor', $1, true)", strconv.FormatInt(id, 10)); err != nil {
				return err
			}
		}
		return do(tx)
	})
}

func isNoRow(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func exec(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) error {
	_, err := tx.Exec(ctx, sql, args)
	return err
}
