package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// Identity keeps accounts.
type Identity struct{ pool *pgxpool.Pool }

var _ identity.Store = (*Identity)(nil)

// NewIdentity returns an Identity on pool.
func NewIdentity(pool *pgxpool.Pool) *Identity { return &Identity{pool} }

const userColumns = `u.id, u.username, u.email, u.first_name, u.last_name, u.is_active, u.is_staff, u.is_superuser,
	       u.joined_at, u.last_login_at`

func userFields(u *identity.User) []any {
	return []any{
		&u.ID, &u.Username, &u.Email, &u.FirstName, &u.LastName, &u.Active, &u.Staff, &u.Superuser, &u.JoinedAt, &u.LastLoginAt,
	}
}

// identityError names the field whose rule err says is broken.
func identityError(err error) error {
	_, constraint, ok := pgdb.Violation(err)
	if !ok {
		return pgdb.Translate(err)
	}
	switch constraint {
	case "user_account_username_unique":
		return &identity.FieldError{Field: "username", Code: "unique"}
	case "user_account_username_length":
		return &identity.FieldError{Field: "username", Code: "max_length"}
	case "email_address_verified_unique", "email_address_user_unique":
		return &identity.FieldError{Field: "email", Code: "unique"}
	case "email_address_form":
		return &identity.FieldError{Field: "email", Code: "invalid"}
	default:
		return err
	}
}

// CreateUser makes an account, and its address if it has one.
func (s *Identity) CreateUser(ctx context.Context, n identity.NewUser) (identity.User, error) {
	u := n.User
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO user_account AS u (username, email, first_name, last_name, password_hash, is_active, is_staff, is_superuser, joined_at)
			VALUES (@username, @email, @first_name, @last_name, @password_hash, @is_active, @is_staff, @is_superuser, @joined_at)
			RETURNING `+userColumns, pgx.NamedArgs{
			"username": n.Username, "email": n.Email, "first_name": n.FirstName, "last_name": n.LastName,
			"password_hash": n.PasswordHash, "is_active": n.Active, "is_staff": n.Staff, "is_superuser": n.Superuser,
			"joined_at": n.JoinedAt,
		}).Scan(userFields(&u)...)
		if err != nil || n.Email == "" {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO email_address (user_id, email, verified, is_primary) VALUES (@user_id, @email, @verified, true)`,
			pgx.NamedArgs{"user_id": u.ID, "email": n.Email, "verified": n.EmailVerified})
		return err
	})
	if err != nil {
		return identity.User{}, fmt.Errorf("create user: %w", identityError(err))
	}
	return u, nil
}

// UserByID returns an account.
func (s *Identity) UserByID(ctx context.Context, id int64) (identity.User, error) {
	return s.user(ctx, `SELECT `+userColumns+` FROM user_account u WHERE u.id = @id`, pgx.NamedArgs{"id": id})
}

// UserByName finds an account by its name in any case.
func (s *Identity) UserByName(ctx context.Context, name string) (identity.User, error) {
	return s.user(ctx, `SELECT `+userColumns+` FROM user_account u WHERE lower(u.username) = lower(@name)`,
		pgx.NamedArgs{"name": name})
}

// UserByEmail finds the account that confirmed the address, else the only one
// that claims it: several claims belong to nobody.
func (s *Identity) UserByEmail(ctx context.Context, email string) (identity.User, error) {
	return s.user(ctx, `
		WITH claim AS (
		    SELECT user_id, verified FROM email_address WHERE lower(email) = lower(@email)
		)
		SELECT `+userColumns+`
		  FROM user_account u
		  JOIN claim c ON c.user_id = u.id
		 WHERE c.verified OR (SELECT count(*) FROM claim) = 1`, pgx.NamedArgs{"email": email})
}

func (s *Identity) user(ctx context.Context, sql string, args pgx.NamedArgs) (identity.User, error) {
	var u identity.User
	if err := s.pool.QueryRow(ctx, sql, args).Scan(userFields(&u)...); err != nil {
		return identity.User{}, fmt.Errorf("find user: %w", pgdb.Translate(err))
	}
	return u, nil
}

