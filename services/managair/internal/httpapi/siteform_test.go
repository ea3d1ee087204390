package httpapi_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/services/managair/internal/form"
	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
)

// siteFormRows has a form for each of the world's sites.
func siteFormRows() string {
	var sql strings.Builder
	for site := range int64(3) {
		day := civil.Date{Year: 2026, Month: time.January, Day: 2}
		d := form.Begin(form.Key{Site: site + 1, Form: "fr-aeration", From: day, To: day}, form.Content{
			Site:  form.Values{"establishment_name": []string{"Schule", "Lager", "Museum"}[site]},
			Rooms: []form.RoomValues{{Room: site + 1, Name: []string{"Klasse 1", "Keller", "Saal"}[site], Fields: form.Values{}}},
		}, worldNow)
		text, err := d.Text()
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&sql, `INSERT INTO site_form (id, site_id, form, from_date, to_date, made_at) OVERRIDING SYSTEM VALUE
			VALUES (%[1]d, %[1]d, 'fr-aeration', '2026-01-02', '2026-01-02', '2026-01-20T12:00:00Z');
			INSERT INTO site_form_version (form_id, version, made_at, content) VALUES (%[1]d, 1, '2026-01-20T12:00:00Z', '\x%[2]s');`, site+1, hex.EncodeToString(text))
	}
	return sql.String() + `SELECT setval(pg_get_serial_sequence('site_form', 'id'), 100);`
}

func (w *world) siteForm(t *testing.T, user int64, method, path, attributes string, status int) string {
	t.Helper()
	id := ""
	if method == http.MethodPatch {
		id = `"id":"` + strings.Trim(strings.TrimPrefix(path, "/api/v1/site-forms/"), "/") + `",`
	}
	got := w.do(t, request{user: user, method: method, path: path, body: `{"data":{"type":"SiteForm",` + id + `"attributes":{` + attributes + `}}}`})
	if got.status != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got.body
}

const evaluated = `"form":"fr-aeration","from_date":"2026-02-02","to_date":"2026-02-27"`

