package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// ofAlertRule returns the conditions for rule ar: personal ones are their account's alone, as
// long as it is a member; the others are seen by members and changed by OWNERs.
func ofAlertRule(a access.Audience) string {
	organization := byOrganization("ar.organization_id", "false")
	personal := "ar.personal AND ar.user_id = @caller AND " + organization(access.Members)
	switch a {
	case access.Fellows:
		return personal + " OR NOT ar.personal AND " + organization(access.Members)
	case access.Concerned:
		return personal + " OR NOT ar.personal AND " + organization(access.Owners)
	default:
		return organization(a)
	}
}

func alertRules() kind[inventory.AlertRule, int64] {
	organizationKind, siteKind, roomKind, nodeKind := organizations(), sites(), rooms(), nodes()
	return byTheBook(func(r *inventory.AlertRule) *int64 { return &r.ID }, kind[inventory.AlertRule, int64]{
		permissions: access.AlertRules,
		rules:       &inventory.AlertRules,
		audience:    ofAlertRule,
		alias:       "ar", creator: "user_id",
		extras: []extra[inventory.AlertRule]{
			{sql: "ar.user_id", at: func(r *inventory.AlertRule) any { return &r.UserID }},
			{sql: "ar.site_id", at: func(r *inventory.AlertRule) any { return &r.SiteID }},
			{sql: "ar.room_id", at: func(r *inventory.AlertRule) any { return &r.RoomID }},
			{sql: "ar.node_id", at: func(r *inventory.AlertRule) any { return &r.NodeID }},
			{sql: "ar.channel_ids", at: func(r *inventory.AlertRule) any { return &r.ChannelIDs }},
			{sql: "ar.template", at: func(r *inventory.AlertRule) any { return &r.Template }},
		},
		filters: filters{
			organization: "ar.organization_id = @organization",
			site:         "ar.site_id = @site",
			room:         "ar.room_id = @room",
			node:         "ar.node_id = @node",
			search:       "ar.name",
		},
		order: "ar.name, ar.id",
		sorts: map[string]string{"id": "ar.id", "name": "ar.name"},
		references: func(r *inventory.AlertRule) []reference {
			need := access.Owners
			if r.Personal {
				need = access.Members
			}
			all := []reference{organizationKind.reference("organization", r.OrganizationID, need)}
			if r.SiteID != nil {
				all = append(all, siteKind.reference("site", *r.SiteID, need))
			}
			if r.RoomID != nil {
				all = append(all, roomKind.reference("room", *r.RoomID, need))
			}
			if r.NodeID != nil {
				all = append(all, nodeKind.reference("node", *r.NodeID, need))
			}
			return all
		},
		crowds: []crowding[inventory.AlertRule]{organizationRules, personalRules},
		before: checkAlertRule,
		after:  afterAlertRule,
	})
}

// checkAlertRule looks after what the fields of a rule are together. Whose it is and what it is
// for stays: its episodes would tell of something else.
func checkAlertRule(ctx context.Context, tx pgx.Tx, _ access.Caller, old, r *inventory.AlertRule) error {
	if v := alert.Check(r); v != nil {
		return v
	}
	if old != nil {
		switch {
		case old.Personal != r.Personal:
			return &fault.Violation{Field: "personal", Reason: reason.RuleStays}
		case old.OrganizationID != r.OrganizationID:
			return &fault.Violation{Field: "organization", Reference: true, Reason: reason.RuleStays}
		case !same(old.SiteID, r.SiteID):
			return &fault.Violation{Field: "site", Reference: true, Reason: reason.RuleStays}
		case !same(old.RoomID, r.RoomID):
			return &fault.Violation{Field: "room", Reference: true, Reason: reason.RuleStays}
		case !same(old.NodeID, r.NodeID):
			return &fault.Violation{Field: "node", Reference: true, Reason: reason.RuleStays}
		}
		return nil
	}
	return checkScope(ctx, tx, r)
}

