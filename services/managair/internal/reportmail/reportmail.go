// Package reportmail mails reports on the air of sites, each week or month, to members of their
// organization who want them: what is over is written as a row (Plan), which a worker takes, makes
// and sends (Mailer).
//
// A mail is at least once: who dies, or loses the database for longer than it is tried to write,
// between the mail server's taking it and the note of that has it sent again, with the same Message-ID. Nothing of a report is kept, so it is made anew with each
// try, of what is known by then.
package reportmail

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/report"
)

// Kind is how long the time of a report is.
type Kind string

// Kinds of reports.
const (
	Week  Kind = "week"
	Month Kind = "month"
)

// Kinds are all of them.
var Kinds = []Kind{Week, Month}

// From is the time that begins on a day, which is the first of a week or month.
func (k Kind) From(first civil.Date) report.Period {
	if k == Month {
		return report.LastMonth(first.AddDays(31)) // which is in the month after
	}
	return report.LastWeek(first.AddDays(7))
}

// last is the last one that is over on a day.
func (k Kind) last(today civil.Date) report.Period {
	if k == Month {
		return report.LastMonth(today)
	}
	return report.LastWeek(today)
}

// sentAt is when reports are mailed, by the clock of the site. What its sensors could not deliver
// at once has come by then, and the days are decided (package timetable); nobody is in the room yet.
const sentAt = civil.Clock(6 * 60)

// DueAt is when the report of a period is to be mailed.
func DueAt(p report.Period, zone *time.Location) time.Time { return p.Last.AddDays(1).At(sentAt, zone) }

// Due is the last period whose report was due at a time.
func (k Kind) Due(now time.Time, zone *time.Location) report.Period {
	p := k.last(civil.DateOf(now.In(zone)))
	if DueAt(p, zone).After(now) {
		p = k.last(p.First)
	}
	return p
}

// NextAt is when the next one is due.
func (k Kind) NextAt(now time.Time, zone *time.Location) time.Time {
	return DueAt(k.From(k.Due(now, zone).Last.AddDays(1)), zone)
}

// States of mails.
const (
	Waiting = "waiting"
	Sent    = "sent"
	Skipped = "skipped"
	Failed  = "failed"
)

// Why a mail was skipped, or failed.
const (
	// NothingMeasured: nor in the period before, which was told.
	NothingMeasured = "nothing_measured"
	// NotWanted: its reader has unsubscribed since, or may not see the site any more.
	NotWanted = "not_wanted"
	// NoAddress: the account has no confirmed one.
	NoAddress = "no_address"
	// Refused: the mail server took the mail for none it could ever deliver.
	Refused = "refused"
	// Error: it was tried for days.
	Error = "error"
)

// Past is a report that was mailed, or is to be.
type Past struct {
	Kind       Kind
	Period     report.Period
	State, Why string
	// EndedAt is the zero time while it waits.
	EndedAt time.Time
}

// MaxPast is how many of these a subscription shows.
const MaxPast = 6

// Subscription is what somebody gets of a site.
type Subscription struct {
	// ID is 0 while nothing was ever wanted.
	ID                             int64
	UserID, SiteID, OrganizationID int64
	Site, Organization             string
	Zone                           *time.Location
	Language                       string
	Weekly, Monthly                bool
	// Address is where mails go, "" while the account has no confirmed one.
	Address string
	// Past are the latest mails, the newest first.
	Past []Past
}

// Wants reports whether a kind of reports is wanted.
func (s *Subscription) Wants(k Kind) bool {
	if k == Month {
		return s.Monthly
	}
	return s.Weekly
}

// Wanted is what is to be changed of it; nil stays.
type Wanted struct {
	Weekly, Monthly *bool
	Language        *string
}

// MaxAsked is how many reports somebody may have sent at once, in AskedWithin.
const (
	MaxAsked    = 10
	AskedWithin = time.Hour
)

