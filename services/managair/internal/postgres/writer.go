package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// subjectWriter makes the changes of the admin pages to a kind of the inventory, in
// its repository.
type subjectWriter interface {
	apply(ctx context.Context, store inventory.Store, caller access.Caller, c backoffice.Change) (string, error)
	act(ctx context.Context, store inventory.Store, caller access.Caller, action string, ids []string) (int64, error)
	// column is what the subject calls a field.
	column(field string) string
}

// subjectWriters are those of the subjects by their names.
var subjectWriters = map[string]subjectWriter{
	inventory.Organizations.Table: numbered(&inventory.Organizations, organizations().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Organization, int64] { return s.Organizations }, nil),
	inventory.Memberships.Table: numbered(&inventory.Memberships, memberships().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Membership, int64] { return s.Memberships }, nil),
	inventory.Addresses.Table: numbered(&inventory.Addresses, addresses().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Address, int64] { return s.Addresses }, nil),
	inventory.Sites.Table: numbered(&inventory.Sites, sites().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Site, int64] { return s.Sites }, nil),
	inventory.Rooms.Table: numbered(&inventory.Rooms, rooms().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Room, int64] { return s.Rooms }, nil),
	inventory.Quantities.Table: numbered(&inventory.Quantities, quantities().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Quantity, int64] { return s.Quantities }, nil),
	inventory.Protocols.Table: numbered(&inventory.Protocols, protocols().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Protocol, int64] { return s.Protocols }, nil),
	inventory.Models.Table: numbered(&inventory.Models, models().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Model, int64] { return s.Models }, nil),
	inventory.Installations.Table: numbered(&inventory.Installations, installations().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Installation, int64] { return s.Installations }, installationActions),
	inventory.Calibrations.Table: numbered(&inventory.Calibrations, calibrations().idOf,
		func(s inventory.Store) inventory.Repository[inventory.Calibration, int64] { return s.Calibrations }, nil),
	inventory.Nodes.Table: &writer[inventory.Node, inventory.NodeID]{
		kind: &inventory.Nodes, parse: inventory.ParseNodeID, format: inventory.NodeID.String,
		repository: func(s inventory.Store) inventory.Repository[inventory.Node, inventory.NodeID] { return s.Nodes },
		idOf:       func(n *inventory.Node) inventory.NodeID { return n.ID },
	},
}

// writer is the subjectWriter of a kind.
type writer[T any, ID comparable] struct {
	kind       *inventory.Kind[T]
	repository func(inventory.Store) inventory.Repository[T, ID]
	parse      func(string) (ID, bool)
	format     func(ID) string
	idOf       func(*T) ID
	// actions change a thing, and say whether there was something to change.
	actions map[string]func(*T) bool
}

func numbered[T any](kind *inventory.Kind[T], idOf func(*T) int64,
	repository func(inventory.Store) inventory.Repository[T, int64], actions map[string]func(*T) bool,
) subjectWriter {
	return &writer[T, int64]{
		kind: kind, idOf: idOf, repository: repository, actions: actions,
		parse: func(s string) (int64, bool) {
			id, err := strconv.ParseInt(s, 10, 64)
			return id, err == nil
		},
		format: func(id int64) string { return strconv.FormatInt(id, 10) },
	}
}

// installationActions are publish, hide and end_now.
var installationActions = map[string]func(*inventory.Installation) bool{
	"publish": func(i *inventory.Installation) bool {
		before := i.IsPublic
		i.IsPublic = true
		return !before
	},
	"hide": func(i *inventory.Installation) bool {
		before := i.IsPublic
		i.IsPublic = false
		return before
	},
	"end_now": func(i *inventory.Installation) bool {
		now := time.Now().UTC().Truncate(time.Second)
		if !i.From.Before(now) || i.To != nil && !i.To.After(now) {
			return false
		}
		i.To = &now
		return true
	},
}

func (w *writer[T, ID]) column(field string) string {
	for _, f := range w.kind.Fields() {
		if f.Name == field {
			return f.In()
		}
	}
	if field == inventory.Whole {
		return ""
	}
	return field
}

func (w *writer[T, ID]) apply(ctx context.Context, store inventory.Store, caller access.Caller, c backoffice.Change) (string, error) {
	repository := w.repository(store)
	if c.ID == "" {
		thing := w.kind.New()
		if v := w.set(&thing, c.Values); v != nil {
			return "", v
		}
		created, err := repository.Create(ctx, caller, thing)
		if err != nil {
			return "", err
		}
		return w.format(w.idOf(&created)), nil
	}
	id, ok := w.parse(c.ID)
	if !ok {
		return "", inventory.NotFound()
	}
	if c.Delete {
		return c.ID, repository.Delete(ctx, caller, id)
	}
	_, err := repository.Change(ctx, caller, id, func(thing *T) error {
		if v := w.set(thing, c.Values); v != nil {
			return v
		}
		return nil
	})
	return c.ID, err
}

// set takes the values of a form, by the names of columns.
func (w *writer[T, ID]) set(thing *T, values map[string]*string) *fault.Violation {
	for _, f := range w.kind.Fields() {
		text, given := values[f.In()]
		// Without an id the store makes one.
		if given && (text != nil || !f.OnCreate) {
			if v := w.kind.Set(thing, f.Name, text); v != nil {
				return v
			}
		}
	}
	return nil
}

func (w *writer[T, ID]) act(ctx context.Context, store inventory.Store, caller access.Caller, action string, ids []string) (int64, error) {
	do, ok := w.actions[action]
	if !ok && action != "delete" {
		return 0, errNoAction()
	}
	var n int64
	for _, text := range ids {
		id, ok := w.parse(text)
		if !ok {
			continue
		}
		changed := true
		var err error
		if action == "delete" {
			err = w.repository(store).Delete(ctx, caller, id)
		} else {
			_, err = w.repository(store).Change(ctx, caller, id, func(thing *T) error {
				changed = do(thing)
				return nil
			})
		}
		switch {
		case fault.Is(err, fault.NotFound): // somebody else was faster
		case err != nil:
			return n, err
		case changed:
			n++
		}
	}
	return n, nil
}
