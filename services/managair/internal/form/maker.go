package form

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

// Facts are what Clair knows of a site.
type Facts struct {
	Site, Address, Organization string
	// Language is that of the form.
	Language string
	// From and To are the days that were measured.
	From, To civil.Date
}

// RoomFacts are what it knows of a room.
type RoomFacts struct {
	Name string
	roomair.Judgement
}

// Version is when a version was made.
type Version struct {
	Version int
	MadeAt  time.Time
}

// Store keeps documents. What the caller may not see is NotFound.
type Store interface {
	// MayMake returns Forbidden if the caller may make none of a site.
	MayMake(ctx context.Context, caller access.Caller, site int64) error
	// Find returns the latest version of the document of a key; ok is false when there is none.
	Find(ctx context.Context, caller access.Caller, key Key) (d Document, ok bool, err error)
	// Make keeps a document, or returns the one that somebody else made meanwhile.
	Make(ctx context.Context, caller access.Caller, d Document) (Document, bool, error)
	// Change lets do change the latest version of a document into the next one, if it says so.
	Change(ctx context.Context, caller access.Caller, id int64, do func(*Document) (bool, error)) (Document, error)
	// Documents returns the latest versions of those of a site, the latest period first, without
	// what stands in them.
	Documents(ctx context.Context, caller access.Caller, site int64) ([]Document, error)
	// Document returns a version of a document, the latest one for 0, and when each was made.
	Document(ctx context.Context, caller access.Caller, id int64, version int) (Document, []Version, error)
	// Delete deletes a document with its versions.
	Delete(ctx context.Context, caller access.Caller, id int64) error
}

// Maker makes documents.
type Maker struct {
	Air       roomair.Service
	Inventory inventory.Store
	Store     Store
}

// Make returns the document of a key, and whether it is new.
func (m Maker) Make(ctx context.Context, caller access.Caller, key Key, now time.Time) (Document, bool, error) {
	if err := m.Store.MayMake(ctx, caller, key.Site); err != nil {
		return Document{}, false, err
	}
	if d, there, err := m.Store.Find(ctx, caller, key); err != nil || there {
		return d, false, err
	}
	known, err := m.Known(ctx, caller, key, now)
	if err != nil {
		return Document{}, false, err
	}
	return m.Store.Make(ctx, caller, Begin(key, known, now))
}

// Known returns what Clair knows of the fields of a form.
func (m Maker) Known(ctx context.Context, caller access.Caller, key Key, now time.Time) (Content, error) {
	f, ok := Find(key.Form)
	if !ok {
		return Content{}, fault.New(fault.NotFound, "no such form")
	}
	site, err := m.Inventory.Sites.Get(ctx, caller, key.Site)
	if err != nil {
		return Content{}, err
	}
	if wrong := checkPeriod(key, inventory.LocationOrUTC(site.TimeZone), now); wrong != nil {
		return Content{}, wrong
	}
	organization, err := m.Inventory.Organizations.Get(ctx, caller, site.OperatorID)
	if err != nil {
		return Content{}, err
	}
	address, err := m.Inventory.Addresses.Get(ctx, caller, site.AddressID)
	if err != nil {
		return Content{}, err
	}
	rooms, _, err := m.Inventory.Rooms.List(ctx, caller, inventory.Query{Site: key.Site, Sort: []inventory.Order{{By: "name"}}, Limit: MaxRooms})
	if err != nil {
		return Content{}, err
	}
	facts := &Facts{Site: site.Name, Address: written(&address), Organization: organization.Name, Language: f.Language, From: key.From, To: key.To}
	c := Content{Site: known(f.Site, facts, nil)}
	for i := range rooms {
		j, err := m.Air.Verdict(ctx, caller, rooms[i].ID, func(loc *time.Location) airquality.Period {
			return airquality.Between(key.From, key.To, loc)
		}, f.Profile, now)
		if fault.Is(err, fault.NotFound) {
			continue // it was deleted since
		}
		if err != nil {
			return Content{}, fmt.Errorf("form of room %d: %w", rooms[i].ID, err)
		}
		c.Rooms = append(c.Rooms, RoomValues{Room: rooms[i].ID, Name: rooms[i].Name, Fields: known(f.Room, facts, &RoomFacts{rooms[i].Name, j})})
	}
	return c, nil
}

func known(fields []Field, f *Facts, room *RoomFacts) Values {
	v := Values{}
	for i := range fields {
		if fields[i].Known == nil {
			continue
		}
		if text := fields[i].Known(f, room); text != "" {
			v[fields[i].ID] = text
		}
	}
	return v
}

func written(a *inventory.Address) string {
	street := a.Street1
	if a.Street2 != nil && *a.Street2 != "" {
		street += ", " + *a.Street2
	}
	return street + ", " + strings.TrimSpace(a.Zip+" "+a.City)
}

// checkPeriod refuses days that are none, too many, or not over.
func checkPeriod(key Key, loc *time.Location, now time.Time) *fault.Violation {
	days := key.From.DaysUntil(key.To) + 1
	switch {
	case key.From.Year < 2000:
		return &fault.Violation{Reason: reason.InvalidRange, Field: "from_date"}
	case days < 1:
		return &fault.Violation{Reason: reason.EndsBeforeStart, Field: "to_date"}
	case days > MaxDays:
		return &fault.Violation{Reason: reason.MaxValue, Field: "to_date", Args: []any{MaxDays}}
	case now.Before(key.To.AddDays(1).In(loc)):
		return &fault.Violation{Reason: reason.PeriodNotOver, Field: "to_date"}
	}
	return nil
}
