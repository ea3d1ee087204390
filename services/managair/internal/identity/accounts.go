package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// Lifetimes and limits.
const (
	// SessionLifetime is the predecessor's: two weeks from the log-in.
	SessionLifetime = 14 * 24 * time.Hour
	// LoginTokenLifetime ends the tokens of log-ins through the API, which nobody
	// would ever clean up.
	LoginTokenLifetime = 365 * 24 * time.Hour
	confirmLifetime    = 3 * 24 * time.Hour
	resetLifetime      = time.Hour

	attemptWindow = 5 * time.Minute
	// Wrong passwords in a window, for one account and from one address. A school
	// shares one address.
	attemptsPerAccount = 7
	attemptsPerAddress = 100
	// Attempts of any outcome for one account. They bound what somebody can guess by
	// asking many times at once, before the first answer counts as wrong.
	triesPerAccount = 60
	// Mails that one account or one address of a client can cause.
	mailWindow     = time.Hour
	mailsPerTarget = 5
	mailsPerClient = 50
	maxTokens      = 50
	maxEmails      = 10
)

// Errors that callers tell apart. Their texts are for the caller.
var (
	ErrWrongCredentials = fault.New(fault.Invalid, "unable to log in with these credentials")
	ErrNotConfirmed     = fault.New(fault.Invalid, "the e-mail address is not confirmed")
	ErrUnknownKey       = fault.New(fault.Invalid, "the link has been used or is too old")
)

// TooManyAttempts refuses an attempt. Its kind is fault.Unavailable; over HTTP it
// is 429.
type TooManyAttempts struct{ Wait time.Duration }

// Error returns the English text.
func (e *TooManyAttempts) Error() string {
	return fmt.Sprintf("too many attempts, try again in %v", e.Wait.Round(time.Second))
}

// MailKind is what a mail says.
type MailKind string

// The kinds of mail.
const (
	MailConfirm       MailKind = "confirm"        // here is the key that confirms the address
	MailReset         MailKind = "reset"          // here is the key for a new password
	MailKnown         MailKind = "known"          // somebody signs up with an address that has an account
	MailUnknown       MailKind = "unknown"        // somebody asks for a new password, but there is no account
	MailPasswordSet   MailKind = "password_set"   // the password was changed
	MailEmailReplaced MailKind = "email_replaced" // another address is the primary one now
)

// Mail is a mail to be written.
type Mail struct {
	Kind     MailKind
	To       string
	Language string // "de" or "en"
	Username string
	Key      string
}

// Mailer delivers mails, now or later.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Client is where a request comes from.
type Client struct {
	Address   string
	UserAgent string
	Language  string
}

// Accounts is what people do with accounts.
type Accounts struct {
	store  Store
	hasher *Hasher
	mailer Mailer
	now    func() time.Time
}

// NewAccounts returns the accounts in store. now is the clock.
func NewAccounts(store Store, hasher *Hasher, mailer Mailer, now func() time.Time) *Accounts {
	return &Accounts{store, hasher, mailer, now}
}

// Store returns the store, for what has no rules beyond those of the store.
func (a *Accounts) Store() Store { return a.store }

// NewSecret returns a random secret and its digest: 40 characters as the
// predecessor's keys, with 160 random bits.
func NewSecret() (secret string, digest Digest) {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	secret = fmt.Sprintf("%x", b)
	return secret, DigestOf(secret)
}

// DigestOf returns the digest under which a secret is kept.
func DigestOf(secret string) Digest { return sha256.Sum256([]byte(secret)) }

// CheckPassword returns the user with that name or e-mail address and password.
// Attempts are limited, and neither answer nor time tell whether there is such a
// user.
func (a *Accounts) CheckPassword(ctx context.Context, name, password string, c Client) (User, error) {
	name = strings.TrimSpace(name)
	account, client := "login:name:"+strings.ToLower(name), "login:from:"+c.Address
	tries := "login:try:" + strings.ToLower(name)
	if err := a.admit(ctx, client, account, tries); err != nil {
		return User{}, err
	}
	user, err := a.find(ctx, name)
	hash := ""
	switch {
	case err == nil && user.Active:
		if hash, err = a.store.PasswordHash(ctx, user.ID); err != nil {
			return User{}, err
		}
	case err != nil && !fault.Is(err, fault.NotFound):
		return User{}, err
	}
	ok, outdated, err := a.hasher.Verify(ctx, password, hash)
	if err != nil {
		return User{}, err
	}
	if !ok {
		for key, limit := range map[string]int{account: attemptsPerAccount, client: attemptsPerAddress} {
			if _, err := a.store.Attempt(ctx, key, limit, attemptWindow, a.now()); err != nil {
				return User{}, err
			}
		}
		return User{}, ErrWrongCredentials
	}
	if err := a.store.ForgetAttempts(ctx, account, tries); err != nil {
		return User{}, err
	}
	if outdated {
		if err := a.upgrade(ctx, user.ID, hash, password); err != nil {
			return User{}, err
		}
	}
	return user, nil
}

