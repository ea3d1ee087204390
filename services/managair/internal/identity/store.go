package identity

import (
	"context"
	"time"
)

// NewUser is an account to be made.
type NewUser struct {
	User
	PasswordHash string
	// EmailVerified tells that the address needs no confirmation.
	EmailVerified bool
}

// NewPassword is a password to be set.
type NewPassword struct {
	UserID int64
	Hash   string
	// Kept is the session or token that stays, Tokens are the ids of named tokens that do.
	Kept   *Digest
	Tokens []int64
	// Key must be valid at Now, if there is one: the key of a mail.
	Key *Digest
	Now time.Time
}

// EmailAddress is an address of a user.
type EmailAddress struct {
	ID       int64
	UserID   int64
	Email    string
	Verified bool
	Primary  bool
}

// Scope is what a token may be used for.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"
	ScopeWrite Scope = "write"
)

// Token is an API token as its owner sees it. The key itself is shown once.
type Token struct {
	ID         int64
	UserID     int64
	Name       string // "" for the token of a log-in through the API
	Scope      Scope
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	LastUsedAt *time.Time
	SessionID  *int64 // of the log-in that gave it, until that session ends
}

// Session is a log-in of a browser.
type Session struct {
	ID         int64
	UserID     int64
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time
	Address    string // of the client, as the first one we trust told it
	UserAgent  string
	CSRF       string // the value that writes must repeat
}

// Digest is the SHA-256 of a secret.
type Digest [32]byte

// Purpose is what a key in a mail is for.
type Purpose string

// The purposes.
const (
	ConfirmEmail  Purpose = "confirm_email"
	ResetPassword Purpose = "reset_password"
)

// Store keeps accounts. Its methods return errors of kind fault.NotFound for what
// is not there, and *fault.Violation for what breaks a rule.
type Store interface {
	CreateUser(ctx context.Context, u NewUser) (User, error)
	UserByID(ctx context.Context, id int64) (User, error)
	// UserByName also finds by case-insensitive name.
	UserByName(ctx context.Context, name string) (User, error)
	// UserByEmail finds the user who confirmed the address, else the only one who claims
	// it and has confirmed no other.
	UserByEmail(ctx context.Context, email string) (User, error)
	// UserByLogin finds who confirmed the address that login is, else who is called so,
	// else whom UserByEmail finds.
	UserByLogin(ctx context.Context, login string) (User, error)
	UpdateProfile(ctx context.Context, id int64, username, firstName, lastName string) (User, error)
	// DeleteUser refuses with fault.Conflict while the user is the last owner of an
	// organization; names lists these.
	DeleteUser(ctx context.Context, id int64) (names []string, err error)

	PasswordHash(ctx context.Context, userID int64) (string, error)
	// UpgradeHash replaces old by a new hash of the same password, if old is still there.
	UpgradeHash(ctx context.Context, userID int64, old, hash string) error
	// SetPassword sets a new password, ends all sessions and tokens that are not kept,
	// and uses up all keys for a new password. Its error is of kind fault.NotFound when
	// the key that it asks for is not there.
	SetPassword(ctx context.Context, n NewPassword) error

	EmailAddresses(ctx context.Context, userID int64) ([]EmailAddress, error)
	AddEmail(ctx context.Context, userID int64, email string) (EmailAddress, error)
	RemoveEmail(ctx context.Context, userID, id int64) error
	// SetPrimaryEmail takes confirmed addresses only.
	SetPrimaryEmail(ctx context.Context, userID, id int64) error

	// CreateKey remembers a key sent by mail. For the confirmation of an address its id is given.
	CreateKey(ctx context.Context, digest Digest, purpose Purpose, userID int64, emailID *int64, expires time.Time) error
	// KeyUser returns whose key it is, without using it up.
	KeyUser(ctx context.Context, digest Digest, purpose Purpose, now time.Time) (User, EmailAddress, error)
	// ConfirmEmail uses a key up and confirms its address.
	ConfirmEmail(ctx context.Context, digest Digest, now time.Time) (EmailAddress, error)

	CreateSession(ctx context.Context, digest Digest, s Session) (Session, error)
	// SessionUser returns a session that has not expired and its active user, and
	// notes that it was seen.
	SessionUser(ctx context.Context, digest Digest, now time.Time) (Session, User, error)
	Sessions(ctx context.Context, userID int64, now time.Time) ([]Session, error)
	// EndSession ends a session, and the token that the same log-in gave.
	EndSession(ctx context.Context, userID, id int64) error

	// CreateToken makes a token. Of those with a name the user has no more than limit.
	CreateToken(ctx context.Context, digest Digest, t Token, limit int) (Token, error)
	// TokenUser returns a token that has not expired and its active user, and notes
	// that it was used.
	TokenUser(ctx context.Context, digest Digest, now time.Time) (Token, User, error)
	Tokens(ctx context.Context, userID int64) ([]Token, error)
	// EndToken revokes a token, and ends the session of the log-in that gave it.
	EndToken(ctx context.Context, userID, id int64) error

	InvitationStore

	// RememberBrowser notes a browser in which the user has logged in.
	RememberBrowser(ctx context.Context, userID int64, digest Digest, expires time.Time) error
	// KnowsBrowser reports whether the user has logged in with the browser.
	KnowsBrowser(ctx context.Context, userID int64, digest Digest, now time.Time) (bool, error)

	// NoteWrongPassword logs that somebody tried to come in.
	NoteWrongPassword(ctx context.Context, userID int64, address string) error

	// Attempt counts an attempt under key and returns 0 if it is one of the first
	// limit within window, else how long to wait.
	Attempt(ctx context.Context, key string, limit int, window time.Duration, now time.Time) (wait time.Duration, err error)
	// Exhausted returns how long to wait after limit attempts, 0 before.
	Exhausted(ctx context.Context, key string, limit int, now time.Time) (wait time.Duration, err error)
	// ForgetAttempts starts counting anew.
	ForgetAttempts(ctx context.Context, keys ...string) error
	// ClearExpired deletes sessions, tokens, keys, attempts, introductions, invitations and claim codes that have expired.
	ClearExpired(ctx context.Context, now time.Time) (int64, error)
}
