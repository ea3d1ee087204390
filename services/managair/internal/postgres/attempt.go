package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// Attempt counts an attempt under key.
func (s *Identity) Attempt(ctx context.Context, key string, limit int, window time.Duration, now time.Time) (time.Duration, error) {
	return countAttempt(ctx, s.pool, key, limit, window, now)
}

func countAttempt(ctx context.Context, db querier, key string, limit int, window time.Duration, now time.Time) (time.Duration, error) {
	var count int
	var expires time.Time
	err := db.QueryRow(ctx, `
		INSERT INTO account_attempt AS a (key, count, expires_at) VALUES (@key, 1, @expires_at)
		    ON CONFLICT (key) DO UPDATE
		   SET count = CASE WHEN a.expires_at <= @now THEN 1 ELSE least(a.count + 1, @cap) END,
		       expires_at = CASE WHEN a.expires_at <= @now THEN excluded.expires_at ELSE a.expires_at END
		RETURNING a.count, a.expires_at`,
		pgx.NamedArgs{"key": key, "now": now, "expires_at": now.Add(window), "cap": limit + 1}).Scan(&count, &expires)
	if err != nil {
		return 0, fmt.Errorf("count attempts: %w", pgdb.Translate(err))
	}
	if count <= limit {
		return 0, nil
	}
	return expires.Sub(now), nil
}

// Exhausted reports whether there were as many attempts as may be.
func (s *Identity) Exhausted(ctx context.Context, key string, limit int, now time.Time) (time.Duration, error) {
	var expires time.Time
	err := s.pool.QueryRow(ctx, "SELECT expires_at FROM account_attempt WHERE key = $1 AND count >= $2 AND expires_at > $3", key, limit, now).
		Scan(&expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read attempts: %w", pgdb.Translate(err))
	}
	return expires.Sub(now), nil
}

// ForgetAttempts starts counting anew.
func (s *Identity) ForgetAttempts(ctx context.Context, keys ...string) error {
	if _, err := s.pool.Exec(ctx, "DELETE FROM account_attempt WHERE key = ANY ($1)", keys); err != nil {
		return fmt.Errorf("forget attempts: %w", pgdb.Translate(err))
	}
	return nil
}
