package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

const selectInvitations = `
	SELECT i.id, i.organization_id, o.name, i.email, i.role, coalesce(u.username, ''), i.created_at, i.expires_at
	  FROM invitation i
	  JOIN organization o ON o.id = i.organization_id
	  LEFT JOIN user_account u ON u.id = i.inviter_id
	 WHERE `

const ownsInvitation = `EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = i.organization_id AND cm.role = 'O')`

// Fellow returns the address of somebody whom the caller shares an organization with.
func (s *Identity) Fellow(ctx context.Context, callerID, userID int64) (email string, err error) {
	err = s.pool.QueryRow(ctx, "SELECT u.email FROM user_account u WHERE u.id = @id AND u.is_active AND u.email <> '' AND ("+isFellow("u.id")+")",
		pgx.NamedArgs{"id": userID, "caller": callerID}).Scan(&email)
	if err != nil {
		return "", fmt.Errorf("find a fellow: %w", pgdb.Translate(err))
	}
	return email, nil
}

// Invite makes an invitation, in the place of one to the same address.
func (s *Identity) Invite(ctx context.Context, callerID int64, wanted identity.Invitation, digest identity.Digest) (identity.Invitation, error) {
	var made identity.Invitation
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		i := wanted
		err := needOwnership(ctx, tx, access.Caller{UserID: callerID}, i.OrganizationID)
		if v, ok := err.(*fault.Violation); ok { //nolint:errorlint // it is made there
			v.Field, v.Reference = "organization", true
		}
		if err != nil {
			return err
		}
		if err := lockMembers(ctx, tx, i.OrganizationID); err != nil {
			return err
		}
		if err := mayBeInvited(ctx, tx, i); err != nil {
			return err
		}
		args := pgx.NamedArgs{
			"organization": i.OrganizationID, "email": i.Email, "role": i.Role, "caller": callerID, "digest": digest[:],
			"created": i.CreatedAt, "expires": i.ExpiresAt,
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO invitation (organization_id, email, role, inviter_id, digest, created_at, expires_at)
			VALUES (@organization, @email, @role, @caller, @digest, @created, @expires)
			    ON CONFLICT (organization_id, lower(email)) DO UPDATE
			   SET email = EXCLUDED.email, role = EXCLUDED.role, inviter_id = EXCLUDED.inviter_id, digest = EXCLUDED.digest,
			       created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at
			RETURNING id`, args).Scan(&i.ID)
		if err != nil {
			return err
		}
		made, err = oneInvitation(ctx, tx, "i.id = @id", pgx.NamedArgs{"id": i.ID})
		return err
	})
	if err != nil {
		return identity.Invitation{}, fmt.Errorf("invite: %w", identityError(err))
	}
	return made, nil
}

// IsInvited reports whether an invitation to the address waits.
func (s *Identity) IsInvited(ctx context.Context, email string, now time.Time) (bool, error) {
	var invited bool
	err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM invitation WHERE lower(email) = lower($1) AND expires_at > $2)",
		email, now).Scan(&invited)
	if err != nil {
		return false, fmt.Errorf("find an invitation: %w", pgdb.Translate(err))
	}
	return invited, nil
}

// mayBeInvited refuses those who are members already, as far as the members know: by
// their primary address. It also bounds how many wait for an answer.
func mayBeInvited(ctx context.Context, tx pgx.Tx, i identity.Invitation) error {
	var member bool
	var waiting int
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
		                WHERE m.organization_id = @organization AND lower(u.email) = lower(@email)),
		       (SELECT count(*) FROM invitation WHERE organization_id = @organization AND lower(email) <> lower(@email))`,
		pgx.NamedArgs{"organization": i.OrganizationID, "email": i.Email}).Scan(&member, &waiting)
	switch {
	case err != nil:
		return err
	case member:
		return &fault.Violation{Field: inventory.Whole, Reason: reason.Unique}
	case waiting >= identity.MaxInvitations:
		return &fault.Violation{Reason: reason.TooManyInvitations, Conflict: true}
	}
	return nil
}