// admit refuses an attempt after too many wrong ones, and counts it.
func (a *Accounts) admit(ctx context.Context, client, account, tries string) error {
	now := a.now()
	for key, limit := range map[string]int{account: attemptsPerAccount, client: attemptsPerAddress} {
		wait, err := a.store.Exhausted(ctx, key, limit, now)
		if err != nil {
			return err
		}
		if wait > 0 {
			return &TooManyAttempts{wait}
		}
	}
	wait, err := a.store.Attempt(ctx, tries, triesPerAccount, attemptWindow, now)
	if err == nil && wait > 0 {
		err = &TooManyAttempts{wait}
	}
	return err
}

func (a *Accounts) upgrade(ctx context.Context, userID int64, old, password string) error {
	hash, err := a.hasher.Hash(ctx, password)
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

// find looks for a name first, then for an address: names cannot have the form of
// an address, except those that the predecessor allowed.
func (a *Accounts) find(ctx context.Context, name string) (User, error) {
	user, err := a.store.UserByName(ctx, name)
	if err != nil && fault.Is(err, fault.NotFound) && strings.Contains(name, "@") {
		return a.store.UserByEmail(ctx, name)
	}
	return user, err
}

// limit counts an attempt under two keys.
func (a *Accounts) limit(ctx context.Context, window time.Duration, client string, clientLimit int, target string, targetLimit int) error {
	now := a.now()
	wait, err := a.store.Attempt(ctx, client, clientLimit, window, now)
	if err != nil {
		return err
	}
	if wait == 0 {
		if wait, err = a.store.Attempt(ctx, target, targetLimit, window, now); err != nil {
			return err
		}
	}
	if wait > 0 {
		return &TooManyAttempts{wait}
	}
	return nil
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

// StartToken makes the token of a log-in through the API and returns its secret.
func (a *Accounts) StartToken(ctx context.Context, userID int64) (secret string, err error) {
	secret, digest := NewSecret()
	now := a.now()
	expires := now.Add(LoginTokenLifetime)
	_, err = a.store.CreateToken(ctx, digest, Token{UserID: userID, Scope: ScopeWrite, CreatedAt: now, ExpiresAt: &expires})
	return secret, err
}

// CreateToken makes a named token and returns its secret, which is shown once. A
// validity of 0 does not end.
func (a *Accounts) CreateToken(ctx context.Context, userID int64, name string, scope Scope, validity time.Duration) (secret string, t Token, err error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", t, &FieldError{"name", "required"}
	case len(name) > 100:
		return "", t, &FieldError{"name", "max_length"}
	case scope != ScopeRead && scope != ScopeWrite:
		return "", t, &FieldError{"scope", "invalid_choice"}
	case validity < 0:
		return "", t, &FieldError{"validity", "invalid"}
	}
	existing, err := a.store.Tokens(ctx, userID)
	if err != nil {
		return "", t, err
	}
	if len(existing) >= maxTokens {
		return "", t, fault.New(fault.Conflict, "at most %d tokens; revoke one first", maxTokens)
	}
	secret, digest := NewSecret()
	t = Token{UserID: userID, Name: name, Scope: scope, CreatedAt: a.now()}
	if validity > 0 {
		expires := t.CreatedAt.Add(validity)
		t.ExpiresAt = &expires
	}
	t, err = a.store.CreateToken(ctx, digest, t)
	return secret, t, err
}

// ChangePassword sets a new password. It asks for the old one, and ends all other
// sessions and all tokens of log-ins but the one whose secret is kept.
func (a *Accounts) ChangePassword(ctx context.Context, user User, old, password, keep string, c Client) error {
	if _, err := a.CheckPassword(ctx, user.Username, old, c); err != nil {
		if errors.Is(err, ErrWrongCredentials) {
			return &FieldError{"old_password", "password_incorrect"}
		}
		return err
	}
	hash, err := a.hashNew(ctx, password, user)
	if err != nil {
		return err
	}
	digest := DigestOf(keep)
	if err := a.store.SetPassword(ctx, user.ID, hash, &digest); err != nil {
		return err
	}
	return a.notify(ctx, user, MailPasswordSet, c)
}

func (a *Accounts) hashNew(ctx context.Context, password string, user User) (string, error) {
	if weakness := JudgePassword(password, user.known()...); weakness != NotWeak {
		return "", &FieldError{"new_password", string(weakness)}
	}
	return a.hasher.Hash(ctx, password)
}

func (a *Accounts) notify(ctx context.Context, user User, kind MailKind, c Client) error {
	if user.Email == "" {
		return nil
	}
	return a.mailer.Send(ctx, Mail{Kind: kind, To: user.Email, Language: c.Language, Username: user.Username})
}

// SignUp makes an account that waits for the confirmation of its address. If the
// address belongs to an account, nothing is made and its owner is told by mail:
// whoever signs up sees no difference.
func (a *Accounts) SignUp(ctx context.Context, username, email, password string, c Client) error {
	username, err := CleanUsername(username)
	if err != nil {
		return err
	}
	if email, err = CleanEmail(email); err != nil {
		return err
	}
	if err := a.limitMail(ctx, email, c); err != nil {
		return err
	}
	user := User{Username: username, Email: email, Active: true, JoinedAt: a.now()}
	// Also for known addresses, so that both ways take their time.
	hash, err := a.hashNew(ctx, password, user)
	if err != nil {
		return err
	}
	// A taken name has to be told, so it is told for known addresses too.
	if _, err := a.store.UserByName(ctx, username); err == nil {
		return &FieldError{"username", "unique"}
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	switch owner, err := a.store.UserByEmail(ctx, email); {
	case err == nil:
		return a.mailer.Send(ctx, Mail{Kind: MailKnown, To: email, Language: c.Language, Username: owner.Username})
	case !fault.Is(err, fault.NotFound):
		return err
	}
	user, err = a.store.CreateUser(ctx, NewUser{User: user, PasswordHash: hash})
	if err != nil {
		return err
	}
	addresses, err := a.store.EmailAddresses(ctx, user.ID)
	if err != nil {
		return err
	}
	return a.mailConfirmation(ctx, user, addresses[0], c)
}

func (a *Accounts) limitMail(ctx context.Context, email string, c Client) error {
	return a.limit(ctx, mailWindow, "mail:from:"+c.Address, mailsPerClient, "mail:to:"+strings.ToLower(email), mailsPerTarget)
}

func (a *Accounts) sendConfirmation(ctx context.Context, user User, e EmailAddress, c Client) error {
	if err := a.limitMail(ctx, e.Email, c); err != nil {
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
			return &FieldError{"email", "unique"}
		}
	}
	if err := a.limitMail(ctx, email, c); err != nil {
		return err
	}
	// That the address belongs to somebody else shows only when it is confirmed, to
	// somebody who reads its mail.
	e, err := a.store.AddEmail(ctx, user.ID, email)
	if err != nil {
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

// Reset sets a new password with a key from a mail.
func (a *Accounts) Reset(ctx context.Context, key, password string) error {
	user, err := a.ResetOwner(ctx, key)
	if err != nil {
		return err
	}
	hash, err := a.hashNew(ctx, password, user)
	if err != nil {
		return err
	}
	_, secret, _ := strings.Cut(key, "-")
	return unknownKey(a.store.ResetPassword(ctx, DigestOf(secret), hash, a.now()))
}

// UpdateProfile changes the names of a user.
func (a *Accounts) UpdateProfile(ctx context.Context, user User) (User, error) {
	username, err := CleanUsername(user.Username)
	if err != nil {
		return User{}, err
	}
	for field, name := range map[string]string{"first_name": user.FirstName, "last_name": user.LastName} {
		if len([]rune(name)) > MaxName {
			return User{}, &FieldError{field, "max_length"}
		}
	}
	return a.store.UpdateProfile(ctx, user.ID, username, strings.TrimSpace(user.FirstName), strings.TrimSpace(user.LastName))
}

// DeleteAccount deletes the user's account after asking for the password. Its
// error of kind fault.Conflict comes with the organizations that would be left
// without owner.
func (a *Accounts) DeleteAccount(ctx context.Context, user User, password string, c Client) (organizations []string, err error) {
	if _, err := a.CheckPassword(ctx, user.Username, password, c); err != nil {
		if errors.Is(err, ErrWrongCredentials) {
			return nil, &FieldError{"password", "password_incorrect"}
		}
		return nil, err
	}
	return a.store.DeleteUser(ctx, user.ID)
}
