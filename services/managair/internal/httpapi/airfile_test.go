package httpapi_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/airfile"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
)

// airFileRows has a file of nothing for each of the world's rooms, the first one published.
func airFileRows() string {
	var sql strings.Builder
	first, last := civil.Date{Year: 2026, Month: time.January, Day: 1}, civil.Date{Year: 2026, Month: time.January, Day: 4}
	key, err := airfile.NewKey(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	for room := range int64(3) {
		norm, _ := profile.Get(profile.Default)
		d := airfile.Document{
			Format: airfile.Format, Room: airfile.Room{ID: room + 1}, Period: airfile.NewPeriod(first, last, time.UTC), Norm: airfile.NewNorm(&norm), OutdoorPPM: 420,
			OccupiedDays: []airfile.OccupiedDay{}, Installations: []airfile.Installation{},
		}
		err := d.Judge(airfile.Export{}.Read)
		if err == nil {
			err = d.Sign(key, worldNow, 1)
		}
		text, more := d.Text()
		if err != nil || more != nil {
			panic(fmt.Sprint(err, more))
		}
		fmt.Fprintf(&sql, `INSERT INTO air_file (id, room_id, from_date, to_date, profile, version, made_at, content, document, published_at) OVERRIDING SYSTEM VALUE
			VALUES (%d, %d, '2026-01-01', '2026-01-04', 'de-uba', 1, '2026-01-20T12:00:00Z', '', '\x%s', %s);`,
			room+1, room+1, hex.EncodeToString(text), []string{"'2026-01-20T12:00:00Z'", "NULL", "NULL"}[room])
	}
	return sql.String() + `SELECT setval(pg_get_serial_sequence('air_file', 'id'), 100);`
}

// madeFile is what an answer says of a file.
type madeFile struct {
	ID         string
	Attributes struct {
		Version     int
		PublishedAt *int64          `json:"published_at_s"`
		DocumentURL string          `json:"document_url"`
		SamplesURL  string          `json:"samples_url"`
		Changes     json.RawMessage `json:"changes"`
	}
}

func (w *world) makeFile(t *testing.T, user, status int, attributes string) madeFile {
	t.Helper()
	got := w.do(t, request{
		user: int64(user), method: http.MethodPost, path: "/api/v1/rooms/1/air-files/",
		body: `{"data":{"type":"AirFile","attributes":{` + attributes + `}}}`,
	})
	if got.status != status {
		t.Fatalf("%d, want %d: %s", got.status, status, got.body)
	}
	var document struct{ Data madeFile }
	if err := json.Unmarshal([]byte(got.body), &document); err != nil {
		t.Fatal(err)
	}
	return document.Data
}

// path is that of an address in an answer.
func path(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func (w *world) keys(t *testing.T) airfile.Keys {
	t.Helper()
	r := httptest.NewRecorder()
	w.api.ServeKeys(postgres.AirFiles{Pool: w.as}).ServeHTTP(r, httptest.NewRequest(http.MethodGet, airfile.KeysPath, http.NoBody))
	keys, err := airfile.ParseKeys(r.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// verified holds a file against the export that it names, and returns what differs.
func (w *world) verified(t *testing.T, f madeFile) (differs []string, d *airfile.Document) {
	t.Helper()
	d, err := airfile.Parse([]byte(w.get(t, owner, path(t, f.Attributes.DocumentURL)).body))
	if err != nil {
		t.Fatal(err)
	}
	export, err := airfile.ParseExport(strings.NewReader(w.get(t, owner, path(t, f.Attributes.SamplesURL)).body))
	if err != nil {
		t.Fatal(err)
	}
	report, err := d.Verify(w.keys(t), export)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Outcome != airfile.Matches {
			differs = append(differs, fmt.Sprint(c))
		}
	}
	return differs, d
}

const february = `"from_date":"2026-02-01","to_date":"2026-02-28"`

// A file is verified by what the API itself exports; late samples make a version that says so.
func TestAirFilesCanBeVerified(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z")
	w.exec(t, "DELETE FROM sample WHERE time >= '2026-02-17T10:00:00Z' AND time < '2026-02-17T11:00:00Z'")
	first := w.makeFile(t, owner, http.StatusCreated, february)
	differs, d := w.verified(t, first)
	if len(differs) > 0 || d.Version != 1 || d.Changes != nil || d.Result.Level != "conspicuous" || len(d.Result.Days) != 20 || d.Samples.Count < 8000 {
		t.Errorf("differs %v; %+v", differs, d.Result)
	}
	if d.Room.Name == "" || d.Room.Organization == "" || len(d.Installations) != 1 || d.Installations[0].Health == nil || len(d.Installations[0].Health.Calibrations) != 1 {
		t.Errorf("%+v %+v", d.Room, d.Installations)
	}
	compareGolden(t, filepath.Join("testdata", "air_file.json"), indent(t, w.get(t, owner, "/api/v1/air-files/"+first.ID+"/").body))
	for language, says := range map[string][]string{
		"de": {"Luftakte: ", "An 20 von 20 Tagen war die Luft verbraucht.", "Stunden", d.Samples.SHA256},
		"en": {"Air file: ", "On 20 of 20 days the air was stale. For longest it was on", "clairctl verdict verify", d.Samples.SHA256},
	} {
		page := w.do(t, request{user: inspector, path: "/api/v1/air-files/" + first.ID + "/page/", header: map[string]string{"Accept-Language": language}})
		for _, one := range says {
			if page.status != http.StatusOK || !strings.Contains(page.body, one) {
				t.Errorf("%d, the page does not say %q: %s", page.status, one, page.body)
			}
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'self'") {
			t.Errorf("the page is drawn without its style: %s", policy)
		}
		keepPage(t, "air-file-"+language+".html", page.body)
	}
	if again := w.makeFile(t, owner, http.StatusOK, february); again.ID != first.ID {
		t.Errorf("nothing is new, and it is file %s", again.ID)
	}

	w.exec(t, "INSERT INTO sample (node_no, time, co2_ppm) SELECT no, '2026-02-17T10:30:00Z', 1900 FROM node WHERE id = $1", node1)
	second := w.makeFile(t, owner, http.StatusCreated, february)
	differs, d = w.verified(t, second)
	want := []airfile.ChangedDay{{
		Date: civil.Date{Year: 2026, Month: time.February, Day: 17}, Of: []airfile.Subject{airfile.OfOccupied, airfile.OfSamples, airfile.OfResult}, // inferred from them
	}}
	if len(differs) > 0 || second.Attributes.Version != 2 || d.Changes == nil {
		t.Fatalf("version %d, differs %v", second.Attributes.Version, differs)
	}
	if diff := cmp.Diff(want, d.Changes.Days); diff != "" {
		t.Error(diff)
	}
	// The first one stays as it was signed, and no longer is what the samples say.
	if differs, d = w.verified(t, first); len(differs) != 2 || d.Version != 1 {
		t.Errorf("the first version: %v", differs)
	}
	// Another norm is another file.
	if other := w.makeFile(t, owner, http.StatusCreated, february+`,"profile":"be"`); other.Attributes.Version != 1 {
		t.Errorf("by another norm it is version %d", other.Attributes.Version)
	}
	// Old files can be checked when the key is another one.
	if _, err := (postgres.AirFiles{Pool: w.as}).Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if differs, _ = w.verified(t, second); len(differs) > 0 || len(w.keys(t)) != 2 {
		t.Errorf("%d keys: %v", len(w.keys(t)), differs)
	}
}

func TestHoweverManyMakeAFileThereIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	ids := make([]string, 6)
	for i := range ids {
		all.Go(func() {
			got := w.do(t, request{
				user: owner, method: http.MethodPost, path: "/api/v1/rooms/1/air-files/",
				body: `{"data":{"type":"AirFile","attributes":{"from_date":"2026-01-10","to_date":"2026-01-10"}}}`,
			})
			var document struct{ Data madeFile }
			if err := json.Unmarshal([]byte(got.body), &document); err != nil || got.status >= 300 {
				t.Errorf("%d %v: %s", got.status, err, got.body)
			}
			ids[i] = document.Data.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("files %v", ids)
		}
	}
	if keys := w.keys(t); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// When people are in a room is the organization's, until it publishes a file.
func TestAirFilesArePublishedByOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.makeFile(t, owner, http.StatusCreated, `"from_date":"2026-01-10","to_date":"2026-01-10"`)
	seen := func(user int64) int {
		var list struct{ Data []madeFile }
		if err := json.Unmarshal([]byte(w.get(t, user, "/api/v1/rooms/1/air-files/").body), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Data)
	}
	publish := func(how string) {
		t.Helper()
		got := w.do(t, request{
			user: owner, method: http.MethodPatch, path: "/api/v1/air-files/" + made.ID + "/",
			body: `{"data":{"type":"AirFile","id":"` + made.ID + `","attributes":{"published":` + how + `}}}`,
		})
		if got.status != http.StatusOK {
			t.Fatal(got.body)
		}
	}
	if seen(inspector) != 2 || seen(anonymous) != 1 {
		t.Errorf("members see %d, the public %d", seen(inspector), seen(anonymous))
	}
	publish("true")
	publish("true")
	if seen(anonymous) != 2 {
		t.Error("the public does not see what was published")
	}
	remove := func() int {
		return w.do(t, request{user: owner, method: http.MethodDelete, path: "/api/v1/air-files/" + made.ID + "/"}).status
	}
	if got := remove(); got != http.StatusConflict {
		t.Errorf("what is published is deleted: %d", got)
	}
	publish("false")
	if got := w.do(t, request{path: path(t, made.Attributes.DocumentURL)}); got.status != http.StatusNotFound {
		t.Errorf("taken back: %d", got.status)
	}
	// Of what is deleted the number is not used again.
	if got := remove(); got != http.StatusNoContent || remove() != http.StatusNotFound {
		t.Errorf("deleting: %d", got)
	}
	if again := w.makeFile(t, owner, http.StatusCreated, `"from_date":"2026-01-10","to_date":"2026-01-10"`); again.Attributes.Version != 2 || again.ID == made.ID {
		t.Errorf("made again: %+v", again)
	}
	var lines int
	var longest int
	err := w.pool.QueryRow(t.Context(), "SELECT count(*), max(length(changes::text)) FROM audit_log WHERE subject IN ('air_file', 'signing_key') AND at >= now() - interval '1 hour'").Scan(&lines, &longest)
	// Two were made, one published, taken back and deleted, and a key made; the world's own are three.
	if err != nil || lines < 6 || longest > 500 {
		t.Errorf("%d lines in the log, the longest has %d: %v", lines, longest, err)
	}
}

// What strangers cannot verify is not published.
func TestFilesOfHiddenSensorsAreNotPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.makeFile(t, owner, http.StatusCreated, `"from_date":"2026-01-10","to_date":"2026-01-10"`)
	w.exec(t, "UPDATE installation SET is_public = false WHERE id = 1")
	got := w.do(t, request{
		user: owner, method: http.MethodPatch, path: "/api/v1/air-files/" + made.ID + "/",
		body: `{"data":{"type":"AirFile","id":"` + made.ID + `","attributes":{"published":true}}}`,
	})
	if got.status != http.StatusConflict || !strings.Contains(got.body, "ffentlich") && !strings.Contains(got.body, "public") {
		t.Errorf("%d: %s", got.status, got.body)
	}
}

// Whoever asks does not say what address is signed.
func TestFilesNeedTheAddressOfTheInstance(t *testing.T) {
	t.Parallel()
	_, _, err := roomair.Files{}.Make(t.Context(), access.Caller{}, roomair.FileKey{Room: 1}, "", worldNow)
	if v, ok := errors.AsType[*fault.Violation](err); !ok || v.Reason != reason.AirFileNoAddress {
		t.Errorf("%v", err)
	}
}

func TestPeriodsOfAirFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for attributes, want := range map[string]int{
		`"from_date":"2026-01-10","to_date":"2026-01-20"`:                    400, // today
		`"from_date":"2026-01-10","to_date":"2026-01-09"`:                    400,
		`"from_date":"2024-01-10","to_date":"2026-01-09"`:                    400,
		`"from_date":"1900-01-10","to_date":"1900-01-11"`:                    400,
		`"from_date":"gestern","to_date":"2026-01-09"`:                       400,
		`"from_date":"2026-01-09"`:                                           400,
		`"from_date":"2026-01-09","to_date":"2026-01-09","profile":"nix"`:    400,
		`"from_date":"2026-01-09","to_date":"2026-01-09","profile":"at"`:     201,
		`"from_date":"2026-01-09","to_date":"2026-01-09","profile":null`:     201,
		`"from_date":"2024-12-17","to_date":"2026-01-19"`:                    201, // 400 days
		`"from_date":"2024-12-18","to_date":"2026-01-19","published":"true"`: 201, // what is not asked for does not matter
	} {
		w.makeFile(t, owner, want, attributes)
	}
}

// keepPage writes a page where AIRFILE_PAGES says, so that it can be looked at.
func keepPage(t *testing.T, name, body string) {
	t.Helper()
	if dir := os.Getenv("AIRFILE_PAGES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
