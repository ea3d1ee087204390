package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

// Take is part of notify.Outbox. Whoever was delivered to longest ago has its turn. Two workers
// at once may give an owner one turn too many, which does no harm.
func (s Notifications) Take(ctx context.Context, holder int64, now, until time.Time) (notify.Kept, bool, error) {
	var k notify.Kept
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"holder": holder, "now": now, "until": until, "most": notify.MaxOfOwner}
		err := tx.QueryRow(ctx, `
			WITH busy AS MATERIALIZED (
			    SELECT user_id, organization_id FROM notification_channel
			     WHERE taken_by <> 0 AND taken_until > @now GROUP BY user_id, organization_id HAVING count(*) >= @most)
			SELECT c.id FROM notification_channel c
			 WHERE coalesce(c.taken_until, '-infinity') <= @now AND coalesce(c.rests_until, '-infinity') <= @now
			   AND EXISTS (SELECT FROM notification n WHERE n.channel_id = c.id AND n.state = 'waiting' AND n.due_at <= @now)
			   AND NOT EXISTS (SELECT FROM busy WHERE busy.user_id = c.user_id OR busy.organization_id = c.organization_id)
			 ORDER BY c.taken_until NULLS FIRST, c.id
			 LIMIT 1
			   FOR NO KEY UPDATE OF c SKIP LOCKED`, args).Scan(&k.ID)
		if err != nil {
			return err
		}
		args["id"] = k.ID
		if err := exec(ctx, tx, "UPDATE notification_channel SET taken_by = @holder, taken_until = @until WHERE id = @id", args); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectChannels+" WHERE c.id = @id", args)
		if err == nil {
			k, err = pgx.CollectExactlyOneRow(rows, scanChannel)
		}
		return err
	})
	if isNoRow(err) {
		return k, false, nil
	}
	if err != nil {
		return k, false, fmt.Errorf("take a channel: %w", pgdb.Translate(err))
	}
	return k, true, nil
}

// mayBeTold is the condition that whoever channel c belongs to may be told of notification n:
// an account that is in use, of what it is a member of, and an organization of itself.
const mayBeTold = `(c.organization_id IS NOT NULL AND coalesce(n.organization_id, c.organization_id) = c.organization_id
	        OR c.user_id IS NOT NULL AND EXISTS (SELECT FROM user_account u WHERE u.id = c.user_id AND u.is_active)
	           AND (n.organization_id IS NULL
	                OR EXISTS (SELECT FROM membership m WHERE m.user_id = c.user_id AND m.organization_id = n.organization_id)))`

// dropUntold ends what is due and not to be told any more: the channel is not confirmed, or
// left alone, or its owner may not know. Codes that another one follows are good for nothing,
// and may have been meant for another address.
const dropUntold = `
	UPDATE notification n SET state = 'dropped', ended_at = @now,
	       data = CASE WHEN n.kind = @confirm THEN '{}' ELSE n.data END,
	       why = CASE WHEN n.kind = @confirm THEN 'superseded' WHEN c.disabled_at IS NOT NULL THEN c.disabled_why
	                  WHEN c.confirmed_at IS NULL THEN 'unconfirmed' ELSE 'not_a_member' END
	  FROM notification_channel c
	 WHERE c.id = n.channel_id AND c.id = @channel AND n.state = 'waiting' AND n.due_at <= @now
	   AND CASE WHEN n.kind = @confirm THEN c.code_digest IS DISTINCT FROM sha256(convert_to(n.data ->> 'code', 'UTF8'))
	                 OR c.user_id IS NOT NULL AND NOT EXISTS (SELECT FROM user_account u WHERE u.id = c.user_id AND u.is_active)
	            ELSE c.confirmed_at IS NULL OR c.disabled_at IS NOT NULL OR NOT ` + mayBeTold + ` END`

// dropSuperseded ends what a later message about the same thing tells better: whoever reads
// that something is over is not told afterwards that it is so. What is replayed on purpose has
// no later one that waits.
const dropSuperseded = `
	WITH later AS (
	    SELECT substring(key FROM '^[^:]+:[^:]+:') AS thing, max(id) AS id FROM notification
	     WHERE channel_id = @channel AND state = 'waiting' AND due_at <= @now GROUP BY 1)
	UPDATE notification n SET state = 'dropped', ended_at = @now, why = 'superseded'
	  FROM later
	 WHERE n.channel_id = @channel AND n.state = 'waiting' AND n.id < later.id AND substring(n.key FROM '^[^:]+:[^:]+:') = later.thing`

// gather makes a parcel of those that are due together, unless the first is of one already.
const gather = `
	UPDATE notification SET parcel_id = @id
	 WHERE id IN (SELECT id FROM notification
	               WHERE channel_id = @channel AND state = 'waiting' AND parcel_id IS NULL
	                 AND (id = @id OR @group <> '' AND group_key = @group AND due_at <= @now)
	               ORDER BY due_at, id
	               LIMIT @most)`

