package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// Two who wait for each other are both served: the one that the database ends is run
// again. Here each does its first half before either does its second.
func TestDeadlocksAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "INSERT INTO room (id, site_id, name) VALUES (3, 1, 'Zweite')")
	store := postgres.NewInventory(w.as)
	call := func(ctx context.Context, s inventory.Store, node string) error {
		id, _ := inventory.ParseNodeID(node)
		_, err := s.Nodes.Change(ctx, caller, id, func(n *inventory.Node) error { n.Alias += "."; return nil })
		return err
	}
	rename := func(ctx context.Context, s inventory.Store, room int64) error {
		_, err := s.Rooms.Change(ctx, caller, room, func(r *inventory.Room) error { r.Name += "."; return nil })
		return err
	}
	for name, halves := range map[string][2]func(context.Context, inventory.Store) error{
		"sensors": {
			func(ctx context.Context, s inventory.Store) error { return call(ctx, s, node1) },
			func(ctx context.Context, s inventory.Store) error { return call(ctx, s, node2) },
		},
		"rooms": {
			func(ctx context.Context, s inventory.Store) error { return rename(ctx, s, 1) },
			func(ctx context.Context, s inventory.Store) error { return rename(ctx, s, 3) },
		},
	} {
		before := postgres.Repeated()
		var half, ended sync.WaitGroup
		half.Add(2)
		for who := range 2 {
			ended.Go(func() {
				halfWay := sync.OnceFunc(func() {
					half.Done()
					half.Wait()
				})
				err := store.Atomically(t.Context(), func(s inventory.Store) error {
					if err := halves[who](t.Context(), s); err != nil {
						return err
					}
					halfWay()
					return halves[1-who](t.Context(), s)
				})
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		ended.Wait()
		if postgres.Repeated() == before {
			t.Errorf("%s: nothing was run again", name)
		}
	}
	var names string
	err := w.pool.QueryRow(t.Context(), `
		SELECT (SELECT string_agg(name, ' ' ORDER BY id) FROM room WHERE site_id = 1) || ' ' || (SELECT string_agg(alias, ' ' ORDER BY id) FROM node)`).Scan(&names)
	if want := "Klasse.. Zweite.. Eins.. Zwei.."; err != nil || names != want {
		t.Errorf("%q (%v), want %q: each done once", names, err, want)
	}
}

// A migration locks tables one after the other, and so does a question, in another order.
// Whoever asks does not see that the database ended the question for the migration's sake.
// Whom it ends is open; the test goes on until it is the question.
func TestReadsAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tables := [2]string{"site", "room"}
	for range 10 {
		ended := w.askWhileLocking(t, tables)
		if ended {
			return
		}
		tables[0], tables[1] = tables[1], tables[0]
	}
	t.Error("no question was ever ended")
}

// ofThisDatabase are the locks of this test: copies of one template have the same numbers.
const ofThisDatabase = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"

// askWhileLocking asks for a room while a migration locks two tables. It reports whether the
// question had the second one when it waited for the first, and lost it.
func (w *world) askWhileLocking(t *testing.T, tables [2]string) (ended bool) {
	t.Helper()
	migration := begin(t, w.pool, "IMMEDIATE")
	lock := func(table string) error {
		_, err := migration.Exec(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
		return err
	}
	if err := lock(tables[0]); err != nil {
		t.Fatal(err)
	}
	answer := make(chan int, 1)
	go func() {
		r := httptest.NewRequest(http.MethodGet, "http://h/api/v1/rooms/1/", http.NoBody)
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r.WithContext(access.WithCaller(r.Context(), caller)))
		answer <- rec.Code
	}()
	locks := func(state, table string) (is bool) {
		err := w.pool.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_locks WHERE "+ofThisDatabase+" AND relation = to_regclass($1) AND "+state, table).Scan(&is)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	for !locks("NOT granted", tables[0]) {
		continue
	}
	has := locks("granted", tables[1])
	err := lock(tables[1])
	if err != nil && !pgdb.IsContended(err) {
		t.Fatal(err)
	}
	if err := migration.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := <-answer; code != http.StatusOK {
		t.Errorf("%v: answered %d", tables, code)
	}
	return has && err == nil
}
