package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// knownBrowsers is how many browsers of a user are remembered.
const knownBrowsers = 20

// RememberBrowser notes a browser in which the user has logged in.
func (s *Identity) RememberBrowser(ctx context.Context, userID int64, digest identity.Digest, expires time.Time) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO known_device (digest, user_id, expires_at) VALUES ($1, $2, $3)
			    ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at WHERE known_device.user_id = excluded.user_id`,
			digest[:], userID, expires)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM known_device WHERE digest IN (
			    SELECT digest FROM known_device WHERE user_id = $1 ORDER BY expires_at DESC, digest OFFSET $2
			)`, userID, knownBrowsers)
		return err
	})
	if err != nil {
		return fmt.Errorf("remember a browser: %w", pgdb.Translate(err))
	}
	return nil
}

// KnowsBrowser reports whether the user has logged in with the browser.
func (s *Identity) KnowsBrowser(ctx context.Context, userID int64, digest identity.Digest, now time.Time) (bool, error) {
	var known bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM known_device WHERE digest = $1 AND user_id = $2 AND expires_at > $3)",
		digest[:], userID, now).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("find a browser: %w", pgdb.Translate(err))
	}
	return known, nil
}
