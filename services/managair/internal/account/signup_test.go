package account_test

import (
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
)

func signUpForm(name string) string {
	return "username=" + name + "&email=" + name + "@schule.example&password1=" + password + "&password2=" + password
}

func TestSignUpIsClosed(t *testing.T) {
	t.Parallel()
	limits := identitytest.Limits(t)
	limits.SignUp = identity.SignUpClosed
	w := newWorldWithin(t, limits)
	v := w.visitor(t)
	v.want("GET", "/accounts/signup/", "", 200, "nur die Verwalter")
	v.want("POST", "/accounts/signup/", signUpForm("vera"), 403, "nur die Verwalter")
	if n := w.accounts(t); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

// Whether an address is invited shows in its own mail only.
func TestSignUpIsByInvitation(t *testing.T) {
	t.Parallel()
	limits := identitytest.Limits(t)
	limits.SignUp = identity.SignUpInvitation
	w := newWorldWithin(t, limits)
	if _, err := w.pool.Exec(t.Context(), `
		INSERT INTO organization (id, name) VALUES (1, 'Haus');
		INSERT INTO invitation (organization_id, email, digest, created_at, expires_at) VALUES
		    (1, 'Vera@schule.example', sha256('a'), '2026-11-20', '2026-12-01'), (1, 'late@schule.example', sha256('b'), '2026-11-01', '2026-11-15')`); err != nil {
		t.Fatal(err)
	}
	v := w.visitor(t)
	v.want("GET", "/accounts/signup/", "", 200, "auf Einladung")
	for _, name := range []string{"mallory", "late"} {
		v.want("POST", "/accounts/signup/", signUpForm(name), 200, "Wenn "+name+"@schule.example eingeladen ist")
	}
	if n := w.accounts(t); n != 0 {
		t.Errorf("%d accounts were made of those who are not invited", n)
	}
	v.want("POST", "/accounts/signup/", signUpForm("vera"), 200, "Wenn vera@schule.example eingeladen ist")
	key := w.mails.last(t, identity.MailConfirm, "vera@schule.example").Key
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "done=confirmed")
}

// Whoever tries Clair without a mail server is told where the mail with the link is.
func TestPagesSayWhereMailsAreThatNobodySends(t *testing.T) {
	t.Parallel()
	const where = "/admin/kept_mail/"
	for _, test := range []struct {
		name string
		way  mail.Way
		told bool
	}{{"kept", mail.Way{}, true}, {"sent", mail.Way{Host: "smtp.example.org"}, false}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldWithMails(t, identitytest.Limits(t), test.way)
			v := w.visitor(t)
			for path, page := range map[string]answer{
				"signup": v.do("POST", "/accounts/signup/", signUpForm("vera")),
				"login":  v.do("POST", "/accounts/login/", "login=vera&password="+password),
				"reset":  v.do("POST", "/accounts/password/reset/", "email=vera@schule.example"),
			} {
				if got := strings.Contains(page.body, where); got != test.told {
					t.Errorf("%s (%d): says where kept mails are: %v", path, page.status, got)
				}
			}
		})
	}
}

func (w *world) accounts(t *testing.T) (n int) {
	t.Helper()
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM user_account").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSignUpSettings(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"open": true, "invitation": true, "closed": true, "Open": false, "no": false} {
		var s identity.SignUp
		if err := s.UnmarshalText([]byte(text)); (err == nil) != ok {
			t.Errorf("SIGN_UP=%s: %v", text, err)
		}
	}
}
