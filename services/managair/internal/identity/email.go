package identity

import (
	"context"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// CheckEmail checks the form of an e-mail address: one that mail can be sent to,
// without a display name or comments.
func CheckEmail(email string) error {
	parsed, err := mail.ParseAddress(email)
	_, domain, found := strings.Cut(email, "@")
	if err != nil || parsed.Address != email || !found || strings.ContainsAny(email, "\r\n\"<>") ||
		strings.Trim(domain, ".") != domain || utf8.RuneCountInString(email) > MaxEmail {
		return &fault.Violation{Field: "email", Reason: reason.Invalid}
	}
	return nil
}

// ReadableEmail is an address as people write it: browsers send domains with letters beyond
// ASCII as mail servers know them (xn--…). A domain that mixes scripts, as none does that
// wants to be read, stays as it is.
func ReadableEmail(email string) string {
	name, domain, _ := strings.Cut(email, "@")
	readable, err := idna.Display.ToUnicode(domain)
	if err != nil || readable == domain || mixesScripts(readable) {
		return email
	}
	return name + "@" + readable
}

func (a *Accounts) sendConfirmation(ctx context.Context, user User, e EmailAddress, c Client) error {
	if err := a.limitMail(ctx, confirming, e.Email, c); err != nil {
		return err
	}
	return a.mailConfirmation(ctx, user, e, c)
}

func (a *Accounts) mailConfirmation(ctx context.Context, user User, e EmailAddress, c Client) error {
	secret, digest := NewSecret()
	if err := a.store.CreateKey(ctx, digest, ConfirmEmail, user.ID, &e.ID, a.now().Add(confirmLifetime)); err != nil {
		return err
	}
	return a.mailer.Send(ctx, Mail{Kind: MailConfirm, To: e.Email, Language: c.Language, Username: user.Username, Key: secret})
}

// AddEmail adds an address to an account and mails it a key.
func (a *Accounts) AddEmail(ctx context.Context, user User, email string, c Client) error {
	email, err := CleanEmail(email)
	if err != nil {
		return err
	}
	addresses, err := a.store.EmailAddresses(ctx, user.ID)
	if err != nil {
		return err
	}
	if len(addresses) >= maxEmails {
		return fault.New(fault.Conflict, "at most %d addresses", maxEmails)
	}
	for _, e := range addresses {
		if strings.EqualFold(e.Email, email) {
			return &fault.Violation{Field: "email", Reason: reason.Unique}
		}
	}
	if err := a.limitMail(ctx, confirming, email, c); err != nil {
		return err
	}
	// That the address belongs to somebody else shows only when it is confirmed, to
	// somebody who reads its mail.
	e, err := a.store.AddEmail(ctx, user.ID, email)
	if err != nil {
		return err
	}
	if err := a.notify(ctx, user, MailEmailAdded, c); err != nil {
		return err
	}
	return a.mailConfirmation(ctx, user, e, c)
}

// ResendConfirmation mails another key to an address of the user.
func (a *Accounts) ResendConfirmation(ctx context.Context, user User, id int64, c Client) error {
	addresses, err := a.store.EmailAddresses(ctx, user.ID)
	if err != nil {
		return err
	}
	for _, e := range addresses {
		if e.ID == id && !e.Verified {
			return a.sendConfirmation(ctx, user, e, c)
		}
	}
	return fault.New(fault.NotFound, "no address to confirm")
}

// RemoveEmail takes an address from a user that is not the primary one, and tells it if it
// was confirmed: by it one could come back into the account.
func (a *Accounts) RemoveEmail(ctx context.Context, user User, id int64, c Client) error {
	addresses, err := a.store.EmailAddresses(ctx, user.ID)
	if err != nil {
		return err
	}
	if err := a.store.RemoveEmail(ctx, user.ID, id); err != nil {
		return err
	}
	for _, e := range addresses {
		if e.ID == id && e.Verified {
			user.Email = e.Email
			return a.notify(ctx, user, MailEmailRemoved, c)
		}
	}
	return nil
}

// SetPrimaryEmail makes a confirmed address the primary one and tells the old one.
func (a *Accounts) SetPrimaryEmail(ctx context.Context, user User, id int64, c Client) error {
	if err := a.store.SetPrimaryEmail(ctx, user.ID, id); err != nil {
		return err
	}
	return a.notify(ctx, user, MailEmailReplaced, c)
}

// ConfirmedBy returns which address of whom a key confirms.
func (a *Accounts) ConfirmedBy(ctx context.Context, key string) (User, EmailAddress, error) {
	u, e, err := a.store.KeyUser(ctx, DigestOf(key), ConfirmEmail, a.now())
	return u, e, unknownKey(err)
}

// ConfirmEmail confirms the address that key was sent to.
func (a *Accounts) ConfirmEmail(ctx context.Context, key string) (EmailAddress, error) {
	e, err := a.store.ConfirmEmail(ctx, DigestOf(key), a.now())
	return e, unknownKey(err)
}

func unknownKey(err error) error {
	if fault.Is(err, fault.NotFound) {
		return ErrUnknownKey
	}
	return err
}
