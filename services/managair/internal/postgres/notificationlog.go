package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

// selectLogged is of parcels, and of what waits to be one by itself. Codes are not shown, nor
// what its owner may not be told and was not told before.
const selectLogged = `
	SELECT n.id, n.channel_id, n.kind, n.state, n.why, n.written_at, n.due_at, n.ended_at, n.attempts,
	       greatest(1, (SELECT count(*) FROM notification p WHERE p.parcel_id = n.id))::integer,
	       CASE WHEN n.kind = 'channel.confirm' OR n.why = 'not_a_member' OR n.state <> 'delivered' AND NOT ` + mayBeTold + ` THEN '{}' ELSE n.data END,
	       coalesce((SELECT jsonb_agg(jsonb_build_object('began_at_s', extract(epoch FROM a.began_at)::bigint, 'took_ms', a.took_ms, 'outcome', a.outcome,
	                                                     'status', a.status, 'answer', a.answer, 'sent', a.sent) ORDER BY a.id)
	                   FROM notification_attempt a WHERE @detail AND a.notification_id = n.id), '[]')`

var fromLogged = `
	  FROM notification n JOIN notification_channel c ON c.id = n.channel_id
	 WHERE (n.parcel_id IS NULL OR n.parcel_id = n.id) AND ` + mayHandChannels

func scanLogged(row pgx.CollectableRow) (notify.Logged, error) {
	var l notify.Logged
	var tries []byte
	err := row.Scan(&l.ID, &l.ChannelID, &l.Kind, &l.State, &l.Why, &l.WrittenAt, &l.DueAt, &l.EndedAt, &l.Attempts, &l.Together, &l.Data, &tries)
	if err == nil {
		err = json.Unmarshal(tries, &l.Tries)
	}
	return l, err
}

// Log is part of notify.Store.
func (s Notifications) Log(ctx context.Context, caller access.Caller, q notify.Query) (page []notify.Logged, count int, err error) {
	args := pgx.NamedArgs{"caller": caller.UserID, "channel": q.Channel, "limit": q.Limit, "offset": q.Offset, "detail": false}
	const of = " AND (@channel = 0 OR n.channel_id = @channel)"
	err = s.Pool.QueryRow(ctx, "SELECT count(*)"+fromLogged+of, args).Scan(&count)
	if err == nil {
		var rows pgx.Rows
		if rows, err = s.Pool.Query(ctx, selectLogged+fromLogged+of+" ORDER BY n.id DESC LIMIT @limit OFFSET @offset", args); err == nil {
			page, err = pgx.CollectRows(rows, scanLogged)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("list notifications: %w", pgdb.Translate(err))
	}
	return page, count, nil
}

func oneLogged(ctx context.Context, db querier, caller access.Caller, id int64) (notify.Logged, error) {
	rows, err := db.Query(ctx, selectLogged+fromLogged+" AND n.id = @id", pgx.NamedArgs{"caller": caller.UserID, "id": id, "detail": true})
	if err != nil {
		return notify.Logged{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanLogged)
}

// Logged is part of notify.Store.
func (s Notifications) Logged(ctx context.Context, caller access.Caller, id int64) (notify.Logged, error) {
	l, err := oneLogged(ctx, s.Pool, caller, id)
	if err != nil {
		return l, fmt.Errorf("find a notification: %w", pgdb.Translate(err))
	}
	return l, nil
}

// Replay is part of notify.Store. It begins to count its tries anew.
func (s Notifications) Replay(ctx context.Context, caller access.Caller, id int64, now time.Time, may func(notify.Counter) error) (l notify.Logged, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if l, err = oneLogged(ctx, tx, caller, id); err != nil {
			return err
		}
		k, err := oneChannel(ctx, tx, caller, l.ChannelID, " FOR NO KEY UPDATE OF c")
		if err != nil {
			return err
		}
		switch {
		case l.State == notify.Waiting:
			return &fault.Violation{Reason: reason.NotificationWaits, Conflict: true}
		case !k.Active() || l.Kind == notify.KindConfirm:
			return &fault.Violation{Reason: reason.ChannelUnconfirmed, Conflict: true}
		}
		if err := may(counter(ctx, tx)); err != nil {
			return err
		}
		if err := exec(ctx, tx, `
			UPDATE notification SET state = 'waiting', due_at = @now, attempts = 0, ended_at = NULL, why = '', parcel_id = @id
			 WHERE (id = @id OR parcel_id = @id) AND state <> 'waiting'`, pgx.NamedArgs{"id": id, "now": now}); err != nil {
			return err
		}
		if err := wake(ctx, tx, l.ChannelID); err != nil {
			return err
		}
		l, err = oneLogged(ctx, tx, caller, id)
		return err
	})
	if err != nil {
		return l, fmt.Errorf("replay a notification: %w", pgdb.Translate(err))
	}
	return l, nil
}