// A form has what was measured, takes the rest, keeps what stood in it, and is printed.
func TestSiteForms(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z")
	compareGolden(t, filepath.Join("testdata", "forms.json"), indent(t, w.get(t, anonymous, "/api/v1/forms/").body))
	made := w.siteForm(t, owner, http.MethodPost, "/api/v1/sites/1/forms/", evaluated, http.StatusCreated)
	compareGolden(t, filepath.Join("testdata", "site_form.json"), indent(t, made))
	if again := w.siteForm(t, owner, http.MethodPost, "/api/v1/sites/1/forms/", evaluated, http.StatusOK); again != made {
		t.Errorf("made twice: %s", again)
	}
	var one struct {
		Data struct {
			ID         string
			Attributes struct {
				Version int
				Rooms   []struct{ Fields form.Values }
			}
		}
	}
	if err := json.Unmarshal([]byte(made), &one); err != nil {
		t.Fatal(err)
	}
	room := one.Data.Attributes.Rooms[0].Fields
	if room["co2_above_800"] != "true" || room["co2_above_1500"] != "false" || !strings.Contains(room["co2_measurement"], "en présence de personnes") {
		t.Errorf("%v", room)
	}
	path := "/api/v1/site-forms/" + one.Data.ID + "/"
	changed := w.siteForm(t, owner, http.MethodPatch, path,
		`"version":1,"fields":{"siret":"12345678901234","evaluator_name":"Mme Curie"},"rooms":[{"room":"1","name":"x","fields":{"opening_count":"4","opening_faults":"1","vents_flow":"true"}}]`, http.StatusOK)
	for _, want := range []string{`"siret":"12345678901234"`, `"opening_count":"4"`, `"version":2`, `"name":"Klasse 1"`} {
		if !strings.Contains(changed, want) {
			t.Errorf("%s is not in %s", want, changed)
		}
	}
	// Who saw version 1 does not write over it, and what is wrong is named.
	for attributes, pointer := range map[string]string{
		`"version":1,"fields":{}`:                       "/data/attributes/version",
		`"version":2,"fields":{"siret":"1"}`:            "/data/attributes/fields/siret",
		`"version":2,"rooms":[{"room":"3"}]`:            "/data/attributes/rooms/0/room",
		`"version":2,"rooms":[{"room":"1","wall":1}]`:   "/data/attributes/rooms",
		`"version":2,"fields":{"siret":12345678901234}`: "/data/attributes/fields",
		`"fields":{}`: "/data/attributes/version",
	} {
		got := w.do(t, request{user: owner, method: http.MethodPatch, path: path, body: `{"data":{"type":"SiteForm","id":"` + one.Data.ID + `","attributes":{` + attributes + `}}}`})
		if got.status < 400 || got.status >= 500 || !strings.Contains(got.body, `"`+pointer+`"`) {
			t.Errorf("%s: %d %s", attributes, got.status, got.body)
		}
	}
	// The old version is there; late samples are entered when they are asked for.
	if old := w.get(t, inspector, path+"?version=1").body; strings.Contains(old, "Curie") || !strings.Contains(old, `"version":1`) {
		t.Errorf("version 1: %s", old)
	}
	w.exec(t, "DELETE FROM sample WHERE time >= '2026-02-01T00:00:00Z'")
	if got := w.siteForm(t, owner, http.MethodPatch, path, `"version":2,"refresh":true`, http.StatusOK); !strings.Contains(got, `"version":3`) || !strings.Contains(got, "Trop peu de mesures") || !strings.Contains(got, "Curie") {
		t.Errorf("what is known now: %s", got)
	}
	for language, says := range map[string]string{"": "Numéro SIRET", "?lang=de": "Jährliche Bewertung", "?lang=en&version=2": "12345678901234"} {
		page := w.do(t, request{user: inspector, path: path + "page/" + language})
		if page.status != http.StatusOK || !strings.Contains(page.body, says) {
			t.Errorf("page %s: %d %s", language, page.status, page.body)
		}
		keepPage(t, "form"+strings.NewReplacer("?", "-", "&", "-", "=", "-").Replace(language)+".html", page.body)
		pdf := w.do(t, request{user: inspector, path: path + "document.pdf" + language})
		if text := strings.Join(strings.Fields(pdftest.Read(t, []byte(pdf.body)).Text), ""); !strings.Contains(text, strings.ReplaceAll(says, " ", "")) {
			t.Errorf("PDF %s: %s", language, text)
		}
		keepPage(t, "form"+strings.NewReplacer("?", "-", "&", "-", "=", "-").Replace(language)+".pdf", pdf.body)
	}
	var lines, longest int
	err := w.pool.QueryRow(t.Context(), "SELECT count(*), max(length(changes::text)) FROM audit_log WHERE subject = 'site_form' AND subject_id = $1", one.Data.ID).Scan(&lines, &longest)
	if err != nil || lines != 3 || longest > 200 {
		t.Errorf("%d lines in the log, up to %d characters; %v", lines, longest, err)
	}
	if got := w.do(t, request{user: owner, method: http.MethodDelete, path: path}); got.status != http.StatusNoContent {
		t.Error(got.body)
	}
	if got := w.do(t, request{user: owner, path: path}); got.status != http.StatusNotFound {
		t.Error(got.body)
	}
}

// However many make or change a form at once, nothing is made twice and nothing is lost.
func TestManyAtOneForm(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	var all sync.WaitGroup
	made, taken := make([]string, 6), make([]int, 6)
	for i := range made {
		all.Go(func() {
			made[i] = w.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/sites/1/forms/", body: `{"data":{"type":"SiteForm","attributes":{` + evaluated + `}}}`}).body
		})
	}
	all.Wait()
	for _, one := range made {
		if one != made[0] {
			t.Errorf("%s and %s", one, made[0])
		}
	}
	for i := range taken {
		all.Go(func() {
			taken[i] = w.do(t, request{
				user: owner, method: http.MethodPatch, path: "/api/v1/site-forms/1/",
				body: fmt.Sprintf(`{"data":{"type":"SiteForm","id":"1","attributes":{"version":1,"fields":{"description":"%d"}}}}`, i),
			}).status
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, status := range taken {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusConflict] != 5 {
		t.Errorf("%v", count)
	}
}

func TestPeriodsOfForms(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	for attributes, pointer := range map[string]string{
		`"form":"fr-aeration","from_date":"2026-02-02","to_date":"2026-02-01"`: "to_date",
		`"form":"fr-aeration","from_date":"2026-01-01","to_date":"2026-03-04"`: "to_date",
		`"form":"fr-aeration","from_date":"2026-03-01","to_date":"2026-03-05"`: "to_date",
		`"form":"fr-aeration","from_date":"1999-01-01","to_date":"1999-01-01"`: "from_date",
		`"form":"xx","from_date":"2026-02-02","to_date":"2026-02-03"`:          "form",
		`"from_date":"2026-02-02","to_date":"2026-02-03"`:                      "form",
	} {
		got := w.siteForm(t, owner, http.MethodPost, "/api/v1/sites/1/forms/", attributes, http.StatusBadRequest)
		if !strings.Contains(got, `"/data/attributes/`+pointer+`"`) {
			t.Errorf("%s: %s", attributes, got)
		}
	}
}
