package account_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/account"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// letterbox keeps the mails that would be sent.
type letterbox struct {
	mu    sync.Mutex
	mails []identity.Mail
}

func (l *letterbox) Send(_ context.Context, m identity.Mail) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mails = append(l.mails, m)
	return nil
}

// last returns the latest mail, which must be of this kind and to this address.
func (l *letterbox) last(t *testing.T, kind identity.MailKind, to string) identity.Mail {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mails) == 0 {
		t.Fatalf("no mail; want %s to %s", kind, to)
	}
	m := l.mails[len(l.mails)-1]
	if m.Kind != kind || m.To != to {
		t.Fatalf("the latest mail is %s to %s, want %s to %s", m.Kind, m.To, kind, to)
	}
	return m
}

// world is the account pages, an API that tells who calls, and a clock.
type world struct {
	server *httptest.Server
	pool   *pgxpool.Pool
	mails  *letterbox
	mu     sync.Mutex
	time   time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWithin(t, identitytest.Limits(t))
}

func newWorldWithin(t *testing.T, limits identity.Limits) *world {
	t.Helper()
	return newWorldWithMails(t, limits, mail.Way{Host: "smtp.example.org"})
}

func newWorldWithMails(t *testing.T, limits identity.Limits, mails mail.Way) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t), mails: &letterbox{}, time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.DiscardHandler)
	accounts := identity.NewAccounts(postgres.NewIdentity(pgtest.As(t, schema.Managair, w.pool)), identitytest.Hasher(), w.mails, limits, w.now)
	doors := session.NewAuthenticator(accounts, log, "https://clair.example", func(rw http.ResponseWriter, _ *http.Request, err error) {
		http.Error(rw, fault.Text(err), fault.HTTPStatus(err))
	})
	mux := http.NewServeMux()
	mux.Handle("/accounts/", account.NewPages(accounts, doors, mails, postgres.Notifications{Pool: pgtest.As(t, schema.Managair, w.pool)}, postgres.ReportMails{Pool: pgtest.As(t, schema.Managair, w.pool)}, log).Handler())
	mux.HandleFunc("/api/v1/whoami", func(rw http.ResponseWriter, r *http.Request) {
		caller := access.CallerFrom(r.Context())
		switch {
		case caller.Anonymous():
			_, _ = io.WriteString(rw, "nobody")
		case caller.ReadOnly:
			_, _ = io.WriteString(rw, "reader")
		default:
			_, _ = io.WriteString(rw, "writer")
		}
	})
	w.server = httptest.NewServer(web.Guard(web.GuardConfig{}, "", doors.Middleware(mux)))
	t.Cleanup(w.server.Close)
	return w
}

// visitor is somebody with a browser, in German.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
	header http.Header
}

func (w *world) visitor(t *testing.T) *visitor {
	t.Helper()
	return &visitor{t, w.server.URL, &http.Client{
		Jar:           newJar(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, http.Header{}}
}

// newJar returns cookies that also go over plain HTTP, as the test's server speaks it.
func newJar(t *testing.T) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return insecureJar{jar}
}

type insecureJar struct{ http.CookieJar }

func (j insecureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure = false
	}
	j.CookieJar.SetCookies(u, cookies)
}

type answer struct {
	status int
	body   string
	header http.Header
}

func (v *visitor) do(method, path, form string) answer {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header = v.header.Clone()
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{resp.StatusCode, string(body), resp.Header}
}

// want checks status, and what the answer shows or where it leads.
func (v *visitor) want(method, path, form string, status int, shows string) answer {
	v.t.Helper()
	a := v.do(method, path, form)
	if a.status != status || !strings.Contains(a.body+a.header.Get("Location"), shows) {
		v.t.Fatalf("%s %s: %d to %q, want %d and %q in:\n%s", method, path, a.status, a.header.Get("Location"), status, shows, a.body)
	}
	return a
}

const (
	password = "Trompete-7-blau"
	another  = "Klavier-9-gelb"
)

// join signs somebody up, confirms and logs in.
func (w *world) join(t *testing.T, name string) *visitor {
	t.Helper()
	v := w.visitor(t)
	email := name + "@schule.example"
	v.want("POST", "/accounts/signup/", "username="+name+"&email="+email+"&password1="+password+"&password2="+password, 200, email)
	key := w.mails.last(t, identity.MailConfirm, email).Key
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "/accounts/login/?done=confirmed")
	v.logIn(name, password)
	return v
}

