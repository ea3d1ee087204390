package httpapi_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/services/managair/internal/courier"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail/mailtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/report/pdftest"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

type unobserved struct{}

func (unobserved) Mailed(string, time.Duration) {}

// office is a world whose clock goes on, with a mail server and workers that mail reports.
type office struct {
	*world

	t      *testing.T
	server *mailtest.Server
	mu     sync.Mutex
	at     time.Time
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

func (o *office) turn(at string) {
	o.t.Helper()
	to, err := time.Parse(time.RFC3339, at)
	if err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = to
}

// The clock of the API stands on Thursday, March 5; lessons were held in February.
func newOffice(t *testing.T) *office {
	t.Helper()
	at := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	o := &office{world: newWorldAt(t, at), t: t, server: mailtest.Start(t, mailtest.Options{Security: "none"}), at: at}
	o.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-01T23:00:00Z")
	return o
}

func (o *office) worker() *reportmail.Mailer {
	samples := postgres.NewTelemetry(o.as)
	return &reportmail.Mailer{
		Queue: postgres.ReportMails{Pool: o.as}, PublicURL: "https://clair.example", Log: slog.New(slog.NewTextHandler(testLog{o.t}, nil)),
		Letters: courier.Reports{Letters: mail.SMTP{Config: mail.Config{
			Way: mail.Way{Host: o.server.Host}, Port: o.server.Port, Security: "none", From: "Clair <clair@example.org>",
		}}},
		Reports: report.Maker{
			Inventory: postgres.NewInventory(o.as), Store: postgres.Reports{Pool: o.as},
			Air: roomair.Service{
				Rooms: postgres.AirQuality{Pool: o.as}, Samples: samples, Log: slog.New(slog.DiscardHandler),
				Occupancy: timetable.Past{Store: postgres.Timetables{Pool: o.as}, Samples: samples},
			},
		},
		Observer: unobserved{}, Now: o.now,
	}
}

// mailed has all that is due mailed by a new worker, and returns what arrived since the last time.
func (o *office) mailed() []mailtest.Mail {
	o.t.Helper()
	before := len(o.server.Mails())
	worker := o.worker()
	for {
		found, err := worker.Next(o.t.Context())
		if err != nil {
			o.t.Fatal(err)
		}
		if !found {
			return o.server.Mails()[before:]
		}
	}
}

func texts(mails []mailtest.Mail) (all []string) {
	for _, m := range mails {
		all = append(all, m.Parts["text/plain"])
	}
	return all
}

type subscribed struct {
	Data struct {
		ID         string
		Attributes struct {
			Weekly, Monthly bool
			Language        string
			Address         *string
			NextWeekly      *int64 `json:"next_weekly_at_s"`
			NextMonthly     *int64 `json:"next_monthly_at_s"`
			Mails           []struct {
				Kind, State string
				First       string `json:"first_day"`
				Last        string `json:"last_day"`
				Why         *string
			}
		}
	}
}

func (o *office) read(got answer, status int) (s subscribed) {
	o.t.Helper()
	if got.status != status || json.Unmarshal([]byte(got.body), &s) != nil {
		o.t.Fatalf("%d %s", got.status, got.body)
	}
	return s
}

func (o *office) subscribe(user int64, site int, attributes string) subscribed {
	o.t.Helper()
	path := fmt.Sprintf("/api/v1/sites/%d/report-subscription/", site)
	return o.read(o.do(o.t, request{user: user, method: http.MethodPatch, path: path, body: fmt.Sprintf(
		`{"data":{"type":"ReportSubscription","id":"%d","attributes":{%s}}}`, site, attributes)}), http.StatusOK)
}

func (o *office) state(user int64, site int) (states string) {
	o.t.Helper()
	s := o.read(o.get(o.t, user, fmt.Sprintf("/api/v1/sites/%d/report-subscription/", site)), http.StatusOK)
	for _, m := range s.Data.Attributes.Mails {
		states += m.Kind + " " + m.First + " " + m.State
		if m.Why != nil {
			states += " " + *m.Why
		}
		states += "; "
	}
	return states
}

func TestAReportIsMailedEachWeek(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.subscribe(inspector, 1, `"weekly":true,"language":"de"`)
	if early := o.mailed(); len(early) != 0 {
		t.Fatalf("what was over before is mailed: %v", early)
	}
	// The clock of the site is an hour ahead.
	o.lessons(t, node1, "2026-03-01T23:00:00Z", "2026-03-08T23:00:00Z")
	o.turn("2026-03-09T04:59:00Z")
	if early := o.mailed(); len(early) != 0 {
		t.Fatalf("before six: %v", early)
	}
	o.turn("2026-03-09T05:00:00Z")
	got := o.mailed()
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	m := got[0]
	if m.To != "ines@example.org" || m.Subject() != "Luftbericht: Schule · 2.3.2026 bis 8.3.2026" {
		t.Errorf("to %s: %s", m.To, m.Subject())
	}
	for _, part := range []string{"text/plain", "text/html"} {
		for _, said := range []string{
			"Schule · Haus", "2.3.2026 bis 8.3.2026", "Räume mit guter Luft: 0 von 1", "Am häufigsten verbraucht war die Luft hier: Klasse 1 an 5 von 5 Tagen.",
			"Klasse 1", "Tage mit verbrauchter Luft: 5 von 5", "ist angehängt", "jede Woche", "Löschen Sie diese Zeile",
		} {
			if !strings.Contains(m.Parts[part], said) {
				t.Errorf("%s: no %q in\n%s", part, said, m.Parts[part])
			}
		}
	}
	pdf := m.Attached["Luftbericht Schule · 2.3.2026 bis 8.3.2026.pdf"]
	if d := pdftest.Read(t, pdf); !d.Has("An 5 von 5 Tagen war die Luft verbraucht") || d.Language != "de" || len(m.Attached) != 1 {
		t.Errorf("attached %d: %s", len(m.Attached), d.Text)
	}
	// The link leads to the same.
	link := regexp.MustCompile(`https://clair\.example(/api/v1/sites/1/report/\S+)`).FindStringSubmatch(m.Parts["text/plain"])
	if link == nil {
		t.Fatal("no link")
	}
	if page := o.do(t, request{user: inspector, path: link[1]}); page.status != http.StatusOK || !strings.Contains(page.body, "2.3.2026 bis 8.3.2026") {
		t.Errorf("%s: %d", link[1], page.status)
	}
	leave := m.Header.Get("List-Unsubscribe")
	if !strings.HasPrefix(leave, "<https://clair.example/accounts/reports/") || m.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Errorf("leave by %q, %q", leave, m.Header.Get("List-Unsubscribe-Post"))
	}
	if !strings.Contains(m.Parts["text/plain"], strings.Trim(leave, "<>")) {
		t.Error("the link to leave is not in the text")
	}
	if again := o.mailed(); len(again) != 0 {
		t.Errorf("mailed again: %v", again)
	}
	if got := o.state(inspector, 1); got != "week 2026-03-02 sent; " {
		t.Error(got)
	}
}

