package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// maker makes the world's exports; what is there already is done.
func (w *world) maker(t *testing.T, shelf export.Shelf) *export.Maker {
	t.Helper()
	w.exec(t, "DELETE FROM data_export")
	return &export.Maker{
		Queue: postgres.Exports{Pool: w.as, PublicURL: "https://clair.example"}, Shelf: shelf, Now: func() time.Time { return worldNow },
		Finder: dataset.Finder{Inventory: postgres.NewInventory(w.as), Telemetry: postgres.NewTelemetry(w.as)},
		Config: export.MakingConfig{Concurrency: 1, Retention: time.Hour, AccountMB: 10, TotalMB: 20},
		Log:    slog.New(slog.NewTextHandler(testLog{t}, nil)),
	}
}

type madeExport struct {
	Data struct {
		ID         string
		Attributes struct {
			Name, State string
			Why         *string
			FileURL     *string `json:"file_url"`
			Samples     int     `json:"sample_count"`
			Done        int     `json:"samples_done"`
			Size        int     `json:"size_bytes"`
			Quantities  []string
		}
	}
}

func (w *world) ordered(t *testing.T, user int, attributes, relationships string) (m madeExport) {
	t.Helper()
	got := w.do(t, request{user: int64(user), method: http.MethodPost, path: "/api/v1/exports/", body: `{"data":{"type":"Export","attributes":{` + attributes + `},"relationships":{` + relationships + `}}}`})
	if got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return readExport(t, got)
}

func readExport(t *testing.T, got answer) (m madeExport) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.body), &m); err != nil || m.Data.ID == "" {
		t.Fatalf("%v in %s", err, got.body)
	}
	return m
}

func (m *madeExport) path() string { return "/api/v1/exports/" + m.Data.ID + "/" }

// made has the next export made, and returns it.
func (w *world) made(t *testing.T, maker *export.Maker, user int64, m madeExport) madeExport {
	t.Helper()
	if found, err := maker.Next(t.Context()); err != nil || !found {
		t.Fatalf("made %v, %v", found, err)
	}
	return readExport(t, w.get(t, user, m.path()))
}

const room1 = `"rooms":{"data":[{"type":"Room","id":"1"}]}`

func TestAnExportHasWhatTheTableHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	for _, test := range []struct{ name, attributes, relationships, table string }{
		{"csv", `"file":"csv"`, `"organization":{"data":{"type":"Organization","id":"1"}}`, "organizations/1/timeseries.csv"},
		{"people", `"file":"csv","for":"people","language":"en","resolution":"1h"`, `"site":{"data":{"type":"Site","id":"2"}}`, "sites/2/timeseries.csv?for=people&lang=en&resolution=1h"},
		{"xlsx", `"file":"xlsx","language":"de","from_timestamp_s":1768039560`, room1, "rooms/1/timeseries.xlsx?lang=de&filter[from]=1768039560"},
		{"parquet", `"file":"parquet","to_timestamp_s":1768039560`, `"site":{"data":{"type":"Site","id":"1"}}`, "sites/1/timeseries.parquet?filter[to]=1768039560"},
		{"sensors", `"file":"csv"`, `"nodes":{"data":[{"type":"Node","id":"` + node2 + `"}]}`, "sites/2/timeseries.csv"},
	} {
		t.Run(test.name, func(t *testing.T) { //nolint:paralleltest // one after the other, in one queue
			m := w.ordered(t, owner, test.attributes, test.relationships)
			if early := w.do(t, request{user: owner, path: m.path() + "file/"}); m.Data.Attributes.State != "waiting" || early.status != http.StatusNotFound {
				t.Errorf("before it is made: %q, %d", m.Data.Attributes.State, early.status)
			}
			m = w.made(t, maker, owner, m)
			file, table := w.get(t, owner, m.path()+"file/"), w.get(t, owner, "/api/v1/"+test.table)
			if test.name != "xlsx" && file.body != table.body || len(file.body) != m.Data.Attributes.Size || file.header.Get("Content-Type") != table.header.Get("Content-Type") {
				t.Errorf("%d bytes of %s, the table has %d of %s", len(file.body), file.header.Get("Content-Type"), len(table.body), table.header.Get("Content-Type"))
			}
			if a := m.Data.Attributes; a.State != "done" || a.Samples == 0 || a.FileURL == nil {
				t.Errorf("%+v", a)
			}
			if got := w.do(t, request{user: owner, method: http.MethodDelete, path: m.path()}); got.status != http.StatusNoContent {
				t.Errorf("deleted: %d %s", got.status, got.body)
			}
			for name, err := range w.shelf.List(t.Context()) {
				t.Errorf("%s is left, %v", name, err)
			}
		})
	}
}

