package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/httpapi"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity/identitytest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
)

// resetKeys takes the keys out of mails.
type resetKeys chan string

func (k resetKeys) Send(_ context.Context, m identity.Mail) error {
	if m.Kind == identity.MailReset {
		k <- m.Key
	}
	return nil
}

// authAPI is the API of accounts with one of them, vera.
type authAPI struct {
	t       *testing.T
	handler http.Handler
	keys    resetKeys
}

const veras = "Trompete-7-blau"

func newAuthAPI(t *testing.T) *authAPI {
	t.Helper()
	pool := pgtest.As(t, schema.Managair, pgtest.New(t))
	log := slog.New(slog.DiscardHandler)
	store, hasher, keys := postgres.NewIdentity(pool), identitytest.Hasher(), make(resetKeys, 1)
	hash, err := hasher.Hash(t.Context(), identity.Asker{}, veras)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.CreateUser(t.Context(), identity.NewUser{
		User:         identity.User{Username: "vera", Email: "vera@schule.example", FirstName: "Vera", LastName: "V", Active: true, JoinedAt: time.Now()},
		PasswordHash: hash, EmailVerified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	accounts := identity.NewAccounts(store, hasher, keys, identitytest.Limits(t), time.Now)
	sessions := session.NewAuthenticator(accounts, log, "", func(w http.ResponseWriter, r *http.Request, err error) {
		httpapi.WriteRefusal(w, r, log, err)
	})
	api := httpapi.New(httpapi.Config{}, log, nil, httpapi.Domain{
		Inventory: postgres.NewInventory(pool), Telemetry: postgres.NewTelemetry(pool), Readings: postgres.NewTelemetry(pool), Accounts: accounts, Sessions: sessions, Tokens: postgres.Tokens{Pool: pool},
	}, time.Now)
	handler, err := api.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return &authAPI{t, sessions.Middleware(handler), keys}
}

// ask sends a document and checks the status and what the answer says.
func (a *authAPI) ask(method, path, body, authorization string, status int, says string) *httptest.ResponseRecorder {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, "/api/v1/auth/"+path, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/vnd.api+json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	if w.Code != status || !strings.Contains(w.Body.String(), says) {
		a.t.Fatalf("%s %s: %d, want %d and %s in:\n%s", method, path, w.Code, status, says, w.Body)
	}
	return w
}

// logIn returns an Authorization header.
func (a *authAPI) logIn(password string) string {
	a.t.Helper()
	w := a.ask("POST", "login/", "username=vera&password="+password, "", 200, `"type":"LoginView"`)
	cookies := strings.Join(w.Header().Values("Set-Cookie"), "\n")
	session, rest, _ := strings.Cut(cookies, "\n")
	csrf, _, _ := strings.Cut(rest, "\n")
	if !strings.HasPrefix(session, "sessionid=") || !strings.Contains(session, "HttpOnly") ||
		!strings.HasPrefix(csrf, "csrftoken=") || strings.Contains(csrf, "HttpOnly") {
		a.t.Fatalf("cookies %q: want sessionid for the browser alone, csrftoken for scripts too", cookies)
	}
	w = a.ask("POST", "login", `{"data":{"type":"LoginView","attributes":{"email":"VERA@schule.example","password":"`+password+`"}}}`, "", 200, `"key":"`)
	_, rest, _ = strings.Cut(w.Body.String(), `"key":"`)
	key, _, _ := strings.Cut(rest, `"`)
	return "Token " + key
}

func TestAuthLogIn(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	const wrong = `"source":{"pointer":"/data/attributes/non_field_errors"}`
	a.ask("POST", "login/", "username=vera&password=wrong", "", 400, wrong)
	a.ask("POST", "login/", "username=nobody&password=wrong", "", 400, wrong)
	a.ask("POST", "login/", "username=vera", "", 400, `"source":{"pointer":"/data/attributes/password"},"code":"required"`)
	a.ask("POST", "login/", `{"data":{"type":"User","attributes":{}}}`, "", 409, "")
	a.ask("POST", "login/", `{"data":{"type":"LoginView","attributes":{"username":7,"password":["x"]}}}`, "", 400, "invalid")
	a.ask("GET", "login/", "", "", 405, "method_not_allowed")
	a.ask("GET", "user/", "", "", 401, "not_authenticated")
	a.ask("GET", "user/", "", "Token wrong", 401, "authentication_failed")
	token := a.logIn(veras)
	a.ask("GET", "user", "", strings.ToLower(token), 200, `"username":"vera"`)
	a.ask("POST", "logout/", "", token, 200, `{"data":{"detail":`)
	a.ask("GET", "user/", "", token, 401, "authentication_failed")
	a.ask("POST", "logout/", "", "", 200, "detail")
}

func TestAuthUser(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	token := a.logIn(veras)
	a.ask("PATCH", "user/", `{"data":{"type":"User","id":"1","attributes":{"first_name":"Veronika","email":"x@y.de"}}}`, token, 200,
		`"username":"vera","email":"vera@schule.example","first_name":"Veronika","last_name":"V"`)
	a.ask("PATCH", "user/", `{"data":{"type":"UserDetailsView","id":"1","attributes":{}}}`, token, 409, "")
	a.ask("PATCH", "user/", "username=ve ra", token, 400, `"source":{"pointer":"/data/attributes/username"},"code":"invalid"`)
	a.ask("PATCH", "user/", "username=tom@schule.example", token, 400, `"code":"invalid"`)
	a.ask("PATCH", "user/", "username=vera2", token, 200, `"username":"vera2"`)
}

func TestAuthPasswords(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	here, there := a.logIn(veras), a.logIn(veras)
	const next = "Klavier-9-gelb"
	form := "new_password1=" + next + "&new_password2=" + next
	a.ask("POST", "password/change/", form, here, 400, `"source":{"pointer":"/data/attributes/old_password"},"code":"required"`)
	a.ask("POST", "password/change/", form+"&old_password=wrong", here, 400, `"code":"password_incorrect"`)
	a.ask("POST", "password/change/", form+"x&old_password="+veras, here, 400, `"source":{"pointer":"/data/attributes/new_password2"},"code":"password_mismatch"`)
	a.ask("POST", "password/change/", "new_password1=12345678&new_password2=12345678&old_password="+veras, here, 400,
		`"source":{"pointer":"/data/attributes/new_password2"},"code":"password_entirely_numeric"`)
	a.ask("POST", "password/change/", form+"&old_password="+veras, here, 200, "detail")
	a.ask("GET", "user/", "", here, 200, "vera")
	a.ask("GET", "user/", "", there, 401, "")

	a.ask("POST", "password/reset/", "email=nobody@schule.example", "", 200, "detail")
	a.ask("POST", "password/reset/", "email=nonsense", "", 400, `"source":{"pointer":"/data/attributes/email"},"code":"invalid"`)
	a.ask("POST", "password/reset/", "email=vera@schule.example", "", 200, "detail")
	uid, token, _ := strings.Cut(<-a.keys, "-")
	form = "new_password1=" + veras + "&new_password2=" + veras
	a.ask("POST", "password/reset/confirm/", form+"&uid=zz&token="+token, "", 400, `"source":{"pointer":"/data/attributes/token"}`)
	a.ask("POST", "password/reset/confirm/", form+"&uid="+uid+"&token="+token, "", 200, "detail")
	a.ask("POST", "password/reset/confirm/", form+"&uid="+uid+"&token="+token, "", 400, `"source":{"pointer":"/data/attributes/token"}`)
	a.ask("GET", "user/", "", here, 401, "")
	a.logIn(veras)
}

func TestAuthAttempts(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	for range 7 {
		a.ask("POST", "login/", "username=vera&password=wrong", "", 400, "")
	}
	if w := a.ask("POST", "login/", "username=Vera&password="+veras, "", 429, "throttled"); w.Header().Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

// A name and an address of one account are tried as often as one of them. That they are one
// account's shows in nothing: the password is wrong, as it is for a name that nobody has.
func TestAuthAttemptsByNameAndByAddress(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	for range 7 {
		a.ask("POST", "login/", "username=vera&password=wrong", "", 400, "")
	}
	for _, login := range []string{"email=vera@schule.example", "email=nobody@schule.example"} {
		a.ask("POST", "login/", login+"&password="+veras, "", 400, `"source":{"pointer":"/data/attributes/non_field_errors"}`)
	}
	// Whose account it is not is not held back by it.
	a.ask("POST", "login/", "username=nobody&password=wrong", "", 400, "")
}

// A log-in gives a browser a session and a script a key; logging out ends both.
func TestAuthLogOutEndsTheKey(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	began := a.ask("POST", "login/", "username=vera&password="+veras, "", 200, `"key":"`)
	_, rest, _ := strings.Cut(began.Body.String(), `"key":"`)
	key, _, _ := strings.Cut(rest, `"`)
	a.ask("GET", "user/", "", "Token "+key, 200, "vera")
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/auth/logout/", nil)
	for _, c := range began.Result().Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("log out: %d %s", w.Code, w.Body)
	}
	a.ask("GET", "user/", "", "Token "+key, 401, "authentication_failed")
}

// Nobody guesses tokens without being held back.
func TestWrongTokensAreHeldBack(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	for range 30 {
		a.ask("GET", "user/", "", "Token wrong", 401, "authentication_failed")
	}
	if w := a.ask("GET", "user/", "", "Token wrong", 429, "throttled"); w.Header().Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

func TestAuthOddNames(t *testing.T) {
	t.Parallel()
	a := newAuthAPI(t)
	a.ask("POST", "login/", "password=x&username="+strings.Repeat("x", 5000), "", 400, `"source":{"pointer":"/data/attributes/username"},"code":"max_length"`)
}