// UpdateProfile changes what users may change of themselves.
func (s *Identity) UpdateProfile(ctx context.Context, id int64, username, firstName, lastName string) (identity.User, error) {
	var u identity.User
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			UPDATE user_account u SET username = @username, first_name = @first_name, last_name = @last_name
			 WHERE u.id = @id
			RETURNING `+userColumns,
			pgx.NamedArgs{"id": id, "username": username, "first_name": firstName, "last_name": lastName}).Scan(userFields(&u)...)
	})
	if err != nil {
		return identity.User{}, fmt.Errorf("update user: %w", identityError(err))
	}
	return u, nil
}

// DeleteUser deletes an account unless an organization would lose its last owner.
func (s *Identity) DeleteUser(ctx context.Context, id int64) (names []string, err error) {
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		// The lock keeps two owners from leaving at the same time.
		rows, err := tx.Query(ctx, `
			SELECT o.name
			  FROM organization o
			  JOIN membership m ON m.organization_id = o.id AND m.user_id = @id AND m.role = 'O'
			 WHERE NOT EXISTS (SELECT FROM membership other
			                    WHERE other.organization_id = o.id AND other.role = 'O' AND other.user_id <> @id)
			 ORDER BY o.name
			   FOR UPDATE OF o`, pgx.NamedArgs{"id": id})
		if err != nil {
			return err
		}
		if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		if len(names) > 0 {
			return fault.New(fault.Conflict, "the last owner of an organization cannot leave it")
		}
		tag, err := tx.Exec(ctx, "DELETE FROM user_account WHERE id = @id", pgx.NamedArgs{"id": id})
		if err == nil && tag.RowsAffected() == 0 {
			return pgx.ErrNoRows
		}
		return err
	})
	if err != nil {
		return names, fmt.Errorf("delete user: %w", pgdb.Translate(err))
	}
	return nil, nil
}

// PasswordHash returns the hash of the user's password.
func (s *Identity) PasswordHash(ctx context.Context, userID int64) (string, error) {
	var hash string
	err := s.pool.QueryRow(ctx, "SELECT password_hash FROM user_account WHERE id = $1", userID).Scan(&hash)
	if err != nil {
		return "", fmt.Errorf("read password hash: %w", pgdb.Translate(err))
	}
	return hash, nil
}

// UpgradeHash replaces a hash by another one of the same password.
func (s *Identity) UpgradeHash(ctx context.Context, userID int64, old, hash string) error {
	_, err := s.pool.Exec(ctx, "UPDATE user_account SET password_hash = $3 WHERE id = $1 AND password_hash = $2", userID, old, hash)
	if err != nil {
		return fmt.Errorf("upgrade password hash: %w", pgdb.Translate(err))
	}
	return nil
}

// SetPassword sets a new password and ends what was logged in with the old one.
func (s *Identity) SetPassword(ctx context.Context, userID int64, hash string, keep *identity.Digest) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return setPassword(ctx, tx, userID, hash, keep) })
	if err != nil {
		return fmt.Errorf("set password: %w", pgdb.Translate(err))
	}
	return nil
}

func setPassword(ctx context.Context, tx pgx.Tx, userID int64, hash string, keep *identity.Digest) error {
	var kept []byte // NULL keeps nothing
	if keep != nil {
		kept = keep[:]
	}
	tag, err := tx.Exec(ctx, "UPDATE user_account SET password_hash = $2 WHERE id = $1", userID, hash)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return pgx.ErrNoRows
	}
	for _, sql := range []string{
		"DELETE FROM account_session WHERE user_id = @id AND digest IS DISTINCT FROM @kept",
		"DELETE FROM api_token WHERE user_id = @id AND name = '' AND digest IS DISTINCT FROM @kept",
		"DELETE FROM account_key WHERE user_id = @id AND purpose = 'reset_password'",
	} {
		if _, err := tx.Exec(ctx, sql, pgx.NamedArgs{"id": userID, "kept": kept}); err != nil {
			return err
		}
	}
	return nil
}

// EmailAddresses lists the user's addresses, the primary one first.
func (s *Identity) EmailAddresses(ctx context.Context, userID int64) ([]identity.EmailAddress, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, user_id, email, verified, is_primary
		  FROM email_address WHERE user_id = $1 ORDER BY is_primary DESC, lower(email), id`, userID)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", pgdb.Translate(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[identity.EmailAddress])
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", pgdb.Translate(err))
	}
	return all, nil
}

