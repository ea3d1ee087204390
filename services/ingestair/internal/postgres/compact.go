package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
)

// Samples of a node come in the order of time, between those of other nodes. A page
// of the key's index that is full is therefore split in halves, of which the left
// is never added to: what was added since the index was built takes nearly twice the
// space. So the index of the running month is rebuilt in the night after it has grown
// by a sixth, and once more when the month is over, without holding anybody up
// (docs/decisions/0033-compact-the-running-month.md).

const (
	// Session locks, because rebuilding cannot be done in a transaction.
	tryLockCompact = `SELECT pg_try_advisory_lock(hashtext('sample_compact'))`
	unlockCompact  = `SELECT pg_advisory_unlock(hashtext('sample_compact'))`

	// Who owns the table, and since PostgreSQL 17 who maintains it, may rebuild an index.
	mayCompact = `
	SELECT pg_has_role(current_user, relowner, 'USAGE')
	    OR CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN has_table_privilege(oid, 'MAINTAIN') ELSE false END
	  FROM pg_class WHERE oid = 'sample'::regclass`

	// A rebuild that was interrupted leaves an index that nobody uses.
	dropHalfBuilt = `SELECT drop_half_built_sample_indexes()`
	fillIndex     = `SELECT fill_sample_index($1::text::regclass)`

	// The size is compared with that of an index without gaps: 36 bytes an entry, 44
	// where some value is missing, and a fiftieth for the pages themselves. What may be
	// missing at the same time is taken for twice, so that an index is never found too
	// large right after it was built.
	worthCompacting = `
	SELECT i.indexrelid::regclass::text, m.closed
	  FROM pg_inherits p
	  JOIN pg_class t ON t.oid = p.inhrelid
	  JOIN pg_namespace n ON n.oid = t.relnamespace
	  JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary,
	       LATERAL (SELECT t.relname < 'sample_y' || to_char(@closed::timestamptz AT TIME ZONE 'UTC', 'YYYY"m"MM') AS closed) m,
	       LATERAL (SELECT coalesce(sum(null_frac), 0) AS missing
	                  FROM pg_stats
	                 WHERE schemaname = n.nspname AND tablename = t.relname
	                   AND attname IN ('temperature_decicelsius', 'rel_humidity_percent')) s
	 WHERE p.inhparent = 'sample'::regclass
	   AND t.reltuples > @rows
	   AND pg_relation_size(i.indexrelid) > t.reltuples * (36 + 8 * least(1, s.missing)) * 1.02
	       * CASE WHEN m.closed THEN @closed_gaps::float8 ELSE @running_gaps::float8 END
	   AND (m.closed OR @night)
	 ORDER BY t.relname
	 LIMIT 1`
)

const (
	// compactAfter is how long after its end a month is expected to be complete.
	compactAfter = 3 * 24 * time.Hour
	compactRows  = 10_000
	// How much larger than without gaps an index may be. All rebuilding of a running
	// month together writes its index seven times.
	closedGaps, runningGaps = 1.05, 1.12
	// nightHour (UTC) is when running months are looked at. In the first days of a
	// month an index is loose again at once, and there is no use in trying each hour.
	nightHour = 2
)

// Compact implements ingest.Upkeep: it rebuilds the index of one month that has too
// many gaps, and reports whether there may be another month that is over.
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
		more, err = compact(ctx, conn, now.UTC())
		return err
	})
	if err != nil {
		return false, samplestore.Translate(fmt.Errorf("compact samples: %w", err))
	}
	return more, nil
}

func compact(ctx context.Context, conn *pgxpool.Conn, now time.Time) (more bool, err error) {
	var may bool
	if err := conn.QueryRow(ctx, mayCompact).Scan(&may); err != nil || !may {
		return false, err
	}
	if _, err := conn.Exec(ctx, dropHalfBuilt); err != nil {
		return false, err
	}
	var index string
	var closed bool
	err = conn.QueryRow(ctx, worthCompacting, pgx.NamedArgs{
		"closed": now.Add(-compactAfter), "rows": compactRows, "closed_gaps": closedGaps, "running_gaps": runningGaps,
		"night": now.Hour() == nightHour,
	}).Scan(&index, &closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := conn.Exec(ctx, fillIndex, index); err != nil {
		return false, err
	}
	// The name comes from the catalogue, quoted where it has to be.
	if _, err := conn.Exec(ctx, "REINDEX INDEX CONCURRENTLY "+index); err != nil {
		return false, err
	}
	return closed, nil
}
