package dataset

import (
	"errors"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// origin is what each row of a Parquet file says of where it was measured.
type origin struct {
	SiteID         int64     `parquet:"site_id,dict"`
	Site           string    `parquet:"site,dict"`
	RoomID         int64     `parquet:"room_id,dict"`
	Room           string    `parquet:"room,dict"`
	InstallationID int64     `parquet:"installation_id,dict"`
	NodeID         string    `parquet:"node_id,dict"`
	Time           time.Time `parquet:"time,timestamp(millisecond)"`
}

// sampleRow is a row of a table of samples. Programs get the values of faulty sensors, with their mark.
type sampleRow struct {
	origin
	CO2PPM             *int32   `parquet:"co2_ppm,optional"` // null where it is not among those that are wanted
	TemperatureCelsius *float64 `parquet:"temperature_celsius,optional"`
	RelHumidityPercent *int32   `parquet:"rel_humidity_percent,optional"`
	// Status is as in the API: M, R, E.
	Status string `parquet:"measurement_status,dict"`
}

// bucketRow is a row of a table of buckets; Time is where the bucket begins.
type bucketRow struct {
	origin
	SampleCount           int32    `parquet:"sample_count"`
	CO2PPM                *int32   `parquet:"co2_ppm,optional"`
	CO2PPMMin             *int32   `parquet:"co2_ppm_min,optional"`
	CO2PPMMax             *int32   `parquet:"co2_ppm_max,optional"`
	TemperatureCelsius    *float64 `parquet:"temperature_celsius,optional"`
	TemperatureCelsiusMin *float64 `parquet:"temperature_celsius_min,optional"`
	TemperatureCelsiusMax *float64 `parquet:"temperature_celsius_max,optional"`
	RelHumidityPercent    *int32   `parquet:"rel_humidity_percent,optional"`
	RelHumidityPercentMin *int32   `parquet:"rel_humidity_percent_min,optional"`
	RelHumidityPercentMax *int32   `parquet:"rel_humidity_percent_max,optional"`
}

const (
	// batch is how many rows are handed on at once.
	batch = 1024
	// rowGroup is how many rows are held until they are packed: some megabytes.
	rowGroup = 1 << 17
)

// NewParquet writes Apache Parquet: ids beside names, times in UTC.
func NewParquet(w io.Writer, layout Layout) Writer {
	if layout.Resolution == telemetry.Raw {
		return &sampleRows{newRows[sampleRow](w, layout.Quantities)}
	}
	return &bucketRows{newRows[bucketRow](w, layout.Quantities)}
}

// rows gathers rows in batches.
type rows[R any] struct {
	out        *parquet.GenericWriter[R]
	quantities Quantities
	origin     origin
	batch      []R
	// What optional values of the batch point to. A longer one begins elsewhere, and what points to the
	// shorter one goes on doing so.
	ints   []int32
	floats []float64
}

func newRows[R any](w io.Writer, q Quantities) rows[R] {
	return rows[R]{
		quantities: q,
		out:        parquet.NewGenericWriter[R](w, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(rowGroup)),
		batch:      make([]R, 0, batch),
	}
}

func (r *rows[R]) Begin(s Source) error {
	r.origin = origin{
		SiteID: s.SiteID, Site: s.Site, RoomID: s.RoomID, Room: s.Room, InstallationID: s.InstallationID, NodeID: s.NodeID,
	}
	return nil
}

func (r *rows[R]) at(t time.Time) origin {
	o := r.origin
	o.Time = t
	return o
}

func (r *rows[R]) int(v int) *int32 {
	r.ints = append(r.ints, int32(v)) //nolint:gosec // as large as the values of quantities
	return &r.ints[len(r.ints)-1]
}

func (r *rows[R]) tenths(v int) *float64 {
	r.floats = append(r.floats, float64(v)/10)
	return &r.floats[len(r.floats)-1]
}

func (r *rows[R]) add(row R) error {
	if r.batch = append(r.batch, row); len(r.batch) < batch {
		return nil
	}
	return r.flush()
}

func (r *rows[R]) flush() error {
	_, err := r.out.Write(r.batch)
	r.batch, r.ints, r.floats = r.batch[:0], r.ints[:0], r.floats[:0]
	return err
}

func (r *rows[R]) Close() error {
	if err := r.flush(); err != nil {
		return err
	}
	return r.out.Close()
}

var errOtherTable = errors.New("the table has rows of another kind")

type sampleRows struct{ rows[sampleRow] }

func (r *sampleRows) Sample(s measurement.Sample) error {
	row := sampleRow{origin: r.at(s.Time), Status: string(rune(s.Status))}
	if r.quantities.Has(CO2) {
		row.CO2PPM = r.int(s.CO2PPM)
	}
	if s.TemperatureDecicelsius.Known && r.quantities.Has(Temperature) {
		row.TemperatureCelsius = r.tenths(s.TemperatureDecicelsius.Value)
	}
	if s.RelHumidityPercent.Known && r.quantities.Has(RelHumidity) {
		row.RelHumidityPercent = r.int(s.RelHumidityPercent.Value)
	}
	return r.add(row)
}

func (*sampleRows) Bucket(telemetry.Bucket) error { return errOtherTable }

type bucketRows struct{ rows[bucketRow] }

func (*bucketRows) Sample(measurement.Sample) error { return errOtherTable }

func (r *bucketRows) Bucket(b telemetry.Bucket) error {
	row := bucketRow{origin: r.at(b.Start), SampleCount: int32(b.CO2.N)} //nolint:gosec // of a day
	if a := b.CO2; a.N > 0 && r.quantities.Has(CO2) {
		row.CO2PPM, row.CO2PPMMin, row.CO2PPMMax = r.int(a.Mean()), r.int(a.Min), r.int(a.Max)
	}
	if a := b.Temperature; a.N > 0 && r.quantities.Has(Temperature) {
		row.TemperatureCelsius, row.TemperatureCelsiusMin, row.TemperatureCelsiusMax = r.tenths(a.Mean()), r.tenths(a.Min), r.tenths(a.Max)
	}
	if a := b.RelHumidity; a.N > 0 && r.quantities.Has(RelHumidity) {
		row.RelHumidityPercent, row.RelHumidityPercentMin, row.RelHumidityPercentMax = r.int(a.Mean()), r.int(a.Min), r.int(a.Max)
	}
	return r.add(row)
}
