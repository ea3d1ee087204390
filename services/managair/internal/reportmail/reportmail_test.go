package reportmail_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestReportsAreDueAtSixByTheClockOfTheSite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, zone, now string
		kind            reportmail.Kind
		first, last     string
		due, next       string
	}{
		{"Monday, before six", "Europe/Berlin", "2026-11-30T04:59:59Z", reportmail.Week, "2026-11-16", "2026-11-22", "2026-11-23T05:00:00Z", "2026-11-30T05:00:00Z"},
		{"Monday, at six", "Europe/Berlin", "2026-11-30T05:00:00Z", reportmail.Week, "2026-11-23", "2026-11-29", "2026-11-30T05:00:00Z", "2026-12-07T05:00:00Z"},
		{"clocks go forward on Sunday", "Europe/Berlin", "2026-03-30T04:00:00Z", reportmail.Week, "2026-03-23", "2026-03-29", "2026-03-30T04:00:00Z", "2026-04-06T04:00:00Z"},
		{"an hour too early then", "Europe/Berlin", "2026-03-30T03:59:59Z", reportmail.Week, "2026-03-16", "2026-03-22", "2026-03-23T05:00:00Z", "2026-03-30T04:00:00Z"},
		{"clocks go back on Sunday", "Europe/Berlin", "2026-10-26T04:59:59Z", reportmail.Week, "2026-10-12", "2026-10-18", "2026-10-19T04:00:00Z", "2026-10-26T05:00:00Z"},
		{"far in the east it is Monday already", "Pacific/Kiritimati", "2026-11-29T16:00:00Z", reportmail.Week, "2026-11-23", "2026-11-29", "2026-11-29T16:00:00Z", "2026-12-06T16:00:00Z"},
		{"a day without six o’clock", "Pacific/Apia", "2011-12-31T12:00:00Z", reportmail.Week, "2011-12-19", "2011-12-25", "2011-12-26T16:00:00Z", "2012-01-01T16:00:00Z"},
		{"the first of a month", "Europe/Berlin", "2026-12-01T05:00:00Z", reportmail.Month, "2026-11-01", "2026-11-30", "2026-12-01T05:00:00Z", "2027-01-01T05:00:00Z"},
		{"the first, before six", "Europe/Berlin", "2026-03-01T04:00:00Z", reportmail.Month, "2026-01-01", "2026-01-31", "2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z"},
		{"amid a leap February", "America/New_York", "2028-02-29T23:00:00Z", reportmail.Month, "2028-01-01", "2028-01-31", "2028-02-01T11:00:00Z", "2028-03-01T11:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			now := moment(t, test.now)
			p := test.kind.Due(now, zone)
			if p.First.String() != test.first || p.Last.String() != test.last {
				t.Errorf("%s to %s, want %s to %s", p.First, p.Last, test.first, test.last)
			}
			if due := reportmail.DueAt(p, zone); !due.Equal(moment(t, test.due)) {
				t.Errorf("due at %s, want %s", due.UTC(), test.due)
			}
			if next := test.kind.NextAt(now, zone); !next.Equal(moment(t, test.next)) {
				t.Errorf("the next at %s, want %s", next.UTC(), test.next)
			}
			if again := test.kind.From(p.First); again != p {
				t.Errorf("what begins on %s is %v", p.First, again)
			}
		})
	}
}

// However often it is looked, each week and month of two years is due once, in order.
func TestEachWeekAndMonthIsDueOnce(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range reportmail.Kinds {
		at := time.Date(2017, 1, 1, 0, 17, 0, 0, time.UTC)
		before := k.Due(at, zone)
		for end := at.AddDate(2, 0, 0); at.Before(end); at = at.Add(47 * time.Minute) {
			p := k.Due(at, zone)
			if p != before && p.First != before.Last.AddDays(1) {
				t.Fatalf("%s: after %v comes %v", k, before, p)
			}
			before = p
		}
	}
}

// queue has mails, and keeps what became of them.
type queue struct {
	mails   []reportmail.Mail
	results []reportmail.Result
	// holds are what is held of each mail when it is made; of those beyond it is ours.
	holds []reportmail.Hold
	// away are how many notes fail for now.
	away, forgot int
}

func (*queue) Zones(context.Context) ([]string, error) { return nil, nil }

func (*queue) Plan(context.Context, string, reportmail.Kind, civil.Date, time.Time) (int64, error) {
	return 0, nil
}

func (q *queue) Forget(context.Context, time.Time) (int64, error) {
	q.forgot++
	return 0, nil
}

