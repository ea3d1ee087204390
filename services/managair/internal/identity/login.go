package identity

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// CheckPassword returns the user with that name or e-mail address and password.
// Attempts are limited, and neither answer nor time tell whether there is such a
// user.
func (a *Accounts) CheckPassword(ctx context.Context, name, password string, c Client) (User, error) {
	name, err := cleanLogin(name)
	if err != nil {
		return User{}, err
	}
	user, err := a.store.UserByLogin(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return User{}, err
	}
	brake, err := a.brakeOf(ctx, name, user, c)
	if err == nil {
		err = a.admit(ctx, brake)
	}
	if err != nil {
		return User{}, err
	}
	hash, err := a.hashOf(ctx, user, brake)
	if err != nil {
		return User{}, err
	}
	ok, outdated, err := a.hasher.Verify(ctx, brake.asker, password, hash)
	if _, crowded := errors.AsType[*TooManyAttempts](err); crowded {
		// Nobody has looked at the password: the crowd must not use up their tries.
		err = errors.Join(err, a.store.ForgetAttempts(ctx, brake.tries))
	}
	if err != nil {
		return User{}, err
	}
	if !ok {
		if err := a.countWrong(ctx, brake); err != nil {
			return User{}, err
		}
		if user.ID != 0 {
			if err := a.store.NoteWrongPassword(ctx, user.ID, c.Address); err != nil {
				return User{}, err
			}
		}
		return User{}, ErrWrongCredentials
	}
	if err := a.store.ForgetAttempts(ctx, brake.wrong, brake.account, brake.tries); err != nil {
		return User{}, err
	}
	if outdated {
		if err := a.upgrade(ctx, brake.asker, user.ID, hash, password); err != nil {
			return User{}, err
		}
	}
	return user, nil
}

// hashOf returns what the password is compared with: nothing fits "", which takes as long.
func (a *Accounts) hashOf(ctx context.Context, user User, b brake) (string, error) {
	if !user.Active {
		return "", nil // nor is there anybody
	}
	spent, err := a.store.Exhausted(ctx, b.account, b.limit, a.now())
	if err != nil || spent > 0 {
		return "", err
	}
	return a.store.PasswordHash(ctx, user.ID)
}

// checkOwn asks somebody who is logged in for their password. A wrong one is put to
// the field.
func (a *Accounts) checkOwn(ctx context.Context, field string, user User, password string, c Client) error {
	_, err := a.CheckPassword(ctx, user.Username, password, c)
	if errors.Is(err, ErrWrongCredentials) {
		return &fault.Violation{Field: field, Reason: reason.PasswordIncorrect}
	}
	return err
}

// cleanLogin brings a name or address to the form in which names are kept.
func cleanLogin(name string) (string, error) {
	switch {
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return "", &fault.Violation{Field: "username", Reason: reason.Invalid}
	case utf8.RuneCountInString(name) > MaxEmail:
		return "", &fault.Violation{Field: "username", Reason: reason.MaxLength, Args: []any{MaxEmail}}
	}
	return norm.NFKC.String(strings.TrimSpace(name)), nil
}

func (a *Accounts) upgrade(ctx context.Context, asker Asker, userID int64, old, password string) error {
	hash, err := a.hasher.Hash(ctx, asker, password)
	if err != nil {
		return err
	}
	return a.store.UpgradeHash(ctx, userID, old, hash)
}

// LogIn is CheckPassword for people who want in: their address must be confirmed.
// If it is not, the mail is sent again.
func (a *Accounts) LogIn(ctx context.Context, name, password string, c Client) (User, error) {
	user, err := a.CheckPassword(ctx, name, password, c)
	if err != nil {
		return User{}, err
	}
	addresses, err := a.store.EmailAddresses(ctx, user.ID)
	if err != nil {
		return User{}, err
	}
	// Accounts made on the command line may have no address at all.
	if len(addresses) == 0 || hasVerified(addresses) {
		return user, nil
	}
	if err := a.sendConfirmation(ctx, user, addresses[0], c); err != nil {
		if _, limited := errors.AsType[*TooManyAttempts](err); !limited {
			return User{}, err
		}
	}
	return User{}, ErrNotConfirmed
}

func hasVerified(addresses []EmailAddress) bool {
	for _, e := range addresses {
		if e.Verified {
			return true
		}
	}
	return false
}

// StartSession begins a session and returns its secret, which is not kept.
func (a *Accounts) StartSession(ctx context.Context, userID int64, c Client) (secret string, s Session, err error) {
	secret, digest := NewSecret()
	csrf, _ := NewSecret()
	now := a.now()
	s, err = a.store.CreateSession(ctx, digest, Session{
		UserID: userID, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(SessionLifetime),
		Address: c.Address, UserAgent: strings.ToValidUTF8(c.UserAgent, "?"), CSRF: csrf,
	})
	return secret, s, err
}

// SessionUser returns a session and its user. Its error is of kind
// fault.NotFound when there is no such session.
func (a *Accounts) SessionUser(ctx context.Context, secret string) (Session, User, error) {
	return a.store.SessionUser(ctx, DigestOf(secret), a.now())
}

// TokenUser returns a token and its user. Its error is of kind fault.NotFound
// when there is no such token.
func (a *Accounts) TokenUser(ctx context.Context, secret string) (Token, User, error) {
	return a.store.TokenUser(ctx, DigestOf(secret), a.now())
}

// StartToken makes the token of a log-in through the API and returns its secret. It
// ends when the person logs out of the session that began with it.
func (a *Accounts) StartToken(ctx context.Context, userID int64, session int64) (secret string, err error) {
	secret, digest := NewSecret()
	now := a.now()
	expires := now.Add(LoginTokenLifetime)
	_, err = a.store.CreateToken(ctx, digest, Token{UserID: userID, Scope: ScopeWrite, CreatedAt: now, ExpiresAt: &expires, SessionID: &session}, 0)
	return secret, err
}

// CreateToken makes a named token and returns its secret, which is shown once. A
// validity of 0 does not end. The owner is told by mail.
func (a *Accounts) CreateToken(ctx context.Context, user User, name string, scope Scope, validity time.Duration, c Client) (secret string, t Token, err error) {
	userID := user.ID
	name, wrong := TokenName.Clean(name)
	switch {
	case wrong != nil:
		wrong.Field = "name"
		return "", t, wrong
	case scope != ScopeRead && scope != ScopeWrite:
		return "", t, &fault.Violation{Field: "scope", Reason: reason.InvalidChoice}
	case validity < 0:
		return "", t, &fault.Violation{Field: "validity", Reason: reason.Invalid}
	}
	secret, digest := NewSecret()
	t = Token{UserID: userID, Name: name, Scope: scope, CreatedAt: a.now()}
	if validity > 0 {
		expires := t.CreatedAt.Add(validity)
		t.ExpiresAt = &expires
	}
	if t, err = a.store.CreateToken(ctx, digest, t, a.limits.Tokens); err != nil {
		return "", t, err
	}
	return secret, t, a.notify(ctx, user, MailTokenMade, c)
}

// EndSession ends a session of the user, if it has not ended yet.
func (a *Accounts) EndSession(ctx context.Context, userID, id int64) error {
	return endedAlready(a.store.EndSession(ctx, userID, id))
}

// EndToken revokes a token of the user, if it has not ended yet.
func (a *Accounts) EndToken(ctx context.Context, userID, id int64) error {
	return endedAlready(a.store.EndToken(ctx, userID, id))
}

func endedAlready(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
