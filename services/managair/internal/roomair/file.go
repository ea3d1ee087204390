package roomair

import (
	"context"
	"fmt"
	"time"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/airquality"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/verdict"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// MaxFiles is how many air files a room may have: one a month by three norms for ten years,
// and some versions. Those that were deleted do not count.
const MaxFiles = 500

// MaxOrganizationFiles is how many the rooms of an organization may have together.
const MaxOrganizationFiles = 5000

// FileKey is what a file is about. Of each there are versions.
type FileKey struct {
	Room     int64
	From, To civil.Date // To is the last day
	Profile  string
}

// File is an air file that is kept.
type File struct {
	FileKey

	ID          int64
	Version     int
	MadeAt      time.Time
	Content     string // its hash, see airfile.Document.Content
	PublishedAt *time.Time
}

// FileRoom is what files say of a room.
type FileRoom struct {
	Room airfile.Room
	// Health is what is known of the health of its sensors, by node.
	Health map[string]*airfile.Health
}

// FileStore keeps air files. What the caller may not see is NotFound.
type FileStore interface {
	// FileRoom returns what files say of a room, and Forbidden if the caller may make none.
	FileRoom(ctx context.Context, caller access.Caller, room int64) (FileRoom, error)
	// Latest returns the latest version that was not deleted, whoever asks, and the zero File
	// when there is none; and the highest number that a version ever had.
	Latest(ctx context.Context, of FileKey) (f File, document []byte, last int, err error)
	// Keep keeps what sign makes with the instance's key, if after is the highest number of a
	// version. It returns false when there is a later one already.
	Keep(ctx context.Context, caller access.Caller, of FileKey, after int, sign func(airfile.Key) (File, []byte, error)) (File, bool, error)
	// Files returns those of a room that the caller may see, the latest period first.
	Files(ctx context.Context, caller access.Caller, room int64) ([]File, error)
	// File returns a file with its document.
	File(ctx context.Context, caller access.Caller, id int64) (File, []byte, error)
	// Delete deletes a file that is not published. Its number is not used again.
	Delete(ctx context.Context, caller access.Caller, id int64, at time.Time) error
	// Publish lets whoever sees the room read a file, or no more: then at is nil. It refuses
	// what strangers cannot verify: a file of installations that are not all public.
	Publish(ctx context.Context, caller access.Caller, id int64, at *time.Time) error
	// PublicKeys returns those of the instance, the one in use first.
	PublicKeys(ctx context.Context) ([]airfile.PublicKey, error)
}

// Files makes air files.
type Files struct {
	Air   Service
	Store FileStore
	// Software is the version of the program.
	Software string
}

// keepAttempts bounds how often a file is made anew because somebody else was faster.
const keepAttempts = 3

// Make returns the file that is wanted, without a profile by that of the room, and whether it is new: with the same content as the
// version before there is none. However many make it at once, one is made.
func (f Files) Make(ctx context.Context, caller access.Caller, w FileKey, instance string, now time.Time) (File, bool, error) {
	// What a request calls the instance is no address to sign.
	if instance == "" {
		return File{}, false, &fault.Violation{Reason: reason.AirFileNoAddress, Conflict: true}
	}
	about, err := f.Store.FileRoom(ctx, caller, w.Room)
	if err != nil {
		return File{}, false, err
	}
	for range keepAttempts {
		file, ok, fresh, err := f.attempt(ctx, caller, w, about, instance, now)
		if err != nil || ok {
			return file, fresh, err
		}
	}
	return File{}, false, fault.New(fault.Unavailable, "the file is being made by others")
}

// attempt makes a version; ok is false when another one was made meanwhile.
func (f Files) attempt(ctx context.Context, caller access.Caller, w FileKey, about FileRoom, instance string, now time.Time) (file File, ok, fresh bool, err error) {
	room, loc, err := f.Air.room(ctx, caller, w.Room)
	if err != nil {
		return file, false, false, err
	}
	key := w
	if key.Profile == "" {
		key.Profile = room.Profile().ID
	}
	norm, known := profile.Get(key.Profile)
	if !known {
		norm, _ = profile.Get(profile.Default)
		key.Profile = norm.ID
	}
	if broken := checkWanted(key, loc, now); broken != nil {
		return file, false, false, broken
	}
	// First what is kept, then what is measured: who is slower sees no less.
	before, text, last, err := f.Store.Latest(ctx, key)
	if err != nil {
		return file, false, false, err
	}
	d, err := f.document(ctx, room, about, airfile.NewPeriod(w.From, w.To, loc), norm, now)
	if err != nil {
		return file, false, false, err
	}
	d.Software, d.Instance = f.Software, instance
	content, err := d.Content()
	if err != nil {
		return file, false, false, err
	}
	if before.Version > 0 {
		if before.Content == content {
			return before, true, false, nil
		}
		old, err := airfile.Kept(text)
		if err == nil {
			d.Changes, err = d.Since(old)
		}
		if err != nil {
			return file, false, false, fmt.Errorf("version %d of a file of room %d: %w", before.Version, w.Room, err)
		}
	}
	file, ok, err = f.Store.Keep(ctx, caller, key, last, func(signing airfile.Key) (File, []byte, error) {
		if err := d.Sign(signing, now, last+1); err != nil {
			return File{}, nil, err
		}
		text, err := d.Text()
		if err == nil && len(text) > airfile.MaxBytes {
			err = &fault.Violation{Reason: reason.AirFileTooLong}
		}
		return File{Version: d.Version, MadeAt: now, Content: content}, text, err
	})
	return file, ok, ok, err
}

// checkWanted refuses a period that is none, or not over.
func checkWanted(key FileKey, loc *time.Location, now time.Time) error {
	days := key.From.DaysUntil(key.To) + 1
	switch {
	case key.From.Year < 2000 || days < 1:
		return &fault.Violation{Reason: reason.InvalidRange, Field: "from_date"}
	case days > airfile.MaxDays:
		return &fault.Violation{Reason: reason.MaxValue, Field: "to_date", Args: []any{airfile.MaxDays}}
	case now.Before(key.To.AddDays(1).In(loc)):
		return &fault.Violation{Reason: reason.PeriodNotOver, Field: "to_date"}
	}
	return nil
}

// document is the file, judged and not signed.
func (f Files) document(ctx context.Context, room Room, about FileRoom, p airfile.Period, norm profile.Profile, now time.Time) (*airfile.Document, error) {
	loc, err := p.Location()
	if err != nil {
		return nil, err
	}
	period := airquality.Between(p.From, p.To, loc)
	days, err := f.Air.knownDays(ctx, about.Room.ID, period, now)
	if err != nil {
		return nil, err
	}
	d := &airfile.Document{
		Format: airfile.Format, Room: about.Room, Period: p, Norm: airfile.NewNorm(&norm), OutdoorPPM: verdict.OutdoorPPM,
		OccupiedDays: airfile.NewDays(days), Installations: []airfile.Installation{},
	}
	nodes := map[int64]int32{}
	for _, one := range room.Installations {
		if _, ok := one.Within(period.Reach()); !ok {
			continue
		}
		i := airfile.Installation{
			ID: one.ID, Node: one.NodeID, From: one.From.Unix(), Sensor: airfile.NewSensor(one.Protocol, inventory.SensorOf(one.Protocol)),
			Health: about.Health[one.NodeID],
		}
		if !one.To.IsZero() {
			to := one.To.Unix()
			i.To = &to
		}
		d.Installations = append(d.Installations, i)
		nodes[one.ID] = one.NodeNo
	}
	d.SortInstallations()
	err = d.Judge(func(i *airfile.Installation, from, to int64, yield func(airfile.Sample) error) error {
		span := telemetry.Span{NodeNo: nodes[i.ID], From: time.Unix(from, 0), To: time.Unix(to, 0)}
		return f.Air.Samples.Samples(ctx, span, func(s measurement.Sample) error {
			return yield(airfile.Sample{Time: s.Time.Unix(), CO2PPM: s.CO2PPM, Status: s.Status})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("file of room %d: %w", about.Room.ID, err)
	}
	return d, nil
}
