package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

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
