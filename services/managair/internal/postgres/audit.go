package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
)

// noteAccess logs that somebody came in, or tried to. Changes are logged by triggers.
const noteAccess = `
	INSERT INTO audit_log (actor_id, actor_name, source, subject, subject_id, action, changes)
	SELECT CASE WHEN @action = 'log_in' THEN u.id END, CASE WHEN @action = 'log_in' THEN u.username ELSE '' END,
	       current_setting('application_name'), 'user_account', u.id, @action,
	       jsonb_build_object('address', jsonb_build_array(NULL, @address::text))
	  FROM user_account u WHERE u.id = @user_id`

// NoteWrongPassword logs a wrong password for an account.
func (s *Identity) NoteWrongPassword(ctx context.Context, userID int64, address string) error {
	_, err := s.pool.Exec(ctx, noteAccess, pgx.NamedArgs{"action": "wrong_password", "user_id": userID, "address": address})
	if err != nil {
		return fmt.Errorf("log a wrong password: %w", pgdb.Translate(err))
	}
	return nil
}

// ClearAudit deletes what was logged before a time.
func (s *Identity) ClearAudit(ctx context.Context, before time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM audit_log WHERE at < $1", before)
	if err != nil {
		return 0, fmt.Errorf("clear the log of changes: %w", pgdb.Translate(err))
	}
	return tag.RowsAffected(), nil
}
