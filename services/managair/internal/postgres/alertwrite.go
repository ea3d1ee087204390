package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

func orNaN(f *float64) float64 {
	if f == nil {
		return math.NaN()
	}
	return *f
}

// told is an episode with all that it takes to tell of it.
type told struct {
	id     int64
	rule   inventory.AlertRule
	notice alert.Notice
	// group is what is told together: of a site.
	group                 string
	acknowledged, snoozed *time.Time
	due                   *time.Time
	times                 int
	// speaks says that it is still told: its rule is on, and of somebody who may see the sensor.
	speaks bool
}

// unheard is how long it is waited where nobody could be told: who may soon be.
const unheard = 5 * time.Minute

const toldSQL = `
	SELECT e.id, ar.id, ar.name, ar.condition, ar.quantity, ar.personal, ar.user_id, ar.organization_id, o.name,
	       ar.remind_after_s, ar.tell_recovery, ar.quiet_from, ar.quiet_to, ar.time_zone, ar.snoozed_until,
	       s.id, s.name, r.id, r.name, n.id, n.alias, coalesce(s.time_zone, ar.time_zone),
	       e.threshold, e.value, e.worst, e.opened_at, e.closed_at, e.close_reason,
	       e.acknowledged_at, e.snoozed_until, e.due_at, e.told,
	       ar.enabled AND n.owner_id = ar.organization_id AND (` + ruleSpeaks + `)
	  FROM alert_episode e
	  JOIN alert_rule ar ON ar.id = e.rule_id
	  JOIN organization o ON o.id = ar.organization_id
	  JOIN node n ON n.id = e.node_id
	  LEFT JOIN room r ON r.id = e.room_id
	  LEFT JOIN site s ON s.id = r.site_id
	 WHERE `

// lockTold returns an episode that nobody else changes meanwhile.
func lockTold(ctx context.Context, tx pgx.Tx, id int64) (t told, err error) {
	var site, room *int64
	var siteName, roomName *string
	n, r := &t.notice, &t.rule
	args := pgx.NamedArgs{"id": id}
	// Locked before it is read: a rule that somebody changes meanwhile is then read as changed.
	if err := exec(ctx, tx, "SELECT FROM alert_episode WHERE id = @id FOR NO KEY UPDATE", args); err != nil {
		return t, err
	}
	err = tx.QueryRow(ctx, toldSQL+"e.id = @id", args).Scan(
		&t.id, &r.ID, &r.Name, &r.Condition, &r.Quantity, &r.Personal, &r.UserID, &r.OrganizationID, &n.Organization.Name,
		&r.RemindAfterS, &r.TellRecovery, &r.QuietFrom, &r.QuietTo, &r.TimeZone, &r.SnoozedUntil,
		&site, &siteName, &room, &roomName, place(&n.Sensor.ID), &n.Sensor.Name, &n.TimeZone,
		&n.Threshold, &n.Value, &n.Worst, &n.OpenedAt, &n.ClosedAt, &n.Reason,
		&t.acknowledged, &t.snoozed, &t.due, &t.times, &t.speaks)
	if err != nil {
		return t, err
	}
	n.Episode, n.Rule, n.Condition, n.Quantity = t.id, alert.Named{ID: r.ID, Name: r.Name}, alert.Kind(r.Condition), r.Quantity
	n.Unit, n.Organization.ID = alert.UnitOf(n.Condition, n.Quantity), r.OrganizationID
	n.OpenedAt = n.OpenedAt.UTC()
	t.group = "organization:" + strconv.FormatInt(r.OrganizationID, 10)
	if site != nil && siteName != nil {
		n.Site = &alert.Named{ID: *site, Name: *siteName}
		t.group = "site:" + strconv.FormatInt(*site, 10)
	}
	if room != nil && roomName != nil {
		n.Room = &alert.Named{ID: *room, Name: *roomName}
	}
	return t, nil
}

// quiet is when nothing is told of it.
func (t *told) quiet() alert.Quiet {
	q := alert.QuietOf(&t.rule)
	if t.snoozed != nil && t.snoozed.After(q.Until) {
		q.Until = *t.snoozed
	}
	return q
}

