package httpapi_test

import (
	"encoding/csv"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"
)

// What a table has to stand: a site with two rooms and two sensors in one of them, the
// turn of the clocks, a sensor that is faulty, one that measures CO2 only, and names that
// spreadsheets would run.
const tableSQL = `
SELECT ensure_sample_partition('2025-10-15T00:00:00Z');
INSERT INTO room (id, site_id, name) VALUES (4, 1, '=1+1; "Aula"');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id) VALUES
	('00000000-0000-4000-8000-000000000004', '9876B60000000004', '+Vier', 1, 1, 1);
INSERT INTO installation (id, node_id, room_id, from_time, to_time, is_public) VALUES
	(4, '00000000-0000-4000-8000-000000000004', 4, '2025-10-26T00:00:00Z', '2025-10-26T02:00:00Z', true);
INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
SELECT no, at::timestamptz, co2, temperature, humidity, status FROM node, (VALUES
	('2025-10-25T23:59:59Z', 900, NULL::int, NULL::int, 'M'),
	('2025-10-26T00:30:00Z', 800, -5, NULL, 'M'),
	('2025-10-26T01:30:00Z', 1000, 213, 41, 'R'),
	('2025-10-26T01:33:00Z', 0, 213, 41, 'E')) s (at, co2, temperature, humidity, status)
 WHERE id = '00000000-0000-4000-8000-000000000004';
SELECT note_late_hours(array_agg(node_no), array_agg(time)) FROM sample;
`

// What a sensor says while it is at fault is in no mean, no lowest and no highest.
func TestFaultySamplesAreInNoBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "UPDATE sample SET status = 'E', co2_ppm = 9999 WHERE time = '2026-01-10T10:03:00Z'")
	for _, resolution := range []string{"10m", "1h", "1d"} {
		for _, path := range []string{"installations/1/timeseries.csv?resolution=", "rooms/1/timeseries.csv?for=people&resolution="} {
			if got := w.get(t, anonymous, "/api/v1/"+path+resolution).body; strings.Contains(got, "9999") {
				t.Errorf("%s%s: %s", path, resolution, got)
			}
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tableSQL)
	for _, test := range []struct {
		name string
		user int64
		path string
	}{
		{"site_german", owner, "sites/1/timeseries.csv?for=people&lang=de"},
		{"site_english", anonymous, "sites/1/timeseries.csv/?for=people&lang=en"},
		{"site_range", anonymous, "sites/1/timeseries.csv?for=people&lang=de&filter[from]=1768039560&filter[to]=1768039920"},
		{"room_hours", anonymous, "rooms/4/timeseries.csv?for=people&lang=de&resolution=1h"},
		{"room_days", anonymous, "rooms/4/timeseries.csv?for=people&lang=de&resolution=1d"},
		{"room_machine", anonymous, "rooms/4/timeseries.csv"},
		{"site_machine", anonymous, "sites/1/timeseries.csv?filter[to]=1768039560"},
		{"room_machine_hours", anonymous, "rooms/4/timeseries.csv?resolution=1h"},
		{"room_empty", anonymous, "rooms/4/timeseries.csv?for=people&lang=en&filter[from]=1768039560"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := w.get(t, test.user, "/api/v1/"+test.path)
			if media := got.header.Get("Content-Type"); media != "text/csv; charset=utf-8; header=present" {
				t.Errorf("Content-Type %s", media)
			}
			file := filepath.Join("testdata", "table_"+test.name+".csv")
			if *update {
				if err := os.WriteFile(file, []byte(got.body), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.body); diff != "" {
				t.Errorf("GET %s (-want +got):\n%s", test.path, diff)
			}
		})
	}
}

// The name of a sensor is for those whom it belongs to. Others read a number that counts the
// sensors of the room, and not what the database calls the installation.
func TestSensorsOfStrangersHaveNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tableSQL)
	for _, test := range []struct {
		name           string
		user           int64
		language, want string
	}{
		{"anonymous", anonymous, "de", "Sensor 1"},
		{"anonymous, in English", anonymous, "en", "Sensor 1"},
		{"member of another organization", stranger, "de", "Sensor 1"},
		{"member", inspector, "de", "'+Vier"},
		{"owner", owner, "en", "'+Vier"},
	} {
		comma := map[string]string{"de": ";", "en": ","}[test.language]
		body := w.get(t, test.user, "/api/v1/rooms/4/timeseries.csv?for=people&lang="+test.language).body
		for i, row := range strings.Split(strings.TrimSpace(body), "\r\n")[1:] {
			if got := strings.Trim(strings.Split(row, comma)[2+strings.Count(row, `; "`)*strings.Count(comma, ";")], `"`); got != test.want {
				t.Errorf("%s, row %d: sensor %q, want %q", test.name, i, got, test.want)
			}
		}
	}
}

