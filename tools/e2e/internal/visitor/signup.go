package visitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/standin"
)

// SignUp makes an account as anyone can. The mail comes through the queue, the
// worker and the mail server; its link confirms the address. The browser is logged in then.
func SignUp(ctx context.Context, entry string, notes *play.Notes) (*Browser, error) {
	const name, password = "vera", "Trompete-7-blau"
	b, err := NewBrowser(entry)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	_, err = b.Post(ctx, "/accounts/signup/", url.Values{
		"username": {name}, "email": {name + "@clair.test"}, "password1": {password}, "password2": {password},
	}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	m, err := awaitMail(ctx, entry, name+"@clair.test")
	if err != nil {
		return nil, err
	}
	notes.Report("from signing up until the mail is there", "%.1f s", time.Since(begun).Seconds())
	link := regexp.MustCompile(`https?://` + regexp.QuoteMeta(stack.Domain) + `(/accounts/confirm-email/\S+)`).FindStringSubmatch(m.Text)
	if link == nil {
		return nil, fmt.Errorf("the mail leads nowhere: %s", m.Text)
	}
	if _, err := b.Post(ctx, link[1], url.Values{"confirm": {"1"}}, http.StatusSeeOther); err != nil {
		return nil, err
	}
	return b, b.LogIn(ctx, name, password, "/accounts/")
}

// awaitMail waits until the viewer shows a mail to an address.
func awaitMail(ctx context.Context, entry, to string) (m standin.Mail, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no mail in a minute"))
	defer cancel()
	viewer := "http://" + entry + ":8025/api/v1/"
	err = play.Until(ctx, func() error {
		var all struct{ Messages []standin.MailSummary }
		if err := ReadJSON(ctx, viewer+"messages", &all); err != nil {
			return err
		}
		i := slices.IndexFunc(all.Messages, func(m standin.MailSummary) bool {
			return slices.ContainsFunc(m.To, func(a standin.MailAddress) bool { return a.Address == to })
		})
		if i < 0 {
			return fmt.Errorf("of %d mails none is to %s", len(all.Messages), to)
		}
		return ReadJSON(ctx, viewer+"message/"+all.Messages[i].ID, &m)
	})
	return m, err
}
