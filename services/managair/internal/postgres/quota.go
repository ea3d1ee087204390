package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// crowd is what a thing is counted among: those of one organization or account.
type crowd struct {
	limit int // 0 or less: none
	// of is by which the organization or account is found in lock and count, as @of;
	// count leaves out @id.
	of          int64
	lock, count string
	// field is where the refusal stands, text what it says.
	field inventory.Field
	text  string
}

const (
	lockOrganization = "SELECT FROM organization WHERE id = @of FOR NO KEY UPDATE"
	lockAccount      = "SELECT FROM user_account WHERE id = @of FOR NO KEY UPDATE"
)

func organizationCrowd(q inventory.Quotas, caller access.Caller, _ *inventory.Organization) crowd {
	return crowd{
		limit: q.Organizations, of: caller.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM membership WHERE user_id = @of AND role = 'O' AND organization_id <> @id", text: "quota_organizations",
	}
}

func addressCrowd(q inventory.Quotas, caller access.Caller, _ *inventory.Address) crowd {
	return crowd{
		limit: q.Addresses, of: caller.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM address WHERE created_by = @of AND id <> @id", text: "quota_addresses",
	}
}

func siteCrowd(q inventory.Quotas, _ access.Caller, s *inventory.Site) crowd {
	return crowd{
		limit: q.Sites, of: s.OperatorID, lock: lockOrganization,
		count: "SELECT count(*) FROM site WHERE operator_id = @of AND id <> @id",
		field: inventory.Field{Name: "operator", Of: "organization"}, text: "quota_sites",
	}
}

func roomCrowd(q inventory.Quotas, _ access.Caller, r *inventory.Room) crowd {
	return crowd{
		limit: q.Rooms, of: r.SiteID,
		lock: "SELECT FROM organization o JOIN site s ON s.operator_id = o.id WHERE s.id = @of FOR NO KEY UPDATE OF o",
		count: `SELECT count(*) FROM room r JOIN site s ON s.id = r.site_id
		         WHERE s.operator_id = (SELECT operator_id FROM site WHERE id = @of) AND r.id <> @id`,
		field: inventory.Field{Name: "site", Of: "site"}, text: "quota_rooms",
	}
}

func nodeCrowd(q inventory.Quotas, _ access.Caller, n *inventory.Node) crowd {
	return crowd{
		limit: q.Nodes, of: n.OwnerID, lock: lockOrganization,
		count: "SELECT count(*) FROM node WHERE owner_id = @of AND id <> @id",
		field: inventory.Field{Name: "owner", Of: "organization"}, text: "quota_nodes",
	}
}

// checkQuota refuses a thing that would be one too many where it comes to be. The lock
// lets one after the other count, each in a statement that sees what came before.
func (r *repository[T, ID]) checkQuota(ctx context.Context, tx pgx.Tx, caller access.Caller, old, thing *T) error {
	if r.kind.crowd == nil || caller.Administers {
		return nil
	}
	c := r.kind.crowd(r.terms.Quotas, caller, thing)
	if c.limit <= 0 || old != nil && r.kind.crowd(r.terms.Quotas, caller, old).of == c.of {
		return nil
	}
	args := pgx.NamedArgs{"of": c.of, "id": r.kind.idOf(thing)}
	if err := exec(ctx, tx, c.lock, args); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRow(ctx, c.count, args).Scan(&n); err != nil {
		return err
	}
	if n < c.limit {
		return nil
	}
	return &fault.Violation{
		Field: c.field.Name, Reference: c.field.Reference(), Code: "quota_exceeded", Text: c.text, Args: []any{c.limit}, Conflict: true,
	}
}
