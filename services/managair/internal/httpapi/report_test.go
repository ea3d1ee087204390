package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
)

func TestReports(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z")
	w.exec(t, `INSERT INTO node_outage (node_no, from_time, noticed_at, to_time)
		SELECT no, '2026-02-03T00:00:00Z', '2026-02-03T02:00:00Z', '2026-02-03T12:00:00Z' FROM node WHERE alias = 'Eins'`)
	text := func(user int64, path string) pdftest.Document {
		t.Helper()
		got := w.get(t, user, path)
		if got.header.Get("Content-Type") != "application/pdf" || !strings.Contains(got.header.Get("Content-Disposition"), ".pdf") {
			t.Errorf("%s: %v", path, got.header)
		}
		return pdftest.Read(t, []byte(got.body))
	}
	// Last month is February.
	own := text(inspector, "/api/v1/rooms/1/report.pdf?lang=de")
	for _, said := range []string{"Klasse 1", "1.2.2026 bis 28.2.2026", "An 20 von 20 Tagen war die Luft verbraucht", "Genutzt:", "Eins: 1× stumm, zusammen 12 Stunden"} {
		if !own.Has(said) {
			t.Errorf("no %q in %s", said, own.Text)
		}
	}
	// A silence that goes on lasts until now, not until the end of the month.
	w.exec(t, `INSERT INTO node_outage (node_no, from_time, noticed_at)
		SELECT no, '2026-03-05T02:00:00Z', '2026-03-05T04:00:00Z' FROM node WHERE alias = 'Eins'`)
	running := text(inspector, "/api/v1/rooms/1/report.pdf?lang=de&filter[from]=2026-03-01&filter[to]=2026-03-31")
	if !running.Has("Eins: 1× stumm, zusammen 10 Stunden") {
		t.Errorf("of the month that goes on: %s", running.Text)
	}
	public := text(anonymous, "/api/v1/rooms/1/report.pdf?lang=de")
	if !public.Has("An 20 von 20 Tagen war die Luft verbraucht") || public.Has("Genutzt") || public.Has("stumm") || public.Has("Am schlechtesten") {
		t.Errorf("to the public: %s", public.Text)
	}
	// From days to days the public would see when people were there.
	days := text(anonymous, "/api/v1/rooms/1/report.pdf?lang=en&filter[from]=2026-02-02&filter[to]=2026-02-06")
	if !days.Has("Only whole months are judged in public") || days.Has("stale") {
		t.Errorf("days to the public: %s", days.Text)
	}
	week := text(inspector, "/api/v1/sites/1/report.pdf?lang=fr&filter[from]=2026-02-02&filter[to]=2026-02-08")
	if !week.Has("du 02/02/2026 au 08/02/2026") || !week.Has("5 sur 5") || week.Language != "fr" {
		t.Errorf("of the site: %s", week.Text)
	}
	empty := text(inspector, "/api/v1/sites/1/report.pdf?lang=en&filter[from]=2020-02-01&filter[to]=2020-02-29")
	if !empty.Has("Nothing was measured here in this period") {
		t.Errorf("of an empty month: %s", empty.Text)
	}
	page := w.do(t, request{user: inspector, path: "/api/v1/sites/1/report/?filter[from]=2026-02-01&filter[to]=2026-02-28", header: map[string]string{"Accept-Language": "fr-FR"}})
	for _, said := range []string{`<html lang="fr">`, "Rapport sur l", "<svg ", `report.pdf?filter[from]=2026-02-01&amp;filter[to]=2026-02-28"`} {
		if page.status != http.StatusOK || !strings.Contains(page.body, said) {
			t.Errorf("no %q in %d %s", said, page.status, page.body)
		}
	}
}

// From a report one comes to the ones before and after, and to none of what is to come.
func TestReportsOfOtherPeriods(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	link := func(from, to string) string {
		return `href="/api/v1/rooms/1/report/?filter%5Bfrom%5D=` + from + `&amp;filter%5Bto%5D=` + to + `&amp;lang=en"`
	}
	for _, test := range []struct {
		period   string
		has, not []string
	}{
		{"", []string{
			link("2026-01-01", "2026-01-31") + ` rel="prev"`, link("2026-03-01", "2026-03-31") + ` rel="next"`, link("2026-02-23", "2026-03-01"),
			link("2026-02-01", "2026-02-28") + ` aria-current="page"`, `name="filter[from]" value="2026-02-01" max="2026-03-05"`,
		}, nil},
		{"&filter[from]=2026-03-02&filter[to]=2026-03-08", []string{link("2026-02-23", "2026-03-01") + ` rel="prev"`}, []string{`rel="next"`}},
		{"&filter[from]=2000-01-01&filter[to]=2000-01-31", []string{link("2000-02-01", "2000-02-29") + ` rel="next"`}, []string{`rel="prev"`}},
	} {
		got := w.get(t, anonymous, "/api/v1/rooms/1/report/?lang=en"+test.period)
		for _, part := range test.has {
			if !strings.Contains(got.body, part) {
				t.Errorf("%s: no %s", test.period, part)
			}
		}
		for _, part := range test.not {
			if strings.Contains(got.body, part) {
				t.Errorf("%s: %s", test.period, part)
			}
		}
	}
}

