package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// Notifications keeps channels, what they are to be told, and the log.
type Notifications struct {
	Pool *pgxpool.Pool
	// Limit is how many channels an owner may have; 0: no bound.
	Limit int
}

var (
	_ notify.Store  = Notifications{}
	_ notify.Outbox = Notifications{}
)

const selectChannels = `
	SELECT c.id, coalesce(c.user_id, 0), coalesce(c.organization_id, 0), coalesce(o.name, ''), c.kind, c.name, c.language, c.target,
	       c.made_at, c.answered_at, c.confirmed_at, c.disabled_at, c.disabled_why, c.failed_at, c.failed_why, c.works_since, c.secret, c.code_digest, c.code_made_at, c.code_tries
	  FROM notification_channel c
	  LEFT JOIN organization o ON o.id = c.organization_id`

// mayHandChannels is the condition that the caller may see and change channel c.
var mayHandChannels = "(c.user_id = @caller OR c.organization_id IS NOT NULL AND " + byOrganization("c.organization_id", "false")(access.Owners) + ")"

func scanChannel(row pgx.CollectableRow) (notify.Kept, error) {
	var k notify.Kept
	var secret []byte
	err := row.Scan(&k.ID, &k.UserID, &k.OrganizationID, &k.Organization, &k.Kind, &k.Name, &k.Language, &k.Target,
		&k.MadeAt, &k.AnsweredAt, &k.ConfirmedAt, &k.DisabledAt, &k.DisabledWhy, &k.FailedAt, &k.FailedWhy, &k.WorksSince, &secret, &k.CodeDigest, &k.CodeMadeAt, &k.CodeTries)
	if err == nil {
		err = json.Unmarshal(secret, &k.Secret)
	}
	return k, err
}

func oneChannel(ctx context.Context, db querier, caller access.Caller, id int64, lock string) (notify.Kept, error) {
	rows, err := db.Query(ctx, selectChannels+" WHERE c.id = @id AND "+mayHandChannels+lock, pgx.NamedArgs{"caller": caller.UserID, "id": id})
	if err != nil {
		return notify.Kept{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanChannel)
}

// Channels is part of notify.Store.
func (s Notifications) Channels(ctx context.Context, caller access.Caller, organization int64) ([]notify.Channel, error) {
	rows, err := s.Pool.Query(ctx, selectChannels+" WHERE (@organization = 0 OR c.organization_id = @organization) AND "+mayHandChannels+
		" ORDER BY lower(c.name), c.id", pgx.NamedArgs{"caller": caller.UserID, "organization": organization})
	if err == nil {
		var kept []notify.Kept
		if kept, err = pgx.CollectRows(rows, scanChannel); err == nil {
			all := make([]notify.Channel, len(kept))
			for i := range kept {
				all[i] = kept[i].Channel
			}
			return all, nil
		}
	}
	return nil, fmt.Errorf("list channels: %w", pgdb.Translate(err))
}

// Channel is part of notify.Store.
func (s Notifications) Channel(ctx context.Context, caller access.Caller, id int64) (notify.Channel, error) {
	k, err := oneChannel(ctx, s.Pool, caller, id, "")
	if err != nil {
		return k.Channel, fmt.Errorf("find a channel: %w", pgdb.Translate(err))
	}
	return k.Channel, nil
}

func channelArgs(k *notify.Kept) (pgx.NamedArgs, error) {
	secret, err := json.Marshal(k.Secret)
	return pgx.NamedArgs{
		"id": k.ID, "user": k.UserID, "organization": k.OrganizationID, "kind": string(k.Kind), "name": k.Name, "language": k.Language,
		"target": k.Target, "secret": secret, "digest": k.CodeDigest, "code_at": k.CodeMadeAt, "tries": k.CodeTries,
		"answered": k.AnsweredAt, "confirmed": k.ConfirmedAt, "disabled": k.DisabledAt, "why": k.DisabledWhy,
	}, err
}

// Make is part of notify.Store.
func (s Notifications) Make(ctx context.Context, caller access.Caller, k notify.Kept, edit notify.Edit) (made notify.Channel, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		k := k
		if err := s.mayMakeChannel(ctx, tx, caller, &k); err != nil {
			return err
		}
		messages, err := edit(&k, counter(ctx, tx))
		if err != nil {
			return err
		}
		args, err := channelArgs(&k)
		if err != nil {
			return err
		}
		var id int64
		err = tx.QueryRow(ctx, `
			INSERT INTO notification_channel (user_id, organization_id, kind, name, language, target, secret, code_digest, code_made_at)
			VALUES (nullif(@user::bigint, 0), nullif(@organization::bigint, 0), @kind, @name, @language, @target, @secret, @digest, @code_at)
			RETURNING id`, args).Scan(&id)
		if err != nil {
			return err
		}
		for i := range messages {
			messages[i].Channel = id
		}
		if err := enqueueNotifications(ctx, tx, messages); err != nil {
			return err
		}
		kept, err := oneChannel(ctx, tx, caller, id, "")
		made = kept.Channel
		return err
	})
	if v := constraint.Violation(err); v != nil {
		return made, v
	}
	if err != nil {
		return made, fmt.Errorf("make a channel: %w", pgdb.Translate(err))
	}
	return made, nil
}