// Whatever the order of things, nobody is told twice, and nobody who is not to be told.
func TestWhoGetsReports(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		sql  string
		want int
	}{
		"all is as it was":                   {"SELECT 1", 2},
		"a member left":                      {"DELETE FROM membership WHERE user_id = 2", 1},
		"an account is inactive":             {"UPDATE user_account SET is_active = false WHERE id = 2", 1},
		"it was unsubscribed":                {"UPDATE report_subscription SET weekly_since = NULL WHERE user_id = 2", 1},
		"the address is not confirmed":       {"UPDATE email_address SET verified = false WHERE user_id = 2", 1},
		"the site is another organization’s": {"DELETE FROM installation; UPDATE site SET operator_id = 2 WHERE id = 1", 0},
		"the site is gone":                   {"DELETE FROM installation; DELETE FROM room; DELETE FROM site WHERE id = 1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.subscribe(owner, 1, `"weekly":true,"language":"en"`)
			o.subscribe(inspector, 1, `"weekly":true,"language":"fr"`)
			o.turn("2026-03-09T05:00:00Z")
			// Two workers plan; what is planned is taken back before it is sent.
			if _, err := reportmail.Plan(t.Context(), postgres.ReportMails{Pool: o.as}, o.now()); err != nil {
				t.Fatal(err)
			}
			o.exec(t, change.sql)
			var workers sync.WaitGroup
			for range 3 {
				worker := o.worker()
				workers.Go(func() {
					for {
						if found, err := worker.Next(t.Context()); err != nil || !found {
							if err != nil {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			workers.Wait()
			to := map[string]int{}
			for _, m := range o.server.Mails() {
				to[m.To]++
			}
			if len(to) != change.want {
				t.Errorf("%v, want %d", to, change.want)
			}
			for address, n := range to {
				if n != 1 {
					t.Errorf("%d to %s", n, address)
				}
			}
			o.turn("2026-03-15T05:00:00Z")
			if more := o.mailed(); len(more) != 0 {
				t.Errorf("later: %v", more)
			}
		})
	}
}

// A worker that is killed before it notes what became of a mail has it sent again, with its id.
func TestAMailOfAKilledWorkerIsSentAgain(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.subscribe(inspector, 1, `"monthly":true,"language":"en"`)
	o.exec(t, "UPDATE report_subscription SET monthly_since = '2026-02-01'")
	o.exec(t, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$;
		CREATE TRIGGER die BEFORE UPDATE ON report_mail FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION die()`)
	if _, err := o.worker().Next(t.Context()); err == nil {
		t.Fatal("it was noted")
	}
	o.exec(t, "DROP TRIGGER die ON report_mail")
	if early := o.mailed(); len(early) != 0 {
		t.Errorf("taken while it is another one's: %v", early)
	}
	o.turn("2026-03-05T12:06:01Z")
	if again := o.mailed(); len(again) != 1 {
		t.Fatalf("%d mails", len(again))
	}
	all := o.server.Mails()
	if first, second := all[0].Header.Get("Message-Id"), all[1].Header.Get("Message-Id"); first != second || first == "" {
		t.Errorf("%s, then %s", first, second)
	}
	if more := o.mailed(); len(more) != 0 {
		t.Errorf("once more: %v", more)
	}
}

func TestAMailServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.subscribe(inspector, 1, `"monthly":true`)
	o.exec(t, "UPDATE report_subscription SET monthly_since = '2026-02-01'")
	o.server.Refuse(451, "later")
	if got := o.mailed(); len(got) != 0 || o.state(inspector, 1) != "month 2026-02-01 waiting; " {
		t.Fatalf("%v, %s", got, o.state(inspector, 1))
	}
	o.server.Refuse(0, "")
	o.turn("2026-03-05T12:05:00Z")
	if got := o.mailed(); len(got) != 1 {
		t.Errorf("%d mails", len(got))
	}
	o.exec(t, "UPDATE report_mail SET state = 'waiting', due_at = now() - interval '100 years'")
	o.server.Refuse(550, "no such mailbox")
	if got := o.mailed(); len(got) != 0 || o.state(inspector, 1) != "month 2026-02-01 failed refused; " {
		t.Errorf("%v, %s", got, o.state(inspector, 1))
	}
}

// That nothing is measured is told once.
func TestASiteWithoutMeasurements(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.subscribe(inspector, 1, `"weekly":true,"language":"fr"`)
	o.turn("2026-03-09T05:00:00Z") // there were no lessons since the second
	got := o.mailed()
	if len(got) != 1 || len(got[0].Attached) != 0 || !strings.Contains(got[0].Parts["text/plain"], "Rien n’a été mesuré ici") || strings.Contains(got[0].Parts["text/plain"], "Klasse 1") {
		t.Fatalf("%d mails: %+v", len(got), texts(got))
	}
	for _, monday := range []string{"2026-03-16T05:00:00Z", "2026-03-23T05:00:00Z"} {
		o.turn(monday)
		if got := o.mailed(); len(got) != 0 {
			t.Errorf("told again: %v", got[0].Parts["text/plain"])
		}
	}
	o.lessons(t, node1, "2026-03-24T00:00:00Z", "2026-03-28T00:00:00Z")
	o.turn("2026-03-30T04:00:00Z")
	if got := o.mailed(); len(got) != 1 || len(got[0].Attached) != 1 {
		t.Errorf("measured again: %v", texts(got))
	}
	if got := o.state(inspector, 1); !strings.HasPrefix(got, "week 2026-03-23 sent; week 2026-03-16 skipped nothing_measured; ") {
		t.Error(got)
	}
}

func TestOneMayAskForTheLastReport(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ask := func(kind string) answer {
		return o.do(t, request{user: inspector, method: http.MethodPost, path: "/api/v1/sites/1/report-subscription/send/?lang=en", body: `{"data":{"type":"ReportSubscription","id":"1","attributes":{"kind":"` + kind + `"}}}`})
	}
	// What is asked for twice before it is sent is sent once.
	for range 2 {
		if s := o.read(ask("month"), http.StatusAccepted); s.Data.Attributes.Monthly || len(s.Data.Attributes.Mails) != 1 {
			t.Errorf("%+v", s)
		}
	}
	got := o.mailed()
	if len(got) != 1 || got[0].Subject() != "Air report: Schule · 1 Feb 2026 to 28 Feb 2026" || got[0].Header.Get("List-Unsubscribe") != "" || !strings.Contains(got[0].Parts["text/plain"], "You have asked") {
		t.Fatalf("%d mails: %+v", len(got), texts(got))
	}
	o.read(ask("month"), http.StatusAccepted)
	again := o.mailed()
	if len(again) != 1 || again[0].Header.Get("Message-Id") == got[0].Header.Get("Message-Id") {
		t.Errorf("asked once more: %v", again)
	}
	for range reportmail.MaxAsked - 3 {
		o.read(ask("week"), http.StatusAccepted)
	}
	if refused := ask("week"); refused.status != http.StatusTooManyRequests || refused.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", refused.status, refused.body)
	}
	if list := o.get(t, inspector, "/api/v1/report-subscriptions/"); strings.Contains(list.body, `"ReportSubscription"`) {
		t.Errorf("listed: %s", list.body)
	}
}

func TestReportSubscriptions(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	none := o.read(o.do(t, request{user: owner, path: "/api/v1/sites/1/report-subscription/", header: map[string]string{"Accept-Language": "fr"}}), http.StatusOK)
	if a := none.Data.Attributes; a.Weekly || a.Monthly || a.Language != "fr" || a.Address == nil || *a.Address != "olga@example.org" || a.NextWeekly != nil {
		t.Errorf("%+v", a)
	}
	a := o.subscribe(owner, 1, `"weekly":true,"monthly":true,"language":"en"`).Data.Attributes
	if !a.Weekly || !a.Monthly || a.Language != "en" || *a.NextWeekly != time.Date(2026, 3, 9, 5, 0, 0, 0, time.UTC).Unix() || *a.NextMonthly != time.Date(2026, 4, 1, 4, 0, 0, 0, time.UTC).Unix() {
		t.Errorf("%+v", a)
	}
	if a = o.subscribe(owner, 1, `"weekly":false`).Data.Attributes; a.Weekly || !a.Monthly || a.Language != "en" || a.NextWeekly != nil {
		t.Errorf("%+v", a)
	}
	o.subscribe(owner, 2, `"weekly":true`)
	list := o.get(t, owner, "/api/v1/report-subscriptions/?filter[organization]=1")
	if strings.Count(list.body, `"type":"ReportSubscription"`) != 2 || strings.Index(list.body, "Lager") > strings.Index(list.body, "Schule") {
		t.Errorf("%s", list.body)
	}
	if theirs := o.get(t, inspector, "/api/v1/report-subscriptions/"); strings.Contains(theirs.body, "Schule") {
		t.Errorf("another one's: %s", theirs.body)
	}
	for body, pointer := range map[string]string{
		`"weekly":"perhaps"`: "weekly", `"weekly":null`: "weekly", `"language":"nl"`: "language", `"monthly":[]`: "monthly",
	} {
		got := o.do(t, request{user: owner, method: http.MethodPatch, path: "/api/v1/sites/1/report-subscription/", body: `{"data":{"type":"ReportSubscription","id":"1","attributes":{` + body + `}}}`})
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "/data/attributes/"+pointer) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	for body, status := range map[string]int{`"kind":"year"`: 400, ``: 400, `"kind":"week"`: 202} {
		got := o.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/sites/1/report-subscription/send/", body: `{"data":{"type":"ReportSubscription","id":"1","attributes":{` + body + `}}}`})
		if got.status != status {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestAReportIsLeftByItsKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.subscribe(owner, 1, `"weekly":true,"monthly":true`)
	store := postgres.ReportMails{Pool: o.as}
	var id int64
	var key string
	if err := o.pool.QueryRow(t.Context(), "SELECT id, leave_key FROM report_subscription").Scan(&id, &key); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "x", strings.ToLower(key)} {
		if _, err := store.Leave(t.Context(), id, wrong, reportmail.Week); err == nil {
			t.Errorf("left by %q", wrong)
		}
	}
	for range 2 { // mail programs ask more than once
		if s, err := store.Leave(t.Context(), id, key, reportmail.Week); err != nil || s.Site != "Schule" {
			t.Fatal(s, err)
		}
	}
	if s := o.read(o.get(t, owner, "/api/v1/sites/1/report-subscription/"), http.StatusOK).Data.Attributes; s.Weekly || !s.Monthly {
		t.Errorf("%+v", s)
	}
	if n, err := store.Plan(t.Context(), "Europe/Berlin", reportmail.Week, civil.Date{Year: 2026, Month: 3, Day: 2}, time.Date(2026, 3, 9, 5, 0, 0, 0, time.UTC)); err != nil || n != 0 {
		t.Error(n, err)
	}
}

// Who leaves by the key of an old mail does not end what was wanted anew since.
func TestWhatIsWantedAnewHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	key := func() (key string) {
		t.Helper()
		if err := o.pool.QueryRow(t.Context(), "SELECT leave_key FROM report_subscription").Scan(&key); err != nil {
			t.Fatal(err)
		}
		return key
	}
	o.subscribe(owner, 1, `"weekly":true`)
	first := key()
	o.subscribe(owner, 1, `"monthly":true`)
	o.subscribe(owner, 1, `"weekly":false`)
	o.subscribe(owner, 1, `"language":"fr"`)
	if key() != first {
		t.Error("another key while something is wanted")
	}
	o.subscribe(owner, 1, `"monthly":false`)
	o.subscribe(owner, 1, `"language":"en"`)
	if key() != first {
		t.Error("another key, though the last mail’s is of use still")
	}
	if o.subscribe(owner, 1, `"weekly":true`); key() == first {
		t.Error("the same key")
	}
}

// What is taken is let go of, or taken anew, by what has become of it since.
func TestWhatIsHeldOfAMail(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql  string
		late time.Duration
		want reportmail.Hold
	}{
		"all is as it was":          {sql: "SELECT 1", want: reportmail.Ours},
		"the time ran out":          {sql: "SELECT 1", late: time.Hour, want: reportmail.Lost},
		"another one has it":        {sql: "UPDATE report_mail SET taken_by = taken_by + 1", want: reportmail.Lost},
		"another address":           {sql: "UPDATE email_address SET email = 'new@example.org' WHERE user_id = 2", want: reportmail.Lost},
		"the address is none":       {sql: "UPDATE email_address SET verified = false WHERE user_id = 2", want: reportmail.Lost},
		"it was unsubscribed":       {sql: "UPDATE report_subscription SET weekly_since = NULL", want: reportmail.Unwanted},
		"no member, and too late":   {sql: "DELETE FROM membership WHERE user_id = 2", late: time.Hour, want: reportmail.Unwanted},
		"the account is inactive":   {sql: "UPDATE user_account SET is_active = false WHERE id = 2", want: reportmail.Unwanted},
		"the subscription was ours": {sql: "DELETE FROM report_subscription", want: reportmail.Unwanted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			store := postgres.ReportMails{Pool: o.as}
			o.subscribe(inspector, 1, `"weekly":true`)
			o.turn("2026-03-09T05:00:00Z")
			if _, err := reportmail.Plan(t.Context(), store, o.now()); err != nil {
				t.Fatal(err)
			}
			m, ok, err := store.Take(t.Context(), 7, o.now(), o.now().Add(time.Minute))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			o.exec(t, test.sql)
			if got, err := store.Held(t.Context(), &m, o.now().Add(test.late)); err != nil || got != test.want {
				t.Errorf("%v %v, want %v", got, err, test.want)
			}
		})
	}
}
