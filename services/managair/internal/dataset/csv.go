package dataset

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// csvFlush is how much of a table is gathered before it is written, in bytes.
const csvFlush = 32 << 10

// csvWriter gathers the rows that a format makes.
type csvWriter struct {
	w      io.Writer
	format csvFormat
	buffer []byte
}

// csvFormat makes the rows of a table: what they begin with names the room and the sensor.
type csvFormat interface {
	header(dst []byte, r telemetry.Resolution) []byte
	begin(s Source)
	sample(dst []byte, s measurement.Sample) []byte
	bucket(dst []byte, b telemetry.Bucket) []byte
}

// NewCSV writes CSV for programs.
func NewCSV(w io.Writer, layout Layout) Writer {
	return newCSV(w, layout, &programTable{rooms: !layout.OneRoom, quantities: layout.Quantities})
}

// NewPeopleCSV writes CSV as spreadsheets of a language read it.
func NewPeopleCSV(w io.Writer, layout Layout) Writer {
	f := &peopleTable{language: layout.Language, quantities: layout.Quantities, comma: ',', point: '.'}
	if layout.Language == "de" {
		// What Excel takes for columns and decimals where Windows is German.
		f.comma, f.point = ';', ','
	}
	return newCSV(w, layout, f)
}

func newCSV(w io.Writer, layout Layout, f csvFormat) Writer {
	return &csvWriter{w, f, f.header(make([]byte, 0, csvFlush+1024), layout.Resolution)}
}

func (c *csvWriter) Begin(s Source) error {
	c.format.begin(s)
	return nil
}

func (c *csvWriter) Sample(s measurement.Sample) error {
	c.buffer = c.format.sample(c.buffer, s)
	return c.written()
}

func (c *csvWriter) Bucket(b telemetry.Bucket) error {
	c.buffer = c.format.bucket(c.buffer, b)
	return c.written()
}

func (c *csvWriter) written() error {
	if len(c.buffer) < csvFlush {
		return nil
	}
	return c.Close()
}

func (c *csvWriter) Close() error {
	_, err := c.w.Write(c.buffer)
	c.buffer = c.buffer[:0]
	return err
}

// formula is where a spreadsheet may take a name for one: at its beginning, and after whatever ends a
// cell where the spreadsheet's country has another separator than the table (OWASP, CSV injection).
var formula = regexp.MustCompile(`((?:^|[,;|\t\r\n])[\s\p{Z}\p{Cc}\p{Cf}"]*)([=+\-@＝＋－＠])`)

// storey is the rest of a name that cannot be a formula, wherever it is split: a number with a sign,
// and up to the end nothing that could go on calculating ("Raum 12, -1. OG"). The end counts because
// the next cell may follow in the same one: no blank there, which could be an operator.
var storey = regexp.MustCompile(`^[,;] *[+\-]\d(?:[\p{L}\p{M}\p{N}.,;() ]*[\p{L}\p{N}.)])?$`)

// appendText appends a text as a cell in quotes, which no spreadsheet takes for a formula.
func appendText(dst []byte, name string) []byte {
	dst = append(dst, '"')
	written := 0
	for _, at := range formula.FindAllStringSubmatchIndex(name, -1) {
		if storey.MatchString(name[at[0]:]) {
			continue
		}
		sign := at[4]
		dst = append(append(dst, strings.ReplaceAll(name[written:sign], `"`, `""`)...), '\'')
		written = sign
	}
	return append(append(dst, strings.ReplaceAll(name[written:], `"`, `""`)...), '"')
}

// peopleTable is for spreadsheets: times by the clocks of the site, numbers and words of a
// language.
type peopleTable struct {
	language     string
	quantities   Quantities
	place        *time.Location
	comma, point byte
	prefix       []byte
}

func (f *peopleTable) header(dst []byte, r telemetry.Resolution) []byte {
	dst = append(dst, "\ufeff"...) // without it, Excel takes UTF-8 for something else
	for i, column := range columns(f.language, r, f.quantities) {
		if i > 0 {
			dst = append(dst, f.comma)
		}
		dst = appendText(dst, column.Heading)
	}
	return append(dst, '\r', '\n')
}

func (f *peopleTable) begin(s Source) {
	f.prefix = f.prefix[:0]
	f.place = s.Place
	for _, name := range []string{s.Site, s.Room, s.Sensor} {
		f.prefix = append(appendText(f.prefix, name), f.comma)
	}
}

// at begins a row.
func (f *peopleTable) at(dst []byte, t time.Time) []byte {
	dst = append(dst, f.prefix...)
	dst = t.In(f.place).AppendFormat(dst, time.DateTime)
	dst = append(dst, f.comma)
	return t.In(f.place).AppendFormat(dst, offsetForm)
}

func (f *peopleTable) sample(dst []byte, s measurement.Sample) []byte {
	dst = f.at(dst, s.Time)
	state := words.TableMeasured
	switch s.Status {
	case measurement.Faulty:
		// A number would become part of a sum. Programs get it with its mark.
		for range f.quantities.Names() {
			dst = append(dst, f.comma)
		}
		state = words.TableFaulty
	case measurement.Repeated:
		dst = appendValues(dst, f.comma, s, f.quantities, f.tenths)
		state = words.TableRepeated
	case measurement.Measured:
		dst = appendValues(dst, f.comma, s, f.quantities, f.tenths)
	}
	return append(append(append(dst, f.comma), state.In(f.language)...), '\r', '\n')
}

func (f *peopleTable) bucket(dst []byte, b telemetry.Bucket) []byte {
	dst = appendInt(append(f.at(dst, b.Start), f.comma), b.CO2.N)
	return append(appendAggregates(dst, f.comma, b, f.quantities, f.tenths), '\r', '\n')
}

func (f *peopleTable) tenths(dst []byte, tenths int) []byte {
	from := len(dst)
	dst = AppendTenths(dst, tenths)
	for i := from; i < len(dst); i++ {
		if dst[i] == '.' {
			dst[i] = f.point
		}
	}
	return dst
}

// programTable is RFC 4180 with a header: ids, times in UTC, decimal points, and of each sample
// what became of it.
type programTable struct {
	rooms      bool // say which
	quantities Quantities
	prefix     []byte
}

func (f *programTable) header(dst []byte, r telemetry.Resolution) []byte {
	if f.rooms {
		dst = append(dst, "room,"...)
	}
	dst = append(dst, "installation,node,time,"...)
	return appendHeader(dst, r, f.quantities)
}

func (f *programTable) begin(s Source) {
	f.prefix = f.prefix[:0]
	if f.rooms {
		f.prefix = append(strconv.AppendInt(f.prefix, s.RoomID, 10), ',')
	}
	f.prefix = append(strconv.AppendInt(f.prefix, s.InstallationID, 10), ',')
	f.prefix = append(append(f.prefix, s.NodeID...), ',')
}

func (f *programTable) at(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, f.prefix...), time.RFC3339), ',')
}

func (f *programTable) sample(dst []byte, s measurement.Sample) []byte {
	return appendSample(f.at(dst, s.Time), s, f.quantities)
}

func (f *programTable) bucket(dst []byte, b telemetry.Bucket) []byte {
	return appendBucket(f.at(dst, b.Start), b, f.quantities)
}
