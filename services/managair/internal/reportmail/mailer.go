package reportmail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
)

// Letter is a mail with all that it takes to write it.
type Letter struct {
	// ID is the first part of its Message-ID, the same whenever it is sent again.
	ID, To string
	Kind   Kind
	// Content is the report; its Language is the mail's.
	Content *report.Content
	// Measured is false where nothing was, which is told shortly.
	Measured bool
	// PDF is nil where it is too large for a mail, or nothing was measured.
	PDF  []byte
	File string
	// Page is where the report is as a page, Leave where one unsubscribes; "": there is nothing to unsubscribe from.
	Page, Leave string
	PublicURL   string
}

// Letters sends them. An error of kind fault.Invalid says that trying again is useless.
type Letters interface {
	Send(ctx context.Context, l *Letter) error
}

// Reports makes reports of sites (report.Maker).
type Reports interface {
	OfSite(ctx context.Context, caller access.Caller, id int64, p report.Period, now time.Time) (*report.Report, error)
}

// Observer counts mails by what became of them: sent, skipped, failed, or retried.
type Observer interface {
	Mailed(outcome string, took time.Duration)
}

// Retried is the outcome of a mail that is tried again.
const Retried = "retried"

// Outcomes are all there are.
var Outcomes = []string{Sent, Skipped, Failed, Retried}

// Mailer makes and sends what is due.
type Mailer struct {
	Queue     Queue
	Reports   Reports
	Letters   Letters
	PublicURL string
	Log       *slog.Logger
	Observer  Observer
	Now       func() time.Time
	// Grace is how long a mail that is being sent may take still when the worker is to stop.
	Grace time.Duration

	planned, forgot time.Time
	last            made
}

// MaxPDF bounds what is attached to a mail, in bytes: many mailboxes take no more than 10 MB, in which an attachment is a
// third larger.
const MaxPDF = 5 << 20

const (
	// poll is how often it is looked for what is due, planEvery for what is over, forgetEvery for what is old.
	poll        = 2 * time.Second
	planEvery   = time.Minute
	forgetEvery = time.Hour
	// makeTime bounds the making of a report, sendTime the sending, and noteTime each try to note it (noteWaits);
	// leaseTime, which is more than all of them, is how long nobody else does any of it.
	makeTime  = 4 * time.Minute
	sendTime  = 40 * time.Second
	noteTime  = 4 * time.Second
	leaseTime = 6 * time.Minute
	// madeAge is for how long a report is the same for its next reader.
	madeAge = 10 * time.Minute
	// kept is how long it is known what was mailed: longer than nothing measured is looked back for.
	kept = 400 * 24 * time.Hour
)

// waits are how long it is waited after each attempt that failed: about two days in all.
var waits = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour, 8 * time.Hour,
}

// noteWaits are how long it is waited after each try to note what became of a mail: a database that is away for a
// moment has nobody get it twice.
var noteWaits = []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 5 * time.Second, 10 * time.Second}

// MaxAttempts is how often a mail is tried: one that ends its worker each time does so no more.
var MaxAttempts = len(waits) + 1

// made is a report that was made for a reader, which all members may read.
type made struct {
	site     int64
	kind     Kind
	period   report.Period
	language string
	at       time.Time

	content  *report.Content
	measured bool
	pdf      []byte
	file     string
}

// Run mails until ctx ends. One report is made at a time: it is nobody's hurry, and others use the processor.
func (m *Mailer) Run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		found, err := m.Next(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			m.Log.ErrorContext(ctx, "reports to be mailed cannot be read; they wait", "err", err)
		}
		if failing = err != nil; found && !failing {
			continue
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
		}
	}
}

// Next plans what is over, and mails one report that is due, if there is one.
func (m *Mailer) Next(ctx context.Context) (found bool, err error) {
	now := m.Now()
	if now.Sub(m.planned) >= planEvery || now.Before(m.planned) {
		if now.Sub(m.forgot) >= forgetEvery || now.Before(m.forgot) {
			if _, err := m.Queue.Forget(ctx, now.Add(-kept)); err != nil {
				return false, err
			}
			m.forgot = now
		}
		n, err := Plan(ctx, m.Queue, now)
		if err != nil {
			return false, err
		}
		if m.planned = now; n > 0 {
			m.Log.InfoContext(ctx, "reports are to be mailed", "count", n)
		}
	}
	one, ok, err := m.Queue.Take(ctx, rand.Int64(), now, now.Add(leaseTime)) //nolint:gosec // told apart from others, and no secret
	if err != nil || !ok {
		m.last = made{} // nobody waits for it
		return false, err
	}
	r, err := m.mail(ctx, &one)
	r.At = m.Now()
	if err != nil {
		r = m.failed(ctx, &one, r, err)
	}
	outcome := r.State
	if outcome == Waiting {
		outcome = Retried
	}
	m.Observer.Mailed(outcome, r.At.Sub(now))
	m.Log.InfoContext(ctx, "report mailed", "subscription", one.Subscription, "kind", one.Kind, "first_day", one.Period.First.String(),
		"outcome", outcome, "why", r.Why, "attempt", one.Attempts, "duration", r.At.Sub(now))
	return true, m.note(ctx, &one, r)
}