// Open is part of alert.Store.
func (a Alerts) Open(ctx context.Context, o alert.Opening) (id int64, err error) {
	err = inTx(ctx, a.Pool, func(tx pgx.Tx) error {
		id = 0
		err := tx.QueryRow(ctx, `
			INSERT INTO alert_episode (rule_id, node_id, room_id, opened_at, noticed_at, threshold, value, worst)
			SELECT ar.id, n.id, r.id, @opened, @now, @threshold, @value, @worst
			  FROM alert_rule ar
			  JOIN node n ON n.id = @node AND n.owner_id = ar.organization_id
			  LEFT JOIN room r ON r.id = @room
			 WHERE ar.id = @rule AND ar.enabled AND (`+ruleSpeaks+`)
			    ON CONFLICT (rule_id, node_id) WHERE closed_at IS NULL DO NOTHING
			RETURNING id`, pgx.NamedArgs{
			"rule": o.RuleID, "node": o.NodeID, "room": o.RoomID, "opened": o.OpenedAt, "now": o.Now,
			"threshold": o.Threshold, "value": o.Value, "worst": o.Worst,
		}).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, "SELECT id FROM alert_episode WHERE rule_id = @rule AND node_id = @node AND closed_at IS NULL",
				pgx.NamedArgs{"rule": o.RuleID, "node": o.NodeID}).Scan(&id)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err // it was opened before, and told
		}
		if err != nil {
			return err
		}
		if err := note(ctx, tx, id, o.Now, alert.Opened, nil); err != nil {
			return err
		}
		t, err := lockTold(ctx, tx, id)
		if err != nil {
			return err
		}
		due := t.quiet().After(o.Now.Add(alert.Hold(o.Kind)))
		if !due.After(o.Now) {
			return t.tell(ctx, tx, o.Now)
		}
		// Those that are held at a site are told together, when the first of them is.
		return exec(ctx, tx, `
			UPDATE alert_episode
			   SET due_at = coalesce((
			       SELECT min(h.due_at) FROM alert_episode h JOIN room hr ON hr.id = h.room_id
			        WHERE h.rule_id = @rule AND h.told = 0 AND h.due_at > @now AND h.due_at <= @due AND hr.site_id = @site), @due)
			 WHERE id = @id`, pgx.NamedArgs{"id": id, "rule": o.RuleID, "now": o.Now, "due": due, "site": t.siteID()})
	})
	if err != nil {
		return 0, fmt.Errorf("open an alert: %w", pgdb.Translate(err))
	}
	return id, nil
}

func (t *told) siteID() int64 {
	if t.notice.Site == nil {
		return 0
	}
	return t.notice.Site.ID
}

// tell tells that it is so, for the first time or again, and says when that is to be next.
func (t *told) tell(ctx context.Context, tx pgx.Tx, now time.Time) error {
	if !t.speaks {
		return t.postpone(ctx, tx, now.Add(unheard))
	}
	kind, event, key := alert.MessageOpened, alert.Told, ":opened"
	if t.times > 0 {
		kind, event, key = alert.MessageReminder, alert.Reminded, ":reminder:"+strconv.Itoa(t.times)
	}
	t.notice.Times = t.times + 1
	channels, err := t.send(ctx, tx, kind, key, time.Time{})
	if err != nil {
		return err
	}
	if len(channels) == 0 { // whoever confirms one is told what is still so then
		return t.postpone(ctx, tx, now.Add(unheard))
	}
	var next *time.Time
	if after := t.rule.RemindAfterS; after != nil && t.acknowledged == nil {
		due := t.quiet().After(now.Add(time.Duration(*after) * time.Second))
		next = &due
	}
	if err := exec(ctx, tx, "UPDATE alert_episode SET told = told + 1, due_at = @due WHERE id = @id",
		pgx.NamedArgs{"id": t.id, "due": next}); err != nil {
		return err
	}
	return note(ctx, tx, t.id, now, event, map[string]any{"channels": channels})
}

func (t *told) postpone(ctx context.Context, tx pgx.Tx, due time.Time) error {
	return exec(ctx, tx, "UPDATE alert_episode SET due_at = @due WHERE id = @id AND closed_at IS NULL",
		pgx.NamedArgs{"id": t.id, "due": due})
}