func (q *queue) Take(context.Context, int64, time.Time, time.Time) (m reportmail.Mail, ok bool, err error) {
	if len(q.mails) == 0 {
		return m, false, nil
	}
	m, q.mails = q.mails[0], q.mails[1:]
	m.Attempts++
	return m, true, nil
}

func (q *queue) Held(context.Context, *reportmail.Mail, time.Time) (hold reportmail.Hold, err error) {
	if len(q.holds) == 0 {
		return reportmail.Ours, nil
	}
	hold, q.holds = q.holds[0], q.holds[1:]
	return hold, nil
}

func (q *queue) Done(_ context.Context, _ *reportmail.Mail, r reportmail.Result) error {
	if q.away--; q.away >= 0 {
		return fault.New(fault.Unavailable, "the database is away")
	}
	q.results = append(q.results, r)
	return nil
}

// reports fails as it is told to, or makes an empty one, and counts them.
type reports struct {
	err  error
	odd  bool
	made int
}

func (r *reports) OfSite(context.Context, access.Caller, int64, report.Period, time.Time) (*report.Report, error) {
	r.made++
	if r.odd {
		panic("odd")
	}
	if r.err != nil {
		return nil, r.err
	}
	return &report.Report{Site: "School", Organization: "House", Zone: time.UTC}, nil
}

type letters struct {
	sent []*reportmail.Letter
	err  error
}

func (l *letters) Send(_ context.Context, one *reportmail.Letter) error {
	l.sent = append(l.sent, one)
	return l.err
}

type nobody struct{}

func (nobody) Mailed(string, time.Duration) {}

func mailer(q *queue, r *reports, l *letters, now *time.Time) *reportmail.Mailer {
	return &reportmail.Mailer{
		Queue: q, Reports: r, Letters: l, PublicURL: "https://clair.example/", Log: slog.New(slog.DiscardHandler),
		Observer: nobody{}, Now: func() time.Time { return *now },
	}
}

func TestWhatBecomesOfAMail(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	week := reportmail.Week.Due(now, time.UTC)
	for _, test := range []struct {
		name        string
		mail        reportmail.Mail
		making      error
		sending     error
		hold        reportmail.Hold
		odd         bool
		stopped     bool
		state, why  string
		sent        int
		least, most time.Duration // after which it is tried again
	}{
		{name: "sent", hold: reportmail.Ours, state: "sent", sent: 1},
		{name: "nothing measured, again", hold: reportmail.Ours, mail: reportmail.Mail{Silent: true}, state: "skipped", why: "nothing_measured"},
		{name: "nothing measured, but asked for", hold: reportmail.Ours, mail: reportmail.Mail{Silent: true, Asked: 1}, state: "sent", sent: 1},
		{name: "no address", mail: reportmail.Mail{Address: "-"}, state: "skipped", why: "no_address"},
		{name: "left while it was made", hold: reportmail.Unwanted, state: "skipped", why: "not_wanted"},
		{name: "its time ran out, or its address is another one", hold: reportmail.Lost, state: "waiting"},
		{name: "making it panics", odd: true, state: "waiting", least: 48 * time.Second, most: 72 * time.Second},
		{name: "making it panics each time", mail: reportmail.Mail{Attempts: reportmail.MaxAttempts - 1}, odd: true, state: "failed", why: "error"},
		{name: "the site is gone", making: fault.New(fault.NotFound, "gone"), state: "skipped", why: "not_wanted"},
		{name: "the database is away", making: fault.New(fault.Unavailable, "away"), state: "waiting", least: 48 * time.Second, most: 72 * time.Second},
		{name: "what is wrong with a report is no fault of the mail", making: fault.New(fault.Invalid, "odd"), state: "waiting", least: 48 * time.Second, most: 72 * time.Second},
		{name: "the mail server is away", hold: reportmail.Ours, sending: fault.New(fault.Unavailable, "away"), state: "waiting", sent: 1, least: 48 * time.Second, most: 72 * time.Second},
		{name: "still away", hold: reportmail.Ours, mail: reportmail.Mail{Attempts: 5}, sending: errors.New("away"), state: "waiting", sent: 1, least: 96 * time.Minute, most: 144 * time.Minute},
		{name: "away for days", hold: reportmail.Ours, mail: reportmail.Mail{Attempts: reportmail.MaxAttempts - 1}, sending: errors.New("away"), state: "failed", why: "error", sent: 1},
		{name: "refused", hold: reportmail.Ours, sending: fault.New(fault.Invalid, "no such mailbox"), state: "failed", why: "refused", sent: 1},
		{name: "it ends its worker", mail: reportmail.Mail{Attempts: reportmail.MaxAttempts}, state: "failed", why: "error"},
		{name: "we are to stop", stopped: true, making: context.Canceled, state: "waiting"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			test.mail.Kind, test.mail.Period, test.mail.Language, test.mail.Wanted = reportmail.Week, week, "en", true
			test.mail.Address = map[string]string{"": "olga@example.org", "-": ""}[test.mail.Address]
			q, l := &queue{mails: []reportmail.Mail{test.mail}, holds: []reportmail.Hold{test.hold}}, &letters{err: test.sending}
			m := mailer(q, &reports{err: test.making, odd: test.odd}, l, &now)
			if test.stopped {
				stop()
			}
			if found, err := m.Next(ctx); err != nil || !found {
				t.Fatal(found, err)
			}
			if len(q.results) != 1 || len(l.sent) != test.sent {
				t.Fatalf("%+v, %d sent", q.results, len(l.sent))
			}
			r := q.results[0]
			if r.State != test.state || r.Why != test.why || r.Uncounted != (test.stopped || r.State == "waiting" && test.most == 0) {
				t.Errorf("%+v", r)
			}
			if wait := r.DueAt.Sub(now); r.State == "waiting" && (wait < test.least || wait > test.most) {
				t.Errorf("tried again after %s", wait)
			}
		})
	}
}