// Next is part of notify.Outbox.
func (s Notifications) Next(ctx context.Context, channel, holder int64, now time.Time) (p notify.Parcel, ok bool, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		p, ok = notify.Parcel{}, false
		args := pgx.NamedArgs{"channel": channel, "holder": holder, "now": now, "confirm": notify.KindConfirm, "most": notify.MaxParcel}
		var mine bool
		if err := tx.QueryRow(ctx, "SELECT true FROM notification_channel WHERE id = @channel AND taken_by = @holder FOR NO KEY UPDATE", args).Scan(&mine); err != nil {
			return err
		}
		for _, drop := range []string{dropUntold, dropSuperseded} {
			if err := exec(ctx, tx, drop, args); err != nil {
				return err
			}
		}
		var parcel *int64
		var group string
		if err := tx.QueryRow(ctx, `
			SELECT id, parcel_id, group_key FROM notification
			 WHERE channel_id = @channel AND state = 'waiting' AND due_at <= @now
			 ORDER BY due_at, id LIMIT 1`, args).Scan(&p.ID, &parcel, &group); isNoRow(err) {
			return nil // and what was dropped stays dropped
		} else if err != nil {
			return err
		}
		ok = true
		args["id"], args["group"] = p.ID, group
		if parcel != nil {
			p.ID = *parcel
			args["id"] = p.ID
		} else if err := exec(ctx, tx, gather, args); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectChannels+" WHERE c.id = @channel", args)
		if err != nil {
			return err
		}
		if p.Channel, err = pgx.CollectExactlyOneRow(rows, scanChannel); err != nil {
			return err
		}
		return readParcel(ctx, tx, &p, args)
	})
	if isNoRow(err) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("find what is to be delivered: %w", pgdb.Translate(err))
	}
	return p, ok, nil
}

