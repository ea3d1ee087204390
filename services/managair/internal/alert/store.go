package alert

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// Source is the stream of committed samples, as package live has it.
type Source interface {
	Bounds(ctx context.Context) (first, last live.ID, err error)
	Read(ctx context.Context, after live.ID, count int64, wait time.Duration) ([]live.Entry, error)
}

// Fact is what is known of a sensor that is no sample, where something is wrong with it.
type Fact struct {
	NodeNo int32
	// SilentSince is the last contact of one that should have reported since; FaultySince is
	// since when it measures nonsense, or was found to be suspicious. Zero: it does not.
	SilentSince, FaultySince time.Time
	// BatteryPercent is what it told last, BatteryEmpty when it will be empty; nil: nobody knows.
	BatteryPercent *float64
	BatteryEmpty   *time.Time
}

// Span is between which values a sensor was, by quantity. NaN: it told none.
type Span struct {
	NodeNo int32
	// Until is the end of the hour of its last sample.
	Until     time.Time
	Low, High [3]float64
}

// Opening is an episode that begins.
type Opening struct {
	Target

	OpenedAt time.Time
	// Threshold and Value are figures of the alert, nil: it has none.
	Threshold, Value, Worst *float64
}

// Ending is an episode that ends.
type Ending struct {
	Episode int64
	At      time.Time
	Why     Closing
	// Worst is nil where nothing new is known of it.
	Worst *float64
}

// Store is what the evaluation needs of the database. Each method is one transaction.
type Store interface {
	// Lead calls do while nobody else does, as soon as nobody else does. The context of do ends
	// when that may be so no more.
	Lead(ctx context.Context, do func(context.Context) error) error
	// WaitForChanges calls changed once it listens, and whenever what Targets depends on has
	// changed. It returns when it cannot listen anymore.
	WaitForChanges(ctx context.Context, changed func()) error

	// Targets returns what is watched: by rules that are on, of accounts that may still see it.
	Targets(ctx context.Context) ([]Target, error)
	// Plans returns the plans of the rooms in which people are for rules of occupied time.
	Plans(ctx context.Context) (map[int64]timetable.Plan, error)
	OpenEpisodes(ctx context.Context) ([]OpenEpisode, error)
	// Samples hands over the samples of sensors since a time, in the order of their times.
	Samples(ctx context.Context, nodes []int32, since time.Time, each func(node int32, s measurement.Sample)) error
	// Facts returns false where it is long ago that anybody looked after sensors.
	Facts(ctx context.Context, now time.Time) ([]Fact, bool, error)
	// Spans returns those of the 24 hours before now. What told nothing has none.
	Spans(ctx context.Context, nodes []int32, now time.Time) ([]Span, error)

	// Open writes episodes and what is to be told of them, in the order of the openings. It returns the ids of those that are open
	// afterwards, 0: the rule or the right is gone, and it was not written; and what was refused of each, nil: nothing.
	Open(ctx context.Context, now time.Time, openings []Opening) (ids []int64, refused []error, err error)
	// Close ends episodes, and tells so of those of which the rule says so and somebody was told that they are
	// open. It does nothing to those that are closed. It returns what was refused of each, nil: nothing.
	Close(ctx context.Context, now time.Time, endings []Ending) (refused []error, err error)
	// NoteWorst keeps the worst values of open episodes.
	NoteWorst(ctx context.Context, worst map[int64]float64) error
	// TellDue tells what is to be told by now, at most so many, and returns how many were due. What
	// nobody is to be told of now is put off, and so is what fails.
	TellDue(ctx context.Context, now time.Time, limit int) (n int, failed []error, err error)
	// Clear deletes closed episodes from before a time, and personal rules of nobody.
	Clear(ctx context.Context, before time.Time) error
}
