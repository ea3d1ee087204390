package account_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
)

// Whoever adds somebody else's address to an account does not get that person into it.
func TestUnconfirmedAddressOwnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	eve := w.join(t, "eve")
	eve.want("POST", "/accounts/email/", "action=add&email=vera@schule.example", 303, "")
	// The reset says that there is no account, and the address is no way in.
	vera := w.visitor(t)
	vera.want("POST", "/accounts/password/reset/", "email=vera@schule.example", 200, "")
	w.mails.last(t, identity.MailUnknown, "vera@schule.example")
	vera.want("POST", "/accounts/login/", "login=vera@schule.example&password="+password, 422, "passen nicht")
	// Its owner signs up and has an account of their own.
	w.join(t, "vera")
}

// A forgotten password may be a stolen one: what the thief made ends with it.
func TestNewPasswordEndsTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	stolen, kept := v.makeToken("stolen"), v.makeToken("kept")
	page := v.want("GET", "/accounts/password/change/", "", 200, "stolen")
	id := checkbox(t, page.body, "kept")
	v.want("POST", "/accounts/password/change/", "oldpassword="+password+"&password1="+another+"&password2="+another+"&keep="+id, 303, "done=password")
	if got := w.program(t, stolen).whoami(); got == "writer" {
		t.Error("a token outlived the change of the password")
	}
	if got := w.program(t, kept).whoami(); got != "writer" {
		t.Errorf("the token that was to stay: %s", got)
	}
	v.want("POST", "/accounts/password/reset/", "email=vera@schule.example", 200, "")
	key := w.mails.last(t, identity.MailReset, "vera@schule.example").Key
	v.want("GET", "/accounts/password/reset/key/"+key+"/", "", 200, "kept")
	v.want("POST", "/accounts/password/reset/key/"+key+"/", "password1="+password+"&password2="+password, 303, "")
	if got := w.program(t, kept).whoami(); got == "writer" {
		t.Error("a token outlived the reset")
	}
}

// makeToken makes a writing token and returns its secret.
func (v *visitor) makeToken(name string) string {
	v.t.Helper()
	page := v.want("POST", "/accounts/sessions/", "action=create&scope=write&days=30&name="+name, 200, `class="secret"`)
	_, rest, _ := strings.Cut(page.body, `class="secret">`)
	secret, _, _ := strings.Cut(rest, "<")
	return secret
}

func (w *world) program(t *testing.T, token string) *visitor {
	t.Helper()
	v := w.visitor(t)
	v.header.Set("Authorization", "Bearer "+token)
	return v
}

// checkbox returns the value of the checkbox before a text.
func checkbox(t *testing.T, body, text string) string {
	t.Helper()
	before, _, found := strings.Cut(body, text)
	_, value, found2 := strings.Cut(before[max(strings.LastIndex(before, `name="keep"`), 0):], `value="`)
	value, _, _ = strings.Cut(value, `"`)
	if !found || !found2 {
		t.Fatalf("no checkbox before %q in:\n%s", text, body)
	}
	return value
}

// A session that somebody left open gives nobody a way in of their own.
func TestNewWaysInNeedARecentLogIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	v.want("POST", "/accounts/email/", "action=add&email=vera@home.example", 303, "done=email_add")
	w.mails.sent(t, identity.MailEmailAdded, "vera@schule.example")
	v.makeToken("script")
	w.mails.sent(t, identity.MailTokenMade, "vera@schule.example")
	w.sleep(time.Hour)
	for path, form := range map[string]string{
		"/accounts/email/":    "action=add&email=eve@evil.example",
		"/accounts/sessions/": "action=create&name=evil&scope=write&days=0",
	} {
		v.want("POST", path, form, 422, `name="password"`)
		v.want("POST", path, form+"&password=wrong", 422, "falsch")
		if a := v.do("POST", path, form+"&password="+password); a.status >= 400 {
			t.Errorf("%s with the password: %d\n%s", path, a.status, a.body)
		}
	}
}

// Nor does it take away the address by which the owner would come back. Single addresses
// have no field for the password; they lead to a page that asks for it and for nothing else.
func TestAddressesStayWithoutTheirOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	v.want("POST", "/accounts/email/", "action=add&email=vera@home.example", 303, "done=email_add")
	id := field(t, v.do("GET", "/accounts/email/", "").body, "vera@home.example")
	key := w.mails.last(t, identity.MailConfirm, "vera@home.example").Key
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "/accounts/email/")
	w.sleep(time.Hour)
	for _, action := range []string{"primary", "remove"} {
		form := "action=" + action + "&id=" + id
		a := v.do("POST", "/accounts/email/", form)
		for _, part := range []string{`name="password"`, `name="id" value="` + id + `"`, `value="` + action + `"`, "vera@"} {
			if a.status != 200 || !strings.Contains(a.body, part) {
				t.Errorf("%s: %d, without %s in\n%s", action, a.status, part, a.body)
			}
		}
		if strings.Contains(a.body, `aria-invalid`) || strings.Contains(a.body, `class="error"`) || strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: something is wrong before anybody was asked\n%s", action, a.body)
		}
		v.want("POST", "/accounts/email/", form+"&password=", 422, "Passwort")
		if strings.Contains(a.body, `type="email"`) {
			t.Errorf("%s: another address is asked for\n%s", action, a.body)
		}
		v.want("POST", "/accounts/email/", form+"&password=wrong", 422, "falsch")
		v.want("POST", "/accounts/email/", form+"&password="+password, 303, "done=email_"+action)
		if action == "primary" { // which stays
			id = field(t, v.do("GET", "/accounts/email/", "").body, "vera@schule.example")
		}
	}
	w.mails.sent(t, identity.MailEmailRemoved, "vera@schule.example")
}