// dueAnew makes open episodes due when they would be if nothing had been put off: what is quiet
// now, and until when, is asked when they are. It is called when that has changed.
func dueAnew(ctx context.Context, tx pgx.Tx, which string, of int64, kind alert.Kind) error {
	return exec(ctx, tx, `
		WITH chosen AS MATERIALIZED (
			SELECT e.id FROM alert_episode e WHERE e.closed_at IS NULL AND `+which+` ORDER BY e.id FOR NO KEY UPDATE OF e)
		UPDATE alert_episode e
		   SET due_at = CASE
		       WHEN e.acknowledged_at IS NOT NULL THEN NULL
		       WHEN e.told = 0 THEN e.noticed_at + make_interval(secs => @hold)
		       ELSE (SELECT max(v.at) FROM alert_event v WHERE v.episode_id = e.id AND v.kind IN ('told', 'reminded'))
		            + make_interval(secs => ar.remind_after_s) END
		  FROM chosen, alert_rule ar
		 WHERE e.id = chosen.id AND ar.id = e.rule_id`, pgx.NamedArgs{"of": of, "hold": alert.Hold(kind).Seconds()})
}

// send writes the messages for all channels of whoever owns the rule, and returns them. That it is
// over is for those that were told that it is so.
func (t *told) send(ctx context.Context, tx pgx.Tx, kind, key string, notBefore time.Time) ([]int64, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.id FROM notification_channel c
		 WHERE c.confirmed_at IS NOT NULL AND c.disabled_at IS NULL
		   AND CASE WHEN @personal THEN c.user_id = @user ELSE c.organization_id = @organization END
		   AND (@kind <> @over OR EXISTS (
		       SELECT FROM alert_event v
		        WHERE v.episode_id = @episode AND v.kind IN ('told', 'reminded') AND v.detail -> 'channels' @> to_jsonb(c.id)))
		 ORDER BY c.id`, pgx.NamedArgs{
		"personal": t.rule.Personal, "user": t.rule.UserID, "organization": t.rule.OrganizationID,
		"kind": kind, "over": alert.MessageRecovered, "episode": t.id,
	})
	if err != nil {
		return nil, err
	}
	channels, err := pgx.AppendRows([]int64{}, rows, pgx.RowTo[int64])
	if err != nil || len(channels) == 0 {
		return channels, err
	}
	data, err := t.notice.JSON()
	if err != nil {
		return nil, err
	}
	messages := make([]notify.Message, len(channels))
	for i, channel := range channels {
		messages[i] = notify.Message{
			Channel: channel, Key: "episode:" + strconv.FormatInt(t.id, 10) + key, Kind: kind,
			Organization: t.rule.OrganizationID, Group: t.group, Data: data, NotBefore: notBefore,
		}
	}
	return channels, enqueueNotifications(ctx, tx, messages)
}

// note adds to the history of an episode.
func note(ctx context.Context, tx pgx.Tx, episode int64, at time.Time, kind alert.EventKind, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	return exec(ctx, tx, "INSERT INTO alert_event (episode_id, at, kind, detail) VALUES (@id, @at, @kind, @detail)",
		pgx.NamedArgs{"id": episode, "at": at, "kind": string(kind), "detail": detail})
}

// Close is part of alert.Store.
func (a Alerts) Close(ctx context.Context, e alert.Ending) error {
	err := inTx(ctx, a.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE alert_episode
			   SET closed_at = greatest(@at, opened_at), close_reason = @why, due_at = NULL, worst = coalesce(@worst, worst)
			 WHERE id = @id AND closed_at IS NULL`,
			pgx.NamedArgs{"id": e.Episode, "at": e.At, "why": string(e.Why), "worst": e.Worst})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := note(ctx, tx, e.Episode, e.Now, alert.Closed, map[string]any{"reason": e.Why}); err != nil {
			return err
		}
		t, err := lockTold(ctx, tx, e.Episode)
		if err != nil || t.times == 0 || !t.speaks || !t.rule.TellRecovery || !e.Why.Over() {
			return err
		}
		t.notice.Times = t.times
		var notBefore time.Time // it wakes nobody either
		if due := t.quiet().After(e.Now); due.After(e.Now) {
			notBefore = due
		}
		channels, err := t.send(ctx, tx, alert.MessageRecovered, ":recovered", notBefore)
		if err != nil || len(channels) == 0 {
			return err
		}
		return note(ctx, tx, e.Episode, e.Now, alert.ToldRecovery, map[string]any{"channels": channels})
	})
	if err != nil {
		return fmt.Errorf("close alert %d: %w", e.Episode, pgdb.Translate(err))
	}
	return nil
}

