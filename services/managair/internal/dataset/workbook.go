package dataset

import (
	"io"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset/xlsx"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// workbook is for people: times by the clocks of the place, values as numbers, words of their language.
type workbook struct {
	book   *xlsx.Workbook
	layout Layout
	source Source
	// begun is the room whose sheet is written, none: a long table, or nothing yet.
	begun  int64
	states map[measurement.Status]string
}

// NewWorkbook writes a workbook for spreadsheets. A sheet that is full is followed by another.
func NewWorkbook(w io.Writer, layout Layout) Writer {
	in := func(t words.Text) string { return t.In(layout.Language) }
	return &workbook{
		book: xlsx.New(w, columns(layout.Language, layout.Resolution, layout.Quantities)), layout: layout,
		states: map[measurement.Status]string{
			measurement.Measured: in(words.TableMeasured),
			measurement.Repeated: in(words.TableRepeated),
			measurement.Faulty:   in(words.TableFaulty),
		},
	}
}

// columns are those of tables for people.
func columns(language string, r telemetry.Resolution, q Quantities) []xlsx.Column {
	in := func(t words.Text, args ...any) string { return t.In(language, args...) }
	all := []xlsx.Column{
		{Heading: in(words.Fields["site_id"]), Width: 20},
		{Heading: in(words.Fields["room_id"]), Width: 20},
		{Heading: in(words.Fields["node_id"]), Width: 20},
		{Heading: in(words.TableTime), Width: 18, Format: xlsx.DateTime},
		{Heading: in(words.TableZone), Width: 16},
	}
	var quantities []xlsx.Column
	for i, column := range []xlsx.Column{
		{Heading: in(words.Fields["co2_ppm"]), Width: 12, Format: xlsx.Integer},
		{Heading: in(words.TableTemperature), Width: 16, Format: xlsx.Tenths},
		{Heading: in(words.Fields["rel_humidity_percent"]), Width: 16, Format: xlsx.Integer},
	} {
		if q.Has(1 << i) {
			quantities = append(quantities, column)
		}
	}
	if r == telemetry.Raw {
		return append(append(all, quantities...), xlsx.Column{Heading: in(words.TableState), Width: 16})
	}
	all = append(all, xlsx.Column{Heading: in(words.TableCount), Width: 12, Format: xlsx.Integer})
	for _, q := range quantities {
		for _, of := range []words.Text{words.TableMean, words.TableLowest, words.TableHighest} {
			all = append(all, xlsx.Column{Heading: in(of, q.Heading), Width: q.Width + 6, Format: q.Format})
		}
	}
	return all
}

func (b *workbook) Begin(s Source) error {
	b.source = s
	if b.layout.SheetPerRoom && b.begun != s.RoomID {
		b.begun = s.RoomID
		return b.book.Sheet(s.Room)
	}
	if b.begun == 0 {
		b.begun = -1
		return b.book.Sheet(b.title())
	}
	return nil
}

// title is what a sheet with several rooms is called.
func (b *workbook) title() string { return words.TableMeasurements.In(b.layout.Language) }

func (b *workbook) row() (xlsx.Row, error) {
	if b.book.Full() {
		name := b.title()
		if b.layout.SheetPerRoom {
			name = b.source.Room
		}
		if err := b.book.Sheet(name); err != nil {
			return xlsx.Row{}, err
		}
	}
	row := b.book.Row()
	row.Text(b.source.Site)
	row.Text(b.source.Room)
	row.Text(b.source.Sensor)
	return row, nil
}

func (b *workbook) Sample(s measurement.Sample) error {
	row, err := b.row()
	if err != nil {
		return err
	}
	at := s.Time.In(b.source.Place)
	row.Time(at)
	row.Text(at.Format(offsetForm))
	for i, q := range []struct {
		measurement.Reading
		write func(int)
	}{{measurement.Known(s.CO2PPM), row.Int}, {s.TemperatureDecicelsius, row.Tenths}, {s.RelHumidityPercent, row.Int}} {
		switch {
		case !b.layout.Quantities.Has(1 << i):
		// A number would become part of a sum. Programs get it with its mark.
		case s.Status == measurement.Faulty, !q.Known:
			row.Blank()
		default:
			q.write(q.Value)
		}
	}
	row.Text(b.states[s.Status])
	return row.End()
}

func (b *workbook) Bucket(bucket telemetry.Bucket) error {
	row, err := b.row()
	if err != nil {
		return err
	}
	at := bucket.Start.In(b.source.Place)
	row.Time(at)
	row.Text(at.Format(offsetForm))
	row.Int(bucket.CO2.N)
	for i, q := range []struct {
		telemetry.Aggregate
		write func(int)
	}{{bucket.CO2, row.Int}, {bucket.Temperature, row.Tenths}, {bucket.RelHumidity, row.Int}} {
		if !b.layout.Quantities.Has(1 << i) {
			continue
		}
		if q.N == 0 {
			row.Blank()
			row.Blank()
			row.Blank()
			continue
		}
		q.write(q.Mean())
		q.write(q.Min)
		q.write(q.Max)
	}
	return row.End()
}

func (b *workbook) Close() error {
	if b.begun == 0 { // nothing was measured: the heading says of what
		if err := b.book.Sheet(b.title()); err != nil {
			return err
		}
	}
	return b.book.Close()
}

// offsetForm writes how far the clocks are off UTC: in the hour that autumn has twice, it tells which one is meant.
const offsetForm = "UTC-07:00"
