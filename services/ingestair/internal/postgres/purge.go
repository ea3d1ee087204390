package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/samplestore"
)

const (
	// One at a time, and not the one that another replica is at.
	oldestRetired = `
	SELECT no FROM retired_node
	 WHERE retired_at < now() - @retired_for::interval
	 ORDER BY retired_at, no
	 LIMIT 1
	   FOR UPDATE SKIP LOCKED`

	purgeSamples = `
	DELETE FROM sample
	 WHERE node_no = $1
	   AND time IN (SELECT time FROM sample WHERE node_no = $1 ORDER BY time LIMIT $2)`

	purgeReadings = `
	DELETE FROM reading
	 WHERE node_no = $1
	   AND time IN (SELECT time FROM reading WHERE node_no = $1 ORDER BY time LIMIT $2)`

	purgeHours   = `DELETE FROM sample_hour WHERE node_no = $1`
	purgeDays    = `DELETE FROM sample_day WHERE node_no = $1`
	purgeLate    = `DELETE FROM sample_late WHERE node_no = $1`
	forgetNumber = `DELETE FROM retired_node WHERE no = $1`
)

// purgeChunk bounds a transaction, in samples.
const purgeChunk = 10_000

// Purge implements ingest.Upkeep: it deletes some of the samples of nodes that were
// deleted at least retiredFor ago, which nobody can see anymore, and reports whether
// there is more to do at once.
func (s *Store) Purge(ctx context.Context, retiredFor time.Duration) (more bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var no int32
		err := tx.QueryRow(ctx, oldestRetired, pgx.NamedArgs{"retired_for": retiredFor}).Scan(&no)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		for _, sql := range []string{purgeSamples, purgeReadings} {
			tag, err := tx.Exec(ctx, sql, no, purgeChunk)
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
		}
		for _, sql := range []string{purgeHours, purgeDays, purgeLate, forgetNumber} {
			if _, err := tx.Exec(ctx, sql, no); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, samplestore.Translate(fmt.Errorf("purge samples of deleted nodes: %w", err))
	}
	return more, nil
}
