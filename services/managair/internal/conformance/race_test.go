package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres/constraint"
)

// races are pairs of statements of which each is right alone, and both together break a
// rule over several rows.
var races = []struct {
	name  string
	sql   [2]string
	codes [2]string // what each is told when it is the second
}{
	{
		"two OWNERs leave",
		[2]string{"DELETE FROM membership WHERE id = 1", "DELETE FROM membership WHERE id = 3"},
		[2]string{"last_owner", "last_owner"},
	},
	{
		"one OWNER leaves, the other one becomes INSPECTOR",
		[2]string{"DELETE FROM membership WHERE id = 1", "UPDATE membership SET role = 'I' WHERE id = 3"},
		[2]string{"last_owner", "last_owner"},
	},
	{
		"a node is installed and sold",
		[2]string{"INSERT INTO installation (node_id, room_id, from_time) VALUES ('" + node2 + "', 1, date_trunc('second', now()))", "UPDATE node SET owner_id = 2 WHERE id = '" + node2 + "'"},
		[2]string{"invalid", "conflict"},
	},
	{
		"a node is installed while its room moves",
		[2]string{"INSERT INTO installation (node_id, room_id, from_time) VALUES ('" + node2 + "', 3, date_trunc('second', now()))", "UPDATE room SET site_id = 2 WHERE id = 3"},
		[2]string{"invalid", "conflict"},
	},
	{
		"a node is installed while the site changes hands",
		[2]string{"INSERT INTO installation (node_id, room_id, from_time) VALUES ('" + node2 + "', 3, date_trunc('second', now()))", "UPDATE site SET operator_id = 2 WHERE id = 3"},
		[2]string{"invalid", "conflict"},
	},
	{
		"a room moves to a site that changes hands",
		[2]string{"UPDATE room SET site_id = 3 WHERE id = 1", "UPDATE site SET operator_id = 2 WHERE id = 3"},
		[2]string{"conflict", "conflict"},
	},
}

// Whichever of two transactions is first is right, and the other one, which waits for it,
// is refused.
func TestTheSecondOfTwoIsRefused(t *testing.T) {
	t.Parallel()
	for _, race := range races {
		for first := range 2 {
			second := 1 - first
			t.Run(fmt.Sprintf("%s/%d", race.name, first), func(t *testing.T) {
				t.Parallel()
				w := newRace(t)
				a, b := begin(t, w.pool, "IMMEDIATE"), begin(t, w.pool, "IMMEDIATE")
				if _, err := a.Exec(t.Context(), race.sql[first]); err != nil {
					t.Fatalf("the first one: %v", err)
				}
				ended := make(chan error, 1)
				go func() {
					_, err := b.Exec(t.Context(), race.sql[second])
					ended <- err
				}()
				w.untilWaiting(t, b, ended)
				if err := a.Commit(t.Context()); err != nil {
					t.Fatalf("the first one: %v", err)
				}
				err := <-ended
				if v := constraint.Violation(err); v == nil || v.Code() != race.codes[second] {
					t.Errorf("the second one: %v, want %s", err, race.codes[second])
				}
				w.unbroken(t)
			})
		}
	}
}

// Where the rules are asked at the end only, one of two transactions that end together
// is refused.
func TestOneOfTwoThatEndTogetherIsRefused(t *testing.T) {
	t.Parallel()
	for _, race := range races {
		t.Run(race.name, func(t *testing.T) {
			t.Parallel()
			w := newRace(t)
			ends := make(chan error, 2)
			for _, sql := range race.sql {
				tx := begin(t, w.pool, "DEFERRED")
				go func() {
					_, err := tx.Exec(t.Context(), sql)
					if err == nil {
						err = tx.Commit(t.Context())
					} else {
						_ = tx.Rollback(t.Context()) // it has failed already
					}
					ends <- err
				}()
			}
			refused := 0
			for range 2 {
				err := <-ends
				if err == nil {
					continue
				}
				refused++
				// Two who wait for each other are told by the database.
				pgErr, _ := errors.AsType[*pgconn.PgError](err)
				if v := constraint.Violation(err); (v == nil || !slices.Contains(race.codes[:], v.Code())) && (pgErr == nil || pgErr.Code != deadlock) {
					t.Errorf("refused with %v", err)
				}
			}
			if refused != 1 {
				t.Errorf("%d are refused", refused)
			}
			w.unbroken(t)
		})
	}
}

// deadlock is the SQLSTATE of those who have waited for each other.
const deadlock = "40P01"

// newRace returns a world with an empty room in a site of its own.
func newRace(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if _, err := w.pool.Exec(t.Context(), raceSQL); err != nil {
		t.Fatal(err)
	}
	return w
}

const raceSQL = `
INSERT INTO site (id, name, address_id, operator_id) VALUES (3, 'Anbau', 1, 1);
INSERT INTO room (id, site_id, name) VALUES (3, 3, 'Leer');`

// again makes the world of a race as it was in the beginning.
func (w *world) again(t *testing.T) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), `
		TRUNCATE user_account, organization, address, quantity, node_protocol, node_model, retired_node CASCADE;`+worldSQL+raceSQL)
	if err != nil {
		t.Fatal(err)
	}
}

// untilWaiting returns when tx waits for another transaction.
func (w *world) untilWaiting(t *testing.T, tx pgx.Tx, ended <-chan error) {
	t.Helper()
	pid := tx.Conn().PgConn().PID()
	for waits := false; !waits; {
		select {
		case err := <-ended:
			t.Fatalf("the second one does not wait: %v", err)
		default:
		}
		if err := w.pool.QueryRow(t.Context(), "SELECT cardinality(pg_blocking_pids($1)) > 0", pid).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
}

// unbroken fails the test if anything breaks a rule.
func (w *world) unbroken(t *testing.T) {
	t.Helper()
	broken, err := postgres.Broken(t.Context(), w.pool)
	if err != nil || len(broken) > 0 {
		t.Errorf("afterwards: %v %v", broken, err)
	}
}

func begin(t *testing.T, pool *pgxpool.Pool, mode string) pgx.Tx {
	t.Helper()
	return beginAs(t, pool, pgx.TxOptions{}, mode)
}

// beginAs returns a transaction that ends with the test, in which the rules over several
// rows are asked in this mode.
func beginAs(t *testing.T, pool *pgxpool.Pool, options pgx.TxOptions, mode string) pgx.Tx {
	t.Helper()
	tx, err := pool.BeginTx(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	if _, err := tx.Exec(t.Context(), "SET CONSTRAINTS ALL "+mode); err != nil {
		t.Fatal(err)
	}
	return tx
}
