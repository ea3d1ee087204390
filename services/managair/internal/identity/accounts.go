package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/place"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
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
	// recently is how long after a log-in nobody is asked for the password again.
	recently = 10 * time.Minute
	// browserLifetime is how long a browser is known after a log-in.
	browserLifetime = 365 * 24 * time.Hour
	mailWindow      = time.Hour
	maxEmails       = 10
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
	MailEmailAdded    MailKind = "email_added"    // an address was added to the account
	MailEmailRemoved  MailKind = "email_removed"  // this address is no longer one of the account
	MailTokenMade     MailKind = "token_made"     // a token for programs was made
	MailInvitation    MailKind = "invitation"     // here is the key that makes its reader a member
	MailExportDone    MailKind = "export_done"    // here is the key to a file that was to be made
	MailExportFailed  MailKind = "export_failed"  // a file that was to be made was not
)

// Mail is a mail to be written.
type Mail struct {
	Kind     MailKind
	To       string
	Language string // "de" or "en"
	Username string
	// Organization is the name of the one that somebody is invited to.
	Organization string
	// File is what a file is called, Until the last day of its link.
	File, Until string
	Key         string
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
	// Browser is what the browser keeps of an earlier log-in, "" for none.
	Browser string
}

// Place is what counts as one place.
func (c Client) Place() string { return place.Of(c.Address) }

func (c Client) asker() Asker { return Asker{Place: c.Place(), Class: turn.Ordinary} }

// Accounts is what people do with accounts.
type Accounts struct {
	store  Store
	hasher *Hasher
	mailer Mailer
	limits Limits
	now    func() time.Time
}

// NewAccounts returns the accounts in store. now is the clock.
func NewAccounts(store Store, hasher *Hasher, mailer Mailer, limits Limits, now func() time.Time) *Accounts {
	return &Accounts{store, hasher, mailer, limits, now}
}

// EmailAddresses returns the addresses of a user.
func (a *Accounts) EmailAddresses(ctx context.Context, userID int64) ([]EmailAddress, error) {
	return a.store.EmailAddresses(ctx, userID)
}

// Sessions returns the sessions of a user that have not expired.
func (a *Accounts) Sessions(ctx context.Context, userID int64) ([]Session, error) {
	return a.store.Sessions(ctx, userID, a.now())
}

// Tokens returns the tokens of a user.
func (a *Accounts) Tokens(ctx context.Context, userID int64) ([]Token, error) {
	return a.store.Tokens(ctx, userID)
}

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
	if a.limits.SignUp == SignUpClosed {
		return ErrSignUpClosed
	}
	username, err := CleanUsername(username)
	if err != nil {
		return err
	}
	if email, err = CleanEmail(email); err != nil {
		return err
	}
	if err := a.limitMail(ctx, signingUp, email, c); err != nil {
		return err
	}
	user := User{Username: username, Email: email, Active: true, JoinedAt: a.now()}
	if err := judge(password, user); err != nil {
		return err
	}
	// Also for known addresses, so that both ways take their time.
	hash, err := a.hasher.Hash(ctx, c.asker(), password)
	if err != nil {
		return err
	}
	// A taken name has to be told, so it is told for known addresses too.
	if _, err := a.store.UserByName(ctx, username); err == nil {
		return &fault.Violation{Field: "username", Reason: reason.Unique}
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	if a.limits.SignUp == SignUpInvitation {
		defer settle(ctx)()
	}
	switch owner, err := a.store.UserByEmail(ctx, email); {
	case err == nil:
		return a.mailer.Send(ctx, Mail{Kind: MailKnown, To: email, Language: c.Language, Username: owner.Username})
	case !fault.Is(err, fault.NotFound):
		return err
	}
	if admitted, err := a.admitted(ctx, email); err != nil || !admitted {
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

// limitMail bounds the mails that somebody can cause. Those of each kind count by themselves:
// whoever spends them on one keeps nobody from the others, as from the link for a new password.
func (a *Accounts) limitMail(ctx context.Context, why occasion, email string, c Client) error {
	return a.limit(ctx, mailWindow, "mail:from:"+c.Place(), a.limits.MailsFromPlace,
		"mail:"+string(why)+":"+strings.ToLower(email), a.limits.MailsToAddress)
}

// occasion is what somebody does who causes a mail.
type occasion string

const (
	signingUp  occasion = "sign-up"
	resetting  occasion = "reset"
	confirming occasion = "confirm"
	inviting   occasion = "invite"
)

// UpdateProfile changes the names of a user.
func (a *Accounts) UpdateProfile(ctx context.Context, user User) (User, error) {
	username, err := CleanUsername(user.Username)
	if err != nil {
		return User{}, err
	}
	for field, name := range map[string]*string{"first_name": &user.FirstName, "last_name": &user.LastName} {
		kept, wrong := personName.Clean(*name)
		if wrong != nil {
			wrong.Field = field
			return User{}, wrong
		}
		*name = kept
	}
	return a.store.UpdateProfile(ctx, user.ID, username, user.FirstName, user.LastName)
}

// DeleteAccount deletes the user's account after asking for the password. Its
// error of kind fault.Conflict comes with the organizations that would be left
// without owner.
func (a *Accounts) DeleteAccount(ctx context.Context, user User, password string, c Client) (organizations []string, err error) {
	if err := a.checkOwn(ctx, "password", user, password, c); err != nil {
		return nil, err
	}
	return a.store.DeleteUser(ctx, user.ID)
}
