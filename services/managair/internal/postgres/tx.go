package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// inTx runs do in a transaction, and rolls back if it fails. It tells the
// database who the caller is, for the log of changes (table audit_log): whatever
// changes something that people see goes through here.
func inTx(ctx context.Context, pool *pgxpool.Pool, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if id := access.CallerFrom(ctx).UserID; id != 0 {
			if _, err := tx.Exec(ctx, "SELECT set_config('clair.actor', $1, true)", strconv.FormatInt(id, 10)); err != nil {
				return err
			}
		}
		return do(tx)
	})
}

func isNoRow(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// insertReturningID runs an INSERT .. RETURNING id.
func insertReturningID(ctx context.Context, tx pgx.Tx, id *int64, sql string, args pgx.NamedArgs) error {
	return tx.QueryRow(ctx, sql, args).Scan(id)
}

func exec(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) error {
	_, err := tx.Exec(ctx, sql, args)
	return err
}
