package roomair

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
)

// When the files of a month are made. By then all of its days are decided, and gateways that
// were away have sent what they held back; what comes later still is in the second look.
const (
	firstLook  = 24 * time.Hour
	secondLook = 7 * 24 * time.Hour
	// tryAgain is when a room is tried again of which no file could be made: its organization
	// may have made room for it.
	tryAgain = 24 * time.Hour
)

// looks is how often the file of a month is made.
const looks = 2

// MonthRoom is a room whose organization wants a file of each month.
type MonthRoom struct {
	Room int64
	// Owner is an OWNER of its organization, for whom files are made.
	Owner int64
	// Zone is that of its site.
	Zone string
	// From and To are when sensors were in it, at the most; To is zero while one is.
	From, To time.Time
}

// MonthProgress is how far a month of a room is.
type MonthProgress struct {
	// Looks is how often its file was made, TriedAt when that was tried last.
	Looks   int
	TriedAt time.Time
	// Kept reports whether there is a file of the month that nobody deleted.
	Kept bool
}

// MonthStore knows which files of months are wanted, and how far they are.
type MonthStore interface {
	// MonthRooms returns the rooms of organizations that want files, by id.
	MonthRooms(ctx context.Context) ([]MonthRoom, error)
	// MonthProgress returns how far a month is, given by its first day.
	MonthProgress(ctx context.Context, room int64, month civil.Date) (MonthProgress, error)
	// NoteMonth says that a month was tried, and how often its file was made. It goes never back.
	NoteMonth(ctx context.Context, room int64, month civil.Date, looks int, at time.Time) error
}

// Months makes the files of months that are over.
type Months struct {
	Files Files
	Store MonthStore
	// Instance is the address that files are signed with.
	Instance string
	Log      *slog.Logger
}

// Run makes what is due, and returns how many files are new. It may be ended at any moment,
// and run by several at once: a file is made in one transaction, and one of the same content
// is the same file, so that what was made and not noted is not made twice. A room of which
// none can be made does not stand in the way of others; the first error is returned in the end.
func (m Months) Run(ctx context.Context, now time.Time) (made int, err error) {
	rooms, err := m.Store.MonthRooms(ctx)
	if err != nil || len(rooms) == 0 {
		return 0, err
	}
	if m.Instance == "" {
		m.Log.WarnContext(ctx, "air files of months are wanted, and PUBLIC_URL is not set: none are made", "count", len(rooms))
		return 0, nil
	}
	for i := range rooms {
		fresh, failed := m.room(ctx, &rooms[i], now)
		if fresh {
			made++
		}
		if ctx.Err() != nil {
			return made, ctx.Err()
		}
		if failed != nil && err == nil {
			err = failed
		}
	}
	return made, err
}

// room makes the file of a room's last month, if it is due.
func (m Months) room(ctx context.Context, r *MonthRoom, now time.Time) (fresh bool, err error) {
	loc := inventory.LocationOrUTC(r.Zone)
	month, last := LastMonth(civil.DateOf(now.In(loc)))
	over := last.AddDays(1).In(loc)
	if now.Before(over.Add(firstLook)) || !r.From.Before(over) || !r.To.IsZero() && !r.To.After(month.In(loc)) {
		return false, nil
	}
	progress, err := m.Store.MonthProgress(ctx, r.Room, month)
	if err != nil || !progress.due(now, over) {
		return false, err
	}
	_, fresh, err = m.Files.Make(ctx, access.Caller{UserID: r.Owner}, FileKey{Room: r.Room, From: month, To: last}, m.Instance, now)
	done := progress.Looks + 1
	if !now.Before(over.Add(secondLook)) {
		done = looks // there was nobody for the first
	}
	if v, refused := errors.AsType[*fault.Violation](err); refused {
		m.Log.WarnContext(ctx, "no air file of a month could be made", "room", r.Room, "month", month.String(), "err", v)
		err, done = nil, progress.Looks
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return false, nil // the room is gone, or its owner, since it was listed
	}
	if err != nil {
		return false, err
	}
	return fresh, m.Store.NoteMonth(ctx, r.Room, month, done, now)
}

// due reports whether a month that is over is to be looked at. A file that an owner deleted is
// not made once more.
func (p MonthProgress) due(now, over time.Time) bool {
	switch p.Looks {
	case 0:
		return p.TriedAt.IsZero() || !now.Before(p.TriedAt.Add(tryAgain))
	case 1:
		return p.Kept && !now.Before(over.Add(secondLook)) && (p.TriedAt.Before(over.Add(secondLook)) || !now.Before(p.TriedAt.Add(tryAgain)))
	default:
		return false
	}
}

// LastMonth returns the first and the last day of the month before that of a day.
func LastMonth(today civil.Date) (first, last civil.Date) {
	last = today.AddDays(-today.Day)
	return last.AddDays(1 - last.Day), last
}
