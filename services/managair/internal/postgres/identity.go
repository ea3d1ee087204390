package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
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

// identityError says which rule err reports as broken.
func identityError(err error) error {
	if v := constraint.Violation(err); v != nil {
		return v
	}
	return pgdb.Translate(err)
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

// claims are the accounts that have the address @email. A claim that is not confirmed
// counts only while the account has no confirmed address: otherwise whoever adds somebody
// else's address would get their log-ins and resets. Several claims belong to nobody.
const claims = `
	WITH claim AS (
	    SELECT e.user_id, e.verified
	      FROM email_address e
	     WHERE lower(e.email) = lower(@email)
	       AND (e.verified OR NOT EXISTS (SELECT FROM email_address o WHERE o.user_id = e.user_id AND o.verified))
	), owner AS (
	    SELECT user_id, verified FROM claim WHERE verified OR (SELECT count(*) FROM claim) = 1
	)`

// UserByEmail finds the account that confirmed the address, else the only one that
// claims it.
func (s *Identity) UserByEmail(ctx context.Context, email string) (identity.User, error) {
	return s.user(ctx, claims+`
		SELECT `+userColumns+`
		  FROM user_account u
		  JOIN owner ON owner.user_id = u.id`, pgx.NamedArgs{"email": email})
}

// UserByLogin finds who logs in by a name or an address. Whoever confirmed an address
// comes before an account that is called so, as the predecessor allowed: a name must not
// keep others out.
func (s *Identity) UserByLogin(ctx context.Context, login string) (identity.User, error) {
	return s.user(ctx, claims+`, called AS (
		    SELECT user_id, CASE WHEN verified THEN 1 ELSE 3 END AS rank FROM owner
		     UNION ALL
		    SELECT id, 2 FROM user_account WHERE lower(username) = lower(@email)
		)
		SELECT `+userColumns+`
		  FROM user_account u
		  JOIN called ON called.user_id = u.id
		 ORDER BY rank LIMIT 1`, pgx.NamedArgs{"email": login})
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
		return names, fmt.Errorf("delete user: %w", identityError(err))
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

// SetPassword sets a new password and ends what was opened with the old one.
func (s *Identity) SetPassword(ctx context.Context, n identity.NewPassword) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if n.Key != nil {
			if err := useKey(ctx, tx, n); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, "UPDATE user_account SET password_hash = $2 WHERE id = $1", n.UserID, n.Hash)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return pgx.ErrNoRows
		}
		return endAccess(ctx, tx, n)
	})
	if err != nil {
		return fmt.Errorf("set password: %w", pgdb.Translate(err))
	}
	return nil
}

// useKey uses a key for a new password up. Who comes second finds none.
func useKey(ctx context.Context, tx pgx.Tx, n identity.NewPassword) error {
	tag, err := tx.Exec(ctx, `
		DELETE FROM account_key
		 WHERE digest = @digest AND user_id = @user_id AND purpose = 'reset_password' AND expires_at > @now`,
		pgx.NamedArgs{"digest": n.Key[:], "user_id": n.UserID, "now": n.Now})
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	return err
}

// endAccess ends sessions and tokens that are not kept, and keys for a new password.
func endAccess(ctx context.Context, tx pgx.Tx, n identity.NewPassword) error {
	args := pgx.NamedArgs{"id": n.UserID, "kept": nil, "tokens": n.Tokens} // NULL keeps nothing
	if n.Kept != nil {
		args["kept"] = n.Kept[:]
	}
	if n.Tokens == nil {
		args["tokens"] = []int64{} // NULL would keep all
	}
	for _, sql := range []string{
		"DELETE FROM account_session WHERE user_id = @id AND digest IS DISTINCT FROM @kept",
		"DELETE FROM api_token WHERE user_id = @id AND digest IS DISTINCT FROM @kept AND (name = '' OR id <> ALL (@tokens))",
		"DELETE FROM account_key WHERE user_id = @id AND purpose = 'reset_password'",
	} {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return nil
}

// ClearExpired deletes what has expired.
func (s *Identity) ClearExpired(ctx context.Context, now time.Time) (int64, error) {
	var n int64
	for _, table := range []string{"account_session", "api_token", "account_key", "account_attempt", "user_introduction", "known_device", "invitation", "claim_code"} {
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