// A spreadsheet runs what begins as a formula does, and where a cell begins it decides by itself: a
// table in English is split at semicolons, too. Names are names however a table is split.
func TestNamesInTablesAreNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tableSQL)
	// A value of the table, or a number that no operator follows, but the end of its name.
	number := regexp.MustCompile(`^-\d+([.,]\d+)?$|^[+\-]\d([\p{L}\d.,;() ]*[\p{L}\d.)])?("|$)`)
	for name, want := range map[string]string{
		"=1+1": "'=1+1", "+49": "'+49", "-1": "'-1", "@SUM": "'@SUM", "\t=1": "\t'=1", " =1": " '=1", "＝1": "'＝1",
		`Saal; "A"`: `Saal; "A"`, "Raum 1": "Raum 1", "a\n=b": "a\n'=b", "Bau 2-A, 3+4": "Bau 2-A, 3+4",
		`x;=cmd|' /C calc'!A0;`: `x;'=cmd|' /C calc'!A0;`, "x,=1+1,": "x,'=1+1,", "x\t-1": "x\t'-1", "x|@SUM(A1)": "x|'@SUM(A1)",
		"Raum 12, -1. OG": "Raum 12, -1. OG", "Haus 3; +2. Ebene, Süd": "Haus 3; +2. Ebene, Süd", "Bau A, -1": "Bau A, -1",
		"-1. OG": "'-1. OG", "Bau A, -A1": "Bau A, '-A1", "x;-1+1": "x;'-1+1", "x,-1-": "x,'-1-", "x,-1 ": "x,'-1 ", "x,-1 &": "x,'-1 &",
		"x;-1|A!B": "x;'-1|A!B", "x;-1+SUM(A1)": "x;'-1+SUM(A1)", "Raum 1, -2. UG (Keller)": "Raum 1, -2. UG (Keller)", `x,-1"`: `x,'-1"`, "x,-1. OG,=1": "x,'-1. OG,'=1", "x,-1 A1": "x,-1 A1",
		`x;"=1+1`: `x;"'=1+1`, `x, "" +1;`: `x, "" '+1;`, "x;＝1;=2": "x;'＝1;'=2", "x; \u200b\u00a0=1": "x; \u200b\u00a0'=1", ";;==1": ";;'==1",
	} {
		w.exec(t, "UPDATE room SET name = $1 WHERE id = 4", name)
		for language, comma := range map[string]rune{"de": ';', "en": ','} {
			got := w.get(t, owner, "/api/v1/rooms/4/timeseries.csv?for=people&lang="+language)
			body, marked := strings.CutPrefix(got.body, "\ufeff")
			if !marked {
				t.Error("without a byte order mark Excel takes UTF-8 for something else")
			}
			reader := csv.NewReader(strings.NewReader(body))
			reader.Comma = comma
			rows, err := reader.ReadAll()
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			if got := rows[1][1]; got != want {
				t.Errorf("room %q is %q in the table, want %q", name, got, want)
			}
			if got := rows[1][2]; got != "'+Vier" {
				t.Errorf("the sensor is %q in the table", got)
			}
			// Whatever a program takes for a separator, and for quotes.
			for _, separators := range []string{",\r\n", ";\r\n", "\t\r\n", "|\r\n", ",;\t|\r\n"} {
				for cell := range strings.FieldsFuncSeq(body, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
					cell = strings.TrimLeftFunc(cell, func(r rune) bool { return r == '"' || !unicode.IsGraphic(r) || unicode.IsSpace(r) })
					if strings.IndexAny(cell, "=+-@＝＋－＠") == 0 && !number.MatchString(cell) {
						t.Errorf("room %q, split at %q: the cell %q", name, separators, cell)
					}
				}
			}
			_, params, err := mime.ParseMediaType(got.header.Get("Content-Disposition"))
			if err != nil || params["filename"] != "Schule, "+name+".csv" {
				t.Errorf("Content-Disposition %q: %v, %q", got.header.Get("Content-Disposition"), err, params["filename"])
			}
		}
	}
}

