package postgres

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
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