func readParcel(ctx context.Context, tx pgx.Tx, p *notify.Parcel, args pgx.NamedArgs) error {
	err := tx.QueryRow(ctx, "SELECT failures, coalesce(failing_since, '0001-01-01Z') FROM notification_channel WHERE id = @channel", args).
		Scan(&p.Channel.Trouble.Failures, &p.Channel.Trouble.Since)
	if err != nil {
		return err
	}
	// Should the first have gone, by a restore in part, the next is as good.
	err = tx.QueryRow(ctx, "SELECT channel_id, key, written_at FROM notification WHERE parcel_id = @id ORDER BY id LIMIT 1", args).
		Scan(&p.First.Channel, &p.First.Key, &p.First.WrittenAt)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT id, channel_id, key, kind, coalesce(organization_id, 0), group_key, data, written_at, attempts
		  FROM notification WHERE parcel_id = @id AND state = 'waiting' ORDER BY id`, args)
	if err != nil {
		return err
	}
	p.Messages, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (notify.Sent, error) {
		var m notify.Sent
		err := row.Scan(&m.ID, &m.Channel, &m.Key, &m.Kind, &m.Organization, &m.Group, &m.Data, &m.WrittenAt, &p.Attempts)
		return m, err
	})
	if err == nil && len(p.Messages) == 0 {
		return pgx.ErrNoRows
	}
	return err
}

// Done is part of notify.Outbox.
func (s Notifications) Done(ctx context.Context, p notify.Parcel, r notify.Result) error {
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		a := r.Attempt
		args := pgx.NamedArgs{
			"id": p.ID, "began": a.BeganAt, "took": a.TookMS, "outcome": a.Outcome, "delivered": notify.OutcomeDelivered, "status": a.Status, "answer": a.Answer, "sent": a.Sent,
			"state": string(r.State), "why": r.Why, "at": r.At, "due": r.DueAt, "disable": r.Disable, "answered": r.Answered, "rests": orNull(r.RestsUntil),
			"confirm": notify.KindConfirm, "channel": p.Messages[0].Channel, "digest": p.Channel.CodeDigest,
			"address": p.Channel.Secret.Address, "room": p.Channel.Secret.Room, "token": p.Channel.Secret.Token,
			"failures": r.Trouble.Failures, "since": orNull(r.Trouble.Since),
		}
		// A code that has been sent is nowhere but where it was sent to.
		if err := exec(ctx, tx, `
			UPDATE notification
			   SET attempts = attempts + 1, why = @why, state = @state, due_at = CASE WHEN @state = 'waiting' THEN @due::timestamptz ELSE due_at END,
			       ended_at = CASE WHEN @state <> 'waiting' THEN @at::timestamptz END,
			       data = CASE WHEN kind = @confirm AND @state <> 'waiting' THEN '{}' ELSE data END
			 WHERE parcel_id = @id AND state = 'waiting'`, args); err != nil {
			return err
		}
		if err := exec(ctx, tx, `
			INSERT INTO notification_attempt (notification_id, began_at, took_ms, outcome, status, answer, sent)
			SELECT id, @began, @took, @outcome, @status, @answer, @sent FROM notification WHERE id = @id`, args); err != nil {
			return err
		}
		return keepAnswer(ctx, tx, r, args)
	})
	if err != nil {
		return fmt.Errorf("keep what became of a notification: %w", pgdb.Translate(err))
	}
	return nil
}

// leadsThere is the condition that a channel leads to what was called: its owner may have
// changed that while the receiver took its time.
const leadsThere = `id = @channel AND coalesce(secret ->> 'address', '') = @address
	AND coalesce(secret ->> 'room', '') = @room AND coalesce(secret ->> 'token', '') = @token`

// keepAnswer keeps what a try says of the channel.
func keepAnswer(ctx context.Context, tx pgx.Tx, r notify.Result, args pgx.NamedArgs) error {
	if r.Disable != "" {
		if err := exec(ctx, tx, "UPDATE notification_channel SET disabled_at = @at, disabled_why = @disable WHERE disabled_at IS NULL AND "+leadsThere, args); err != nil {
			return err
		}
	}
	if r.Answered {
		if err := exec(ctx, tx, "UPDATE notification_channel SET answered_at = @at WHERE code_digest = @digest::bytea AND "+leadsThere, args); err != nil {
			return err
		}
	}
	if r.Blameless {
		return nil
	}
	return exec(ctx, tx, `
		UPDATE notification_channel
		   SET failures = @failures, failing_since = @since::timestamptz, rests_until = coalesce(@rests::timestamptz, rests_until),
		       failed_at = CASE WHEN @outcome = @delivered THEN failed_at ELSE @at::timestamptz END,
		       failed_why = CASE WHEN @outcome = @delivered THEN failed_why ELSE @why END,
		       works_since = CASE WHEN @outcome = @delivered AND failed_at IS NOT NULL THEN coalesce(works_since, @at::timestamptz) END
		 WHERE `+leadsThere, args)
}

func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// wake has a channel tried at once, though its receiver failed or asked to be left alone: its
// owner says so.
func wake(ctx context.Context, tx pgx.Tx, channel int64) error {
	return exec(ctx, tx, "UPDATE notification_channel SET failures = 0, failing_since = NULL, rests_until = NULL WHERE id = @id", pgx.NamedArgs{"id": channel})
}

// Release is part of notify.Outbox.
func (s Notifications) Release(ctx context.Context, channel, holder int64) error {
	_, err := s.Pool.Exec(ctx, "UPDATE notification_channel SET taken_by = 0, taken_until = now() WHERE id = @id AND taken_by = @holder",
		pgx.NamedArgs{"id": channel, "holder": holder})
	if err != nil {
		return fmt.Errorf("release a channel: %w", pgdb.Translate(err))
	}
	return nil
}

// forgotten is how many are deleted by one statement, with their tries.
const forgotten = 1000

// Forget is part of notify.Outbox. It goes in steps, so that none takes long, nor all the disk.
func (s Notifications) Forget(ctx context.Context, before time.Time) (n int64, err error) {
	for {
		tag, err := s.Pool.Exec(ctx, `
			DELETE FROM notification WHERE id IN (
			    SELECT id FROM notification WHERE state <> 'waiting' AND ended_at < @before ORDER BY ended_at LIMIT @most FOR UPDATE SKIP LOCKED)`,
			pgx.NamedArgs{"before": before, "most": forgotten})
		if err != nil {
			return n, fmt.Errorf("forget old notifications: %w", pgdb.Translate(err))
		}
		if n += tag.RowsAffected(); tag.RowsAffected() < forgotten {
			return n, nil
		}
	}
}

// Backlog returns what waits to be delivered.
func (s Notifications) Backlog(ctx context.Context, now time.Time) (b notify.Backlog, err error) {
	err = s.Pool.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE w.since <= @now),
		       (SELECT count(*) FROM notification WHERE state = 'dead' AND ended_at > @now::timestamptz - interval '1 day')
		  FROM (SELECT greatest(n.due_at, c.rests_until) AS since
		          FROM notification n JOIN notification_channel c ON c.id = n.channel_id WHERE n.state = 'waiting') w`,
		pgx.NamedArgs{"now": now}).Scan(&b.Waiting, &b.Overdue, &b.Dead)
	if err != nil {
		return b, fmt.Errorf("count what waits to be delivered: %w", pgdb.Translate(err))
	}
	return b, nil
}

// Overdue returns for how long the message has been due that waits for longest, of those whose
// channels may be called.
func (s Notifications) Overdue(ctx context.Context, now time.Time) (time.Duration, error) {
	var oldest *time.Time
	err := s.Pool.QueryRow(ctx, `
		SELECT min(greatest(n.due_at, c.rests_until))
		  FROM notification n JOIN notification_channel c ON c.id = n.channel_id
		 WHERE n.state = 'waiting' AND n.due_at <= @now AND coalesce(c.rests_until, '-infinity') <= @now`,
		pgx.NamedArgs{"now": now}).Scan(&oldest)
	if err != nil {
		return 0, fmt.Errorf("find what is overdue: %w", pgdb.Translate(err))
	}
	if oldest == nil {
		return 0, nil
	}
	return now.Sub(*oldest), nil
}