func TestAnExportHasTheQuantitiesThatAreWanted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	for wanted, heading := range map[string]string{
		`"rel_humidity_percent","co2_ppm"`: "room,installation,node,time,timestamp_s,co2_ppm,rel_humidity_percent,measurement_status\r\n",
		`"temperature_celsius"`:            "room,installation,node,time,timestamp_s,temperature_celsius,measurement_status\r\n",
	} {
		m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv","quantities":[`+wanted+`]`, room1))
		body := w.get(t, owner, m.path()+"file/").body
		lines := strings.SplitAfter(body, "\r\n")
		if lines[0] != heading || strings.Count(lines[1], ",") != strings.Count(heading, ",") {
			t.Errorf("%s: %q", wanted, lines[:2])
		}
	}
	m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv","for":"people","language":"en","resolution":"1d","quantities":["co2_ppm"]`, room1))
	if body := w.get(t, owner, m.path()+"file/").body; !strings.HasPrefix(body, "\ufeff\"Site\",\"Room\",\"Sensor\",\"Time\",\"Offset from UTC\",\"Samples\",\"CO2 (ppm), mean\",\"CO2 (ppm), lowest\",\"CO2 (ppm), highest\"\r\n") {
		t.Errorf("got %s", body)
	}
}

func TestWhatIsWrongWithAnExportIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for body, pointer := range map[string]string{
		`"attributes":{}`:                                                                                                    "/data/attributes/file",
		`"attributes":{"file":"pdf"}`:                                                                                        "/data/attributes/file",
		`"attributes":{"file":"csv","quantities":["radon"]}`:                                                                 "/data/attributes/quantities",
		`"attributes":{"file":"csv","quantities":[]}`:                                                                        "/data/attributes/quantities",
		`"attributes":{"file":"csv","resolution":"2h"}`:                                                                      "/data/attributes/resolution",
		`"attributes":{"file":"csv","from_timestamp_s":-1}`:                                                                  "/data/attributes/from_timestamp_s",
		`"attributes":{"file":"xlsx","sheets":"two"}`:                                                                        "/data/attributes/sheets",
		`"attributes":{"file":"xlsx","for":"programs"}`:                                                                      "/data/attributes/for",
		`"attributes":{"file":"csv","from_timestamp_s":5,"to_timestamp_s":4}`:                                                "/data/attributes/to_timestamp_s",
		`"attributes":{"file":"csv"},"relationships":{"organization":{"data":{"type":"Organization","id":"2"}}}`:             "/data/relationships/organization",
		`"attributes":{"file":"csv"},"relationships":{"site":{"data":{"type":"Site","id":"3"}}}`:                             "/data/relationships/site",
		`"attributes":{"file":"csv"},"relationships":{"rooms":{"data":[{"type":"Room","id":"1"},{"type":"Room","id":"3"}]}}`: "/data/relationships/rooms",
		`"attributes":{"file":"csv"},"relationships":{"nodes":{"data":[{"type":"Node","id":"` + node3 + `"}]}}`:              "/data/relationships/nodes",
		`"attributes":{"file":"csv"},"relationships":{"nodes":{"data":[{"type":"Node","id":"x"}]}}`:                          "/data/relationships/nodes",
	} {
		got := w.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/exports/", body: `{"data":{"type":"Export",` + body + `}}`})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"`+pointer+`"`) {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, pointer)
		}
	}
}

// What is public of everything is what strangers see, whoever asks.
func TestAnExportOfWhatIsPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	table := w.get(t, anonymous, "/api/v1/organizations/1/timeseries.csv").body // nothing else is public in this world
	for _, user := range []int64{owner, stranger} {
		m := w.made(t, maker, user, w.ordered(t, int(user), `"file":"csv","public":true`, ""))
		if file := w.get(t, user, m.path()+"file/").body; file != table || m.Data.Attributes.Name != "Clair.csv" {
			t.Errorf("%s for %d: %s", m.Data.Attributes.Name, user, file)
		}
	}
	got := w.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/exports/", body: `{"data":{"type":"Export","attributes":{"file":"csv","public":true},"relationships":{"site":{"data":{"type":"Site","id":"2"}}}}}`})
	if got.status != http.StatusBadRequest {
		t.Errorf("of a site that is not public: %d %s", got.status, got.body)
	}
}

