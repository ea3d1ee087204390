// Package dataset writes what sensors measured as one table, in files that people and programs open: CSV,
// workbooks for spreadsheets, and Parquet. Rows are written as they are handed in: a writer holds as much memory at the
// tenth million as at the first thousand.
//
// Which measurements they are, and who may read them, is decided where they are read.
package dataset

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Source is where the rows that follow were measured.
type Source struct {
	Site, Room, Sensor string // as people call them
	SiteID, RoomID     int64
	InstallationID     int64
	NodeID             string
	// Place is where times are read, by whose clocks.
	Place *time.Location
}

// Layout is how a table is made.
type Layout struct {
	// Language is that of headings and words.
	Language string
	// Resolution decides the columns: Raw has one row for each sample, others one for each bucket.
	Resolution telemetry.Resolution
	// People read days by the clocks of the place; programs read those of UTC.
	People bool
	// OneRoom leaves out of CSV for programs which room it is.
	OneRoom bool
	// SheetPerRoom begins a sheet of a workbook for each room.
	SheetPerRoom bool
}

// Writer writes a table. After an error it is of no more use.
type Writer interface {
	// Begin says where the rows that follow come from.
	Begin(Source) error
	// Sample writes a row of a table of samples.
	Sample(measurement.Sample) error
	// Bucket writes a row of a table of buckets.
	Bucket(telemetry.Bucket) error
	// Close writes the end. It does not close what is written to.
	Close() error
}

// Part is what one sensor measured in a room.
type Part struct {
	Source
	Span telemetry.Span
	// Latest is the last time of a sample in the span; zero: it has none.
	Latest time.Time
}

// Write reads a part and writes its rows.
func Write(ctx context.Context, store telemetry.Store, layout Layout, part Part, w Writer) error {
	if part.Latest.IsZero() {
		return nil
	}
	if err := w.Begin(part.Source); err != nil {
		return err
	}
	switch {
	case layout.Resolution == telemetry.Raw:
		return store.Samples(ctx, part.Span, w.Sample)
	case layout.Resolution == telemetry.Day && layout.People:
		// The end that is asked for may be far off, and the clocks turn twice in each year until then.
		span := part.Span
		span.To = part.Latest
		return telemetry.LocalDays(ctx, store, span, part.Place, w.Bucket)
	default:
		return telemetry.Buckets(ctx, store, part.Span, layout.Resolution, w.Bucket)
	}
}
