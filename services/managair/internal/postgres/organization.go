package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

func organizations() kind[inventory.Organization, int64] {
	const isMember = "EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = o.id)"
	return byTheBook(func(o *inventory.Organization) *int64 { return &o.ID }, kind[inventory.Organization, int64]{
		permissions: access.Organizations,
		rules:       &inventory.Organizations,
		ownerField:  inventory.Field{Name: "users", Of: "user_account"},
		audience: byOrganization("o.id", "EXISTS (SELECT FROM node pn JOIN installation pi ON pi.node_id = pn.id"+
			" WHERE pn.owner_id = o.id AND pi.is_public)"),
		alias: "o",
		extras: []extra[inventory.Organization]{
			{sql: isMember, at: func(o *inventory.Organization) any { return &o.Member }},
			// Who the members are is only for members.
			{
				sql: "CASE WHEN " + isMember + " THEN ARRAY(SELECT m.user_id FROM membership m WHERE m.organization_id = o.id ORDER BY m.user_id) END",
				at:  func(o *inventory.Organization) any { return &o.Users },
			},
		},
		filters: filters{
			organization: "o.id = @organization",
			user:         isMember + " AND EXISTS (SELECT FROM membership um WHERE um.user_id = @user AND um.organization_id = o.id)",
			search:       "concat_ws(' ', o.name, o.description)",
		},
		order: "o.name, o.id",
		sorts: map[string]string{"name": "o.name", "id": "o.id"},
		references: func(o *inventory.Organization) []reference {
			return userReferences("users", o.Users...)
		},
		crowds: []crowding[inventory.Organization]{organizationCrowd},
		after: func(ctx context.Context, tx pgx.Tx, caller access.Caller, old, o *inventory.Organization) error {
			switch {
			case old != nil && slices.Equal(old.Users, o.Users):
				return nil
			case old != nil:
				return exec(ctx, tx, "DELETE FROM membership WHERE organization_id = @id AND user_id <> ALL(coalesce(@users, ARRAY[]::bigint[]))",
					pgx.NamedArgs{"id": o.ID, "users": o.Users})
			case caller.Administers:
				return nil // they choose the members, and need not be one
			default:
				return exec(ctx, tx, "INSERT INTO membership (organization_id, user_id, role) VALUES (@id, @caller, 'O')",
					pgx.NamedArgs{"id": o.ID, "caller": caller.UserID})
			}
		},
	})
}

// lockMembers keeps the members of an organization as they are until the end of the
// transaction, so that two OWNERs do not leave at once. It comes before any of them
// is changed: whoever locks a membership first waits for whoever locks the
// organization first, and the other way round.
func lockMembers(ctx context.Context, tx pgx.Tx, organization int64) error {
	return exec(ctx, tx, "SELECT FROM organization WHERE id = @id FOR UPDATE", pgx.NamedArgs{"id": organization})
}

// isFellow is the condition that the user of an SQL expression is the caller, or
// shares an organization with them.
func isFellow(user string) string {
	return user + ` = @caller OR EXISTS (SELECT FROM membership mine JOIN membership theirs
		ON theirs.organization_id = mine.organization_id WHERE mine.user_id = @caller AND theirs.user_id = ` + user + ")"
}

// userReferences refer to members to be, who need an invitation.
func userReferences(relationship string, users ...int64) []reference {
	refs := make([]reference, len(users))
	for i, id := range users {
		refs[i] = reference{relationship: relationship, id: id, table: "user_account", person: true}
	}
	return refs
}

func memberships() kind[inventory.Membership, int64] {
	organizationKind := organizations()
	return byTheBook(func(m *inventory.Membership) *int64 { return &m.ID }, kind[inventory.Membership, int64]{
		permissions: access.Memberships,
		rules:       &inventory.Memberships,
		audience: func(a access.Audience) string {
			if a == access.Concerned {
				return "ms.user_id = @caller OR " + byOrganization("ms.organization_id", "false")(access.Owners)
			}
			return byOrganization("ms.organization_id", "false")(a)
		},
		alias: "ms",
		from:  "JOIN user_account u ON u.id = ms.user_id JOIN organization o ON o.id = ms.organization_id",
		extras: []extra[inventory.Membership]{
			{sql: "u.username", at: func(m *inventory.Membership) any { return &m.UserName }},
			{sql: "o.name", at: func(m *inventory.Membership) any { return &m.OrganizationName }},
		},
		filters: filters{
			organization: "ms.organization_id = @organization",
			user:         "ms.user_id = @user",
			username:     "u.username = @username",
		},
		order: "ms.role, o.name, u.username, ms.id",
		sorts: map[string]string{"id": "ms.id", "user_name": "u.username", "organization_name": "o.name", "role": "ms.role"},
		references: func(m *inventory.Membership) []reference {
			member := userReferences("user", m.UserID)
			member[0].of = m.OrganizationID // nobody is taken along to another one either
			return append([]reference{organizationKind.reference("organization", m.OrganizationID, access.Owners)}, member...)
		},
		crowds:    []crowding[inventory.Membership]{ownerCrowd},
		lockFirst: "SELECT FROM organization WHERE id = (SELECT organization_id FROM membership WHERE id = @id) FOR UPDATE",
		before: func(ctx context.Context, tx pgx.Tx, _ access.Caller, old, m *inventory.Membership) error {
			if old != nil {
				return nil // see lockFirst
			}
			return lockMembers(ctx, tx, m.OrganizationID)
		},
		ownerField: inventory.Field{Name: "role"},
	})
}

func users() kind[inventory.User, int64] {
	return kind[inventory.User, int64]{
		permissions: access.Users,
		audience: func(a access.Audience) string {
			if a == access.Fellows {
				return "u.is_active AND (" + isFellow("u.id") + ")"
			}
			return forAll(a)
		},
		table: "user_account", alias: "u",
		columns: `u.id, u.username, u.email, u.first_name, u.last_name, ARRAY(
			SELECT m.organization_id FROM membership m
			 WHERE m.user_id = u.id
			   AND (u.id = @caller OR EXISTS (SELECT FROM membership cm WHERE cm.user_id = @caller AND cm.organization_id = m.organization_id))
			 ORDER BY m.organization_id)`,
		scan: func(row pgx.CollectableRow) (u inventory.User, err error) {
			err = row.Scan(&u.ID, &u.Username, &u.Email, &u.FirstName, &u.LastName, &u.Organizations)
			return u, err
		},
		idOf: func(u *inventory.User) int64 { return u.ID },
		filters: filters{
			organization: `EXISTS (SELECT FROM membership om JOIN membership cm ON cm.organization_id = om.organization_id
				WHERE om.user_id = u.id AND om.organization_id = @organization AND cm.user_id = @caller)`,
			// Fellow members are found by the address that they see of each other.
			email: "lower(u.email) = lower(@email)",
		},
		order: "u.username, u.id",
		sorts: map[string]string{"username": "u.username", "id": "u.id"},
	}
}