// A download that broke off goes on where it was.
func TestAFileIsReadFromAnyPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv"`, room1))
	whole := w.get(t, owner, m.path()+"file/")
	for _, test := range []struct {
		ranged, ifRange string
		status          int
		want            string
	}{
		{"bytes=10-19", "", http.StatusPartialContent, whole.body[10:20]},
		{"bytes=50-", whole.header.Get("ETag"), http.StatusPartialContent, whole.body[50:]},
		{"bytes=-7", "", http.StatusPartialContent, whole.body[len(whole.body)-7:]},
		{"bytes=50-", `"another"`, http.StatusOK, whole.body},
		{fmt.Sprintf("bytes=%d-", len(whole.body)), "", http.StatusRequestedRangeNotSatisfiable, ""},
	} {
		header := map[string]string{"Range": test.ranged, "Accept-Encoding": "gzip, zstd"}
		if test.ifRange != "" {
			header["If-Range"] = test.ifRange
		}
		got := w.do(t, request{user: owner, path: m.path() + "file/", header: header})
		if got.status != test.status || test.want != "" && got.body != test.want || got.header.Get("Content-Encoding") != "" {
			t.Errorf("%+v: %d %q, coded %q", test, got.status, got.body, got.header.Get("Content-Encoding"))
		}
	}
}

var mailedLink = regexp.MustCompile(`https://clair\.example(/api/v1/exports/\S+)`)

func TestALinkIsMailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv","mail":true`, room1))
	var to, subject, text string
	if err := w.pool.QueryRow(t.Context(), "SELECT recipient, subject, text FROM outgoing_mail").Scan(&to, &subject, &text); err != nil {
		t.Fatal(err)
	}
	link := mailedLink.FindStringSubmatch(text)
	if to != "olga@example.org" || subject != "Ihre Datei ist fertig: Schule, Klasse 1.csv" || link == nil || !strings.Contains(text, "2026-01-20") {
		t.Fatalf("mailed %s to %s: %s", subject, to, text)
	}
	file := w.get(t, owner, m.path()+"file/")
	if got := w.get(t, anonymous, link[1]); got.body != file.body {
		t.Errorf("by the link: %d %s", got.status, got.body)
	}
	refused := func(name string) {
		t.Helper()
		if got := w.do(t, request{path: link[1]}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := w.do(t, request{path: link[1] + "x"}); got.status != http.StatusNotFound {
		t.Errorf("another key: %d", got.status)
	}
	w.exec(t, "UPDATE user_account SET is_active = false WHERE id = 1")
	refused("an account that is switched off")
	w.exec(t, "UPDATE user_account SET is_active = true WHERE id = 1")
	w.exec(t, "UPDATE data_export SET expires_at = $1", worldNow)
	refused("an old link")
	if expired, parts, err := export.Sweep(t.Context(), maker.Queue, maker.Shelf, worldNow); expired != 1 || parts != 1 || err != nil {
		t.Errorf("%d expired, %d parts, %v", expired, parts, err)
	}
}

func TestWhoIsNoMemberAnyMoreReadsNoExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	private := w.made(t, maker, inspector, w.ordered(t, inspector, `"file":"csv"`, `"organization":{"data":{"type":"Organization","id":"1"}}`))
	public := w.made(t, maker, stranger, w.ordered(t, stranger, `"file":"csv"`, room1))
	w.exec(t, "DELETE FROM membership WHERE user_id = 2")
	for _, path := range []string{private.path(), private.path() + "file/"} {
		if got := w.do(t, request{user: inspector, path: path}); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if list := w.get(t, inspector, "/api/v1/exports/?page[size]=1000&page[number]=1"); strings.Contains(list.body, `"id":"`+private.Data.ID+`"`) {
		t.Errorf("listed: %s", list.body)
	}
	if got := w.get(t, stranger, public.path()+"file/"); !strings.HasPrefix(got.body, "room,") {
		t.Errorf("what is public: %s", got.body)
	}
}

func TestExportsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	maker.Config.AccountMB, maker.Config.TotalMB = 0, 0
	m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv","mail":true`, room1))
	if a := m.Data.Attributes; a.State != "failed" || a.Why == nil || *a.Why != "account_full" || a.FileURL != nil {
		t.Errorf("without room: %+v", a)
	}
	var subject string
	if err := w.pool.QueryRow(t.Context(), "SELECT subject FROM outgoing_mail").Scan(&subject); err != nil || !strings.Contains(subject, "konnte nicht") {
		t.Errorf("mailed %q, %v", subject, err)
	}
	for range 2 {
		w.ordered(t, owner, `"file":"csv"`, room1)
	}
	got := w.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/exports/", body: `{"data":{"type":"Export","attributes":{"file":"csv"},"relationships":{}}}`})
	if got.status != http.StatusConflict || !strings.Contains(got.body, "quota_exceeded") {
		t.Errorf("one too many: %d %s", got.status, got.body)
	}
	w.ordered(t, inspector, `"file":"csv"`, room1)
}

