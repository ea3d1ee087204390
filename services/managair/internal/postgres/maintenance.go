package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// Maintenance keeps the sample table in shape.
type Maintenance struct{ Pool *pgxpool.Pool }

// EnsurePartitions makes the sample partitions of the month of now and of the given
// number of months after it. Ingestion makes a missing one itself, but in the middle
// of a batch, and at midnight all of its writers at once.
func (m Maintenance) EnsurePartitions(ctx context.Context, now time.Time, ahead int) error {
	_, err := m.Pool.Exec(ctx, `
		SELECT ensure_sample_partition(
		           (date_trunc('month', @now::timestamptz AT TIME ZONE 'UTC') + make_interval(months => n)) AT TIME ZONE 'UTC')
		  FROM generate_series(0, @ahead::int) AS n`,
		pgx.NamedArgs{"now": now, "ahead": ahead})
	return pgdb.Translate(err)
}

// PurgeRetired deletes at most limit samples of one node that was deleted before
// the given time, and forgets the node when none is left. It returns how many it
// deleted; more is false when there is nothing left to purge, or others are at it.
func (m Maintenance) PurgeRetired(ctx context.Context, before time.Time, limit int) (deleted int64, more bool, err error) {
	err = pgx.BeginFunc(ctx, m.Pool, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			SELECT no
			  FROM retired_node
			 WHERE retired_at < @before
			 ORDER BY retired_at, no
			 LIMIT 1
			   FOR UPDATE SKIP LOCKED`,
			pgx.NamedArgs{"before": before})
		nos, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil || len(nos) == 0 {
			return err
		}
		more = true
		tag, err := tx.Exec(ctx, `
			DELETE FROM sample
			 USING (SELECT node_no, time FROM sample WHERE node_no = @no ORDER BY time LIMIT @limit) AS old
			 WHERE sample.node_no = old.node_no
			   AND sample.time = old.time`,
			pgx.NamedArgs{"no": nos[0], "limit": limit})
		if err != nil {
			return err
		}
		if deleted = tag.RowsAffected(); deleted == int64(limit) {
			return nil
		}
		_, err = tx.Exec(ctx, `DELETE FROM retired_node WHERE no = @no`, pgx.NamedArgs{"no": nos[0]})
		return err
	})
	return deleted, more && err == nil, pgdb.Translate(err)
}
