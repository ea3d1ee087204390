package identity_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
)

// Whoever is told that something is too long is told how long it may be.
func TestTooLongNamesTellTheLimit(t *testing.T) {
	t.Parallel()
	accounts := identity.NewAccounts(nil, nil, nil, identitytest.Limits(t), time.Now)
	profile := func(u identity.User) error {
		_, err := accounts.UpdateProfile(t.Context(), u)
		return err
	}
	long := func(n int) string { return strings.Repeat("ü", n+1) }
	for _, c := range []struct {
		name, field string
		limit       int
		err         func() error
	}{
		{"username", "username", identity.MaxUsername, func() error {
			_, err := identity.CleanUsername(long(identity.MaxUsername))
			return err
		}},
		{"log-in", "username", identity.MaxEmail, func() error {
			_, err := accounts.CheckPassword(t.Context(), long(identity.MaxEmail), "x", identity.Client{})
			return err
		}},
		{"first name", "first_name", identity.MaxName, func() error {
			return profile(identity.User{Username: "vera", FirstName: long(identity.MaxName)})
		}},
		{"last name", "last_name", identity.MaxName, func() error {
			return profile(identity.User{Username: "vera", LastName: long(identity.MaxName)})
		}},
		{"in the store", "username", identity.MaxUsername, func() error {
			v, ok := identity.Broken("user_account_username_length")
			if !ok {
				return nil
			}
			return v
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, ok := errors.AsType[*fault.Violation](c.err())
			if !ok || v.Field != c.field || v.Reason != reason.MaxLength || !slices.Equal(v.Args, []any{c.limit}) {
				t.Errorf("got %+v, want that %s has up to %d characters", v, c.field, c.limit)
			}
		})
	}
}

// profiles keeps the last profile that was updated.
type profiles struct {
	identity.Store

	first, last string
}

func (p *profiles) UpdateProfile(_ context.Context, _ int64, _, first, last string) (identity.User, error) {
	p.first, p.last = first, last
	return identity.User{}, nil
}

func TestBlanksAroundANameAreNoPartOfIt(t *testing.T) {
	t.Parallel()
	var kept profiles
	accounts := identity.NewAccounts(&kept, nil, nil, identitytest.Limits(t), time.Now)
	name := strings.Repeat("ü", identity.MaxName)
	if _, err := accounts.UpdateProfile(t.Context(), identity.User{Username: "vera", FirstName: "  " + name + " ", LastName: " "}); err != nil {
		t.Fatal(err)
	}
	if kept.first != name || kept.last != "" {
		t.Errorf("kept %q and %q", kept.first, kept.last)
	}
}

func TestUsernamesOfOneScript(t *testing.T) {
	t.Parallel()
	for name, fine := range map[string]bool{
		"vera": true, "müller": true, "вера": true, "βέρα": true, "vera-2": true, "木村vera": true,
		"аdmin": false, "αdmin": false, "вера_v": false, "mаller": false,
	} {
		if _, err := identity.CleanUsername(name); (err == nil) != fine {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Browsers send domains as mail servers know them; people read them as they wrote them.
func TestReadableEmail(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"post@xn--mller-schule-dlb.de": "post@müller-schule.de",
		"post@müller-schule.de":        "post@müller-schule.de",
		"post@school.example":          "post@school.example",
		"post@xn--pple-43d.com":        "post@xn--pple-43d.com", // a Cyrillic letter among Latin ones
		"post@xn--a":                   "post@xn--a",
		"post":                         "post",
		"":                             "",
	} {
		if got := identity.ReadableEmail(email); got != want {
			t.Errorf("%s: %s, want %s", email, got, want)
		}
	}
}
