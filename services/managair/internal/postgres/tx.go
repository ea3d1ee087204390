package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
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

const (
	// attempts bounds how often a transaction is begun that the database ends because it
	// and another one wait for each other, or see different things.
	attempts = 4
	// pause is how long the second attempt waits at the most; each next one twice as long.
	pause = 20 * time.Millisecond
)

var repeated atomic.Int64

// Repeated returns how many transactions were begun again since the process started.
func Repeated() int64 { return repeated.Load() }

// inTx runs do in a transaction, and rolls back if it fails. It tells the
// database who the caller is, for the log of changes (table audit_log): whatever
// changes something that people see goes through here.
//
// do is run again where the database ends the transaction for the sake of another one,
// and must not keep anything of the time before.
func inTx(ctx context.Context, db beginner, do func(pgx.Tx) error) error {
	if _, within := db.(pgx.Tx); within {
		return once(ctx, db, do) // the whole is run again, or nothing
	}
	for n := 1; ; n++ {
		err := once(ctx, db, do)
		if n == attempts || !pgdb.IsContended(err) {
			return err
		}
		select {
		case <-time.After(rand.N(pause << (n - 1))):
			repeated.Add(1)
		case <-ctx.Done():
			return err
		}
	}
}

func once(ctx context.Context, db beginner, do func(pgx.Tx) error) error {
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