// Store keeps subscriptions. Those of sites of whose organization the caller is no member are not there.
type Store interface {
	// Subscription is that of the caller to a site; language is of one that is not there yet.
	Subscription(ctx context.Context, caller access.Caller, site int64, language string) (Subscription, error)
	// Subscriptions lists what the caller gets of the sites of an organization, or for 0 of all.
	Subscriptions(ctx context.Context, caller access.Caller, organization int64) ([]Subscription, error)
	Change(ctx context.Context, caller access.Caller, site int64, language string, w Wanted, now time.Time) (Subscription, error)
	// Ask has the last report of a kind sent now, whether it is wanted each time or not. It is
	// of kind fault.Exhausted where that is too often (MaxAsked).
	Ask(ctx context.Context, caller access.Caller, site int64, language string, kind Kind, now time.Time) (Subscription, error)
	// Leaving is the subscription whose mails have that key, without Past.
	Leaving(ctx context.Context, id int64, key string) (Subscription, error)
	// Leave has no more reports of a kind sent, if the key is that of its mails.
	Leave(ctx context.Context, id int64, key string, kind Kind) (Subscription, error)
}

// Mail is a report that is to be sent.
type Mail struct {
	ID, Subscription int64
	UserID, SiteID   int64
	Kind             Kind
	Period           report.Period
	Language         string
	// Address is "" where there is none that is confirmed.
	Address  string
	LeaveKey string
	// Wanted reports whether the kind is wanted each time.
	Wanted bool
	// Asked is how often its reader has asked for it.
	Asked int
	// Attempts counts this one, too.
	Attempts int
	// Silent is set when the report of the period before, or its absence, told that nothing is measured.
	Silent bool
	// Holder is whose it is while it is made.
	Holder int64
}

// Result is what became of an attempt.
type Result struct {
	State, Why string
	// DueAt is when it is tried again, of one that waits.
	DueAt time.Time
	// Measured is nil where it was not made.
	Measured *bool
	// Uncounted: the attempt was ended by us, and is none.
	Uncounted bool
	At        time.Time
}

// Hold is what a holder has of a mail.
type Hold int

// Holds.
const (
	// Lost: its time is over, it is another one's, or goes to another address by now. It is to be taken anew.
	Lost Hold = iota
	// Ours: it may be sent.
	Ours
	// Unwanted: its reader has unsubscribed, or may not see the site any more.
	Unwanted
)

// Queue has what is to be mailed.
type Queue interface {
	// Zones are the time zones of sites of which reports are wanted.
	Zones(ctx context.Context) ([]string, error)
	// Plan writes the mails of a kind of reports of the sites in a time zone: those that are not written yet, for whoever
	// wanted them before they were due. It returns how many.
	Plan(ctx context.Context, zone string, k Kind, first civil.Date, due time.Time) (int64, error)
	// Forget deletes subscriptions of those who are members no more, and mails that ended before a time.
	Forget(ctx context.Context, before time.Time) (int64, error)
	// Take takes a mail that is due. What is not to be sent any more is noted as such, and not taken; ok is false, too,
	// where that was much, so that more may be due. Those of one site, kind and language come one after the other.
	Take(ctx context.Context, holder int64, now, until time.Time) (m Mail, ok bool, err error)
	// Held says whether the mail is the holder's still, and to be sent still as it was taken.
	Held(ctx context.Context, m *Mail, now time.Time) (Hold, error)
	// Done notes what became of it, if it is the holder's still.
	Done(ctx context.Context, m *Mail, r Result) error
}

// Plan writes what is due.
func Plan(ctx context.Context, q Queue, now time.Time) (n int64, err error) {
	zones, err := q.Zones(ctx)
	if err != nil {
		return 0, err
	}
	for _, name := range zones {
		zone := inventory.LocationOrUTC(name)
		for _, k := range Kinds {
			p := k.Due(now, zone)
			planned, err := q.Plan(ctx, name, k, p.First, DueAt(p, zone))
			if err != nil {
				return n, err
			}
			n += planned
		}
	}
	return n, nil
}