func (v *visitor) logIn(name, password string) {
	v.t.Helper()
	v.want("POST", "/accounts/login/", url.Values{"login": {name}, "password": {password}}.Encode(), 303, "/dashboard")
}

func (v *visitor) whoami() string {
	v.t.Helper()
	return v.do("GET", "/api/v1/whoami", "").body
}

func TestSignUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.visitor(t)
	form := "username=vera&email=vera@schule.example&password1=" + password + "&password2=" + password
	v.want("POST", "/accounts/signup/", form+"x", 422, "verschieden")
	v.want("POST", "/accounts/signup/", "username=vera&email=vera@schule.example&password1=schule.example&password2=schule.example", 422, "hnlich")
	v.want("POST", "/accounts/signup/", strings.Replace(form, "vera@schule.example", "vera", 1), 422, "richtige Form")
	v.want("POST", "/accounts/signup/", form, 200, "vera@schule.example")
	// Not before the address is confirmed; and looking at the link is no confirmation.
	v.want("POST", "/accounts/login/", "login=vera&password="+password, 422, "nicht bestätigt")
	key := w.mails.last(t, identity.MailConfirm, "vera@schule.example").Key
	v.want("GET", "/accounts/confirm-email/"+key+"/", "", 200, "vera@schule.example")
	v.want("POST", "/accounts/login/", "login=vera&password="+password, 422, "nicht bestätigt")
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "done=confirmed")
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 410, "schon benutzt")
	v.want("POST", "/accounts/login/", "login=VERA@schule.example&password="+password+"&next=/admin/", 303, "/admin/")
	if got := v.whoami(); got != "writer" {
		t.Errorf("logged in as %s", got)
	}
	v.want("POST", "/accounts/logout/", "x=1", 303, "/accounts/login/")
	if got := v.whoami(); got != "nobody" {
		t.Errorf("after logging out: %s", got)
	}
}

// Neither signing up, logging in nor asking for a password tells who has an account.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "vera")
	v := w.visitor(t)
	for name, forms := range map[string][2]string{
		"/accounts/login/":          {"login=vera&password=wrong", "login=Vera2&password=wrong"},
		"/accounts/password/reset/": {"email=vera@schule.example", "email=ve_a@schule.example"},
		"/accounts/signup/": {
			"username=one&email=vera@schule.example&password1=" + password + "&password2=" + password,
			"username=two&email=ve_a@schule.example&password1=" + password + "&password2=" + password,
		},
	} {
		known, unknown := v.do("POST", name, forms[0]), v.do("POST", name, forms[1])
		mask := strings.NewReplacer("ve_a@", "vera@", "Vera2", "vera", "two", "one")
		if known.status != unknown.status || mask.Replace(known.body) != mask.Replace(unknown.body) {
			t.Errorf("%s answers %d to a known name and %d to an unknown one, or other words:\n%s\n%s",
				name, known.status, unknown.status, known.body, unknown.body)
		}
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join(t, "vera")
	v := w.visitor(t)
	for range 7 {
		v.want("POST", "/accounts/login/", "login=vera&password=wrong", 422, "passen nicht")
	}
	// Also with the right password, and by whatever case the name is written in.
	a := v.want("POST", "/accounts/login/", "login=VERA&password="+password, 429, "Zu viele Versuche")
	if a.header.Get("Retry-After") != "300" {
		t.Errorf("Retry-After: %q, want 300", a.header.Get("Retry-After"))
	}
	w.sleep(5 * time.Minute)
	v.logIn("vera", password)
}

func TestNewPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := w.join(t, "vera"), w.visitor(t)
	there.logIn("vera", password)
	here.want("POST", "/accounts/password/change/", "oldpassword=wrong&password1="+another+"&password2="+another, 422, "falsch")
	here.want("POST", "/accounts/password/change/", "oldpassword="+password+"&password1="+another+"&password2="+another, 303, "done=password")
	w.mails.last(t, identity.MailPasswordSet, "vera@schule.example")
	if here.whoami() != "writer" || there.whoami() != "nobody" {
		t.Errorf("after the change: here %s, there %s", here.whoami(), there.whoami())
	}
	// A forgotten one ends all of them, and its link works once and for an hour.
	there.want("POST", "/accounts/password/reset/", "email=vera@schule.example", 200, "vera@schule.example")
	late := w.mails.last(t, identity.MailReset, "vera@schule.example").Key
	w.sleep(time.Hour)
	there.want("GET", "/accounts/password/reset/key/"+late+"/", "", 410, "zu alt")
	there.want("POST", "/accounts/password/reset/", "email=vera@schule.example", 200, "")
	key := w.mails.last(t, identity.MailReset, "vera@schule.example").Key
	path := "/accounts/password/reset/key/" + key + "/"
	there.want("GET", path, "", 200, "vera")
	there.want("GET", "/accounts/password/reset/key/x"+key+"/", "", 410, "")
	there.want("POST", path, "password1=vera@schule&password2=vera@schule", 422, "hnlich")
	there.want("POST", path, "password1="+password+"&password2="+password, 303, "done=password")
	there.want("POST", path, "password1="+another+"&password2="+another, 410, "schon benutzt")
	if got := here.whoami(); got != "nobody" {
		t.Errorf("a session outlived the reset: %s", got)
	}
	there.logIn("vera", password)
}

func TestEmailAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v, other := w.join(t, "vera"), w.join(t, "tom")
	v.want("POST", "/accounts/email/", "action=add&email=vera@home.example", 303, "done=email_add")
	v.want("POST", "/accounts/email/", "action=add&email=VERA@home.example", 422, "schon benutzt")
	id := field(t, v.do("GET", "/accounts/email/", "").body, "vera@home.example")
	v.want("POST", "/accounts/email/", "action=primary&id="+id, 404, "")
	key := w.mails.last(t, identity.MailConfirm, "vera@home.example").Key
	v.want("POST", "/accounts/confirm-email/"+key+"/", "x=1", 303, "/accounts/email/")
	other.want("POST", "/accounts/email/", "action=primary&id="+id, 404, "")
	other.want("POST", "/accounts/email/", "action=remove&id="+id, 404, "")
	v.want("POST", "/accounts/email/", "action=primary&id="+id, 303, "done=email_primary")
	// The old address is told, and then it can go.
	w.mails.last(t, identity.MailEmailReplaced, "vera@schule.example")
	v.want("POST", "/accounts/email/", "action=remove&id="+id, 404, "")
	// Who claims a confirmed address of somebody else cannot confirm it.
	other.want("POST", "/accounts/email/", "action=add&email=vera@home.example", 303, "done=email_add")
	stolen := w.mails.last(t, identity.MailConfirm, "vera@home.example").Key
	other.want("POST", "/accounts/confirm-email/"+stolen+"/", "x=1", 410, "")
}

