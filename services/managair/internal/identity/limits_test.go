package identity_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// A limit of 0 shut everybody out, and nobody was told.
func TestLimitsOfNothingAreRefused(t *testing.T) {
	t.Parallel()
	good := identity.Limits{
		WrongPasswords: 7, WrongPasswordsSlowed: 1, GuessedFrom: 60, WrongFromPlace: 100, MailsToAddress: 5, MailsFromPlace: 50,
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*identity.Limits){
		"LOGIN_WRONG_PASSWORDS":        func(l *identity.Limits) { l.WrongPasswords = 0 },
		"LOGIN_WRONG_PASSWORDS_SLOWED": func(l *identity.Limits) { l.WrongPasswordsSlowed = -1 },
		"LOGIN_GUESSED_FROM":           func(l *identity.Limits) { l.GuessedFrom = 0 },
		"LOGIN_WRONG_FROM_PLACE":       func(l *identity.Limits) { l.WrongFromPlace = 0 },
		"MAILS_TO_ADDRESS":             func(l *identity.Limits) { l.MailsToAddress = 0 },
		"MAILS_FROM_PLACE":             func(l *identity.Limits) { l.MailsFromPlace = -5 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Validate(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