// NoteWorst is part of alert.Store.
func (a Alerts) NoteWorst(ctx context.Context, worst map[int64]float64) error {
	ids, values := make([]int64, 0, len(worst)), make([]float64, 0, len(worst))
	for id, value := range worst {
		ids, values = append(ids, id), append(values, value)
	}
	_, err := a.Pool.Exec(ctx, `
		WITH chosen AS MATERIALIZED (
			SELECT e.id, w.value
			  FROM unnest(@ids::bigint[], @values::float8[]) AS w (id, value)
			  JOIN alert_episode e ON e.id = w.id AND e.closed_at IS NULL AND e.worst IS DISTINCT FROM w.value
			 ORDER BY e.id FOR NO KEY UPDATE OF e)
		UPDATE alert_episode e SET worst = chosen.value FROM chosen WHERE e.id = chosen.id`,
		pgx.NamedArgs{"ids": ids, "values": values})
	if err != nil {
		return fmt.Errorf("note the worst of alerts: %w", pgdb.Translate(err))
	}
	return nil
}

// maxWithThem bounds how many go with the first ones: five full parcels.
const maxWithThem = 5 * notify.MaxParcel

// TellDue is part of alert.Store. It is one transaction, so that what is due together is sent as
// one message; each alert in it is for itself.
func (a Alerts) TellDue(ctx context.Context, now time.Time, limit int) (n int, failed []error, err error) {
	err = inTx(ctx, a.Pool, func(tx pgx.Tx) error {
		failed = nil
		// What somebody else has locked is about to be told, acknowledged or put off by them. With the first ones go
		// all that are due at their sites, or one message would become two.
		rows, err := tx.Query(ctx, `
			WITH chosen AS MATERIALIZED (
			    SELECT id, room_id FROM alert_episode WHERE due_at <= @now AND acknowledged_at IS NULL ORDER BY due_at, id LIMIT @limit
			       FOR NO KEY UPDATE SKIP LOCKED)
			SELECT e.id FROM alert_episode e
			 WHERE e.due_at <= @now AND e.acknowledged_at IS NULL
			   AND (e.id IN (SELECT id FROM chosen)
			        OR e.room_id IN (SELECT r.id FROM room r WHERE r.site_id IN (SELECT c.site_id FROM chosen JOIN room c ON c.id = chosen.room_id)))
			 ORDER BY e.due_at, e.id LIMIT @most FOR NO KEY UPDATE SKIP LOCKED`, pgx.NamedArgs{"now": now, "limit": limit, "most": limit + maxWithThem})
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		n = len(ids)
		for _, id := range ids {
			err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return tellOne(ctx, tx, id, now) })
			if err == nil {
				continue
			}
			if pgdb.IsUnavailable(err) {
				return err // or contended: all of it is done again
			}
			failed = append(failed, fmt.Errorf("tell of alert %d: %w", id, err))
			t := told{id: id}
			if err := t.postpone(ctx, tx, now.Add(unheard)); err != nil { // it must not be in the way of the others
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("tell of alerts: %w", pgdb.Translate(err))
	}
	return n, failed, nil
}

func tellOne(ctx context.Context, tx pgx.Tx, id int64, now time.Time) error {
	t, err := lockTold(ctx, tx, id)
	if err != nil {
		return err
	}
	if due := t.quiet().After(now); due.After(now) {
		return t.postpone(ctx, tx, due)
	}
	return t.tell(ctx, tx, now)
}

// Clear is part of alert.Store.
func (a Alerts) Clear(ctx context.Context, before time.Time) error {
	err := inTx(ctx, a.Pool, func(tx pgx.Tx) error {
		if err := exec(ctx, tx, "DELETE FROM alert_episode WHERE closed_at < @before", pgx.NamedArgs{"before": before}); err != nil {
			return err
		}
		var orphans bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM alert_rule WHERE personal AND user_id IS NULL)").Scan(&orphans)
		if err != nil || !orphans {
			return err
		}
		return exec(ctx, tx, "DELETE FROM alert_rule WHERE personal AND user_id IS NULL", nil)
	})
	if err != nil {
		return fmt.Errorf("clear alerts: %w", pgdb.Translate(err))
	}
	return nil
}
