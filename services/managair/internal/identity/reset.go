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
	hash, err := a.hashNew(ctx, password, user)
	if err != nil {
		return err
	}
	digest := DigestOf(keep.Secret)
	if err := a.store.SetPassword(ctx, user.ID, hash, &digest, keep.Tokens); err != nil {
		return err
	}
	return a.notify(ctx, user, MailPasswordSet, c)
}

func (a *Accounts) hashNew(ctx context.Context, password string, user User) (string, error) {
	if weakness := JudgePassword(password, user.known()...); weakness != NotWeak {
		return "", &fault.Violation{Field: "new_password", Code: string(weakness)}
	}
	return a.hasher.Hash(ctx, password)
}

// RequestReset mails a key for a new password, if there is such an account, and
// otherwise that there is none. Whoever asks sees no difference.
func (a *Accounts) RequestReset(ctx context.Context, email string, c Client) error {
	email, err := CleanEmail(email)
	if err != nil {
		return err
	}
	if err := a.limitMail(ctx, email, c); err != nil {
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
func (a *Accounts) Reset(ctx context.Context, key, password string, keep []int64) error {
	user, err := a.ResetOwner(ctx, key)
	if err != nil {
		return err
	}
	hash, err := a.hashNew(ctx, password, user)
	if err != nil {
		return err
	}
	_, secret, _ := strings.Cut(key, "-")
	return unknownKey(a.store.ResetPassword(ctx, DigestOf(secret), hash, keep, a.now()))
}