// A link to a report comes by mail: in a browser it leads to where one logs in and back; who may not see it is told so by a page.
func TestReportsOfOthersInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, test := range []struct {
		user            int64
		path, accept    string
		status          int
		location, media string
	}{
		{anonymous, "sites/2/report/?filter[from]=2026-02-01&filter[to]=2026-02-28&lang=de", browser, 303, "/accounts/login/?next=%2Fapi%2Fv1%2Fsites%2F2%2Freport%2F%3Ffilter%5Bfrom%5D%3D2026-02-01%26filter%5Bto%5D%3D2026-02-28%26lang%3Dde", ""},
		{anonymous, "rooms/999/report", browser, 303, "/accounts/login/?next=%2Fapi%2Fv1%2Frooms%2F999%2Freport%2F", ""},
		{anonymous, "sites/2/report/", "application/vnd.api+json", 404, "", "application/vnd.api+json"},
		{anonymous, "sites/2/report/", "*/*", 404, "", "application/vnd.api+json"},
		{anonymous, "sites/2/report/", "", 404, "", "application/vnd.api+json"},
		{anonymous, "sites/2/report.pdf", browser, 404, "", "application/vnd.api+json"},
		{anonymous, "sites/1/report/?lang=nl", browser, 400, "", "text/html; charset=utf-8"},
		{stranger, "sites/2/report/", browser, 404, "", "text/html; charset=utf-8"},
		{anonymous, "schema/files/none.css", browser, 404, "", "text/html; charset=utf-8"},
	} {
		got := w.do(t, request{user: test.user, path: "/api/v1/" + test.path, header: map[string]string{"Accept": test.accept}})
		if got.status != test.status || got.header.Get("Location") != test.location || test.media != "" && got.header.Get("Content-Type") != test.media {
			t.Errorf("%s as %d, %q: %d %v", test.path, test.user, test.accept, got.status, got.header)
		}
		if test.location != "" && got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", test.path, got.header)
		}
	}
}

func TestSigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]struct {
		pages int
		said  []string
	}{
		"sites/1/signs.pdf":                          {1, []string{"Klasse 1", "Wie ist die Luft hier?", "How is the air in here?", "h/rooms/1"}},
		"rooms/1/sign.pdf?languages=fr,de&size=a6":   {1, []string{"Klasse 1", "Comment est l’air ici ?", "Wie ist die Luft hier?"}},
		"sites/1/signs.pdf?languages=en&size=labels": {1, []string{"Klasse 1", "How is the air in here?"}},
	} {
		d := pdftest.Read(t, []byte(w.get(t, anonymous, "/api/v1/"+path).body))
		if d.Pages != want.pages {
			t.Errorf("%s: %d pages", path, d.Pages)
		}
		for _, text := range want.said {
			if !d.Has(text) {
				t.Errorf("%s: no %q in %s", path, text, d.Text)
			}
		}
	}
}

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, want := range map[string]struct {
		status    int
		parameter string
	}{
		"rooms/1/report.pdf?filter[from]=gestern":                          {400, "filter[from]"},
		"rooms/1/report.pdf?filter[from]=2026-02-02&filter[to]=2026-02-01": {400, "filter[to]"},
		"sites/1/report.pdf?filter[from]=2024-02-02&filter[to]=2026-02-01": {400, "filter[to]"},
		"sites/1/report.pdf?filter[from]=1999-12-31&filter[to]=2000-01-31": {400, "filter[from]"},
		"sites/1/report/?lang=nl":                                          {400, "lang"},
		"sites/1/report.pdf?filter[room]=1":                                {400, "filter[room]"},
		"sites/1/signs.pdf?size=a3":                                        {400, "size"},
		"sites/1/signs.pdf?languages=de,nl":                                {400, "languages"},
		"sites/1/signs.pdf?languages=":                                     {400, "languages"},
		"sites/1/signs.pdf?languages=de,en,fr":                             {400, "languages"},
		"rooms/999/sign.pdf":                                               {404, ""},
		"rooms/999/report.pdf":                                             {404, ""},
		"sites/99999999999999999999/report/":                               {404, ""},
	} {
		got := w.do(t, request{user: owner, path: "/api/v1/" + path})
		if got.status != want.status || want.parameter != "" && !strings.Contains(got.body, `"parameter":"`+want.parameter+`"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// The report of last month of a site with ten rooms, each measured every five minutes, from the
// database to the last byte. cpu-ms is that of this process; the database has its own.
func BenchmarkReportOfSite(b *testing.B) {
	w := newWorldAt(b, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	w.exec(b, `INSERT INTO room (id, site_id, name) SELECT i, 1, 'Klasse ' || i FROM generate_series(11, 19) i`)
	w.exec(b, `INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT ('00000000-0000-4000-8000-0000000000' || i)::uuid, '98765432100000' || i, 'Node ' || i, 1, 1, 1 FROM generate_series(11, 19) i`)
	w.exec(b, `INSERT INTO installation (id, node_id, room_id, from_time, is_public)
		SELECT i, ('00000000-0000-4000-8000-0000000000' || i)::uuid, i, '2025-12-01T00:00:00Z', true FROM generate_series(11, 19) i`)
	w.lessons(b, node1, "2025-12-27T00:00:00Z", "2026-03-02T00:00:00Z")
	for i := 11; i < 20; i++ {
		w.lessons(b, "00000000-0000-4000-8000-0000000000"+strconv.Itoa(i), "2025-12-27T00:00:00Z", "2026-03-02T00:00:00Z")
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	n, size := 0, 0
	for b.Loop() {
		got := w.get(b, inspector, "/api/v1/sites/1/report.pdf?lang=de")
		n, size = n+1, len(got.body)
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(used.Milliseconds())/float64(n), "cpu-ms/op")
	b.ReportMetric(float64(size), "bytes")
}