// mailsOf are several of one site, kind and language.
func mailsOf(now time.Time, n int) []reportmail.Mail {
	all := make([]reportmail.Mail, n)
	for i := range all {
		all[i] = reportmail.Mail{Kind: reportmail.Week, Period: reportmail.Week.Due(now, time.UTC), Language: "en", Address: "olga@example.org", UserID: int64(i)}
	}
	return all
}

// Readers share a report, but none that was made for somebody who turned out to be no member, or whose mail is another one's.
func TestAReportIsSharedByMembers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hold       reportmail.Hold
		made, sent int
	}{{reportmail.Ours, 1, 3}, {reportmail.Unwanted, 2, 2}, {reportmail.Lost, 2, 2}} {
		now := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
		q, r, l := &queue{mails: mailsOf(now, 3), holds: []reportmail.Hold{test.hold}}, &reports{}, &letters{}
		m := mailer(q, r, l, &now)
		for range 3 {
			if found, err := m.Next(t.Context()); err != nil || !found {
				t.Fatal(found, err)
			}
		}
		if r.made != test.made || len(l.sent) != test.sent {
			t.Errorf("%v: %d made, %d sent", test.hold, r.made, len(l.sent))
		}
	}
}

// A database that is away for a moment has nobody get a mail twice.
func TestWhatBecameOfAMailIsNotedOnceItCanBe(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	q, l := &queue{mails: mailsOf(now, 1), away: 2}, &letters{}
	if found, err := mailer(q, &reports{}, l, &now).Next(t.Context()); err != nil || !found {
		t.Fatal(found, err)
	}
	if len(q.results) != 1 || q.results[0].State != reportmail.Sent || len(l.sent) != 1 {
		t.Errorf("%+v, %d sent", q.results, len(l.sent))
	}
	// A worker that is to stop tries it once.
	ctx, stop := context.WithCancel(t.Context())
	stop()
	q = &queue{mails: mailsOf(now, 1), away: 2}
	if _, err := mailer(q, &reports{}, l, &now).Next(ctx); err == nil || q.away != 1 {
		t.Errorf("%v, %d tries left", err, q.away)
	}
}

// slow is a mail server that answers when it is not waited for any more.
type slow struct{ stop func() }

func (s slow) Send(ctx context.Context, _ *reportmail.Letter) error {
	s.stop()
	<-ctx.Done()
	return ctx.Err()
}

// A worker that is to stop does not wait for a mail server longer than it may.
func TestAStoppingWorkerDoesNotWaitForTheMailServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		q := &queue{mails: mailsOf(time.Now(), 1)}
		now := time.Now()
		m := mailer(q, &reports{}, nil, &now)
		m.Letters, m.Grace = slow{stop}, 5*time.Second
		if _, err := m.Next(ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(now); took != m.Grace || len(q.results) != 1 || q.results[0].State != reportmail.Waiting || !q.results[0].Uncounted {
			t.Errorf("after %s: %+v", took, q.results)
		}
	})
}

// What is old is looked for each hour, what is over each minute.
func TestWhatIsOldIsForgottenEachHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	q := &queue{}
	m := mailer(q, &reports{}, &letters{}, &now)
	for range 121 {
		if _, err := m.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	if q.forgot != 3 {
		t.Errorf("%d times in two hours", q.forgot)
	}
}
