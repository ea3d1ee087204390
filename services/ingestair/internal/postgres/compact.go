package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Samples of a node come in the order of time, between those of other nodes. A page
// of the key's index that is full is therefore split in halves, of which the left
// is never added to: the index of the running month is half empty. When a month is
// over, its index is rebuilt once, without holding anybody up; that takes a fourth
// off the space of its samples.

const (
	// Session locks, because rebuilding cannot be done in a transaction.
	tryLockCompact = `SELECT pg_try_advisory_lock(hashtext('sample_compact'))`
	unlockCompact  = `SELECT pg_advisory_unlock(hashtext('sample_compact'))`

	// A rebuild that was interrupted leaves an index that nobody uses.
	halfBuilt = `
	SELECT i.indexrelid::regclass::text
	  FROM pg_index i
	 WHERE NOT i.indisvalid
	   AND i.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'sample'::regclass)
	   AND i.indexrelid::regclass::text ~ '_ccnew\d*$'
	 ORDER BY 1`

	// The size is compared with that of an index without gaps (36 bytes an entry, 44
	// where some value is missing) and an eighth more for what came late.
	worthCompacting = `
	SELECT i.indexrelid::regclass::text
	  FROM pg_inherits p
	  JOIN pg_class t ON t.oid = p.inhrelid
	  JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
	 WHERE p.inhparent = 'sample'::regclass
	   AND t.relname < 'sample_y' || to_char(@closed::timestamptz AT TIME ZONE 'UTC', 'YYYY"m"MM')
	   AND t.reltuples > @rows
	   AND pg_relation_size(i.indexrelid) > t.reltuples * 44 * 9 / 8
	 ORDER BY t.relname
	 LIMIT 1`
)

const (
	// compactAfter is how long after its end a month is expected to be complete.
	compactAfter = 3 * 24 * time.Hour
	compactRows  = 10_000
)

// Compact implements ingest.Upkeep: it rebuilds the index of one month that is
// over, and tells whether it did.
func (s *Store) Compact(ctx context.Context, now time.Time) (more bool, err error) {
	err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		var locked bool
		if err := conn.QueryRow(ctx, tryLockCompact).Scan(&locked); err != nil || !locked {
			return err
		}
		// A session lock outlives a cancelled context, but not the connection.
		defer func() {
			if _, err := conn.Exec(context.WithoutCancel(ctx), unlockCompact); err != nil {
				_ = conn.Conn().Close(context.WithoutCancel(ctx))
			}
		}()
		more, err = compact(ctx, conn, now)
		return err
	})
	if err != nil {
		return false, translate(fmt.Errorf("compact samples: %w", err))
	}
	return more, nil
}

func compact(ctx context.Context, conn *pgxpool.Conn, now time.Time) (more bool, err error) {
	rows, err := conn.Query(ctx, halfBuilt)
	if err != nil {
		return false, err
	}
	abandoned, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return false, err
	}
	for _, index := range abandoned {
		if _, err := conn.Exec(ctx, "DROP INDEX CONCURRENTLY "+index); err != nil {
			return false, err
		}
	}
	var index string
	err = conn.QueryRow(ctx, worthCompacting, pgx.NamedArgs{"closed": now.Add(-compactAfter), "rows": compactRows}).Scan(&index)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Names come from the catalogue, quoted where they have to be.
	for _, sql := range []string{"ALTER INDEX " + index + " SET (fillfactor = 100)", "REINDEX INDEX CONCURRENTLY " + index} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return false, err
		}
	}
	return true, nil
}
