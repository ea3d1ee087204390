package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
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
	  FROM unnest(@ids::bigint[]) WITH ORDINALITY AS wanted (id, place)
	  JOIN alert_episode e ON e.id = wanted.id
	  JOIN alert_rule ar ON ar.id = e.rule_id
	  JOIN organization o ON o.id = ar.organization_id
	  JOIN node n ON n.id = e.node_id
	  LEFT JOIN room r ON r.id = e.room_id
	  LEFT JOIN site s ON s.id = r.site_id
	 ORDER BY wanted.place`

// lockTold returns episodes that nobody else changes meanwhile, in the order of the ids.
func lockTold(ctx context.Context, tx pgx.Tx, ids []int64) ([]told, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := pgx.NamedArgs{"ids": ids}
	// Locked before they are read: a rule that somebody changes meanwhile is then read as changed.
	if err := exec(ctx, tx, "SELECT FROM alert_episode WHERE id = ANY (@ids::bigint[]) ORDER BY id FOR NO KEY UPDATE", args); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, toldSQL, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanTold)
}

func scanTold(row pgx.CollectableRow) (t told, err error) {
	var site, room *int64
	var siteName, roomName *string
	n, r := &t.notice, &t.rule
	err = row.Scan(
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
func (a Alerts) Open(ctx context.Context, now time.Time, openings []alert.Opening) (ids []int64, refused []error, err error) {
	err = inTx(ctx, a.Pool, func(tx pgx.Tx) (err error) {
		ids = make([]int64, 0, len(openings))
		refused, err = apart(ctx, tx, openings, func(tx pgx.Tx, some []alert.Opening) error {
			opened, err := open(ctx, tx, now, some)
			if err == nil {
				ids = append(ids, opened...)
			}
			return err
		})
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open alerts: %w", pgdb.Translate(err))
	}
	for i, err := range refused {
		if err != nil {
			ids = slices.Insert(ids, i, 0)
			refused[i] = fmt.Errorf("open an alert of rule %d, node %s: %w", openings[i].RuleID, openings[i].NodeID, err)
		}
	}
	return ids, refused, nil
}

// apart does something for all, and where that fails for each half: what is refused of one stops no other. They are done in
// their order. It returns what was refused of each, nil: nothing; and what stops everything.
func apart[T any](ctx context.Context, tx pgx.Tx, all []T, do func(pgx.Tx, []T) error) (refused []error, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return do(tx, all) })
	switch {
	case err == nil:
		return make([]error, len(all)), nil
	case ctx.Err() != nil || pgdb.IsUnavailable(err):
		return nil, err // or contended: all of it is done again
	case len(all) == 1:
		return []error{err}, nil
	}
	for _, half := range [][]T{all[:len(all)/2], all[len(all)/2:]} {
		some, err := apart(ctx, tx, half, do)
		if err != nil {
			return nil, err
		}
		refused = append(refused, some...)
	}
	return refused, nil
}

// pair is what there is one open episode of.
type pair struct {
	rule int64
	node inventory.NodeID
}

const openSQL = `
	INSERT INTO alert_episode (rule_id, node_id, room_id, opened_at, noticed_at, threshold, value, worst)
	SELECT ar.id, n.id, r.id, w.opened_at, @now, w.threshold, w.value, w.worst
	  FROM unnest(@rules::bigint[], @nodes::uuid[], @rooms::bigint[], @opened::timestamptz[], @thresholds::float8[], @values::float8[], @worst::float8[])
	       AS w (rule_id, node_id, room_id, opened_at, threshold, value, worst)
	  JOIN alert_rule ar ON ar.id = w.rule_id AND ar.enabled AND (` + ruleSpeaks + `)
	  JOIN node n ON n.id = w.node_id AND n.owner_id = ar.organization_id
	  LEFT JOIN room r ON r.id = w.room_id
	 ORDER BY ar.id, n.id
	    ON CONFLICT (rule_id, node_id) WHERE closed_at IS NULL DO NOTHING
	RETURNING id, rule_id, node_id`

// open writes episodes and tells of those that are told at once. It returns the ids of those that are open then, in the order of
// the openings.
func open(ctx context.Context, tx pgx.Tx, now time.Time, openings []alert.Opening) ([]int64, error) {
	n := len(openings)
	rules, nodes, rooms, opened := make([]int64, n), make([]inventory.NodeID, n), make([]int64, n), make([]time.Time, n)
	thresholds, values, worst := make([]*float64, n), make([]*float64, n), make([]*float64, n)
	for i := range openings {
		o := &openings[i]
		rules[i], nodes[i], rooms[i], opened[i] = o.RuleID, o.NodeID, o.RoomID, o.OpenedAt
		thresholds[i], values[i], worst[i] = o.Threshold, o.Value, o.Worst
	}
	args := pgx.NamedArgs{
		"now": now, "rules": rules, "nodes": nodes, "rooms": rooms, "opened": opened, "thresholds": thresholds, "values": values, "worst": worst,
	}
	written, err := episodes(ctx, tx, openSQL, args)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, n)
	var fresh []int64
	missing := false
	for i := range openings {
		if ids[i] = written[pair{rules[i], nodes[i]}]; ids[i] != 0 {
			fresh = append(fresh, ids[i])
		}
		missing = missing || ids[i] == 0
	}
	if missing { // they were opened before, and told; or may not be
		before, err := episodes(ctx, tx, `
			SELECT e.id, e.rule_id, e.node_id
			  FROM unnest(@rules::bigint[], @nodes::uuid[]) AS w (rule_id, node_id)
			  JOIN alert_episode e ON e.rule_id = w.rule_id AND e.node_id = w.node_id AND e.closed_at IS NULL`, args)
		if err != nil {
			return nil, err
		}
		for i := range openings {
			ids[i] = before[pair{rules[i], nodes[i]}]
		}
	}
	if len(fresh) == 0 {
		return ids, nil
	}
	if err := note(ctx, tx, fresh, now, alert.Opened, nil); err != nil {
		return nil, err
	}
	all, err := lockTold(ctx, tx, fresh)
	if err != nil {
		return nil, err
	}
	var due []*told
	var held []*told
	for i := range all {
		t := &all[i]
		if later := t.quiet().After(now.Add(alert.Hold(t.notice.Condition))); later.After(now) {
			t.due = &later
			held = append(held, t)
			continue
		}
		due = append(due, t)
	}
	if err := hold(ctx, tx, held, now); err != nil {
		return nil, err
	}
	return ids, tell(ctx, tx, due, now)
}

// episodes returns the ids that a query gives, by what they are the open ones of.
func episodes(ctx context.Context, tx pgx.Tx, sql string, args pgx.NamedArgs) (map[pair]int64, error) {
	rows, err := tx.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	of := map[pair]int64{}
	var id int64
	var p pair
	_, err = pgx.ForEachRow(rows, []any{&id, &p.rule, place(&p.node)}, func() error {
		of[p] = id
		return nil
	})
	return of, err
}

// hold has episodes told later. Those that are held at a site are told together, when the first of them is.
func hold(ctx context.Context, tx pgx.Tx, held []*told, now time.Time) error {
	if len(held) == 0 {
		return nil
	}
	n := len(held)
	ids, rules, sites, due := make([]int64, n), make([]int64, n), make([]int64, n), make([]*time.Time, n)
	for i, t := range held {
		ids[i], rules[i], sites[i], due[i] = t.id, t.rule.ID, t.siteID(), t.due
	}
	return exec(ctx, tx, `
		WITH held AS MATERIALIZED (
		    SELECT * FROM unnest(@ids::bigint[], @rules::bigint[], @sites::bigint[], @due::timestamptz[]) AS h (id, rule_id, site_id, due_at)),
		first AS MATERIALIZED (
		    SELECT h.rule_id, h.site_id, min(e.due_at) AS due_at
		      FROM (SELECT DISTINCT rule_id, site_id, due_at FROM held) h
		      JOIN alert_episode e ON e.rule_id = h.rule_id AND e.told = 0 AND e.due_at > @now AND e.due_at <= h.due_at
		      JOIN room r ON r.id = e.room_id AND r.site_id = h.site_id
		     GROUP BY h.rule_id, h.site_id)
		UPDATE alert_episode e
		   SET due_at = coalesce(first.due_at, held.due_at)
		  FROM held LEFT JOIN first ON first.rule_id = held.rule_id AND first.site_id = held.site_id
		 WHERE e.id = held.id`, pgx.NamedArgs{"ids": ids, "rules": rules, "sites": sites, "due": due, "now": now})
}

func (t *told) siteID() int64 {
	if t.notice.Site == nil {
		return 0
	}
	return t.notice.Site.ID
}

// tell tells that they are so, for the first time or again, and says when that is to be next.
func tell(ctx context.Context, tx pgx.Tx, all []*told, now time.Time) error {
	var heard []outgoing
	for _, t := range all {
		t.due = new(now.Add(unheard))
		if !t.speaks {
			continue
		}
		o := outgoing{told: t, kind: alert.MessageOpened, key: ":opened"}
		if t.times > 0 {
			o.kind, o.key = alert.MessageReminder, ":reminder:"+strconv.Itoa(t.times)
		}
		t.notice.Times = t.times + 1
		heard = append(heard, o)
	}
	if err := send(ctx, tx, heard); err != nil {
		return err
	}
	for i := range heard {
		o := &heard[i]
		if len(o.channels) == 0 {
			continue // whoever confirms one is told what is still so then
		}
		o.times++
		o.due = nil
		if after := o.rule.RemindAfterS; after != nil && o.acknowledged == nil {
			o.due = new(o.quiet().After(now.Add(time.Duration(*after) * time.Second)))
		}
	}
	if err := putOff(ctx, tx, all); err != nil {
		return err
	}
	if err := noteSent(ctx, tx, heard, now, alert.MessageOpened, alert.Told); err != nil {
		return err
	}
	return noteSent(ctx, tx, heard, now, alert.MessageReminder, alert.Reminded)
}

// putOff writes when episodes are to be told next, and how often they were told.
func putOff(ctx context.Context, tx pgx.Tx, all []*told) error {
	if len(all) == 0 {
		return nil
	}
	ids, due, times := make([]int64, len(all)), make([]*time.Time, len(all)), make([]int, len(all))
	for i, t := range all {
		ids[i], due[i], times[i] = t.id, t.due, t.times
	}
	return exec(ctx, tx, `
		UPDATE alert_episode e SET told = w.told, due_at = w.due_at
		  FROM unnest(@ids::bigint[], @due::timestamptz[], @times::integer[]) AS w (id, due_at, told)
		 WHERE e.id = w.id AND e.closed_at IS NULL`, pgx.NamedArgs{"ids": ids, "due": due, "times": times})
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

// outgoing is what is told of an episode.
type outgoing struct {
	*told

	kind, key string
	notBefore time.Time
	// channels are those by which it is told, once it was sent.
	channels []int64
}

// send writes the messages for all channels of whoever owns the rules, or those that the rules choose of them, and notes which
// those are. That it is over is for those that were told that it is so.
func send(ctx context.Context, tx pgx.Tx, all []outgoing) error {
	if len(all) == 0 {
		return nil
	}
	n := len(all)
	ids, over, users, organizations := make([]int64, n), make([]bool, n), make([]*int64, n), make([]*int64, n)
	for i := range all {
		o := &all[i]
		ids[i], over[i] = o.id, o.kind == alert.MessageRecovered
		if users[i] = o.rule.UserID; !o.rule.Personal {
			users[i], organizations[i] = nil, &o.rule.OrganizationID
		}
	}
	rows, err := tx.Query(ctx, `
		SELECT w.place, c.id
		  FROM unnest(@ids::bigint[], @over::boolean[], @users::bigint[], @organizations::bigint[])
		       WITH ORDINALITY AS w (id, over, user_id, organization_id, place)
		  JOIN alert_episode e ON e.id = w.id
		  JOIN alert_rule ar ON ar.id = e.rule_id
		  JOIN notification_channel c ON c.user_id = w.user_id OR c.organization_id = w.organization_id
		 WHERE c.confirmed_at IS NOT NULL AND c.disabled_at IS NULL
		   AND (w.over OR ar.channel_ids = '{}' OR c.id = ANY (ar.channel_ids))
		   AND (NOT w.over OR EXISTS (
		       SELECT FROM alert_event v
		        WHERE v.episode_id = w.id AND v.kind IN ('told', 'reminded') AND v.detail -> 'channels' @> to_jsonb(c.id)))
		 ORDER BY w.place, c.id`, pgx.NamedArgs{"ids": ids, "over": over, "users": users, "organizations": organizations})
	if err != nil {
		return err
	}
	var messages []notify.Message
	var place, channel int64
	var data json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&place, &channel}, func() (err error) {
		o := &all[place-1]
		if len(o.channels) == 0 {
			if data, err = o.notice.JSON(); err != nil {
				return err
			}
		}
		o.channels = append(o.channels, channel)
		messages = append(messages, notify.Message{
			Channel: channel, Key: "episode:" + strconv.FormatInt(o.id, 10) + o.key, Kind: o.kind,
			Organization: o.rule.OrganizationID, Group: o.group, Data: data, NotBefore: o.notBefore,
		})
		return nil
	})
	if err != nil {
		return err
	}
	return enqueueNotifications(ctx, tx, messages)
}

// noteSent adds to the histories of episodes by which channels something was told.
func noteSent(ctx context.Context, tx pgx.Tx, all []outgoing, at time.Time, kind string, event alert.EventKind) error {
	var ids []int64
	var details []map[string]any
	for i := range all {
		if o := &all[i]; o.kind == kind && len(o.channels) > 0 {
			ids, details = append(ids, o.id), append(details, map[string]any{"channels": o.channels})
		}
	}
	return note(ctx, tx, ids, at, event, details)
}

// note adds to the histories of episodes; details may be nil.
func note(ctx context.Context, tx pgx.Tx, ids []int64, at time.Time, kind alert.EventKind, details []map[string]any) error {
	if len(ids) == 0 {
		return nil
	}
	texts := make([]string, len(ids))
	for i := range texts {
		texts[i] = "{}"
		if details != nil {
			text, err := json.Marshal(details[i])
			if err != nil {
				return err
			}
			texts[i] = string(text)
		}
	}
	return exec(ctx, tx, `
		INSERT INTO alert_event (episode_id, at, kind, detail)
		SELECT w.id, @at, @kind, w.detail::jsonb FROM unnest(@ids::bigint[], @details::text[]) WITH ORDINALITY AS w (id, detail, place) ORDER BY w.place`,
		pgx.NamedArgs{"ids": ids, "at": at, "kind": string(kind), "details": texts})
}

// Close is part of alert.Store.
func (a Alerts) Close(ctx context.Context, now time.Time, endings []alert.Ending) (refused []error, err error) {
	err = inTx(ctx, a.Pool, func(tx pgx.Tx) (err error) {
		refused, err = apart(ctx, tx, endings, func(tx pgx.Tx, some []alert.Ending) error { return closeSome(ctx, tx, now, some) })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("close alerts: %w", pgdb.Translate(err))
	}
	for i, err := range refused {
		if err != nil {
			refused[i] = fmt.Errorf("close alert %d: %w", endings[i].Episode, err)
		}
	}
	return refused, nil
}

func closeSome(ctx context.Context, tx pgx.Tx, now time.Time, endings []alert.Ending) error {
	n := len(endings)
	ids, at, why, worst := make([]int64, n), make([]time.Time, n), make([]string, n), make([]*float64, n)
	reasons := make(map[int64]alert.Closing, n)
	for i := range endings {
		e := &endings[i]
		ids[i], at[i], why[i], worst[i] = e.Episode, e.At, string(e.Why), e.Worst
		reasons[e.Episode] = e.Why
	}
	rows, err := tx.Query(ctx, `
		WITH chosen AS MATERIALIZED (
		    SELECT e.id, w.at, w.why, w.worst
		      FROM unnest(@ids::bigint[], @at::timestamptz[], @why::text[], @worst::float8[]) AS w (id, at, why, worst)
		      JOIN alert_episode e ON e.id = w.id AND e.closed_at IS NULL
		     ORDER BY e.id FOR NO KEY UPDATE OF e)
		UPDATE alert_episode e
		   SET closed_at = greatest(chosen.at, e.opened_at), close_reason = chosen.why, due_at = NULL, worst = coalesce(chosen.worst, e.worst)
		  FROM chosen WHERE e.id = chosen.id AND e.closed_at IS NULL
		RETURNING e.id`, pgx.NamedArgs{"ids": ids, "at": at, "why": why, "worst": worst})
	if err != nil {
		return err
	}
	closed, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(closed) == 0 {
		return err
	}
	slices.Sort(closed)
	details := make([]map[string]any, len(closed))
	for i, id := range closed {
		details[i] = map[string]any{"reason": reasons[id]}
	}
	if err := note(ctx, tx, closed, now, alert.Closed, details); err != nil {
		return err
	}
	all, err := lockTold(ctx, tx, slices.DeleteFunc(closed, func(id int64) bool { return !reasons[id].Over() }))
	if err != nil {
		return err
	}
	var over []outgoing
	for i := range all {
		t := &all[i]
		if t.times == 0 || !t.speaks || !t.rule.TellRecovery {
			continue
		}
		t.notice.Times = t.times
		o := outgoing{told: t, kind: alert.MessageRecovered, key: ":recovered"}
		if due := t.quiet().After(now); due.After(now) {
			o.notBefore = due // it wakes nobody either
		}
		over = append(over, o)
	}
	if err := send(ctx, tx, over); err != nil {
		return err
	}
	return noteSent(ctx, tx, over, now, alert.MessageRecovered, alert.ToldRecovery)
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
		failed = nil // it may be run again
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
		refused, err := apart(ctx, tx, ids, func(tx pgx.Tx, some []int64) error { return tellSome(ctx, tx, some, now) })
		if err != nil {
			return err
		}
		var stuck []int64
		for i, err := range refused {
			if err != nil {
				stuck, failed = append(stuck, ids[i]), append(failed, fmt.Errorf("tell of alert %d: %w", ids[i], err))
			}
		}
		if len(stuck) == 0 {
			return nil
		}
		// They must not be in the way of the others.
		return exec(ctx, tx, "UPDATE alert_episode SET due_at = @due WHERE id = ANY (@ids::bigint[]) AND closed_at IS NULL",
			pgx.NamedArgs{"ids": stuck, "due": now.Add(unheard)})
	})
	if err != nil {
		return 0, nil, fmt.Errorf("tell of alerts: %w", pgdb.Translate(err))
	}
	return n, failed, nil
}

func tellSome(ctx context.Context, tx pgx.Tx, ids []int64, now time.Time) error {
	all, err := lockTold(ctx, tx, ids)
	if err != nil {
		return err
	}
	var due, quiet []*told
	for i := range all {
		t := &all[i]
		if later := t.quiet().After(now); later.After(now) {
			t.due = &later
			quiet = append(quiet, t)
			continue
		}
		due = append(due, t)
	}
	if err := putOff(ctx, tx, quiet); err != nil {
		return err
	}
	return tell(ctx, tx, due, now)
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
