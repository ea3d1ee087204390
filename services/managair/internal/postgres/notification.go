package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
)

// maxEnqueued is how many messages are written by one statement.
const maxEnqueued = 500

// enqueueNotifications writes messages in the transaction of what they tell of. One that is
// there already stays as it is, and channels that are gone are passed over.
func enqueueNotifications(ctx context.Context, tx pgx.Tx, messages []notify.Message) error {
	for len(messages) > 0 {
		n := min(len(messages), maxEnqueued)
		if err := enqueueSome(ctx, tx, messages[:n]); err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

func enqueueSome(ctx context.Context, tx pgx.Tx, messages []notify.Message) error {
	n := len(messages)
	channels, organizations := make([]int64, n), make([]int64, n)
	keys, kinds, groups, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	due := make([]*time.Time, n)
	for i := range messages {
		m := &messages[i]
		if err := m.Check(); err != nil {
			return err
		}
		channels[i], organizations[i], keys[i], kinds[i], groups[i], data[i] = m.Channel, m.Organization, m.Key, m.Kind, m.Group, string(m.Data)
		if !m.NotBefore.IsZero() {
			due[i] = &m.NotBefore
		}
	}
	// The lock keeps a channel from going before the message refers to it.
	err := exec(ctx, tx, `
		INSERT INTO notification (channel_id, key, kind, organization_id, group_key, data, due_at)
		SELECT m.channel_id, m.key, m.kind, nullif(m.organization_id, 0), m.group_key, m.data::jsonb, coalesce(m.due_at, now())
		  FROM unnest(@channels::bigint[], @keys::text[], @kinds::text[], @organizations::bigint[], @groups::text[], @data::text[], @due::timestamptz[])
		       WITH ORDINALITY AS m (channel_id, key, kind, organization_id, group_key, data, due_at, place)
		  JOIN notification_channel c ON c.id = m.channel_id
		 ORDER BY c.id, m.place
		   FOR KEY SHARE OF c
		    ON CONFLICT (channel_id, key) DO NOTHING`, pgx.NamedArgs{
		"channels": channels, "keys": keys, "kinds": kinds, "organizations": organizations, "groups": groups, "data": data, "due": due,
	})
	if err != nil {
		return fmt.Errorf("write notifications: %w", pgdb.Translate(err))
	}
	return nil
}
