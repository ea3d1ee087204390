package identity

import (
	"context"
	"strconv"
	"strings"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Kept is what outlives a new password; everything else that gives access ends.
type Kept struct {
	// Secret is that of the session or token by which the password is changed.
	Secret string
	// Tokens are the ids of named tokens that the person wants to keep.
	Tokens []int64
}

// ChangePassword sets a new password. It asks for the old one, and ends all sessions
// and all tokens that are not kept.
func (a *Accounts) ChangePassword(ctx context.Context, user User, old, password string, keep Kept, c Client) error {
	if err := a.checkOwn(ctx, "old_password", user, old, c); err != nil {
		return err
	}
	if err := judge(password, user); err != nil {
		return err
	}
	digest := DigestOf(keep.Secret)
	return a.setPassword(ctx, user, password, NewPassword{Kept: &digest, Tokens: keep.Tokens}, c)
}

// SetPasswordFor gives somebody a new password, as administrators and operators may.
// All sessions and tokens end. Operators may insist on a weak one.
func (a *Accounts) SetPasswordFor(ctx context.Context, userID int64, password string, insist bool) error {
	user, err := a.store.UserByID(ctx, userID)
	if err != nil {
		return err
	}
	if !insist {
		if err := judge(password, user); err != nil {
			return err
		}
	}
	// What language they read is not known.
	return a.setPassword(ctx, user, password, NewPassword{}, Client{})
}

// setPassword is where all new passwords of accounts are set, whoever wants it: what
// was opened with the old one ends, the log of changes has it, and its owner is told.
func (a *Accounts) setPassword(ctx context.Context, user User, password string, n NewPassword, c Client) (err error) {
	if n.Hash, err = a.hasher.Hash(ctx, c.asker(), password); err != nil {
		return err
	}
	n.UserID, n.Now = user.ID, a.now()
	if err := a.store.SetPassword(ctx, n); err != nil {
		return err
	}
	return a.notify(ctx, user, MailPasswordSet, c)
}

// judge refuses weak passwords.
func judge(password string, user User) error {
	if weakness := JudgePassword(password, user.known()...); weakness != NotWeak {
		return &fault.Violation{Field: "new_password", Reason: weakness}
	}
	return nil
}

// RequestReset mails a key for a new password, if there is such an account, and
// otherwise that there is none. Whoever asks sees no difference.
func (a *Accounts) RequestReset(ctx context.Context, email string, c Client) error {
	email, err := CleanEmail(email)
	if err != nil {
		return err
	}
	if err := a.limitMail(ctx, resetting, email, c); err != nil {
		return err
	}
	user, err := a.store.UserByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) || (err == nil && !user.Active) {
		return a.mailer.Send(ctx, Mail{Kind: MailUnknown, To: email, Language: c.Language})
	}
	if err != nil {
		return err
	}
	secret, digest := NewSecret()
	if err := a.store.CreateKey(ctx, digest, ResetPassword, user.ID, nil, a.now().Add(resetLifetime)); err != nil {
		return err
	}
	return a.mailer.Send(ctx, Mail{
		Kind: MailReset, To: email, Language: c.Language, Username: user.Username, Key: resetKey(user.ID, secret),
	})
}

// resetKey joins the two halves that the predecessor's clients take apart: the
// user's id in base 36, and the secret.
func resetKey(userID int64, secret string) string {
	return strconv.FormatInt(userID, 36) + "-" + secret
}

// ResetOwner returns whose key for a new password it is.
func (a *Accounts) ResetOwner(ctx context.Context, key string) (User, error) {
	uid, secret, _ := strings.Cut(key, "-")
	user, _, err := a.store.KeyUser(ctx, DigestOf(secret), ResetPassword, a.now())
	if err == nil && uid != strconv.FormatInt(user.ID, 36) {
		err = ErrUnknownKey
	}
	return user, unknownKey(err)
}

// Reset sets a new password with a key from a mail. All sessions end, and all tokens
// but those with the ids in keep.
func (a *Accounts) Reset(ctx context.Context, key, password string, keep []int64, c Client) error {
	user, err := a.ResetOwner(ctx, key)
	if err != nil {
		return err
	}
	if err := judge(password, user); err != nil {
		return err
	}
	_, secret, _ := strings.Cut(key, "-")
	digest := DigestOf(secret)
	return unknownKey(a.setPassword(ctx, user, password, NewPassword{Key: &digest, Tokens: keep}, c))
}
