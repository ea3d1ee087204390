package conformance_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// However many come at once, no more are made than may be, and the others are told how
// many that is.
func TestQuotasHoldAtOnce(t *testing.T) {
	t.Parallel()
	const limit, atOnce = 4, 12
	w := newWorld(t)
	store := postgres.NewInventoryWithin(w.as, postgres.Terms{Quotas: inventory.Quotas{Organizations: limit, Addresses: limit, Sites: limit, Rooms: limit, Nodes: limit}})
	tokens := postgres.NewIdentity(w.pool)
	olga := access.Caller{UserID: 1}
	for _, quota := range []struct {
		why   reason.Reason
		count string
		add   func(n int) error
	}{
		{reason.QuotaOrganizations, "SELECT count(*) FROM membership WHERE user_id = 1 AND role = 'O'", func(n int) error {
			_, err := store.Organizations.Create(t.Context(), olga, inventory.Organization{Name: fmt.Sprint("O", n)})
			return err
		}},
		{reason.QuotaAddresses, "SELECT count(*) FROM address WHERE created_by = 1", func(n int) error {
			_, err := store.Addresses.Create(t.Context(), olga, inventory.Address{Street1: fmt.Sprint("Weg", n), Zip: "10827", City: "Berlin"})
			return err
		}},
		{reason.QuotaSites, "SELECT count(*) FROM site WHERE operator_id = 1", func(n int) error {
			_, err := store.Sites.Create(t.Context(), olga, inventory.Site{Name: fmt.Sprint("S", n), OperatorID: 1, AddressID: 1, TimeZone: inventory.DefaultTimeZone})
			return err
		}},
		{reason.QuotaRooms, "SELECT count(*) FROM room WHERE site_id = 1", func(n int) error {
			_, err := store.Rooms.Create(t.Context(), olga, inventory.Room{Name: fmt.Sprint("R", n), SiteID: 1})
			return err
		}},
		{reason.QuotaNodes, "SELECT count(*) FROM node WHERE owner_id = 1", func(n int) error {
			_, err := store.Nodes.Create(t.Context(), olga, newNode(n))
			return err
		}},
		{reason.QuotaTokens, "SELECT count(*) FROM api_token WHERE user_id = 1", func(n int) error {
			_, digest := identity.NewSecret()
			_, err := tokens.CreateToken(t.Context(), digest, identity.Token{UserID: 1, Name: fmt.Sprint("T", n), Scope: identity.ScopeRead, CreatedAt: time.Now()}, limit)
			return err
		}},
	} {
		var all sync.WaitGroup
		for n := range atOnce {
			all.Go(func() {
				err := quota.add(n)
				v, refused := errors.AsType[*fault.Violation](err)
				if err != nil && (!refused || v.Reason != quota.why || !v.Conflict || fmt.Sprint(v.Args) != fmt.Sprint([]any{limit})) {
					t.Errorf("%s: %v", quota.why.In("en"), err)
				}
			})
		}
		all.Wait()
		var n int
		if err := w.pool.QueryRow(t.Context(), quota.count).Scan(&n); err != nil || n != limit {
			t.Errorf("%s: there are %d (%v), want %d", quota.why.In("en"), n, err, limit)
		}
	}
	// What is there can be changed, and administrators give more.
	if _, err := store.Rooms.Change(t.Context(), olga, 1, func(r *inventory.Room) error { r.Name = "Anders"; return nil }); err != nil {
		t.Error("another name for a room of a full organization:", err)
	}
	if _, err := store.Nodes.Create(t.Context(), access.Caller{UserID: 1, Administers: true}, newNode(99)); err != nil {
		t.Error("an administrator gives more:", err)
	}
}

func newNode(n int) inventory.Node {
	return inventory.Node{EUI64: fmt.Sprintf("9876B600000C%04X", n), Alias: fmt.Sprint("N", n), ProtocolID: 1, ModelID: 1, OwnerID: 1}
}

// Nor does one come round the back, from another organization.
func TestQuotasHoldWhereThingsMoveTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := postgres.NewInventoryWithin(w.as, postgres.Terms{Quotas: inventory.Quotas{Nodes: 2}})
	olga := access.Caller{UserID: 1}
	n := newNode(1)
	n.OwnerID = 2
	made, err := store.Nodes.Create(t.Context(), olga, n)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Nodes.Change(t.Context(), olga, made.ID, func(n *inventory.Node) error { n.OwnerID = 1; return nil })
	if v, ok := errors.AsType[*fault.Violation](err); !ok || v.Code() != "quota_exceeded" || v.Field != "owner" || !v.Reference {
		t.Errorf("a third node: %v, want quota_exceeded of owner", err)
	}
}

// Nor by taking a site over with its rooms, by being made OWNER, or by installing.
func TestQuotasCountWhatComesAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "INSERT INTO room (site_id, name) VALUES (2, 'Zweiter')")
	w.exec(t, "INSERT INTO membership (id, user_id, organization_id, role) VALUES (9, 2, 2, 'I')")
	olga := access.Caller{UserID: 1}
	store := postgres.NewInventoryWithin(w.as, postgres.Terms{Quotas: inventory.Quotas{Rooms: 2, Organizations: 1, Installations: 1}})
	node, _ := inventory.ParseNodeID(node2)
	invited := identity.Digest{1}
	w.exec(t, `INSERT INTO organization (id, name) VALUES (3, 'Dritte')`)
	w.exec(t, `INSERT INTO invitation (organization_id, email, role, digest, created_at, expires_at) VALUES (3, 'i@x.de', 'O', $1, now(), now() + interval '1 day')`, invited[:])
	for _, step := range []struct {
		name string
		why  reason.Reason
		do   func() error
	}{
		{"a site with two rooms, beside one", reason.QuotaRooms, func() error {
			_, err := store.Sites.Change(t.Context(), olga, 2, func(s *inventory.Site) error { s.OperatorID = 1; return nil })
			return err
		}},
		{"made OWNER of a second one", reason.QuotaOrganizations, func() error {
			_, err := store.Memberships.Change(t.Context(), olga, 9, func(m *inventory.Membership) error { m.Role = inventory.Owner; return nil })
			return err
		}},
		{"invited as OWNER of a second one", reason.QuotaOrganizations, func() error {
			_, err := postgres.NewIdentity(w.pool).Accept(t.Context(), invited, 2, time.Now(), 1)
			return err
		}},
		{"a second installation", reason.QuotaInstallations, func() error {
			_, err := store.Installations.Create(t.Context(), olga, inventory.Installation{NodeID: node, RoomID: 1, From: time.Now().Truncate(time.Second)})
			return err
		}},
	} {
		if v, ok := errors.AsType[*fault.Violation](step.do()); !ok || v.Reason != step.why {
			t.Errorf("%s: %v, want %s", step.name, v, step.why.In("en"))
		}
	}
	w.exec(t, "DELETE FROM room WHERE name = 'Zweiter'")
	if _, err := store.Sites.Change(t.Context(), olga, 2, func(s *inventory.Site) error { s.OperatorID = 1; return nil }); err != nil {
		t.Error("a site with one room, beside one:", err)
	}
	var left int
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM invitation").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d invitations are left (%v), want the refused one", left, err)
	}
}
