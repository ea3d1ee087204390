package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// CreateSession begins a session and notes the log-in.
func (s *Identity) CreateSession(ctx context.Context, digest identity.Digest, n identity.Session) (identity.Session, error) {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO account_session (user_id, digest, csrf, created_at, last_seen_at, expires_at, address, user_agent)
			VALUES (@user_id, @digest, @csrf, @created_at, @created_at, @expires_at, @address, left(@user_agent, 300))
			RETURNING id`, pgx.NamedArgs{
			"user_id": n.UserID, "digest": digest[:], "csrf": n.CSRF, "created_at": n.CreatedAt, "expires_at": n.ExpiresAt,
			"address": n.Address, "user_agent": n.UserAgent,
		}).Scan(&n.ID)
		if err != nil {
			return err
		}
		err = exec(ctx, tx, noteAccess, pgx.NamedArgs{"action": "log_in", "user_id": n.UserID, "address": n.Address})
		if err != nil {
			return err
		}
		return noteLogin(ctx, tx, n.UserID, n.CreatedAt)
	})
	if err != nil {
		return identity.Session{}, fmt.Errorf("begin session: %w", pgdb.Translate(err))
	}
	return n, nil
}

func noteLogin(ctx context.Context, tx pgx.Tx, userID int64, at time.Time) error {
	_, err := tx.Exec(ctx, "UPDATE user_account SET last_login_at = $2 WHERE id = $1", userID, at)
	return err
}

const sessionColumns = "s.id, s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.user_agent, s.csrf"

func sessionFields(s *identity.Session) []any {
	return []any{&s.ID, &s.UserID, &s.CreatedAt, &s.LastSeenAt, &s.ExpiresAt, &s.Address, &s.UserAgent, &s.CSRF}
}

// noteEvery is how old the time of last use may be: one write a minute at the
// most, not one per request.
const noteEvery = time.Minute

// SessionUser returns a session and its user.
func (s *Identity) SessionUser(ctx context.Context, digest identity.Digest, now time.Time) (identity.Session, identity.User, error) {
	var n identity.Session
	var u identity.User
	err := s.pool.QueryRow(ctx, `
		SELECT `+sessionColumns+`, `+userColumns+`
		  FROM account_session s
		  JOIN user_account u ON u.id = s.user_id
		 WHERE s.digest = $1 AND s.expires_at > $2 AND u.is_active`, digest[:], now).
		Scan(append(sessionFields(&n), userFields(&u)...)...)
	if err == nil && now.Sub(n.LastSeenAt) > noteEvery {
		_, err = s.pool.Exec(ctx, "UPDATE account_session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2", n.ID, now)
	}
	if err != nil {
		return identity.Session{}, identity.User{}, fmt.Errorf("find session: %w", pgdb.Translate(err))
	}
	return n, u, nil
}

// Sessions lists the user's sessions, the latest used first.
func (s *Identity) Sessions(ctx context.Context, userID int64, now time.Time) ([]identity.Session, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+sessionColumns+`
		  FROM account_session s WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.last_seen_at DESC, s.id`, userID, now)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[identity.Session])
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", pgdb.Translate(err))
	}
	return all, nil
}

// EndSession ends a session of the user.
func (s *Identity) EndSession(ctx context.Context, userID, id int64) error {
	return s.change(ctx, "end session", `
		WITH given AS (DELETE FROM api_token WHERE user_id = @user_id AND session_id = @id AND name = '')
		DELETE FROM account_session WHERE user_id = @user_id AND id = @id`, userID, id)
}

// CreateToken remembers a token. One without a name is a log-in, which is noted.
func (s *Identity) CreateToken(ctx context.Context, digest identity.Digest, t identity.Token, limit int) (identity.Token, error) {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if t.Name != "" {
			if err := roomForToken(ctx, tx, t.UserID, limit); err != nil {
				return err
			}
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO api_token (user_id, name, digest, scope, created_at, expires_at, session_id)
			VALUES (@user_id, @name, @digest, @scope, @created_at, @expires_at, @session_id)
			RETURNING id`, pgx.NamedArgs{
			"user_id": t.UserID, "name": t.Name, "digest": digest[:], "scope": t.Scope, "created_at": t.CreatedAt, "expires_at": t.ExpiresAt,
			"session_id": t.SessionID,
		}).Scan(&t.ID)
		if err != nil || t.Name != "" {
			return err
		}
		if err := endOldest(ctx, tx, t.UserID); err != nil {
			return err
		}
		return noteLogin(ctx, tx, t.UserID, t.CreatedAt)
	})
	if err != nil {
		return identity.Token{}, fmt.Errorf("create token: %w", pgdb.Translate(err))
	}
	return t, nil
}

