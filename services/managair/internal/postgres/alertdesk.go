package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// AlertDesk is the alert.Desk on PostgreSQL.
type AlertDesk struct {
	inventory.Repository[alert.Episode, int64]

	pool *pgxpool.Pool
}

var _ alert.Desk = AlertDesk{}

// NewAlertDesk returns the desk on pool.
func NewAlertDesk(pool *pgxpool.Pool) AlertDesk {
	return AlertDesk{&repository[alert.Episode, int64]{pool, Terms{}, alertEpisodes()}, pool}
}

const alertHistory = `(
	SELECT coalesce(json_agg(h ORDER BY h.id), '[]')
	  FROM (SELECT v.id, v.at, v.kind, coalesce(u.username, '') AS "user", v.detail -> 'channels' AS channels,
	               v.detail -> 'until' AS until, coalesce(v.detail ->> 'reason', '') AS reason
	          FROM alert_event v LEFT JOIN user_account u ON u.id = v.user_id
	         WHERE v.episode_id = e.id ORDER BY v.id DESC LIMIT 50) h)`

func alertEpisodes() kind[alert.Episode, int64] {
	return kind[alert.Episode, int64]{
		permissions: access.AlertEpisodes,
		audience:    ofAlertRule,
		table:       "alert_episode", alias: "e",
		from: "JOIN alert_rule ar ON ar.id = e.rule_id JOIN node n ON n.id = e.node_id" +
			" LEFT JOIN room r ON r.id = e.room_id LEFT JOIN site s ON s.id = r.site_id",
		columns: "e.id, e.rule_id, ar.organization_id, ar.name, ar.condition, ar.quantity, e.node_id, n.alias, " +
			"e.room_id, r.site_id, r.name, s.name, e.opened_at, e.noticed_at, e.closed_at, e.close_reason, " +
			"e.threshold, e.value, e.worst, e.acknowledged_at, e.snoozed_until, e.told, " + alertHistory,
		scan: scanEpisode,
		idOf: func(e *alert.Episode) int64 { return e.ID },
		filters: filters{
			organization: "ar.organization_id = @organization",
			site:         "r.site_id = @site",
			room:         "e.room_id = @room",
			node:         "e.node_id = @node",
			rule:         "e.rule_id = @rule",
			open:         "(e.closed_at IS NULL) = @open",
		},
		order: "e.opened_at DESC, e.id DESC",
		sorts: map[string]string{"id": "e.id", "opened_at_s": "e.opened_at"},
	}
}

func scanEpisode(row pgx.CollectableRow) (e alert.Episode, err error) {
	var history []byte
	err = row.Scan(&e.ID, &e.RuleID, &e.OrganizationID, &e.RuleName, &e.Kind, &e.Quantity, place(&e.NodeID), &e.NodeAlias,
		&e.RoomID, &e.SiteID, &e.RoomName, &e.SiteName, &e.OpenedAt, &e.NoticedAt, &e.ClosedAt, &e.CloseReason,
		&e.Threshold, &e.Value, &e.Worst, &e.AcknowledgedAt, &e.SnoozedUntil, &e.TellCount, &history)
	if err == nil {
		err = json.Unmarshal(history, &e.History)
	}
	return e, err
}

// Answer is part of alert.Desk.
func (d AlertDesk) Answer(ctx context.Context, caller access.Caller, id int64, answer alert.Answer, now time.Time) (alert.Episode, error) {
	r := repository[alert.Episode, int64]{d.pool, Terms{}, alertEpisodes()}
	var answered alert.Episode
	err := inTx(ctx, d.pool, func(tx pgx.Tx) error {
		need := access.AlertEpisodes.Change
		if answer.SnoozeUntil != nil {
			need = access.AlertSnoozes
		}
		e, err := r.lock(ctx, tx, caller, id, need)
		if err != nil {
			return err
		}
		if v := answer.Check(now); v != nil {
			return v
		}
		args := pgx.NamedArgs{"id": id, "now": now, "user": caller.UserID, "until": answer.SnoozeUntil}
		if e.ClosedAt == nil && answer.Acknowledge && e.AcknowledgedAt == nil {
			// Nobody is told again what somebody knows, and has not been told yet either.
			if err := exec(ctx, tx, `UPDATE alert_episode SET acknowledged_at = @now, acknowledged_by = @user, due_at = NULL WHERE id = @id`, args); err != nil {
				return err
			}
			if err := exec(ctx, tx, `INSERT INTO alert_event (episode_id, at, kind, user_id) VALUES (@id, @now, 'acknowledged', @user)`, args); err != nil {
				return err
			}
		}
		if e.ClosedAt == nil && answer.SnoozeUntil != nil && !same(e.SnoozedUntil, answer.SnoozeUntil) {
			if err := exec(ctx, tx, `UPDATE alert_episode SET snoozed_until = @until WHERE id = @id`, args); err != nil {
				return err
			}
			if err := dueAnew(ctx, tx, "e.id = @of", id, e.Kind); err != nil {
				return err
			}
			if err := exec(ctx, tx, `INSERT INTO alert_event (episode_id, at, kind, user_id, detail)
				VALUES (@id, @now, 'snoozed', @user, jsonb_build_object('until', @until::timestamptz))`, args); err != nil {
				return err
			}
		}
		answered, err = r.get(ctx, tx, caller, id)
		return err
	})
	if err != nil {
		return answered, fmt.Errorf("answer alert %d: %w", id, pgdb.Translate(err))
	}
	return answered, nil
}
