package samplestore

import (
	"encoding/binary"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// array builds a one-dimensional array in PostgreSQL's binary format. Encoding
// through the driver takes twice as long and an allocation for each value that
// may be NULL; this is done for every column of every sample.
type array struct {
	buf   []byte
	n     int32
	nulls bool
	oid   uint32
}

const arrayHeader = 20

// reset empties the array and sets the type of its elements.
func (a *array) reset(oid uint32) *array {
	a.buf = append(a.buf[:0], make([]byte, arrayHeader)...)
	a.n, a.nulls, a.oid = 0, false, oid
	return a
}

func (a *array) null() {
	a.n++
	a.nulls = true
	a.buf = append(a.buf, 0xFF, 0xFF, 0xFF, 0xFF)
}

func (a *array) int2(v int16) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 2, byte(v>>8), byte(v))
}

func (a *array) int4(v int32) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(v))
}

func (a *array) int8(v int64) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v))
}

// smallint adds a reading, NULL for none.
func (a *array) smallint(r measurement.Reading) {
	if r.Known {
		a.int2(int16(r.Value))
	} else {
		a.null()
	}
}

// bigint adds a reading, NULL for none.
func (a *array) bigint(r measurement.Reading) {
	if r.Known {
		a.int8(int64(r.Value))
	} else {
		a.null()
	}
}

func (a *array) char(v byte) {
	a.n++
	a.buf = append(a.buf, 0, 0, 0, 1, v)
}

func (a *array) bytes(v []byte) {
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(v)))
	a.buf = append(a.buf, v...)
}

func (a *array) uuid(v uuid.UUID) { a.bytes(v[:]) }

// text adds a text, NULL for none.
func (a *array) text(v string) {
	if v == "" {
		a.null()
		return
	}
	a.n++
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(v)))
	a.buf = append(a.buf, v...)
}

// value returns the parameter. It is valid until the next reset.
func (a *array) value() []byte {
	binary.BigEndian.PutUint32(a.buf, 1) // dimensions
	nulls := uint32(0)
	if a.nulls {
		nulls = 1
	}
	binary.BigEndian.PutUint32(a.buf[4:], nulls)
	binary.BigEndian.PutUint32(a.buf[8:], a.oid)
	binary.BigEndian.PutUint32(a.buf[12:], uint32(a.n))
	binary.BigEndian.PutUint32(a.buf[16:], 1) // lower bound
	return a.buf
}

// columns are arrays that are the parameters of a statement.
type columns struct {
	arrays [16]array
	values [16][]byte
}

// column empties an array and sets its type.
func (c *columns) column(i int, oid uint32) *array { return c.arrays[i].reset(oid) }

// parameters returns the first n arrays. They are valid until they are emptied.
func (c *columns) parameters(n int) [][]byte {
	for i := range n {
		c.values[i] = c.arrays[i].value()
	}
	return c.values[:n:n]
}

// measurements fills four columns with the values of samples.
func (c *columns) measurements(first int, samples iter.Seq[*measurement.Sample]) {
	co2, temperature := c.column(first, oidInt2), c.column(first+1, oidInt2)
	humidity, status := c.column(first+2, oidInt2), c.column(first+3, oidChar)
	for s := range samples {
		co2.int2(int16(s.CO2PPM))
		temperature.smallint(s.TemperatureDecicelsius)
		humidity.smallint(s.RelHumidityPercent)
		status.char(byte(s.Status))
	}
}

// PostgreSQL counts microseconds since the year 2000.
var epoch2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func micros(t time.Time) int64 { return t.UnixMicro() - epoch2000 }

func fromMicros(us int64) time.Time { return time.UnixMicro(us + epoch2000).UTC() }

const (
	oidInt2        = pgtype.Int2OID
	oidInt4        = pgtype.Int4OID
	oidInt8        = pgtype.Int8OID
	oidTimestamptz = pgtype.TimestamptzOID
	oidChar        = pgtype.QCharOID
	oidUUID        = pgtype.UUIDOID
	oidText        = pgtype.TextOID
	oidBytea       = pgtype.ByteaOID
)
