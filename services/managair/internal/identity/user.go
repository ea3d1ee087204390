package identity

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/rule"
)

// User is an account. Who belongs to which organization is the inventory's matter.
type User struct {
	ID        int64
	Username  string
	Email     string // the primary address, "" for none
	FirstName string
	LastName  string
	Active    bool
	Staff     bool // may enter the admin pages
	Superuser bool // sees and does everything there
	JoinedAt  time.Time
	// LastLoginAt is nil for a user who never logged in.
	LastLoginAt *time.Time
}

// known is what an attacker could know of the user, for judging passwords.
func (u User) known() []string {
	return []string{u.Username, u.Email, u.FirstName, u.LastName}
}

// Limits of names and addresses, in characters. They are the predecessor's.
const (
	MaxUsername = 150
	MaxName     = 150
	MaxEmail    = 254
)

// personName is what a first or last name must be like.
var personName = rule.Text{Max: MaxName, Blank: true}

// TokenName is what the name of a person's token must be like.
var TokenName = rule.Text{Max: 100}

// CleanUsername cuts surrounding blanks off a name, folds the forms of its letters
// (NFKC) and checks it: letters, digits and @ . + - _ as with the predecessor. An e-mail address as a name would let
// somebody log in in the place of the owner of that address, so @ is refused when
// the name has the form of one. Letters of Latin, Greek and Cyrillic look the same: mixed,
// they make a second "admin" that nobody tells from the first, so they are not.
func CleanUsername(name string) (string, error) {
	name = norm.NFKC.String(strings.TrimSpace(name))
	switch {
	case name == "":
		return "", &fault.Violation{Field: "username", Reason: reason.Required}
	case utf8.RuneCountInString(name) > MaxUsername:
		return "", &fault.Violation{Field: "username", Reason: reason.MaxLength, Args: []any{MaxUsername}}
	case strings.ContainsFunc(name, notInUsername), mixesScripts(name), CheckEmail(name) == nil:
		return "", &fault.Violation{Field: "username", Reason: reason.Invalid}
	}
	return name, nil
}

// CleanEmail cuts surrounding blanks off an address and checks its form.
func CleanEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	if email == "" {
		return "", &fault.Violation{Field: "email", Reason: reason.Required}
	}
	return email, CheckEmail(email)
}

func mixesScripts(name string) bool {
	found := 0
	for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
		if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(script, r) }) {
			found++
		}
	}
	return found > 1
}

func notInUsername(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune("@.+-_", r)
}
