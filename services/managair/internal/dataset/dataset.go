// Package dataset writes what sensors measured as one table, in files that people and programs open: CSV,
// workbooks for spreadsheets, and Parquet. Rows are written as they are handed in: a writer holds as much memory at the
// tenth million as at the first thousand.
//
// Which measurements they are, and who may read them, is decided where they are read.
package dataset

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset/xlsx"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Source is where the rows that follow were measured.
type Source struct {
	Site, Room, Sensor string // as people call them
	SiteID, RoomID     int64
	InstallationID     int64
	NodeID             string
	// Organization is the number of the one that operates the site.
	Organization int64
	// Member says that it was found by a member of that organization: outsiders see less of it, or nothing.
	Member bool
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
	// Quantities are those that have columns; none: all have.
	Quantities Quantities
}

// Quantities is a set of what is measured.
type Quantities uint8

// The quantities of tables, in the order of their columns.
const (
	CO2 Quantities = 1 << iota
	Temperature
	RelHumidity
)

// QuantityNames are the quantities as the API calls them, in their order.
var QuantityNames = []string{"co2_ppm", "temperature_celsius", "rel_humidity_percent"}

// Has reports whether the tables have columns of a quantity.
func (q Quantities) Has(one Quantities) bool { return q == 0 || q&one != 0 }

// ParseQuantities makes a set of names. Its error is the first name that is none.
func ParseQuantities(names []string) (q Quantities, unknown string) {
	for _, name := range names {
		i := slices.Index(QuantityNames, name)
		if i < 0 {
			return 0, name
		}
		q |= 1 << i
	}
	return q, ""
}

// Names are those of the set; all where it is empty.
func (q Quantities) Names() []string {
	var names []string
	for i, name := range QuantityNames {
		if q.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
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
	// Samples is how many there are in the span, those of faulty sensors left out.
	Samples int64
	// Latest is the last time of a sample in the span; zero: it has none.
	Latest time.Time
}

// Format is a kind of file that tables are written as.
type Format struct {
	// Name is how the API calls it, and the end of the file's name.
	Name string
	// Media is its media type.
	Media string
	// People says that it is for people, unless somebody asks for the other.
	People bool
	// MaxRows is how many a file for people takes, 0: any number.
	MaxRows int64
	Open    func(io.Writer, Layout) Writer
}

// Formats are the kinds of files. A spreadsheet takes so many rows of CSV; those of Microsoft and of LibreOffice agree.
var Formats = []Format{
	{"csv", "text/csv", false, xlsx.MaxRows, func(w io.Writer, l Layout) Writer {
		if l.People {
			return NewPeopleCSV(w, l)
		}
		return NewCSV(w, l)
	}},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true, 0, NewWorkbook},
	{"parquet", "application/vnd.apache.parquet", false, 0, NewParquet},
}

// FormatOf returns the format of that name.
func FormatOf(name string) (Format, bool) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats[i], true
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