func (l *letterbox) sent(t *testing.T, kind identity.MailKind, to string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.mails {
		if m.Kind == kind && m.To == to {
			return
		}
	}
	t.Errorf("no mail %s to %s", kind, to)
}

// from lets the visitor come from another address.
func (v *visitor) from(address string) *visitor {
	v.header.Set("X-Forwarded-For", address)
	return v
}

// Wrong passwords keep out whoever sends them, and not the owner of the account.
func TestLockOutIsNoWeapon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vera := w.join(t, "vera") // a browser that is known from now on
	wrong := "login=vera&password=wrong"
	eve := w.visitor(t).from("203.0.113.1")
	for range 7 {
		eve.want("POST", "/accounts/login/", wrong, 422, "")
	}
	eve.want("POST", "/accounts/login/", wrong, 429, "")
	w.visitor(t).from("198.51.100.7").logIn("vera", password)
	// Also from the same address, as in a school, where the browser is known.
	vera.want("POST", "/accounts/logout/", "x=1", 303, "")
	vera.from("203.0.113.1").logIn("vera", password)
	// A known browser may not guess for ever either.
	vera.want("POST", "/accounts/logout/", "x=1", 303, "")
	for range 7 {
		vera.want("POST", "/accounts/login/", wrong, 422, "")
	}
	vera.want("POST", "/accounts/login/", wrong, 429, "")
}

// An account may be called as somebody's address is: the predecessor allowed it. It does
// not get their log-ins.
func TestNameIsNobodysAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vera := w.join(t, "vera")
	vera.want("POST", "/accounts/logout/", "x=1", 303, "")
	w.join(t, "eve")
	if _, err := w.pool.Exec(t.Context(), "UPDATE user_account SET username = 'vera@schule.example' WHERE username = 'eve'"); err != nil {
		t.Fatal(err)
	}
	visitor := w.visitor(t)
	visitor.logIn("vera@schule.example", password)
	visitor.want("GET", "/accounts/profile/", "", 200, `value="vera"`)
}

// Many places that guess one name are slowed down, and a new place still gets in.
func TestManyPlacesThatGuess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "vera")
	tried := 0
	for i := range 20 {
		eve := w.visitor(t).from("203.0.113." + strconv.Itoa(i+1))
		for range 7 {
			if eve.do("POST", "/accounts/login/", "login=vera&password=wrong").status == 422 {
				tried++
			}
		}
	}
	if tried > 60+2*20 {
		t.Errorf("%d of 140 guesses were looked at, want 100 at the most", tried)
	}
	w.visitor(t).from("198.51.100.7").logIn("vera", password)
}

// Everybody with IPv6 has 2^64 addresses.
func TestIPv6IsCountedByNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "vera")
	for i := range 7 {
		w.visitor(t).from("2001:db8:1:2::"+strconv.Itoa(i+1)).want("POST", "/accounts/login/", "login=vera&password=wrong", 422, "")
	}
	w.visitor(t).from("2001:db8:1:2:ffff::1").want("POST", "/accounts/login/", "login=vera&password="+password, 429, "")
	w.visitor(t).from("2001:db8:1:3::1").logIn("vera", password)
}

func TestOddNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.visitor(t)
	for name, login := range map[string]string{
		"long": strings.Repeat("x", 5000), "no UTF-8": "\xff\xfe",
	} {
		a := v.do("POST", "/accounts/login/", url.Values{"login": {login}, "password": {password}}.Encode())
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	v.want("POST", "/accounts/login/", "login=a%00b&password="+password, http.StatusBadRequest, "")
	// The same letters in other forms are the same name, as with the predecessor.
	form := "&email=zoe@schule.example&password1=" + password + "&password2=" + password
	v.want("POST", "/accounts/signup/", "username="+url.QueryEscape("ｚｏｅ\u0301")+form, 200, "")
	key := w.mails.last(t, identity.MailConfirm, "zoe@schule.example").Key
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "")
	v.logIn("zoé", password)
	v.want("POST", "/accounts/logout/", "x=1", 303, "")
	v.logIn("zoe\u0301", password)
}

// What no column keeps is said of the field it came in.
func TestFormsThatAreNoText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.visitor(t)
	v.header.Set("Accept-Language", "en")
	v.want("POST", "/accounts/login/", "login=a%00b&password=x", 400, "login: It has characters that cannot be kept.")
	v.want("POST", "/accounts/signup/", "username=a%00b&email=a@b.de", 400, "User name: It has characters that cannot be kept.")
	v.want("POST", "/accounts/signup/", "username=%ff", 400, "User name: It has characters that cannot be kept.")
}

// Whoever has mails of one kind sent to somebody does not keep others from them: not the link
// for a new password, nor that of a sign-up.
func TestMailsKeepNobodyFromOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "eve")
	vera := w.join(t, "vera")
	for range identitytest.Limits(t).MailsToAddress {
		w.invite(t, "eve", "vera@schule.example")
		w.invite(t, "eve", "neu@schule.example")
	}
	vera.from("192.0.2.7").want("POST", "/accounts/password/reset/", "email=vera@schule.example", 200, "")
	w.mails.last(t, identity.MailReset, "vera@schule.example")
	w.visitor(t).from("192.0.2.8").want("POST", "/accounts/signup/",
		"username=neu&email=neu@schule.example&password1="+password+"&password2="+password, 200, "")
	w.mails.last(t, identity.MailConfirm, "neu@schule.example")
}