// mayMakeChannel refuses one for an organization that the caller is no OWNER of, and one too many.
func (s Notifications) mayMakeChannel(ctx context.Context, tx pgx.Tx, caller access.Caller, k *notify.Kept) error {
	c := crowd{
		limit: s.Limit, of: k.UserID, lock: lockAccount,
		count: "SELECT count(*) FROM notification_channel WHERE user_id = @of AND id <> @id", why: reason.QuotaChannels,
	}
	if k.OrganizationID != 0 {
		err := needOwnership(ctx, tx, caller, k.OrganizationID)
		if v, ok := errors.AsType[*fault.Violation](err); ok {
			v.Field, v.Reference = "organization", true
		}
		if err != nil {
			return err
		}
		c.of, c.lock = k.OrganizationID, lockOrganization
		c.count = "SELECT count(*) FROM notification_channel WHERE organization_id = @of AND id <> @id"
		c.field = inventory.Field{Name: "organization", Of: "organization"}
	}
	if c.limit <= 0 {
		return nil
	}
	return c.check(ctx, tx, int64(0))
}

// Change is part of notify.Store.
func (s Notifications) Change(ctx context.Context, caller access.Caller, id int64, edit notify.Edit) (changed notify.Channel, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		k, err := oneChannel(ctx, tx, caller, id, " FOR NO KEY UPDATE OF c")
		if err != nil {
			return err
		}
		before := k.Secret
		messages, err := edit(&k, counter(ctx, tx))
		if err != nil {
			return err
		}
		args, err := channelArgs(&k)
		if err != nil {
			return err
		}
		// What another receiver said says nothing of this one.
		if before.Address != k.Secret.Address || before.Room != k.Secret.Room {
			k.FailedAt, k.FailedWhy, k.WorksSince = nil, "", nil
		}
		args["failed"], args["failed_why"], args["works"] = k.FailedAt, k.FailedWhy, k.WorksSince
		if err := exec(ctx, tx, `
			UPDATE notification_channel
			   SET name = @name, language = @language, target = @target, secret = @secret, code_digest = @digest, code_made_at = @code_at,
			       code_tries = @tries, answered_at = @answered, confirmed_at = @confirmed, disabled_at = @disabled, disabled_why = @why,
			       failed_at = @failed, failed_why = @failed_why, works_since = @works,
			       rests_until = CASE WHEN secret ->> 'address' IS NOT DISTINCT FROM @secret::jsonb ->> 'address' THEN rests_until END
			 WHERE id = @id`, args); err != nil {
			return err
		}
		changed = k.Channel
		if len(messages) > 0 {
			if err := wake(ctx, tx, id); err != nil {
				return err
			}
		}
		return enqueueNotifications(ctx, tx, messages)
	})
	if v := constraint.Violation(err); v != nil {
		return changed, v
	}
	if err != nil {
		return changed, fmt.Errorf("change a channel: %w", pgdb.Translate(err))
	}
	return changed, nil
}

// Delete is part of notify.Store.
func (s Notifications) Delete(ctx context.Context, caller access.Caller, id int64) error {
	err := inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := oneChannel(ctx, tx, caller, id, " FOR UPDATE OF c"); err != nil {
			return err
		}
		return exec(ctx, tx, "DELETE FROM notification_channel WHERE id = @id", pgx.NamedArgs{"id": id})
	})
	if err != nil {
		return fmt.Errorf("delete a channel: %w", pgdb.Translate(err))
	}
	return nil
}

// Leave is part of notify.Store. A code that is on its way is good for nothing then.
func (s Notifications) Leave(ctx context.Context, id int64, key string, now time.Time) (left notify.Channel, err error) {
	err = inTx(ctx, s.Pool, func(tx pgx.Tx) error {
		all, err := alsoOfOwner(ctx, tx, id, key)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(k notify.Kept) bool { return k.ID == id && k.Secret.Leave == key })
		if at < 0 {
			return pgx.ErrNoRows // it was another one's, or changed, when its row was ours
		}
		var ids []int64
		for i := range all {
			if i == at || all[i].Active() && notify.Mailbox(all[i].Secret.Address) == notify.Mailbox(all[at].Secret.Address) {
				ids = append(ids, all[i].ID)
			}
		}
		if all[at].DisabledAt == nil {
			all[at].DisabledAt, all[at].DisabledWhy = &now, notify.Unsubscribed
		}
		left = all[at].Channel
		return exec(ctx, tx, `
			UPDATE notification_channel
			   SET disabled_at = coalesce(disabled_at, @now), disabled_why = CASE WHEN disabled_at IS NULL THEN @why ELSE disabled_why END,
			       code_digest = NULL, code_made_at = NULL
			 WHERE id = ANY(@ids::bigint[])`, pgx.NamedArgs{"ids": ids, "now": now, "why": notify.Unsubscribed})
	})
	if err != nil {
		return notify.Channel{}, fmt.Errorf("leave a channel: %w", pgdb.Translate(err))
	}
	return left, nil
}

// alsoOfOwner returns a channel, for whoever has its key, and the others of its kind and owner. They are locked in the
// order that all do who lock several.
func alsoOfOwner(ctx context.Context, tx pgx.Tx, id int64, key string) ([]notify.Kept, error) {
	rows, err := tx.Query(ctx, selectChannels+`
	  JOIN notification_channel one ON one.id = @id AND one.secret ->> 'leave' = @key
	 WHERE c.kind = one.kind AND (c.user_id = one.user_id OR c.organization_id = one.organization_id)
	 ORDER BY c.id FOR NO KEY UPDATE OF c`, pgx.NamedArgs{"id": id, "key": key})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanChannel)
}

// counter counts in the transaction: what is not done is not counted.
func counter(ctx context.Context, tx pgx.Tx) notify.Counter {
	return func(key string, limit int, window time.Duration) (time.Duration, error) {
		return countAttempt(ctx, tx, key, limit, window, time.Now())
	}
}