// AddEmail adds an address that is not confirmed.
func (s *Identity) AddEmail(ctx context.Context, userID int64, email string) (identity.EmailAddress, error) {
	e := identity.EmailAddress{UserID: userID, Email: email}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "INSERT INTO email_address (user_id, email) VALUES ($1, $2) RETURNING id", userID, email).Scan(&e.ID)
	})
	if err != nil {
		return identity.EmailAddress{}, fmt.Errorf("add address: %w", identityError(err))
	}
	return e, nil
}

// RemoveEmail removes an address that is not the primary one.
func (s *Identity) RemoveEmail(ctx context.Context, userID, id int64) error {
	return s.change(ctx, "remove address",
		"DELETE FROM email_address WHERE user_id = @user_id AND id = @id AND NOT is_primary", userID, id)
}

// SetPrimaryEmail makes a confirmed address the primary one.
func (s *Identity) SetPrimaryEmail(ctx context.Context, userID, id int64) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error { return setPrimary(ctx, tx, userID, id) })
	if err != nil {
		return fmt.Errorf("set primary address: %w", pgdb.Translate(err))
	}
	return nil
}

func setPrimary(ctx context.Context, tx pgx.Tx, userID, id int64) error {
	args := pgx.NamedArgs{"user_id": userID, "id": id}
	_, err := tx.Exec(ctx, "UPDATE email_address SET is_primary = false WHERE user_id = @user_id AND is_primary AND id <> @id", args)
	if err != nil {
		return err
	}
	var email string
	err = tx.QueryRow(ctx, `
		UPDATE email_address SET is_primary = true WHERE user_id = @user_id AND id = @id AND verified RETURNING email`, args).Scan(&email)
	if err != nil {
		return err
	}
	args["email"] = email
	_, err = tx.Exec(ctx, "UPDATE user_account SET email = @email WHERE id = @user_id", args)
	return err
}

// change runs a statement on one row of the user's.
func (s *Identity) change(ctx context.Context, what, sql string, userID, id int64) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, pgx.NamedArgs{"user_id": userID, "id": id})
		if err == nil && tag.RowsAffected() == 0 {
			return pgx.ErrNoRows
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, pgdb.Translate(err))
	}
	return nil
}

// CreateKey remembers a key that is sent by mail.
func (s *Identity) CreateKey(ctx context.Context, digest identity.Digest, purpose identity.Purpose, userID int64, emailID *int64, expires time.Time) error {
	_, err := s.pool.Exec(ctx, `
		INSERT INTO account_key (digest, purpose, user_id, email_id, expires_at)
		VALUES (@digest, @purpose, @user_id, @email_id, @expires_at)`,
		pgx.NamedArgs{"digest": digest[:], "purpose": purpose, "user_id": userID, "email_id": emailID, "expires_at": expires})
	if err != nil {
		return fmt.Errorf("remember a key: %w", pgdb.Translate(err))
	}
	return nil
}

// KeyUser returns whose key it is.
func (s *Identity) KeyUser(ctx context.Context, digest identity.Digest, purpose identity.Purpose, now time.Time) (identity.User, identity.EmailAddress, error) {
	var u identity.User
	var e identity.EmailAddress
	err := s.pool.QueryRow(ctx, `
		SELECT `+userColumns+`, coalesce(e.id, 0), u.id, coalesce(e.email, ''), coalesce(e.verified, false), coalesce(e.is_primary, false)
		  FROM account_key k
		  JOIN user_account u ON u.id = k.user_id
		  LEFT JOIN email_address e ON e.id = k.email_id
		 WHERE k.digest = @digest AND k.purpose = @purpose AND k.expires_at > @now`,
		pgx.NamedArgs{"digest": digest[:], "purpose": purpose, "now": now}).
		Scan(append(userFields(&u), &e.ID, &e.UserID, &e.Email, &e.Verified, &e.Primary)...)
	if err != nil {
		return identity.User{}, identity.EmailAddress{}, fmt.Errorf("find key: %w", pgdb.Translate(err))
	}
	return u, e, nil
}

