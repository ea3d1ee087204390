package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

type affiliations struct{ db database }

// Change is part of inventory.Affiliations.
func (a *affiliations) Change(ctx context.Context, caller access.Caller, user int64, change func([]int64) []int64) ([]int64, bool, error) {
	people := &repository[inventory.User, int64]{db: a.db, kind: users()}
	var wanted []int64
	var changed bool
	err := people.transact(ctx, func(tx pgx.Tx) error {
		u, err := people.get(ctx, tx, caller, user)
		if err != nil {
			return err
		}
		wanted = change(slices.Clone(u.Organizations))
		changed = false
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
		// All in one order, in which others lock them too.
		either := append(slices.Clone(wanted), u.Organizations...)
		slices.Sort(either)
		for _, organization := range slices.Compact(either) {
			do := affiliate
			switch linked := slices.Contains(u.Organizations, organization); {
			case linked == slices.Contains(wanted, organization):
				continue
			case linked:
				do = disaffiliate
			}
			changed = true
			if err := do(ctx, tx, caller, user, organization); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("change organizations of user %d: %w", user, err)
	}
	return wanted, changed, nil
}

// affiliate refuses: nobody becomes a member so.
func affiliate(ctx context.Context, tx pgx.Tx, caller access.Caller, _, organization int64) error {
	if err := needOwnership(ctx, tx, caller, organization); err != nil {
		return err
	}
	return &fault.Violation{Reason: reason.MustBeInvited}
}

func disaffiliate(ctx context.Context, tx pgx.Tx, caller access.Caller, user, organization int64) error {
	if user != caller.UserID { // everybody may leave
		if err := needOwnership(ctx, tx, caller, organization); err != nil {
			return err
		}
	}
	if err := lockMembers(ctx, tx, organization); err != nil {
		return err
	}
	return exec(ctx, tx, "DELETE FROM membership WHERE user_id = @user AND organization_id = @organization",
		pgx.NamedArgs{"user": user, "organization": organization})
}

// needOwnership refuses what only an OWNER of the organization may do.
func needOwnership(ctx context.Context, tx pgx.Tx, caller access.Caller, organization int64) error {
	kind := organizations()
	var visible, owner bool
	err := tx.QueryRow(ctx, kind.reference("", organization, access.Owners).query,
		pgx.NamedArgs{"caller": caller.UserID, "id": organization}).Scan(&visible, &owner)
	switch {
	case err != nil && !isNoRow(err):
		return err
	case !visible:
		return &fault.Violation{Reason: reason.DoesNotExist, Args: []any{organization}}
	case !owner:
		return inventory.Forbidden()
	default:
		return nil
	}
}
