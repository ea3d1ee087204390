package xlsx

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/flate"
)

// What a sheet holds at most, in Excel and LibreOffice alike.
const (
	MaxRows      = 1 << 20
	maxCell      = 32767 // UTF-16 units of a text
	maxSheetName = 31    // the same
)

// Column is a column of all sheets of a workbook.
type Column struct {
	Heading string
	// Width is in characters.
	Width  int
	Format Format
}

// Format is how the cells of a column show their numbers.
type Format uint8

// The formats. Their numbers are those of the styles in styles.xml.
const (
	General Format = iota
	Integer
	Tenths
	DateTime
	heading
)

// Workbook is a workbook that is being written.
type Workbook struct {
	zip     *zip.Writer
	columns []Column
	sheets  []string // their names
	taken   map[string]bool
	sheet   io.Writer // the one that is being written
	rows    int       // of it
	buffer  []byte
	// Texts are kept once, and cells refer to them. There are as many as rooms, sensors and words.
	texts map[string]int
	order []string
	err   error
}

// flushAt is how many bytes of a sheet are gathered before they are packed.
const flushAt = 32 << 10

// New begins a workbook whose sheets have these columns.
func New(w io.Writer, columns []Column) *Workbook {
	packed := zip.NewWriter(w)
	// Rows resemble each other so much that more effort gains little, and costs twice the time.
	packed.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	return &Workbook{zip: packed, columns: columns, taken: map[string]bool{}, texts: map[string]int{}}
}

// Sheet begins a sheet. Its name is made one that sheets may have, and that no other sheet has.
func (b *Workbook) Sheet(name string) error {
	if len(b.sheets) == 0 {
		b.err = b.write(first)
	}
	if err := b.endSheet(); err != nil {
		return err
	}
	name = b.sheetName(name)
	b.sheets = append(b.sheets, name)
	if b.sheet, b.err = b.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", len(b.sheets))); b.err != nil {
		return b.err
	}
	b.rows = 0
	b.buffer = append(b.buffer, xmlHeader+`<worksheet xmlns="`+mainSpace+`"><sheetViews><sheetView workbookViewId="0"`...)
	if len(b.sheets) == 1 {
		b.buffer = append(b.buffer, ` tabSelected="1"`...)
	}
	// The heading stays in sight.
	b.buffer = append(b.buffer, `><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`...)
	for i, column := range b.columns {
		b.buffer = fmt.Appendf(b.buffer, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, column.Width)
	}
	b.buffer = append(b.buffer, `</cols><sheetData>`...)
	row := b.Row()
	for _, column := range b.columns {
		row.text(column.Heading, heading)
	}
	return row.End()
}

// Full reports whether the sheet takes no more rows.
func (b *Workbook) Full() bool { return b.rows >= MaxRows }

// Row begins a row. Its cells are written from the left, and then its end.
func (b *Workbook) Row() Row {
	b.buffer = append(b.buffer, "<row>"...)
	b.rows++
	return Row{book: b}
}

// Row is a row that is being written.
type Row struct {
	book   *Workbook
	column int
}

// Text writes a cell with a text. What looks like a formula is none.
func (r *Row) Text(text string) { r.text(text, General) }

func (r *Row) text(text string, f Format) {
	n, known := r.book.texts[text]
	if !known {
		n = len(r.book.order)
		r.book.texts[text] = n
		r.book.order = append(r.book.order, text)
	}
	r.begin(f, ` t="s"`)
	r.end(strconv.AppendInt(r.book.buffer, int64(n), 10))
}

// Int writes a cell with a whole number.
func (r *Row) Int(v int) {
	r.begin(r.format(), "")
	r.end(strconv.AppendInt(r.book.buffer, int64(v), 10))
}

// Tenths writes a cell with a number of tenths.
func (r *Row) Tenths(v int) {
	r.begin(r.format(), "")
	r.end(strconv.AppendFloat(r.book.buffer, float64(v)/10, 'f', 1, 64))
}

