package export

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// Service has what people do with exports.
type Service struct {
	Store  Store
	Shelf  Shelf
	Finder dataset.Finder
	// Limit is how many exports an account has at the same time; 0: no bound.
	Limit int
	Now   func() time.Time
}

// Make has an export made. What is wrong with what is wanted is a fault.Violation: what the caller does not see is not
// there.
func (s Service) Make(ctx context.Context, caller access.Caller, w Wanted) (Export, error) {
	if w.From != nil && w.To != nil && w.To.Before(*w.From) {
		return Export{}, &fault.Violation{Field: "to_timestamp_s", Reason: reason.EndsBeforeStart}
	}
	if err := s.Store.Room(ctx, caller.UserID, s.Limit); err != nil {
		return Export{}, err
	}
	seen := w.Caller(caller)
	name, err := s.name(ctx, seen, &w)
	if err != nil {
		return Export{}, err
	}
	now := s.Now()
	parts, err := s.Finder.Find(ctx, seen, w.Selection(now), w.Language, MaxParts)
	if many, ok := errors.AsType[*dataset.TooManyError](err); ok {
		return Export{}, &fault.Violation{Field: w.narrowest(), Reference: true, Reason: reason.TooManyInstallations, Args: []any{many.Count, many.Most}}
	}
	if err != nil {
		return Export{}, err
	}
	rows, samples := dataset.Total(parts, w.Resolution)
	if format, _ := dataset.FormatOf(w.Format); w.People && format.MaxRows > 0 && rows >= format.MaxRows {
		return Export{}, &fault.Violation{Field: "file", Reason: reason.TooManyRows, Args: []any{rows, format.MaxRows}}
	}
	return s.Store.Make(ctx, Export{UserID: caller.UserID, Name: name, Wanted: w, MadeAt: now, Samples: samples}, s.Limit)
}

// narrowest is the relationship that narrows what is wanted most, or that would.
func (w *Wanted) narrowest() string {
	switch {
	case len(w.Nodes) > 0:
		return "nodes"
	case len(w.Rooms) > 0:
		return "rooms"
	case w.Site != 0:
		return "site"
	default:
		return "organization"
	}
}

// name makes the name of a file, of what it is of, which the caller has to see.
func (s Service) name(ctx context.Context, caller access.Caller, w *Wanted) (string, error) {
	var parts []string
	if w.Organization != 0 {
		o, err := s.Finder.Inventory.Organizations.Get(ctx, caller, w.Organization)
		if err != nil {
			return "", unknown("organization", err)
		}
		parts = append(parts, o.Name)
	}
	if w.Site != 0 {
		site, err := s.Finder.Inventory.Sites.Get(ctx, caller, w.Site)
		if err != nil {
			return "", unknown("site", err)
		}
		parts = append(parts[:0], site.Name)
	}
	parts, err := s.roomName(ctx, caller, w, parts)
	if err != nil {
		return "", err
	}
	if len(w.Nodes) > 0 {
		nodes, _, err := s.Finder.Inventory.Nodes.List(ctx, caller, inventory.Query{NodeIDs: w.Nodes, Sort: []inventory.Order{{By: "alias"}}})
		if err != nil {
			return "", err
		}
		for _, id := range w.Nodes {
			if !slices.ContainsFunc(nodes, func(n inventory.Node) bool { return n.ID == id }) {
				return "", unknown("nodes", nil)
			}
		}
		if len(nodes) == 1 {
			parts = append(parts, nodes[0].Alias)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "Clair")
	}
	name := strings.Join(parts, ", ")
	if utf8.RuneCountInString(name) > MaxName {
		name = string([]rune(name)[:MaxName])
	}
	return name, nil
}

// roomName adds the name of a single room, with that of its site.
func (s Service) roomName(ctx context.Context, caller access.Caller, w *Wanted, parts []string) ([]string, error) {
	if len(w.Rooms) == 0 {
		return parts, nil
	}
	rooms, _, err := s.Finder.Inventory.Rooms.List(ctx, caller, inventory.Query{IDs: w.Rooms, Sort: []inventory.Order{{By: "name"}}})
	if err != nil {
		return nil, err
	}
	for _, id := range w.Rooms {
		if !slices.ContainsFunc(rooms, func(r inventory.Room) bool { return r.ID == id }) {
			return nil, unknown("rooms", nil)
		}
	}
	if len(rooms) != 1 {
		return parts, nil
	}
	if w.Site == 0 {
		site, err := s.Finder.Inventory.Sites.Get(ctx, caller, rooms[0].SiteID)
		if err != nil {
			return nil, err
		}
		parts = append(parts[:0], site.Name)
	}
	return append(parts, rooms[0].Name), nil
}

// unknown is the violation of a reference to what the caller does not see.
func unknown(field string, err error) error {
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return &fault.Violation{Field: field, Reference: true, Reason: reason.DoesNotExist}
}

// Delete deletes an export with its file, or has it made no more.
func (s Service) Delete(ctx context.Context, caller access.Caller, id int64) error {
	e, err := s.Store.Delete(ctx, caller, id)
	if err != nil {
		return err
	}
	return Clear(ctx, s.Shelf, &e) // else the worker does
}

// Open opens the file of an export for its owner, or for whoever has the key of its mail.
func (s Service) Open(ctx context.Context, caller access.Caller, id int64, key string) (Export, io.ReadSeekCloser, error) {
	var e Export
	var err error
	if key != "" {
		e, err = s.Store.ByKey(ctx, id, Digest(key), s.Now())
	} else {
		e, err = s.Store.Get(ctx, caller, id)
	}
	if err != nil {
		return e, nil, err
	}
	if e.State != Done {
		return e, nil, fault.New(fault.NotFound, "the export is not made yet, or could not be made")
	}
	return e, OpenFile(ctx, s.Shelf, &e), nil
}