// roomForToken refuses a token beyond the limit. Whoever makes one waits for the others.
func roomForToken(ctx context.Context, tx pgx.Tx, userID int64, limit int) error {
	args := pgx.NamedArgs{"of": userID}
	if err := exec(ctx, tx, lockAccount, args); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM api_token WHERE user_id = @of AND name <> ''", args).Scan(&n); err != nil {
		return err
	}
	if limit > 0 && n >= limit {
		return &fault.Violation{Field: "name", Reason: reason.QuotaTokens, Args: []any{limit}, Conflict: true}
	}
	return nil
}

// loginTokens is how many log-ins through the API last at the same time; the oldest
// end.
const loginTokens = 50

func endOldest(ctx context.Context, tx pgx.Tx, userID int64) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM api_token WHERE id IN (
		    SELECT id FROM api_token WHERE user_id = $1 AND name = '' ORDER BY created_at DESC, id DESC OFFSET $2
		)`, userID, loginTokens)
	return err
}

const tokenColumns = "t.id, t.user_id, t.name, t.scope, t.created_at, t.expires_at, t.last_used_at, t.session_id"

func tokenFields(t *identity.Token) []any {
	return []any{&t.ID, &t.UserID, &t.Name, &t.Scope, &t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt, &t.SessionID}
}

// TokenUser returns a token and its user.
func (s *Identity) TokenUser(ctx context.Context, digest identity.Digest, now time.Time) (identity.Token, identity.User, error) {
	var t identity.Token
	var u identity.User
	err := s.pool.QueryRow(ctx, `
		SELECT `+tokenColumns+`, `+userColumns+`
		  FROM api_token t
		  JOIN user_account u ON u.id = t.user_id
		 WHERE t.digest = $1 AND (t.expires_at IS NULL OR t.expires_at > $2) AND u.is_active`, digest[:], now).
		Scan(append(tokenFields(&t), userFields(&u)...)...)
	if err == nil && (t.LastUsedAt == nil || now.Sub(*t.LastUsedAt) > noteEvery) {
		_, err = s.pool.Exec(ctx, "UPDATE api_token SET last_used_at = $2 WHERE id = $1", t.ID, now)
	}
	if err != nil {
		return identity.Token{}, identity.User{}, fmt.Errorf("find token: %w", pgdb.Translate(err))
	}
	return t, u, nil
}

// Tokens lists the user's tokens, the newest first.
func (s *Identity) Tokens(ctx context.Context, userID int64) ([]identity.Token, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+tokenColumns+` FROM api_token t WHERE t.user_id = $1 ORDER BY t.created_at DESC, t.id DESC`, userID)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[identity.Token])
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", pgdb.Translate(err))
	}
	return all, nil
}

// EndToken revokes a token of the user.
func (s *Identity) EndToken(ctx context.Context, userID, id int64) error {
	return s.change(ctx, "revoke token", `
		WITH began AS (
		    DELETE FROM account_session s USING api_token t
		     WHERE t.user_id = @user_id AND t.id = @id AND s.id = t.session_id AND s.user_id = @user_id
		)
		DELETE FROM api_token WHERE user_id = @user_id AND id = @id`, userID, id)
}
