package conformance_test

import (
	"context"
	"sync"
	"testing"

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