func same[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// checkScope refuses what is of another organization.
func checkScope(ctx context.Context, tx pgx.Tx, r *inventory.AlertRule) error {
	scopes := []struct {
		field, sql string
		id         any
		given      bool
	}{
		{"site", "SELECT EXISTS (SELECT FROM site WHERE id = @id AND operator_id = @organization)", r.SiteID, r.SiteID != nil},
		{
			"room", "SELECT EXISTS (SELECT FROM room r JOIN site s ON s.id = r.site_id WHERE r.id = @id AND s.operator_id = @organization)",
			r.RoomID, r.RoomID != nil,
		},
		{"node", "SELECT EXISTS (SELECT FROM node WHERE id = @id AND owner_id = @organization)", r.NodeID, r.NodeID != nil},
	}
	n := 0
	for _, s := range scopes {
		if !s.given {
			continue
		}
		if n++; n > 1 {
			return &fault.Violation{Field: s.field, Reference: true, Reason: reason.OneScope}
		}
		var own bool
		err := tx.QueryRow(ctx, s.sql, pgx.NamedArgs{"id": s.id, "organization": r.OrganizationID}).Scan(&own)
		if err != nil {
			return err
		}
		if !own {
			return &fault.Violation{Field: s.field, Reference: true, Reason: reason.DifferentOrganizations}
		}
	}
	return nil
}

func afterAlertRule(ctx context.Context, tx pgx.Tx, caller access.Caller, old, r *inventory.AlertRule) error {
	if err := chooseChannels(ctx, tx, caller, old, r); err != nil {
		return err
	}
	if old == nil {
		return scopeAlertRule(ctx, tx, caller, old, r)
	}
	if old.Enabled == r.Enabled && old.Condition == r.Condition && same(old.RemindAfterS, r.RemindAfterS) && same(old.SnoozedUntil, r.SnoozedUntil) &&
		same(old.QuietFrom, r.QuietFrom) && same(old.QuietTo, r.QuietTo) && old.TimeZone == r.TimeZone {
		return nil
	}
	return dueAnew(ctx, tx, "e.rule_id = @of", r.ID, alert.Kind(r.Condition))
}

// scopeAlertRule writes what is no field of the book, once.
func scopeAlertRule(ctx context.Context, tx pgx.Tx, _ access.Caller, old, r *inventory.AlertRule) error {
	if old != nil || r.SiteID == nil && r.RoomID == nil && r.NodeID == nil && r.Template == nil {
		return nil
	}
	return exec(ctx, tx, "UPDATE alert_rule SET site_id = @site, room_id = @room, node_id = @node, template = @template WHERE id = @id",
		pgx.NamedArgs{"id": r.ID, "site": r.SiteID, "room": r.RoomID, "node": r.NodeID, "template": r.Template})
}

// chooseChannels keeps by which channels a rule tells: they are those of its owner. A personal one is changed by its owner alone.
func chooseChannels(ctx context.Context, tx pgx.Tx, caller access.Caller, old, r *inventory.AlertRule) error {
	slices.Sort(r.ChannelIDs)
	r.ChannelIDs = slices.Compact(r.ChannelIDs)
	if old == nil && len(r.ChannelIDs) == 0 || old != nil && slices.Equal(old.ChannelIDs, r.ChannelIDs) {
		return nil
	}
	if len(r.ChannelIDs) > inventory.MaxRuleChannels {
		return &fault.Violation{Field: "channels", Reference: true, Reason: reason.TooManyNamed, Args: []any{inventory.MaxRuleChannels}}
	}
	// The lock keeps them from going meanwhile.
	rows, err := tx.Query(ctx, `
		SELECT id FROM notification_channel
		 WHERE id = ANY (@ids::bigint[]) AND CASE WHEN @personal THEN user_id = @user ELSE organization_id = @organization END
		 ORDER BY id FOR KEY SHARE`,
		pgx.NamedArgs{"ids": r.ChannelIDs, "personal": r.Personal, "user": caller.UserID, "organization": r.OrganizationID})
	if err != nil {
		return err
	}
	own, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range r.ChannelIDs {
		if !slices.Contains(own, id) {
			return &fault.Violation{Field: "channels", Reference: true, Reason: reason.DoesNotExist, Args: []any{id}}
		}
	}
	return exec(ctx, tx, "UPDATE alert_rule SET channel_ids = @ids WHERE id = @id", pgx.NamedArgs{"ids": own, "id": r.ID})
}

func organizationRules(q inventory.Quotas, _ access.Caller, r *inventory.AlertRule) crowd {
	if r.Personal {
		return crowd{}
	}
	return crowd{
		limit: q.AlertRules, of: r.OrganizationID, lock: lockOrganization,
		count: "SELECT count(*) FROM alert_rule WHERE organization_id = @of AND NOT personal AND id <> @id",
		field: inventory.Field{Name: "organization", Of: "organization"}, why: reason.QuotaAlertRules,
	}
}

func personalRules(q inventory.Quotas, caller access.Caller, r *inventory.AlertRule) crowd {
	if !r.Personal {
		return crowd{}
	}
	return crowd{
		limit: q.PersonalRules, of: caller.UserID, lock: lockAccount,
		// Those of organizations that were left are seen, and deleted, by nobody.
		count: `SELECT count(*) FROM alert_rule ar WHERE ar.user_id = @of AND ar.personal AND ar.id <> @id
			AND EXISTS (SELECT FROM membership m WHERE m.organization_id = ar.organization_id AND m.user_id = ar.user_id)`,
		why: reason.QuotaAlertRules,
	}
}