// Time writes a cell with what the clocks of the time's place show.
func (r *Row) Time(t time.Time) {
	_, offset := t.Zone()
	// Excel's first day is the last of 1899, because it has a 29 February 1900.
	const secondsOfDay, days1970 = 86400, 25569
	r.begin(r.format(), "")
	// All digits: a time that falls short of its minute by the hundredth of a millisecond is shown in the minute before.
	r.end(strconv.AppendFloat(r.book.buffer, float64(t.Unix()+int64(offset))/secondsOfDay+days1970, 'f', -1, 64))
}

// Blank leaves a cell out.
func (r *Row) Blank() { r.column++ }

func (r *Row) format() Format {
	if r.column < len(r.book.columns) {
		return r.book.columns[r.column].Format
	}
	return General
}

func (r *Row) begin(f Format, kind string) {
	b := append(r.book.buffer, `<c r="`...)
	b = appendColumn(b, r.column)
	b = strconv.AppendInt(b, int64(r.book.rows), 10)
	b = append(b, '"')
	b = append(b, kind...)
	if f != General {
		b = append(strconv.AppendInt(append(b, ` s="`...), int64(f), 10), '"')
	}
	r.book.buffer = append(b, "><v>"...)
	r.column++
}

func (r *Row) end(b []byte) { r.book.buffer = append(b, "</v></c>"...) }

// appendColumn appends the letters of a column: 0 is A, 26 is AA.
func appendColumn(dst []byte, column int) []byte {
	if column >= 26 {
		dst = appendColumn(dst, column/26-1)
	}
	return append(dst, byte('A'+column%26))
}

// End ends the row.
func (r *Row) End() error {
	b := r.book
	b.buffer = append(b.buffer, "</row>"...)
	if len(b.buffer) >= flushAt {
		b.flush()
	}
	return b.err
}

func (b *Workbook) flush() {
	if b.err == nil {
		_, b.err = b.sheet.Write(b.buffer)
	}
	b.buffer = b.buffer[:0]
}

func (b *Workbook) endSheet() error {
	if b.err != nil || b.sheet == nil {
		return b.err
	}
	b.buffer = append(b.buffer, "</sheetData></worksheet>"...)
	b.flush()
	b.sheet = nil
	return b.err
}

// Close writes the end of the workbook, and what of it is known only then.
func (b *Workbook) Close() error {
	if len(b.sheets) == 0 {
		return errors.New("a workbook needs a sheet")
	}
	if err := b.endSheet(); err != nil {
		return err
	}
	if err := b.write(b.last()); err != nil {
		return err
	}
	return b.zip.Close()
}

func (b *Workbook) write(parts []part) error {
	for _, part := range parts {
		w, err := b.zip.Create(part.name)
		if err == nil {
			_, err = io.WriteString(w, xmlHeader+part.content)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sheetName makes a name one that a sheet may have, and that is free. Excel holds names for equal that differ in case.
func (b *Workbook) sheetName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\`, r) || !valid(r) {
			return ' '
		}
		return r
	}, name)
	// A name neither begins nor ends with an apostrophe, and the history of changes has one of its own.
	name = strings.Trim(strings.Join(strings.Fields(name), " "), "' ")
	if name == "" || strings.EqualFold(name, "history") {
		name = strings.TrimSpace("Sheet " + name)
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf(" (%d)", n)
		}
		candidate := strings.TrimRight(cut(name, maxSheetName-len(suffix)), "' ") + suffix
		if key := strings.ToLower(candidate); !b.taken[key] {
			b.taken[key] = true
			return candidate
		}
	}
}

// cut returns the beginning of a text that has at most so many UTF-16 units.
func cut(text string, units int) string {
	for i, r := range text {
		if units -= max(1, utf16.RuneLen(r)); units < 0 {
			return text[:i]
		}
	}
	return text
}
