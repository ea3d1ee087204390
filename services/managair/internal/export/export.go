// Package export makes files of measurements in the background, for whoever asked for them: of any selection, with
// progress, and kept for a while. What is in them and how they are written is the package dataset's.
//
// A file is kept in parts. Whoever dies over one leaves whole parts that belong to no export any more, and the next one
// begins anew under another number: nobody ever sees a half. That needs neither Redis nor one worker only.
package export

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Config is what the environment says about exports.
type Config struct {
	PerAccount int `env:"EXPORT_MAX_PER_ACCOUNT" envDefault:"20" desc:"exports that one account has at the same time, those that wait included; 0: no bound"`
}

// MakingConfig is what the environment says about their making.
type MakingConfig struct {
	Concurrency int           `env:"EXPORT_CONCURRENCY" envDefault:"1" desc:"exports that a worker makes at the same time"`
	Retention   time.Duration `env:"EXPORT_RETENTION" envDefault:"168h" desc:"how long an export is kept after it was made"`
	AccountMB   int64         `env:"EXPORT_MAX_MB_PER_ACCOUNT" envDefault:"2000" desc:"megabytes that all exports of one account have"`
	TotalMB     int64         `env:"EXPORT_MAX_MB" envDefault:"20000" desc:"megabytes that all exports have, in the store of the pictures"`
}

// Validate is asked after parsing.
func (c *MakingConfig) Validate() error {
	var problems []error
	if c.Concurrency < 1 || c.Concurrency > 20 {
		problems = append(problems, errors.New("EXPORT_CONCURRENCY: from 1 to 20"))
	}
	if c.Retention < time.Hour || c.Retention > 365*24*time.Hour {
		problems = append(problems, errors.New("EXPORT_RETENTION: an hour to a year"))
	}
	if c.AccountMB < 1 || c.TotalMB < c.AccountMB {
		problems = append(problems, errors.New("EXPORT_MAX_MB_PER_ACCOUNT: 1 or more, and no more than EXPORT_MAX_MB"))
	}
	return errors.Join(problems...)
}

// Bounds of what may be wanted.
const (
	// MaxNamed is how many rooms, and how many sensors, may be named.
	MaxNamed = 500
	// MaxParts is how many installations an export is made of.
	MaxParts = 5000
	// MaxName is in characters.
	MaxName = 200
)

// State is how far an export is.
type State string

// The states.
const (
	Waiting State = "waiting"
	Working State = "working"
	Done    State = "done"
	Failed  State = "failed"
)

// Why an export failed.
const (
	WhyAccountFull = "account_full"
	WhyFull        = "full"
	WhyTooLarge    = "too_large"
	WhyError       = "error"
)

// Wanted is what somebody wants exported. What is named narrows it, as with a dataset.Selection.
type Wanted struct {
	Organization int64                `json:"organization,omitempty"`
	Site         int64                `json:"site,omitempty"`
	Rooms        []int64              `json:"rooms,omitempty"`
	Nodes        []inventory.NodeID   `json:"nodes,omitempty"`
	From         *time.Time           `json:"from,omitempty"`
	To           *time.Time           `json:"to,omitempty"`
	Resolution   telemetry.Resolution `json:"resolution,omitempty"`
	Quantities   dataset.Quantities   `json:"quantities,omitempty"`
	// Format is the name of a dataset.Format.
	Format       string `json:"format"`
	People       bool   `json:"people,omitempty"`
	Language     string `json:"language"`
	SheetPerRoom bool   `json:"sheet_per_room,omitempty"`
	// Public leaves out what not everybody may see, names of sensors too; nothing named is all that is public.
	Public bool `json:"public,omitempty"`
	// Mail says that its owner is sent a link when it is made.
	Mail bool `json:"mail,omitempty"`
}

// Selection returns what is wanted until a time.
func (w *Wanted) Selection(now time.Time) dataset.Selection {
	s := dataset.Selection{
		Organization: w.Organization, Site: w.Site, Rooms: w.Rooms, Nodes: w.Nodes,
		From: time.Unix(0, 0).UTC(), To: now.UTC().Add(time.Second - time.Nanosecond).Truncate(time.Second),
	}
	if w.From != nil {
		s.From = *w.From
	}
	if w.To != nil {
		s.To = *w.To
	}
	return s
}

