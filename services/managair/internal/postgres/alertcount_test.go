package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// statements counts those that are sent.
type statements struct{ n atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.n.Add(1)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Many alerts at once are opened, told again and closed by as many statements as one.
func TestManyAlertsTakeFewStatements(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.exec(t, manyRules)
	w.exec(t, "UPDATE alert_rule SET condition = 'faulty', remind_after_s = 1800, tell_recovery = true")
	sent := &statements{}
	config := w.as.Config()
	config.ConnConfig.Tracer = sent
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store := postgres.Alerts{Pool: pool}
	targets, err := store.Targets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := map[int]int64{}
	for _, many := range []int{1, 300} {
		now := w.now()
		openings := make([]alert.Opening, many)
		for i := range openings {
			openings[i] = alert.Opening{Target: targets[i], OpenedAt: now}
		}
		targets = targets[many:]
		before := sent.n.Load()
		ids, _, err := store.Open(t.Context(), now, openings)
		if err != nil {
			t.Fatal(err)
		}
		w.turn(now.Add(31 * 60e9))
		if n, failed, err := store.TellDue(t.Context(), w.now(), many); err != nil || len(failed) > 0 || n != many {
			t.Fatal(n, failed, err)
		}
		endings := make([]alert.Ending, many)
		for i := range endings {
			endings[i] = alert.Ending{Episode: ids[i], At: w.now(), Why: alert.Recovered}
		}
		if _, err := store.Close(t.Context(), w.now(), endings); err != nil {
			t.Fatal(err)
		}
		of[many] = sent.n.Load() - before
		w.counts(0, "SELECT count(*) FROM alert_episode WHERE closed_at IS NULL")
	}
	if n := w.count(t, "SELECT count(*) FROM notification WHERE kind IN ('alert.opened', 'alert.reminder', 'alert.recovered')"); n != 3*301 {
		t.Errorf("%d messages, want three of each alert", n)
	}
	// A thousand messages are no more than two statements.
	if of[300] > of[1]+2 {
		t.Errorf("%d statements for 300 alerts, %d for one", of[300], of[1])
	}
	t.Logf("%d statements for 300 alerts, %d for one", of[300], of[1])
}
