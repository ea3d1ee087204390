package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// Those who may not change a thing are told so at once, though somebody else holds it: they
// wait for nothing, so they can keep nobody waiting either.
func TestStrangersLockNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.New(t))
	h.exec(t, "INSERT INTO user_account (id, username) VALUES (1, 'olga'), (2, 'mallory')")
	h.exec(t, "INSERT INTO membership (id, user_id, organization_id, role) VALUES (1, 1, 1, 'O')")
	tx, err := h.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	for _, table := range []string{"room", "organization", "membership", "site"} {
		if _, err := tx.Exec(t.Context(), "SELECT FROM "+table+" FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
	}
	store := postgres.NewInventory(h.as)
	mallory := access.Caller{UserID: 2}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, change := store.Rooms.Change(ctx, mallory, 1, func(*inventory.Room) error { return nil })
	for what, err := range map[string]error{
		"change a room":       change,
		"delete a room":       store.Rooms.Delete(ctx, mallory, 1),
		"delete a membership": store.Memberships.Delete(ctx, mallory, 1),
	} {
		if kind := fault.KindOf(err); kind != fault.NotFound && kind != fault.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
}
