package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// crowd is what a thing is counted among: those of one organization or account.
type crowd struct {
	limit int // 0 or less: none
	// of is by which the organization, account or node is found in lock and count, as @of;
	// count leaves out @id.
	of          any
	lock, count string
	// field is where the refusal stands, why what it says.
	field inventory.Field
	why   reason.Reason
}

// crowding returns what a thing is counted among.
type crowding[T any] func(inventory.Quotas, access.Caller, *T) crowd

const (
	lockOrganization = "SELECT FROM organization WHERE id = @of FOR NO KEY UPDATE"
	lockAccount      = "SELECT FROM user_account WHERE id = @of FOR NO KEY UPDATE"
)

func organizationCrowd(q inventory.Quotas, caller access.Caller, _ *inventory.Organization) crowd {
	return crowd{
		limit: q.Organizations, of: caller.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM membership WHERE user_id = @of AND role = 'O' AND organization_id <> @id", why: reason.QuotaOrganizations,
	}
}

// ownerCrowd counts the organizations of whoever is made OWNER of one more.
func ownerCrowd(q inventory.Quotas, _ access.Caller, m *inventory.Membership) crowd {
	if m.Role != inventory.Owner {
		return crowd{}
	}
	return crowd{
		limit: q.Organizations, of: m.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM membership WHERE user_id = @of AND role = 'O' AND id <> @id",
		field: inventory.Field{Name: "role"}, why: reason.QuotaOrganizations,
	}
}

func addressCrowd(q inventory.Quotas, caller access.Caller, _ *inventory.Address) crowd {
	return crowd{
		limit: q.Addresses, of: caller.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM address WHERE created_by = @of AND id <> @id", why: reason.QuotaAddresses,
	}
}

func siteCrowd(q inventory.Quotas, _ access.Caller, s *inventory.Site) crowd {
	return crowd{
		limit: q.Sites, of: s.OperatorID, lock: lockOrganization,
		count: "SELECT count(*) FROM site WHERE operator_id = @of AND id <> @id",
		field: inventory.Field{Name: "operator", Of: "organization"}, why: reason.QuotaSites,
	}
}

// carriedRooms counts the rooms that a site takes along to another organization.
func carriedRooms(q inventory.Quotas, _ access.Caller, s *inventory.Site) crowd {
	return crowd{
		limit: q.Rooms, of: s.OperatorID, lock: lockOrganization,
		count: `SELECT CASE WHEN EXISTS (SELECT FROM room WHERE site_id = @id) THEN count(*) - 1 ELSE 0 END
		          FROM room r JOIN site s ON s.id = r.site_id WHERE s.operator_id = @of OR s.id = @id`,
		field: inventory.Field{Name: "operator", Of: "organization"}, why: reason.QuotaRooms,
	}
}

func installationCrowd(q inventory.Quotas, _ access.Caller, i *inventory.Installation) crowd {
	return crowd{
		limit: q.Installations, of: i.RoomID,
		lock: "SELECT FROM organization o JOIN site s ON s.operator_id = o.id JOIN room r ON r.site_id = s.id WHERE r.id = @of FOR NO KEY UPDATE OF o",
		count: `SELECT count(*) FROM installation i JOIN room r ON r.id = i.room_id JOIN site s ON s.id = r.site_id
		         WHERE s.operator_id = (SELECT s.operator_id FROM room r JOIN site s ON s.id = r.site_id WHERE r.id = @of) AND i.id <> @id`,
		field: inventory.Field{Name: "room", Of: "room"}, why: reason.QuotaInstallations,
	}
}

func roomCrowd(q inventory.Quotas, _ access.Caller, r *inventory.Room) crowd {
	return crowd{
		limit: q.Rooms, of: r.SiteID,
		lock: "SELECT FROM organization o JOIN site s ON s.operator_id = o.id WHERE s.id = @of FOR NO KEY UPDATE OF o",
		count: `SELECT count(*) FROM room r JOIN site s ON s.id = r.site_id
		         WHERE s.operator_id = (SELECT operator_id FROM site WHERE id = @of) AND r.id <> @id`,
		field: inventory.Field{Name: "site", Of: "site"}, why: reason.QuotaRooms,
	}
}

func nodeCrowd(q inventory.Quotas, _ access.Caller, n *inventory.Node) crowd {
	return crowd{
		limit: q.Nodes, of: n.OwnerID, lock: lockOrganization,
		count: "SELECT count(*) FROM node WHERE owner_id = @of AND id <> @id",
		field: inventory.Field{Name: "owner", Of: "organization"}, why: reason.QuotaNodes,
	}
}

// calibrationCrowd counts the entries of a node. The bound is no quota: nobody needs more.
func calibrationCrowd(_ inventory.Quotas, _ access.Caller, c *inventory.Calibration) crowd {
	return crowd{
		limit: inventory.MaxCalibrations, of: c.NodeID, lock: "SELECT FROM node WHERE id = @of FOR NO KEY UPDATE",
		count: "SELECT count(*) FROM calibration WHERE node_id = @of AND id <> @id",
		field: inventory.Field{Name: "node", Of: "node"}, why: reason.QuotaCalibrations,
	}
}

// isSilent is the condition that of a node n nothing was heard but from its own organization's
// scripts, which prove nothing, and that it came without a code.
const isSilent = `(NOT EXISTS (SELECT FROM node_status s WHERE s.node_no = n.no) OR EXISTS (SELECT FROM scripted_node x WHERE x.node_no = n.no))
		           AND NOT EXISTS (SELECT FROM claim_code c WHERE c.eui64 = n.eui64 AND c.used_at IS NOT NULL)`

// silentCrowd counts the sensors that may be somebody else's: nothing shows yet whose they
// are. So nobody has a run of numbers in advance.
func silentCrowd(q inventory.Quotas, n *inventory.Node) crowd {
	return crowd{
		limit: q.Silent, of: n.OwnerID, lock: lockOrganization,
		count: `SELECT count(*) FROM node n
		         WHERE n.owner_id = @of AND n.id <> @id AND ` + isSilent,
		field: inventory.Field{Name: "owner", Of: "organization"}, why: reason.QuotaSilent,
	}
}

// takenSilent counts them where a sensor of that kind comes from another organization.
func takenSilent(q inventory.Quotas, _ access.Caller, n *inventory.Node) crowd {
	c := silentCrowd(q, n)
	c.count = "SELECT CASE WHEN EXISTS (SELECT FROM node n WHERE n.id = @id AND " + isSilent + ") THEN (" + c.count + ") ELSE 0 END"
	return c
}

// checkQuota refuses a thing that would be one too many where it comes to be. The lock
// lets one after the other count, each in a statement that sees what came before.
func (r *repository[T, ID]) checkQuota(ctx context.Context, tx pgx.Tx, caller access.Caller, old, thing *T) error {
	if caller.Administers {
		return nil
	}
	for _, crowdOf := range r.kind.crowds {
		c := crowdOf(r.terms.Quotas, caller, thing)
		if c.limit <= 0 || old != nil && crowdOf(r.terms.Quotas, caller, old).of == c.of {
			continue
		}
		if err := c.check(ctx, tx, r.kind.idOf(thing)); err != nil {
			return err
		}
	}
	return nil
}

// check refuses one more.
func (c crowd) check(ctx context.Context, tx pgx.Tx, id any) error {
	args := pgx.NamedArgs{"of": c.of, "id": id}
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
		Field: c.field.Name, Reference: c.field.Reference(), Reason: c.why, Args: []any{c.limit}, Conflict: true,
	}
}
