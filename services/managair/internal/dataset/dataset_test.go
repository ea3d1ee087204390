package dataset_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset/xlsx"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

var known = measurement.Known

var berlin = func() *time.Location {
	place, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return place
}()

// autumn is the hour that the clocks of Berlin show twice.
var autumn = time.Date(2025, 10, 26, 0, 30, 0, 0, time.UTC)

var (
	hall    = dataset.Source{Site: "Schule", Room: "=1+1", Sensor: "Vier", SiteID: 1, RoomID: 4, InstallationID: 7, NodeID: "n4", Place: berlin}
	room    = dataset.Source{Site: "Schule", Room: "Raum [12]/a", Sensor: "Fünf", SiteID: 1, RoomID: 5, InstallationID: 8, NodeID: "n5", Place: berlin}
	samples = []measurement.Sample{
		{Time: autumn, CO2PPM: 800, TemperatureDecicelsius: known(-5), Status: measurement.Measured},
		{Time: autumn.Add(time.Hour), CO2PPM: 1000, TemperatureDecicelsius: known(213), RelHumidityPercent: known(41), Status: measurement.Repeated},
		{Time: autumn.Add(2 * time.Hour), CO2PPM: 9999, Status: measurement.Faulty},
	}
)

func write(t *testing.T, w dataset.Writer) {
	t.Helper()
	for _, source := range []dataset.Source{hall, room} {
		must(t, w.Begin(source))
		for _, s := range samples {
			must(t, w.Sample(s))
		}
	}
	must(t, w.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sheets(t *testing.T, file []byte) map[string][][]string {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	must(t, err)
	all := map[string][][]string{}
	for _, name := range book.GetSheetList() {
		all[name], err = book.GetRows(name, excelize.Options{RawCellValue: true})
		must(t, err)
		for _, cell := range []string{"A2", "B2", "C2"} {
			if formula, err := book.GetCellFormula(name, cell); err != nil || formula != "" {
				t.Errorf("%s of %s has the formula %q, %v", cell, name, formula, err)
			}
		}
	}
	return all
}

func TestAWorkbookHasASheetForEachRoom(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	write(t, dataset.NewWorkbook(&file, dataset.Layout{Language: "de", SheetPerRoom: true}))
	heading := []string{"Standort", "Raum", "Sensor", "Zeit", "Abstand zu UTC", "CO2 (ppm)", "Temperatur (°C)", "Feuchte (%)", "Zustand"}
	body := func(room, sensor string) [][]string {
		return [][]string{
			heading,
			{"Schule", room, sensor, "45956.10416666667", "UTC+02:00", "800", "-0.5", "", "gemessen"},
			{"Schule", room, sensor, "45956.10416666667", "UTC+01:00", "1000", "21.3", "41", "wiederholt"},
			{"Schule", room, sensor, "45956.14583333333", "UTC+01:00", "", "", "", "Sensor gestört"},
		}
	}
	want := map[string][][]string{"=1+1": body("=1+1", "Vier"), "Raum 12 a": body("Raum [12]/a", "Fünf")}
	if diff := cmp.Diff(want, sheets(t, file.Bytes())); diff != "" {
		t.Error(diff)
	}
}

func TestAWorkbookHasOneLongTable(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	write(t, dataset.NewWorkbook(&file, dataset.Layout{Language: "en"}))
	all := sheets(t, file.Bytes())
	if rows := all["Measurements"]; len(all) != 1 || len(rows) != 7 || rows[4][1] != "Raum [12]/a" {
		t.Errorf("got %v", all)
	}
}

func TestAWorkbookOfBuckets(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := dataset.NewWorkbook(&file, dataset.Layout{Language: "en", Resolution: telemetry.Hour})
	must(t, w.Begin(hall))
	must(t, w.Bucket(telemetry.Bucket{
		Start: autumn, CO2: telemetry.Aggregate{N: 2, Sum: 1801, Min: 800, Max: 1001}, RelHumidity: telemetry.Aggregate{N: 1, Sum: 41, Min: 41, Max: 41},
	}))
	must(t, w.Close())
	rows := sheets(t, file.Bytes())["Measurements"]
	want := []string{"Schule", "=1+1", "Vier", "45956.10416666667", "UTC+02:00", "2", "901", "800", "1001", "", "", "", "41", "41", "41"}
	if diff := cmp.Diff(want, rows[1]); diff != "" {
		t.Error(diff)
	}
}

func TestATableOfNothingHasItsHeading(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	must(t, dataset.NewWorkbook(&file, dataset.Layout{Language: "en"}).Close())
	if rows := sheets(t, file.Bytes())["Measurements"]; len(rows) != 1 {
		t.Errorf("got %v", rows)
	}
	file.Reset()
	must(t, dataset.NewParquet(&file, dataset.Layout{}).Close())
	if rows, err := parquet.Read[row](bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil || len(rows) != 0 {
		t.Errorf("got %v, %v", rows, err)
	}
}

// row is what a reader who knows the documentation expects.
type row struct {
	SiteID             int64     `parquet:"site_id"`
	Site               string    `parquet:"site"`
	RoomID             int64     `parquet:"room_id"`
	Room               string    `parquet:"room"`
	InstallationID     int64     `parquet:"installation_id"`
	NodeID             string    `parquet:"node_id"`
	Time               time.Time `parquet:"time,timestamp(millisecond)"`
	CO2PPM             int32     `parquet:"co2_ppm"`
	TemperatureCelsius *float64  `parquet:"temperature_celsius,optional"`
	RelHumidityPercent *int32    `parquet:"rel_humidity_percent,optional"`
	MeasurementStatus  string    `parquet:"measurement_status"`
}

func TestParquetOfSamples(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	write(t, dataset.NewParquet(&file, dataset.Layout{}))
	got, err := parquet.Read[row](bytes.NewReader(file.Bytes()), int64(file.Len()))
	must(t, err)
	of := func(s dataset.Source, at time.Time, co2 int32, temperature *float64, humidity *int32, status string) row {
		return row{s.SiteID, s.Site, s.RoomID, s.Room, s.InstallationID, s.NodeID, at, co2, temperature, humidity, status}
	}
	var want []row
	for _, s := range []dataset.Source{hall, room} {
		want = append(want,
			of(s, autumn, 800, new(float64(-0.5)), nil, "M"),
			of(s, autumn.Add(time.Hour), 1000, new(float64(21.3)), new(int32(41)), "R"),
			of(s, autumn.Add(2*time.Hour), 9999, nil, nil, "E"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParquetOfBuckets(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := dataset.NewParquet(&file, dataset.Layout{Resolution: telemetry.Day})
	must(t, w.Begin(hall))
	// More than a batch, so that what optional values point to is used again.
	const count = 2500
	for i := range count {
		must(t, w.Bucket(telemetry.Bucket{Start: autumn.AddDate(0, 0, i), CO2: telemetry.Aggregate{N: 2, Sum: 2 * i, Min: i, Max: i}}))
	}
	must(t, w.Close())
	type bucket struct {
		Count int32  `parquet:"sample_count"`
		CO2   *int32 `parquet:"co2_ppm,optional"`
		T     *int32 `parquet:"rel_humidity_percent_max,optional"`
	}
	got, err := parquet.Read[bucket](bytes.NewReader(file.Bytes()), int64(file.Len()))
	must(t, err)
	for i, b := range got {
		if b.Count != 2 || b.CO2 == nil || *b.CO2 != int32(i) || b.T != nil {
			t.Fatalf("bucket %d: %+v", i, b)
		}
	}
	if len(got) != count {
		t.Errorf("%d buckets", len(got))
	}
	if err := w.Sample(samples[0]); err == nil {
		t.Error("a table of buckets took a sample")
	}
}

// A name that looks like a character by its number is that of its sheet all the same: read as one, it might be another sheet's.
func TestASheetIsCalledAsItsRoomIs(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := dataset.NewWorkbook(&file, dataset.Layout{Language: "en", SheetPerRoom: true})
	for i, name := range []string{"A", "_x0041_"} {
		must(t, w.Begin(dataset.Source{Room: name, RoomID: int64(i + 1), Place: time.UTC}))
		must(t, w.Sample(samples[1]))
	}
	must(t, w.Close())
	packed, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	must(t, err)
	book, err := packed.Open("xl/workbook.xml")
	must(t, err)
	text, err := io.ReadAll(book)
	must(t, err)
	for _, name := range []string{`name="A"`, `name="_x005F_x0041_"`} { // ECMA-376 part 1, section 22.9.2.19, ST_Xstring
		if !strings.Contains(string(text), name) {
			t.Errorf("no %s in %s", name, text)
		}
	}
}

// A sheet takes 1,048,576 rows, its heading among them; what is more goes on in another one.
func TestAFullSheetIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := dataset.NewWorkbook(&file, dataset.Layout{Language: "en", Quantities: dataset.CO2})
	must(t, w.Begin(hall))
	for i := range xlsx.MaxRows {
		must(t, w.Sample(measurement.Sample{Time: autumn.Add(time.Duration(i) * time.Second), CO2PPM: 400, Status: measurement.Measured}))
	}
	must(t, w.Close())
	packed, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	must(t, err)
	for name, rows := range map[string]int{"xl/worksheets/sheet1.xml": xlsx.MaxRows, "xl/worksheets/sheet2.xml": 2} {
		sheet, err := packed.Open(name)
		must(t, err)
		text, err := io.ReadAll(sheet)
		must(t, err)
		if got := bytes.Count(text, []byte("<row>")); got != rows {
			t.Errorf("%s has %d rows, want %d", name, got, rows)
		}
	}
}

// FuzzNames: whatever a room is called, the workbook can be opened, and says the name.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"", "Raum 1", "a_x0041_b", "\x00\x1f", "<&>\"'", strings.Repeat("ä", 40), strings.Repeat("😀", 20), "History", "'", "a/b", "\r\n\t"} {
		f.Add(name, name+" ")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		var file bytes.Buffer
		w := dataset.NewWorkbook(&file, dataset.Layout{Language: "en", SheetPerRoom: true})
		for i, name := range []string{one, two, one} {
			must(t, w.Begin(dataset.Source{Room: name, RoomID: int64(i + 1), Place: time.UTC}))
			must(t, w.Sample(samples[1]))
		}
		must(t, w.Close())
		book, err := excelize.OpenReader(bytes.NewReader(file.Bytes()))
		must(t, err)
		if names := book.GetSheetList(); len(names) != 3 {
			t.Fatalf("sheets %q", names)
		}
	})
}

const many = 300_000

func fill(b testing.TB, w dataset.Writer, rows int) {
	b.Helper()
	for i := range rows {
		if i%50_000 == 0 {
			source := hall
			source.RoomID, source.Room = int64(i), fmt.Sprint("Raum ", i/50_000)
			must(b, w.Begin(source))
		}
		err := w.Sample(measurement.Sample{
			Time: autumn.Add(time.Duration(i) * time.Minute), CO2PPM: 400 + i*7919%1500, TemperatureDecicelsius: known(200 + i%30),
			RelHumidityPercent: known(30 + i%40), Status: measurement.Measured,
		})
		if err != nil { // "must" would take a third of the time
			b.Fatal(err)
		}
	}
	must(b, w.Close())
}

// However long a table is, its writer holds no more of it.
func TestWritersHoldLittle(t *testing.T) { //nolint:paralleltest // memory of the process is looked at
	for name, open := range makers() {
		var most uint64
		w := open(writerFunc(func(p []byte) (int, error) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			return len(p), nil
		}))
		fill(t, w, many)
		if most > 64<<20 {
			t.Errorf("%s: %d MiB in use", name, most>>20)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func makers() map[string]func(io.Writer) dataset.Writer {
	layout := dataset.Layout{Language: "de", SheetPerRoom: true}
	return map[string]func(io.Writer) dataset.Writer{
		"xlsx":    func(w io.Writer) dataset.Writer { return dataset.NewWorkbook(w, layout) },
		"parquet": func(w io.Writer) dataset.Writer { return dataset.NewParquet(w, layout) },
	}
}

// used is the processor time of the process.
func used(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	must(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The floor is CSV for programs; beside it stands what the library for workbooks takes for the same rows.
func BenchmarkWriters(b *testing.B) {
	all := makers()
	all["floor-csv"] = func(w io.Writer) dataset.Writer { return dataset.NewCSV(w, dataset.Layout{}) }
	for name, open := range all {
		b.Run(name, func(b *testing.B) {
			before := used(b)
			for b.Loop() {
				fill(b, open(io.Discard), many)
			}
			b.ReportMetric(float64(many*b.N)/b.Elapsed().Seconds(), "rows/s")
			// Others' work on the machine is not in this one.
			b.ReportMetric(float64(many*b.N)/(used(b)-before).Seconds(), "rows/cpu-s")
		})
	}
	b.Run("library-xlsx", func(b *testing.B) {
		const rows = many / 10
		for b.Loop() {
			book := excelize.NewFile()
			sheet, err := book.NewStreamWriter("Sheet1")
			must(b, err)
			for i := range rows {
				at := autumn.Add(time.Duration(i) * time.Minute)
				must(b, sheet.SetRow(fmt.Sprint("A", i+1), []any{"Schule", "Raum", "Vier", at, "UTC+02:00", 400 + i%1500, 21.5, 45, "gemessen"}))
			}
			must(b, sheet.Flush())
			must(b, book.Write(io.Discard))
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