// note keeps what became of a mail, even if we are to stop: then there is time for one try.
func (m *Mailer) note(ctx context.Context, one *Mail, r Result) error {
	for n := 0; ; n++ {
		noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
		err := m.Queue.Done(noting, one, r)
		cancel()
		passing := fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Contended)
		if err == nil || !passing || n == len(noteWaits) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(noteWaits[n]):
		case <-ctx.Done():
		}
	}
}

// failed says what becomes of a mail that could not be sent.
func (m *Mailer) failed(ctx context.Context, one *Mail, r Result, err error) Result {
	if ctx.Err() != nil {
		return Result{State: Waiting, DueAt: r.At, At: r.At, Uncounted: true} // we are to stop, which is no fault of its
	}
	m.Log.WarnContext(ctx, "a report could not be mailed", "subscription", one.Subscription, "attempt", one.Attempts, "err", err)
	switch {
	case fault.Is(err, fault.Invalid):
		r.State, r.Why = Failed, Refused
	case one.Attempts >= MaxAttempts:
		r.State, r.Why = Failed, Error
	default:
		wait := waits[min(max(one.Attempts, 1), len(waits))-1]
		r.State, r.DueAt = Waiting, r.At.Add(time.Duration(float64(wait)*(0.8+0.4*rand.Float64()))) //nolint:gosec // no secret
	}
	return r
}

// mail makes a report and sends it. A panic fails this mail only: others, and what else the worker does, go on.
func (m *Mailer) mail(ctx context.Context, one *Mail) (r Result, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m.last = made{}
			m.Log.ErrorContext(ctx, "panic while a report was mailed", "subscription", one.Subscription, "err", cause, "stack", string(debug.Stack()))
			r, err = Result{}, fmt.Errorf("panic: %v", cause)
		}
	}()
	if one.Address == "" {
		return Result{State: Skipped, Why: NoAddress}, nil
	}
	if one.Attempts > MaxAttempts {
		return Result{State: Failed, Why: Error}, nil // it ended its worker
	}
	making, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	err = m.make(making, one)
	switch {
	case fault.Is(err, fault.NotFound):
		return Result{State: Skipped, Why: NotWanted}, nil // the site is gone
	case err != nil:
		if fault.Is(err, fault.Invalid) {
			err = errors.New(fault.Describe(err)) // nothing of the mail's
		}
		return Result{}, fmt.Errorf("make a report: %w", err)
	}
	// Making it takes its time, in which its reader may have left. What was made for somebody who is no member any more
	// is less than members get.
	hold, err := m.Queue.Held(ctx, one, m.Now())
	if err != nil || hold != Ours {
		m.last = made{}
		switch {
		case err != nil:
			return Result{}, err
		case hold == Unwanted:
			return Result{State: Skipped, Why: NotWanted}, nil
		default:
			return Result{State: Waiting, DueAt: m.Now(), Uncounted: true}, nil
		}
	}
	r = Result{State: Sent, Measured: &m.last.measured}
	if !m.last.measured && one.Silent && one.Asked == 0 {
		r.State, r.Why = Skipped, NothingMeasured
		return r, nil
	}
	// What is handed to the mail server is brought to its end, as far as there is time.
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(m.Grace, cancel) })()
	return r, m.Letters.Send(sending, m.letter(one))
}

// make has the report of a mail in last, of which several readers may get the same.
func (m *Mailer) make(ctx context.Context, one *Mail) error {
	now := m.Now()
	if l := &m.last; l.content != nil && l.site == one.SiteID && l.kind == one.Kind && l.period == one.Period && l.language == one.Language && now.Sub(l.at) < madeAge {
		return nil
	}
	m.last = made{}
	r, err := m.Reports.OfSite(ctx, access.Caller{UserID: one.UserID}, one.SiteID, one.Period, now)
	if err != nil {
		return err
	}
	content := report.Write(r, one.Language)
	var pdf bytes.Buffer
	if _, err := report.Print(content, now).WriteTo(&pdf); err != nil {
		return err
	}
	m.last = made{
		site: one.SiteID, kind: one.Kind, period: one.Period, language: one.Language, at: now,
		content: content, measured: r.Measured(), pdf: pdf.Bytes(), file: content.File(),
	}
	if pdf.Len() > MaxPDF || !m.last.measured {
		m.last.pdf = nil
	}
	return nil
}

func (m *Mailer) letter(one *Mail) *Letter {
	root := strings.TrimSuffix(m.PublicURL, "/")
	days := url.Values{"filter[from]": {one.Period.First.String()}, "filter[to]": {one.Period.Last.String()}, "lang": {one.Language}}
	l := &Letter{
		ID: fmt.Sprintf("report-%d-%s-%s-%d", one.Subscription, one.Kind, one.Period.First, one.Asked), To: one.Address, Kind: one.Kind,
		Content: m.last.content, Measured: m.last.measured, PDF: m.last.pdf, File: m.last.file, PublicURL: root,
		Page: root + "/api/v1/sites/" + strconv.FormatInt(one.SiteID, 10) + "/report/?" + days.Encode(),
	}
	if one.Wanted {
		l.Leave = root + LeavePath + strconv.FormatInt(one.Subscription, 10) + "/" + string(one.Kind) + "/" + one.LeaveKey + "/"
	}
	return l
}

// LeavePath is where reports are unsubscribed from: number, kind and key follow.
const LeavePath = "/accounts/reports/"
