package app

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// What nobody delivers is seen, and what is not due yet, or whose receiver rests, is not.
func TestOverdueNotificationsAreSeen(t *testing.T) {
	t.Parallel()
	s := newTelling(t, lenientClient(nil), nil)
	seen := func() float64 {
		t.Helper()
		store, ok := s.dispatch.Outbox.(postgres.Notifications)
		if !ok {
			t.Fatal("another outbox")
		}
		return testutil.ToFloat64(overdueCollector{store})
	}
	if got := seen(); got != 0 {
		t.Errorf("%v seconds of nothing", got)
	}
	pgtest.Exec(t, s.pool, `
		WITH made AS (
			INSERT INTO notification_channel (user_id, kind, name, language, target, secret, rests_until)
			VALUES (1, 'webhook', 'One', 'de', 'x', '{}', NULL), (1, 'webhook', 'Rests', 'de', 'x', '{}', now() + interval '1 hour') RETURNING id, name)
		INSERT INTO notification (channel_id, key, kind, group_key, data, due_at)
		SELECT id, key, 'alert.opened', '', '{}', now() + due::interval
		  FROM made, (VALUES ('One', 'a', '1 hour'), ('One', 'b', '-20 minutes'), ('Rests', 'c', '-3 hours')) AS m (of, key, due) WHERE of = name`)
	if got := time.Duration(seen() * float64(time.Second)); got < 20*time.Minute || got > time.Hour {
		t.Errorf("overdue for %v", got)
	}
}