// ConfirmEmail confirms the address that the key was sent to. It becomes the
// primary one if the user has no confirmed one yet.
func (s *Identity) ConfirmEmail(ctx context.Context, digest identity.Digest, now time.Time) (identity.EmailAddress, error) {
	var e identity.EmailAddress
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			WITH key AS (
			    DELETE FROM account_key WHERE digest = @digest AND purpose = 'confirm_email' AND expires_at > @now RETURNING email_id
			)
			UPDATE email_address e SET verified = true FROM key WHERE e.id = key.email_id
			RETURNING e.id, e.user_id, e.email, e.verified, e.is_primary`,
			pgx.NamedArgs{"digest": digest[:], "now": now}).Scan(&e.ID, &e.UserID, &e.Email, &e.Verified, &e.Primary)
		if err != nil || e.Primary {
			return err
		}
		var hasOther bool
		err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM email_address WHERE user_id = $1 AND is_primary AND verified)", e.UserID).Scan(&hasOther)
		if err != nil || hasOther {
			return err
		}
		e.Primary = true
		return setPrimary(ctx, tx, e.UserID, e.ID)
	})
	if err != nil {
		return identity.EmailAddress{}, fmt.Errorf("confirm address: %w", identityError(err))
	}
	return e, nil
}

// ResetPassword sets the password of the user whom the key was sent to.
func (s *Identity) ResetPassword(ctx context.Context, digest identity.Digest, hash string, now time.Time) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		var userID int64
		err := tx.QueryRow(ctx, `
			DELETE FROM account_key WHERE digest = $1 AND purpose = 'reset_password' AND expires_at > $2 RETURNING user_id`,
			digest[:], now).Scan(&userID)
		if err != nil {
			return err
		}
		return setPassword(ctx, tx, userID, hash, nil)
	})
	if err != nil {
		return fmt.Errorf("reset password: %w", pgdb.Translate(err))
	}
	return nil
}

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
	return s.change(ctx, "end session", "DELETE FROM account_session WHERE user_id = @user_id AND id = @id", userID, id)
}

// CreateToken remembers a token. One without a name is a log-in, which is noted.
func (s *Identity) CreateToken(ctx context.Context, digest identity.Digest, t identity.Token) (identity.Token, error) {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO api_token (user_id, name, digest, scope, created_at, expires_at)
			VALUES (@user_id, @name, @digest, @scope, @created_at, @expires_at)
			RETURNING id`, pgx.NamedArgs{
			"user_id": t.UserID, "name": t.Name, "digest": digest[:], "scope": t.Scope, "created_at": t.CreatedAt, "expires_at": t.ExpiresAt,
		}).Scan(&t.ID)
		if err != nil || t.Name != "" {
			return err
		}
		return noteLogin(ctx, tx, t.UserID, t.CreatedAt)
	})
	if err != nil {
		return identity.Token{}, fmt.Errorf("create token: %w", pgdb.Translate(err))
	}
	return t, nil
}

const tokenColumns = "t.id, t.user_id, t.name, t.scope, t.created_at, t.expires_at, t.last_used_at"

func tokenFields(t *identity.Token) []any {
	return []any{&t.ID, &t.UserID, &t.Name, &t.Scope, &t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt}
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
	return s.change(ctx, "revoke token", "DELETE FROM api_token WHERE user_id = @user_id AND id = @id", userID, id)
}

// Attempt counts an attempt under key.
func (s *Identity) Attempt(ctx context.Context, key string, limit int, window time.Duration, now time.Time) (time.Duration, error) {
	var count int
	var expires time.Time
	err := s.pool.QueryRow(ctx, `
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

// Exhausted tells whether there were as many attempts as may be.
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

// ClearExpired deletes what has expired.
func (s *Identity) ClearExpired(ctx context.Context, now time.Time) (int64, error) {
	var n int64
	for _, table := range []string{"account_session", "api_token", "account_key", "account_attempt", "user_introduction"} {
		tag, err := s.pool.Exec(ctx, "DELETE FROM "+table+" WHERE expires_at <= $1", now)
		if err != nil {
			return n, fmt.Errorf("clear %s: %w", table, pgdb.Translate(err))
		}
		n += tag.RowsAffected()
	}
	return n, nil
}

// CountSuperusers counts those who can administer everything.
func (s *Identity) CountSuperusers(ctx context.Context) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, "SELECT count(*) FROM user_account WHERE is_superuser AND is_active").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count superusers: %w", pgdb.Translate(err))
	}
	return n, nil
}