// field returns the id in the form that follows text on the page.
func field(t *testing.T, body, text string) string {
	t.Helper()
	_, rest, found := strings.Cut(body, text)
	_, rest, found2 := strings.Cut(rest, `name="id" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	if !found || !found2 {
		t.Fatalf("no form after %q in:\n%s", text, body)
	}
	return id
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	page := v.want("POST", "/accounts/sessions/", "action=create&name=script&scope=read&days=30", 200, `class="secret"`)
	_, rest, _ := strings.Cut(page.body, `class="secret">`)
	secret, _, _ := strings.Cut(rest, "<")
	if body := v.do("GET", "/accounts/sessions/", "").body; strings.Contains(body, secret) || !strings.Contains(body, "script") {
		t.Error("the token is shown a second time, or not listed")
	}
	program := w.visitor(t)
	for _, scheme := range []string{"Token ", "bearer "} {
		program.header.Set("Authorization", scheme+secret)
		if got := program.whoami(); got != "reader" {
			t.Errorf("with %q: %s", scheme, got)
		}
	}
	// A token is no way into the account.
	program.want("GET", "/accounts/sessions/", "", 303, "/accounts/login/")
	w.sleep(30 * 24 * time.Hour)
	program.want("GET", "/api/v1/whoami", "", 401, "invalid token")
	program.header.Set("Authorization", "Basic eDp5")
	if got := program.whoami(); got != "nobody" {
		t.Errorf("with another scheme: %s", got)
	}
	// After a month the session is over too.
	v.want("GET", "/accounts/sessions/", "", 303, "/accounts/login/")
	v.logIn("vera", password)
	id := field(t, v.do("GET", "/accounts/sessions/", "").body, "script")
	other := w.join(t, "tom")
	other.want("POST", "/accounts/sessions/", "action=revoke&id="+id, 303, "")
	if !strings.Contains(v.do("GET", "/accounts/sessions/", "").body, "script") {
		t.Error("somebody else revoked the token")
	}
	v.want("POST", "/accounts/sessions/", "action=revoke&id="+id, 303, "")
	if strings.Contains(v.do("GET", "/accounts/sessions/", "").body, "script") {
		t.Error("the token is still there")
	}
}

func TestForeignWritesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	v.header.Set("Sec-Fetch-Site", "cross-site")
	v.want("POST", "/accounts/logout/", "x=1", 403, "")
	v.want("POST", "/accounts/login/", "login=vera&password="+password, 403, "")
	v.header = http.Header{}
	v.want("POST", "/api/v1/whoami", "x=1", 403, "csrftoken")
	address, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(address) {
		if c.Name == "__Host-csrftoken" {
			v.header.Set("X-CSRFToken", c.Value)
		}
	}
	v.want("POST", "/api/v1/whoami", "x=1", 200, "writer")
}

// Sessions of the time before cookies were bound to the host go on, under the new name.
func TestOldCookiesAreExchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	address, err := url.Parse(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	old := w.visitor(t)
	for _, c := range v.client.Jar.Cookies(address) {
		if name, found := strings.CutPrefix(c.Name, "__Host-"); found && name != "known_device" {
			old.client.Jar.SetCookies(address, []*http.Cookie{{Name: name, Value: c.Value, Path: "/"}})
		}
	}
	names := func() (all string) {
		for _, c := range old.client.Jar.Cookies(address) {
			all += c.Name + " "
		}
		return all
	}
	a := old.want("GET", "/api/v1/whoami", "", 200, "writer")
	if got := names(); !strings.Contains(got, "__Host-sessionid") || !strings.Contains(got, "__Host-csrftoken") {
		t.Errorf("cookies %s after %v", got, a.header)
	}
	if a := old.want("GET", "/api/v1/whoami", "", 200, "writer"); len(a.header.Values("Set-Cookie")) > 0 {
		t.Errorf("exchanged again: %v", a.header)
	}
	// What another host plants goes behind.
	old.client.Jar.SetCookies(address, []*http.Cookie{{Name: "sessionid", Value: "planted", Path: "/"}})
	old.want("GET", "/api/v1/whoami", "", 200, "writer")
	old.want("POST", "/accounts/logout/", "x=1", 303, "")
	if got := names(); strings.Contains(got, "sessionid") || strings.Contains(got, "csrftoken") {
		t.Errorf("cookies %s after logging out", got)
	}
}

func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", ""} {
		a := v.do("POST", "/accounts/login/", url.Values{"login": {"vera"}, "password": {password}, "next": {next}}.Encode())
		if got := a.header.Get("Location"); got != "/dashboard" {
			t.Errorf("next=%q leads to %q", next, got)
		}
	}
}

func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	_, err := w.pool.Exec(t.Context(), `
		WITH o AS (INSERT INTO organization (name) VALUES ('Schule') RETURNING id)
		INSERT INTO membership (user_id, organization_id, role) SELECT u.id, o.id, 'O' FROM user_account u, o`)
	if err != nil {
		t.Fatal(err)
	}
	v.want("POST", "/accounts/delete/", "password=wrong", 422, "falsch")
	v.want("POST", "/accounts/delete/", "password="+password, 409, "Schule")
	if _, err := w.pool.Exec(t.Context(), "DELETE FROM organization"); err != nil {
		t.Fatal(err)
	}
	v.want("POST", "/accounts/delete/", "password="+password, 303, "done=deleted")
	if got := v.whoami(); got != "nobody" {
		t.Errorf("after deleting: %s", got)
	}
	v.want("POST", "/accounts/login/", "login=vera&password="+password, 422, "passen nicht")
}

// Every page in both languages, with the headers that bound it.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.join(t, "vera")
	stranger := w.visitor(t)
	for _, lang := range []string{"de", "en"} {
		for path, who := range map[string]*visitor{
			"/accounts/": v, "/accounts/email": v, "/accounts/profile/": v, "/accounts/password/change": v, "/accounts/sessions/": v,
			"/accounts/delete/": v, "/accounts/logout/": v, "/accounts/login/": stranger, "/accounts/signup/": stranger,
			"/accounts/password/reset/": stranger,
		} {
			who.header.Set("Accept-Language", lang)
			a := who.want("GET", path, "", 200, `<html lang="`+lang+`">`)
			// A key without text shows itself.
			for _, sign := range []string{"title_", "action_", "hint_", "wrong_", "%!", "<no value>"} {
				if strings.Contains(a.body, ">"+sign) {
					t.Errorf("%s in %s shows %q", path, lang, sign)
				}
			}
			if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(a.body, "<script") {
				t.Errorf("%s: Content-Security-Policy %q, or a script", path, csp)
			}
		}
	}
	v.want("GET", "/accounts/nothing/", "", 404, "")
	v.want("PUT", "/accounts/login/", "", 405, "")
}