// A worker that dies leaves nothing that anybody sees, and another one begins anew.
func TestADeadWorkersExportIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	m := w.ordered(t, owner, `"file":"csv"`, room1)
	// The first worker took it, put a part on the shelf, and is no more.
	dead, ok, err := maker.Queue.Take(t.Context(), 7, worldNow, worldNow.Add(30*time.Second))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	half := fmt.Sprintf("%s-%d-0.part", m.Data.ID, dead.Attempt)
	if err := w.shelf.Put(t.Context(), half, strings.NewReader("half"), 4); err != nil {
		t.Fatal(err)
	}
	if found, err := maker.Next(t.Context()); found || err != nil {
		t.Fatalf("it was taken from who has it: %v, %v", found, err)
	}
	maker.Now = func() time.Time { return worldNow.Add(time.Minute) }
	m = w.made(t, maker, owner, m)
	file := w.get(t, owner, m.path()+"file/").body
	if table := w.get(t, owner, "/api/v1/sites/1/timeseries.csv").body; file != table || m.Data.Attributes.State != "done" {
		t.Errorf("%+v: %s", m, file)
	}
	// Should it have been only slow, it is told so, and spoils nothing.
	if held, err := maker.Queue.Progress(t.Context(), &dead, 1, 1, worldNow.Add(time.Hour)); held || err != nil {
		t.Errorf("the dead one holds it still: %v", err)
	}
	if held, err := maker.Queue.Finish(t.Context(), &dead, export.End{State: export.Failed, Why: export.WhyError, At: worldNow, ExpiresAt: worldNow}); held || err != nil {
		t.Errorf("the dead one finished it: %v", err)
	}
	if _, parts, err := export.Sweep(t.Context(), maker.Queue, maker.Shelf, worldNow); parts != 1 || err != nil {
		t.Errorf("%d parts swept, %v", parts, err)
	}
	if again := w.get(t, owner, m.path()+"file/").body; again != file {
		t.Error("the file is another one after the sweep")
	}
}

// A worker that is told to stop leaves its export to others, and one that breaks tries again later.
func TestAnExportIsPutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, broken{w.shelf})
	maker.Log = slog.New(slog.DiscardHandler) // it complains
	m := w.ordered(t, owner, `"file":"csv"`, room1)
	if m = w.made(t, maker, owner, m); m.Data.Attributes.State != "waiting" || m.Data.Attributes.Size != 0 {
		t.Errorf("%+v", m.Data.Attributes)
	}
	if found, err := maker.Next(t.Context()); found || err != nil {
		t.Errorf("tried again at once: %v, %v", found, err)
	}
	for range 7 {
		maker.Now = func() time.Time { return worldNow.Add(time.Hour) }
		w.exec(t, "UPDATE data_export SET due_at = $1", worldNow)
		m = w.made(t, maker, owner, m)
	}
	if a := m.Data.Attributes; a.State != "failed" || a.Why == nil || *a.Why != "error" {
		t.Errorf("after eight tries: %+v", a)
	}
}

type broken struct{ export.Shelf }

func (broken) Put(_ context.Context, _ string, content io.Reader, _ int64) error {
	_, err := io.Copy(io.Discard, content)
	if err == nil {
		err = io.ErrShortWrite
	}
	return err
}

// A file of many parts is one to whoever reads it.
func TestPartsMakeAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const part = 8 << 20
	content := bytes.Repeat([]byte("0123456789abcdef"), 2*part/16)
	content = append(content, "the end"...)
	for n := range 3 {
		piece := content[n*part : min((n+1)*part, len(content))]
		if err := w.shelf.Put(t.Context(), fmt.Sprintf("5-2-%d.part", n), bytes.NewReader(piece), int64(len(piece))); err != nil {
			t.Fatal(err)
		}
	}
	e := export.Export{ID: 5, Attempt: 2, Size: int64(len(content))}
	file := export.OpenFile(t.Context(), w.shelf, &e)
	for _, from := range []int64{0, 1, part - 1, part, part + 1, 2 * part, e.Size - 3, e.Size} {
		if _, err := file.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err != nil || !bytes.Equal(got, content[from:]) {
			t.Errorf("from %d: %d bytes, %v", from, len(got), err)
		}
	}
	if err := export.Clear(t.Context(), w.shelf, &e); err != nil {
		t.Fatal(err)
	}
	for name, err := range w.shelf.List(t.Context()) {
		t.Errorf("%s is left, %v", name, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(file); err == nil {
		t.Error("what is gone was read")
	}
}