// The address says that it is a table: also a browser that follows a link gets a file.
func TestTablesAreFilesForBrowsersToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"sites/1", "rooms/1", "installations/1"} {
		got := w.do(t, request{path: "/api/v1/" + path + "/timeseries.csv", header: map[string]string{"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}})
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") || got.header.Get("Content-Disposition") == "" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
}

func TestWrongQuestionsForTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, parameter := range map[string]string{
		"for=everybody": "for", "for=people&lang=xx": "lang", "resolution=2h": "resolution", "filter[from]=gestern": "filter[from]", "max_points=100": "max_points",
		"filter[from]=1768039560&filter[to]=1768039559": "filter[to]", "page[size]=7": "page[size]", "page[number]=2": "page[number]",
	} {
		got := w.do(t, request{path: "/api/v1/rooms/1/timeseries.csv?" + query})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"parameter":"`+parameter+`"`) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	// The language is that of the browser, where none is asked for.
	got := w.do(t, request{path: "/api/v1/rooms/1/timeseries.csv?for=people", header: map[string]string{"Accept-Language": "en-GB"}})
	if !strings.HasPrefix(got.body, "\ufeff\"Site\",\"Room\",") || !slices.Contains(got.header.Values("Vary"), "Accept-Language") {
		t.Errorf("%v %s", got.header, got.body)
	}
}

// More rows than a spreadsheet takes are cut off there without a word: here they are refused.
func TestTableThatNoSpreadsheetTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The count comes from the roll-ups; nobody reads the samples.
	w.exec(t, "UPDATE sample_rollup_state SET late_before = '2026-01-20T12:00:00Z', rolled_until = '2026-01-20T12:00:00Z'")
	w.exec(t, `
		INSERT INTO sample_day (node_no, day, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT no, '2026-01-12T00:00:00Z', 1048576, 600 * 1048576, 600, 600, 0, 0, 0, 0 FROM node WHERE id = $1`, node1)
	const path = "/api/v1/rooms/1/timeseries.csv?for=people&lang=de"
	got := w.do(t, request{path: path})
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":"too_many_rows"`) {
		t.Errorf("%d %.300s", got.status, got.body)
	}
	if got := w.do(t, request{method: http.MethodHead, path: path}); got.status != http.StatusBadRequest {
		t.Errorf("HEAD: %d", got.status)
	}
	for _, other := range []string{"&resolution=1h", "&filter[to]=1768040000"} {
		if got := w.do(t, request{method: http.MethodHead, path: path + other}); got.status != http.StatusOK {
			t.Errorf("%s: %d", other, got.status)
		}
	}
}

// Who asks for a table makes the server look at each installation: at no more than a list shows at once.
func TestTableOfTooManyInstallations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `
		INSERT INTO installation (node_id, room_id, from_time, to_time, is_public)
		SELECT $1::uuid, 1, at, at + interval '1 minute', true
		  FROM generate_series(1, 999) n, LATERAL (SELECT timestamptz '2025-12-01' + n * interval '2 minutes') one (at)`, node1)
	for _, path := range []string{"sites/1", "rooms/1"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got := w.do(t, request{method: method, path: "/api/v1/" + path + "/timeseries.csv"}); got.status != http.StatusOK {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
	w.exec(t, `INSERT INTO installation (node_id, room_id, from_time, to_time, is_public)
		VALUES ($1, 1, '2025-11-01T00:00:00Z', '2025-11-02T00:00:00Z', true)`, node1)
	for _, path := range []string{"sites/1", "rooms/1"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := w.do(t, request{method: method, path: "/api/v1/" + path + "/timeseries.csv"})
			if got.status != http.StatusBadRequest || method == http.MethodGet && !strings.Contains(got.body, `"code":"too_many_installations"`) {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

// A number that is too large is one, all the same.
func TestTimesOfASeriesSayWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for text, code := range map[string]string{
		"now": "invalid", "": "invalid", "1.5": "invalid", "NaN": "invalid",
		"253402300800": "max_value", "99999999999999999999": "max_value", "-253402300800": "min_value",
	} {
		for _, end := range []string{"from", "to"} {
			for _, series := range []string{"timeseries", "timeseries.csv"} {
				got := w.do(t, request{path: "/api/v1/installations/1/" + series + "/?filter[" + end + "]=" + text})
				if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":"`+code+`"`) || !strings.Contains(got.body, `"filter[`+end+`]"`) {
					t.Errorf("%s, %s=%q: %d %s, want %s", series, end, text, got.status, got.body, code)
				}
			}
		}
	}
}

// The other files have the rows of the CSV, with types.
func TestTablesAsWorkbookAndParquet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, tableSQL)
	for path, want := range map[string][]string{
		"sites/1/timeseries.xlsx?lang=de":                 {`=1+1; "Aula"`, "Klasse 1"},
		"sites/1/timeseries.xlsx?lang=en&sheets=one":      {"Measurements"},
		"organizations/1/timeseries.xlsx?lang=en":         nil,
		"rooms/4/timeseries.xlsx?lang=de&resolution=1d":   {`=1+1; "Aula"`},
		"rooms/4/timeseries.xlsx?filter[from]=1768039560": {"Messungen"},
	} {
		got := w.get(t, owner, "/api/v1/"+path)
		if media := got.header.Get("Content-Type"); got.status != http.StatusOK || media != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" {
			t.Fatalf("%s: %d %s %s", path, got.status, media, got.body)
		}
		book, err := excelize.OpenReader(strings.NewReader(got.body))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rows := 0
		for _, sheet := range book.GetSheetList() {
			all, err := book.GetRows(sheet)
			if err != nil {
				t.Fatal(err)
			}
			rows += len(all) - 1
		}
		csvPath := strings.Replace(strings.Replace(path, ".xlsx?", ".csv?for=people&", 1), "&sheets=one", "", 1)
		lines := strings.Count(w.get(t, owner, "/api/v1/"+csvPath).body, "\r\n") - 1
		if rows != lines {
			t.Errorf("%s has %d rows, the CSV %d", path, rows, lines)
		}
		if sheets := book.GetSheetList(); want != nil && !slices.Equal(sheets, want) {
			t.Errorf("%s has the sheets %q", path, sheets)
		}
	}
	type row struct {
		RoomID int64  `parquet:"room_id"`
		Site   string `parquet:"site"`
		CO2    int32  `parquet:"co2_ppm"`
		Status string `parquet:"measurement_status"`
	}
	for path, count := range map[string]int{"rooms/4/timeseries.parquet": 3, "rooms/4/timeseries.parquet?filter[from]=1768039560": 0} {
		got := w.get(t, anonymous, "/api/v1/"+path)
		rows, err := parquet.Read[row](strings.NewReader(got.body), int64(len(got.body)))
		if err != nil || len(rows) != count || got.header.Get("Content-Type") != "application/vnd.apache.parquet" {
			t.Fatalf("%s: %v, %d rows, %v", path, err, len(rows), got.header)
		}
		for _, r := range rows {
			if r.RoomID != 4 || r.Site != "Schule" || r.CO2 == 0 != (r.Status == "E") {
				t.Errorf("%s: %+v", path, r)
			}
		}
	}
}

// A stranger gets of an organization what is public, in any file.
func TestTablesOfOrganizationsKeepToWhatOneMaySee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "UPDATE installation SET is_public = false WHERE id <> 1")
	all := w.get(t, anonymous, "/api/v1/organizations/1/timeseries.csv")
	for line := range strings.SplitSeq(strings.TrimSpace(all.body), "\r\n") {
		if !strings.HasPrefix(line, "room,") && !strings.HasPrefix(line, "1,1,") {
			t.Errorf("a stranger reads %q", line)
		}
	}
	if hidden := w.do(t, request{path: "/api/v1/organizations/2/timeseries.csv"}); hidden.status != http.StatusNotFound {
		t.Errorf("an organization that has nothing public: %d", hidden.status)
	}
	mine := w.get(t, owner, "/api/v1/organizations/1/timeseries.csv")
	if mine.status != http.StatusOK || strings.Count(mine.body, "\r\n") <= 1 {
		t.Errorf("the owner: %d %.200s", mine.status, mine.body)
	}
}