// Caller returns who is asked for: the account, or, of what is public, anybody.
func (w *Wanted) Caller(account access.Caller) access.Caller {
	if w.Public {
		return access.Caller{}
	}
	return account
}

// Layout returns how the table is made.
func (w *Wanted) Layout() dataset.Layout {
	return dataset.Layout{
		Language: w.Language, Resolution: w.Resolution, People: w.People, SheetPerRoom: w.SheetPerRoom, Quantities: w.Quantities,
	}
}

// Export is what somebody has exported.
type Export struct {
	ID, UserID int64
	// Name is that of the file, without its suffix.
	Name   string
	Wanted Wanted
	State  State
	Why    string

	MadeAt                      time.Time
	BegunAt, EndedAt, ExpiresAt *time.Time
	Attempt, Failures           int
	Samples, SamplesDone, Size  int64
	KeyDigest                   []byte
	Holder                      int64
}

// File is what it is called as a file.
func (e *Export) File() string { return e.Name + "." + e.Wanted.Format }

// Store keeps exports. People see their own, as long as they may see what is in them.
type Store interface {
	// Make keeps a new one. One too many is a fault.Violation.
	Make(ctx context.Context, e Export, limit int) (Export, error)
	// Room is the fault.Violation that Make would be, before anything else is looked for.
	Room(ctx context.Context, account int64, limit int) error
	List(ctx context.Context, caller access.Caller) ([]Export, error)
	Get(ctx context.Context, caller access.Caller, id int64) (Export, error)
	// ByKey is Get for whoever has the link that was mailed.
	ByKey(ctx context.Context, id int64, digest []byte, now time.Time) (Export, error)
	// Delete is for the owner, also of what they see no more.
	Delete(ctx context.Context, caller access.Caller, id int64) (Export, error)
}

// Queue is what a Maker needs of the store. An export is one Maker's at a time.
type Queue interface {
	// Take takes an export that is due, as its next attempt: one that its last Maker did not put off or finish has failed
	// once more. ok is false where there is none.
	Take(ctx context.Context, holder int64, now, until time.Time) (e Export, ok bool, err error)
	// Begin notes what an export is made of: so many samples, of what members of these organizations see. member is
	// false, and nothing noted, where the account is a member of one of them no longer. held is as with Progress.
	Begin(ctx context.Context, e *Export, samples int64, organizations []int64) (held, member bool, err error)
	// Progress notes how far it is. held is false where it is the Maker's no longer.
	Progress(ctx context.Context, e *Export, samples, size int64, until time.Time) (held bool, err error)
	// Finish notes the end, and has its owner told who wants to be. held is as with Progress.
	Finish(ctx context.Context, e *Export, end End) (held bool, err error)
	// PutOff has it begun anew, later. failed says whether that is for a failure.
	PutOff(ctx context.Context, e *Export, due time.Time, failed bool) error
	// Used returns how many bytes other exports have: of the account, and of all.
	Used(ctx context.Context, e *Export) (account, all int64, err error)
	// Expire forgets what has expired.
	Expire(ctx context.Context, now time.Time) (int64, error)
	// Attempts returns those whose parts count, of the exports that have a file or are being made.
	Attempts(ctx context.Context, ids []int64) (map[int64]int, error)
}

// End is how the making of an export ended.
type End struct {
	State         State
	Why           string
	Samples, Size int64
	At, ExpiresAt time.Time
	// Key opens the file for whoever gets the mail; "": there is none.
	Key string
}

// Shelf keeps parts of files by name.
type Shelf interface {
	Put(ctx context.Context, name string, content io.Reader, size int64) error
	// Open returns fault.NotFound when there is no such part.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Delete of what is not there is no error.
	Delete(ctx context.Context, name string) error
	List(ctx context.Context) iter.Seq2[string, error]
}
