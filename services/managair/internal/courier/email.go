package courier

import (
	"context"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
)

// email sends by the mail server of all mails. report is told what is not for people.
type email struct {
	letters mail.Deliverer
	report  func(error)
}

// LeavePath is where mails are unsubscribed from: the number of the channel and its key follow.
const LeavePath = "/accounts/notifications/"

// Send is part of notify.Sender.
func (e email) Send(ctx context.Context, d *notify.Delivery) (notify.Answer, error) {
	leave := d.PublicURL + LeavePath + strconv.FormatInt(d.Channel.ID, 10) + "/" + d.Channel.Secret.Leave + "/"
	m, err := mail.WriteNotice(ctx, mail.Notice{
		ID: d.ID(), To: d.Channel.Secret.Address, Language: d.Channel.Language, Channel: d.Channel.Name,
		Title: d.Notice.Title, Paragraphs: d.Notice.Paragraphs, Link: linkOf(d), Leave: leave, PublicURL: d.PublicURL,
	})
	if err != nil {
		return notify.Answer{Blameless: true}, err
	}
	// The link by which one leaves is for the reader.
	answer := notify.Answer{Sent: d.Notice.Title + "\n\n" + text(d, false, notify.MaxSent, inBytes)}
	if err := e.letters.Deliver(ctx, m); err != nil {
		e.report(err)
		if fault.Is(err, fault.Invalid) {
			return answer, fault.New(fault.Invalid, "the mail server refuses the mail")
		}
		answer.Blameless = true // the server is ours
		return answer, fault.New(fault.Unavailable, "the mail server does not take mails")
	}
	return answer, nil
}

// Reports sends reports by mail.
type Reports struct{ Letters mail.Deliverer }

// Send is part of reportmail.Letters.
func (r Reports) Send(ctx context.Context, l *reportmail.Letter) error {
	m, err := mail.WriteReport(ctx, mail.Report{
		ID: l.ID, To: l.To, Monthly: l.Kind == reportmail.Month, Content: l.Content, Measured: l.Measured, PDF: l.PDF, File: l.File,
		Page: l.Page, Leave: l.Leave, PublicURL: l.PublicURL,
	})
	if err != nil {
		return err
	}
	return r.Letters.Deliver(ctx, m)
}