// An end before the start asks for nothing, which nobody means; both at once are a second.
func TestRangesThatEndBeforeTheyStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"installations/1/timeseries/", "installations/1/timeseries.csv/", "rooms/1/timeseries.csv", "sites/1/timeseries.csv",
	} {
		for to, want := range map[string]int{"1768039559": http.StatusBadRequest, "1768039560": http.StatusOK} {
			got := w.do(t, request{path: "/api/v1/" + path + "?filter[from]=1768039560&filter[to]=" + to})
			if got.status != want || want == http.StatusBadRequest && (!strings.Contains(got.body, `"code":"ends_before_start"`) || !strings.Contains(got.body, `"filter[to]"`)) {
				t.Errorf("%s to %s: %d %.300s, want %d", path, to, got.status, got.body, want)
			}
		}
	}
	got := w.do(t, request{user: owner, path: "/api/v1/rooms/1/occupied-days/?filter[from]=2026-01-10&filter[to]=2026-01-09"})
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":"ends_before_start"`) {
		t.Errorf("days: %d %s", got.status, got.body)
	}
}

// Where nothing can be sorted or filtered, nothing is offered.
func TestNothingIsOfferedWhereThereIsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"rooms/1/timeseries.csv?sort=x", "rooms/1/?filter[x]=1", "rooms/1/?sort=x"} {
		got := w.do(t, request{path: "/api/v1/" + path})
		if got.status != http.StatusBadRequest || strings.Contains(got.body, ": ]") || strings.Contains(got.body, "möglich: .") || strings.Contains(got.body, "possible: .") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}
