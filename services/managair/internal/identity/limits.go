package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// Limits bound what can be tried. Nobody is shut out by what others try: wrong
// passwords count against the place that they come from, and browsers with an earlier
// log-in are counted by themselves.
type Limits struct {
	WrongPasswords       int    `env:"LOGIN_WRONG_PASSWORDS" envDefault:"7" desc:"wrong passwords for one account from one place or known browser, in five minutes"`
	WrongPasswordsSlowed int    `env:"LOGIN_WRONG_PASSWORDS_SLOWED" envDefault:"2" desc:"the same for other places while an account is guessed from many"`
	GuessedFrom          int    `env:"LOGIN_GUESSED_FROM" envDefault:"60" desc:"wrong passwords for one account from all unknown places in five minutes, from which on it counts as guessed"`
	WrongFromPlace       int    `env:"LOGIN_WRONG_FROM_PLACE" envDefault:"100" desc:"wrong passwords for any account from one place in five minutes; a school shares one address"`
	MailsToAddress       int    `env:"MAILS_TO_ADDRESS" envDefault:"5" desc:"mails to one address that somebody can cause in an hour, of each kind (sign-up, new password, confirmation, invitation)"`
	SignUp               SignUp `env:"SIGN_UP" envDefault:"open" desc:"who may make an account: open (anybody), invitation (those at whose address an invitation waits), closed (administrators make them)"`
	Tokens               int    `env:"MAX_TOKENS_PER_ACCOUNT" envDefault:"50" desc:"named tokens of one account"`
	MailsFromPlace       int    `env:"MAILS_FROM_PLACE" envDefault:"50" desc:"mails that one place can cause in an hour"`

	organizations int // see Owning
}

// Validate refuses limits of nothing, which would shut everybody out. Unlike with quotas,
// 0 cannot stand for no bound: passwords could be guessed then.
func (l Limits) Validate() error {
	var all []error
	for _, one := range []struct {
		name  string
		limit int
	}{
		{"LOGIN_WRONG_PASSWORDS", l.WrongPasswords},
		{"LOGIN_WRONG_PASSWORDS_SLOWED", l.WrongPasswordsSlowed},
		{"LOGIN_GUESSED_FROM", l.GuessedFrom},
		{"LOGIN_WRONG_FROM_PLACE", l.WrongFromPlace},
		{"MAILS_TO_ADDRESS", l.MailsToAddress},
		{"MAILS_FROM_PLACE", l.MailsFromPlace},
	} {
		if one.limit < 1 {
			all = append(all, fmt.Errorf("%s: %d would shut everybody out; it must be at least 1", one.name, one.limit))
		}
	}
	return errors.Join(all...)
}

// Owning returns the limits with how many organizations an account may be OWNER of when it
// accepts one more: that is a quota of the inventory. 0: no bound.
func (l Limits) Owning(organizations int) Limits {
	l.organizations = organizations
	return l
}

// triesAtOnce is how many passwords, as a multiple of the wrong ones that may be, one
// place may send before the first answer counts as wrong.
const triesAtOnce = 3

// brake counts the wrong passwords of one log-in.
type brake struct {
	wrong, tries, place, name string // keys; no place and no name for a known browser
	// account is the key of the account that was found, by whichever name: a name and an
	// address together are tried as often as one. That it is exhausted is not told, for it
	// would tell that the two are one account's.
	account string
	limit   int
	asker   Asker
}

// brakeOf returns the counts that an attempt is subject to; found is whom it is for, if there
// is somebody.
func (a *Accounts) brakeOf(ctx context.Context, name string, found User, c Client) (brake, error) {
	known := false
	if c.Browser != "" && found.ID != 0 {
		var err error
		if known, err = a.store.KnowsBrowser(ctx, found.ID, DigestOf(c.Browser), a.now()); err != nil {
			return brake{}, err
		}
	}
	from := "|" + c.Place()
	if known {
		digest := sha256.Sum256([]byte(c.Browser))
		from = "|device " + hex.EncodeToString(digest[:8])
	}
	of := strings.ToLower(name) + from
	b := brake{wrong: "login:wrong:" + of, tries: "login:try:" + of, limit: a.limits.WrongPasswords, asker: c.asker()}
	if found.ID != 0 {
		b.account = "login:account:" + strconv.FormatInt(found.ID, 10) + from
	}
	if known {
		b.asker.Class = turn.Known
		return b, nil
	}
	b.place, b.name = "login:from:"+c.Place(), "login:name:"+strings.ToLower(name)
	guessed, err := a.store.Exhausted(ctx, b.name, a.limits.GuessedFrom, a.now())
	if err != nil {
		return brake{}, err
	}
	if guessed > 0 {
		b.limit = min(b.limit, a.limits.WrongPasswordsSlowed)
	}
	wrong, err := a.store.Exhausted(ctx, b.place, 1, a.now())
	if wrong > 0 {
		b.asker.Class = turn.Doubtful
	}
	return b, err
}

// admit refuses an attempt after too many wrong ones, and counts it.
func (a *Accounts) admit(ctx context.Context, b brake) error {
	now := a.now()
	wait, err := a.store.Exhausted(ctx, b.wrong, b.limit, now)
	if err == nil && wait == 0 && b.place != "" {
		wait, err = a.store.Exhausted(ctx, b.place, a.limits.WrongFromPlace, now)
	}
	if err == nil && wait == 0 {
		wait, err = a.store.Attempt(ctx, b.tries, triesAtOnce*a.limits.WrongPasswords, attemptWindow, now)
	}
	if err == nil && wait > 0 {
		err = &TooManyAttempts{wait}
	}
	return err
}

// countWrong counts a wrong password.
func (a *Accounts) countWrong(ctx context.Context, b brake) error {
	for key, limit := range map[string]int{b.wrong: b.limit, b.account: b.limit, b.place: a.limits.WrongFromPlace, b.name: a.limits.GuessedFrom} {
		if key == "" {
			continue
		}
		if _, err := a.store.Attempt(ctx, key, limit, attemptWindow, a.now()); err != nil {
			return err
		}
	}
	return nil
}

// Recognize remembers the browser that the user has logged in with, and returns what
// it is to keep.
func (a *Accounts) Recognize(ctx context.Context, userID int64, c Client) (browser string, err error) {
	browser = c.Browser
	digest := DigestOf(browser)
	known := false
	if browser != "" {
		if known, err = a.store.KnowsBrowser(ctx, userID, digest, a.now()); err != nil {
			return "", err
		}
	}
	if !known {
		browser, digest = NewSecret()
	}
	return browser, a.store.RememberBrowser(ctx, userID, digest, a.now().Add(browserLifetime))
}

// ConfirmPerson asks for the password again unless the session's log-in is recent.
func (a *Accounts) ConfirmPerson(ctx context.Context, user User, s Session, password string, c Client) error {
	if !a.NeedsPassword(s) {
		return nil
	}
	if password == "" {
		return &fault.Violation{Field: "password", Reason: reason.Required}
	}
	return a.checkOwn(ctx, "password", user, password, c)
}

// NeedsPassword reports whether the log-in is too long ago for what opens new ways
// into the account.
func (a *Accounts) NeedsPassword(s Session) bool { return a.now().Sub(s.CreatedAt) > recently }

// BrowserLifetime is how long a browser keeps what it is known by.
func BrowserLifetime() time.Duration { return browserLifetime }