func oneInvitation(ctx context.Context, db querier, where string, args pgx.NamedArgs) (identity.Invitation, error) {
	rows, err := db.Query(ctx, selectInvitations+where, args)
	if err != nil {
		return identity.Invitation{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[identity.Invitation])
}

// Invitations lists the invitations of organizations that the caller is OWNER of.
func (s *Identity) Invitations(ctx context.Context, callerID, organizationID int64, now time.Time) ([]identity.Invitation, error) {
	rows, err := s.pool.Query(ctx, selectInvitations+`i.expires_at > @now AND (@organization = 0 OR i.organization_id = @organization) AND `+
		ownsInvitation+` ORDER BY lower(i.email), i.id`, pgx.NamedArgs{"caller": callerID, "organization": organizationID, "now": now})
	if err == nil {
		var all []identity.Invitation
		if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[identity.Invitation]); err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("list invitations: %w", pgdb.Translate(err))
}

// Invitation returns one of them.
func (s *Identity) Invitation(ctx context.Context, callerID, id int64, now time.Time) (identity.Invitation, error) {
	i, err := oneInvitation(ctx, s.pool, "i.id = @id AND i.expires_at > @now AND "+ownsInvitation, pgx.NamedArgs{"id": id, "caller": callerID, "now": now})
	if err != nil {
		return i, fmt.Errorf("find invitation: %w", pgdb.Translate(err))
	}
	return i, nil
}

// Withdraw takes an invitation back.
func (s *Identity) Withdraw(ctx context.Context, callerID, id int64) error {
	return s.deleteInvitation(ctx, "withdraw invitation", "i.id = @id AND "+ownsInvitation, pgx.NamedArgs{"id": id, "caller": callerID})
}

// Decline forgets the invitation with that key.
func (s *Identity) Decline(ctx context.Context, digest identity.Digest) error {
	return s.deleteInvitation(ctx, "decline invitation", "i.digest = @digest", pgx.NamedArgs{"digest": digest[:]})
}

func (s *Identity) deleteInvitation(ctx context.Context, what, where string, args pgx.NamedArgs) error {
	tag, err := s.pool.Exec(ctx, "DELETE FROM invitation i WHERE "+where, args)
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, pgdb.Translate(err))
	}
	return nil
}

// InvitationByKey returns the invitation with that key.
func (s *Identity) InvitationByKey(ctx context.Context, digest identity.Digest, now time.Time) (identity.Invitation, error) {
	i, err := oneInvitation(ctx, s.pool, "i.digest = @digest AND i.expires_at > @now", pgx.NamedArgs{"digest": digest[:], "now": now})
	if err != nil {
		return i, fmt.Errorf("find invitation: %w", pgdb.Translate(err))
	}
	return i, nil
}

// Accept makes the user a member and uses the invitation up.
func (s *Identity) Accept(ctx context.Context, digest identity.Digest, userID int64, now time.Time, limit int) (identity.Invitation, error) {
	var i identity.Invitation
	err := inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if i, err = oneInvitation(ctx, tx, "i.digest = @digest AND i.expires_at > @now", pgx.NamedArgs{"digest": digest[:], "now": now}); err != nil {
			return err
		}
		if err := lockMembers(ctx, tx, i.OrganizationID); err != nil {
			return err
		}
		// Looked at again behind the lock: it may have been withdrawn, or accepted.
		tag, err := tx.Exec(ctx, "DELETE FROM invitation WHERE digest = @digest", pgx.NamedArgs{"digest": digest[:]})
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err != nil {
			return err
		}
		// Who is a member already stays what they are.
		args := pgx.NamedArgs{"user": userID, "organization": i.OrganizationID, "role": i.Role}
		var member bool
		err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM membership WHERE user_id = @user AND organization_id = @organization)", args).Scan(&member)
		if err != nil || member {
			return err
		}
		m := inventory.Membership{UserID: userID, Role: i.Role}
		if c := ownerCrowd(inventory.Quotas{Organizations: limit}, access.Caller{}, &m); c.limit > 0 {
			if err := c.check(ctx, tx, m.ID); err != nil {
				return err
			}
		}
		return exec(ctx, tx, "INSERT INTO membership (user_id, organization_id, role) VALUES (@user, @organization, @role)", args)
	})
	if err != nil {
		return identity.Invitation{}, fmt.Errorf("accept invitation: %w", identityError(err))
	}
	return i, nil
}
