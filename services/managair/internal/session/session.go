// Package session finds out who makes a request, by cookie or token, and where it
// comes from. It begins and ends sessions and refuses writes from elsewhere. The
// rules of accounts are in package identity.
package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/ratelimit"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
)

// The cookies are those of the predecessor, which its web client knows.
const (
	sessionCookie = "sessionid"
	// csrfCookie is readable by scripts, which repeat it in csrfHeader. The web client
	// takes it as the sign of being logged in.
	csrfCookie = "csrftoken"
	csrfHeader = "X-CSRFToken"
	// browserCookie is kept after logging out: it says that its browser is not a
	// stranger's, and opens nothing.
	browserCookie = "known_device"
	// hostPrefix begins the names of cookies where the site is of https: browsers then
	// take them from this very host only, and from no other that has a part of its name.
	hostPrefix = "__Host-"
)

// Authenticator finds out who makes a request.
type Authenticator struct {
	accounts *identity.Accounts
	log      *slog.Logger
	secure   bool
	origins  *http.CrossOriginProtection
	// wrong counts tokens that are not valid, by where they come from.
	wrong *ratelimit.Limiter
	fail  func(http.ResponseWriter, *http.Request, error)
}

// Wrong tokens that one place may send, in a second and at once. Beyond it none is
// looked at.
const wrongTokens, wrongTokensAtOnce = 1, 30

// NewAuthenticator returns an Authenticator. Cookies are secure, and of this host only,
// when publicURL is of https. fail answers requests of the API that are refused.
func NewAuthenticator(accounts *identity.Accounts, log *slog.Logger, publicURL string, fail func(http.ResponseWriter, *http.Request, error)) *Authenticator {
	return &Authenticator{
		accounts: accounts, log: log, secure: strings.HasPrefix(publicURL, "https:"),
		origins: http.NewCrossOriginProtection(), fail: fail,
		wrong: ratelimit.New(wrongTokens, wrongTokensAtOnce),
	}
}

// Current is who makes a request, and how that is known.
type Current struct {
	User identity.User
	// Session is set when a cookie told, Token when a header did.
	Session *identity.Session
	Token   *identity.Token
	secret  string
}

type currentKey struct{}

// CurrentFrom returns who makes the request; ok is false for anonymous callers.
func CurrentFrom(ctx context.Context) (c *Current, ok bool) {
	c, ok = ctx.Value(currentKey{}).(*Current)
	return c, ok
}

// Errors of requests that are refused before anybody looks at what they want.
var (
	errInvalidToken = fault.New(fault.Unauthenticated, "invalid token")
	ErrCSRF         = fault.New(fault.Forbidden, "requests of a session repeat the cookie %[2]s in the header %[1]s", csrfHeader, csrfCookie)
	ErrCrossOrigin  = fault.New(fault.Forbidden, "writes from other origins are refused")
)

// Middleware puts the caller into the context (access.CallerFrom, CurrentFrom). A
// token that is not valid is refused, also where no log-in is needed; an unknown
// session is an anonymous caller. Writes with a session must come from our own
// pages, and in the API repeat the CSRF cookie.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current, err := a.authenticate(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		// A token in a header is put there by a program and never by a browser on its own.
		if current == nil || current.Token == nil {
			if err := a.origins.Check(r); err != nil {
				a.refuse(w, r, ErrCrossOrigin)
				return
			}
		}
		if current == nil {
			next.ServeHTTP(w, r)
			return
		}
		if current.Session != nil && needsCSRF(r) {
			got := r.Header.Get(csrfHeader)
			if subtle.ConstantTimeCompare([]byte(got), []byte(current.Session.CSRF)) != 1 {
				a.refuse(w, r, ErrCSRF)
				return
			}
		}
		if current.Session != nil {
			a.rename(w, r, current)
		}
		caller := access.Caller{
			UserID: current.User.ID, Superuser: current.User.Superuser, Staff: current.User.Staff,
			ReadOnly: current.Token != nil && current.Token.Scope == identity.ScopeRead,
		}
		ctx := access.WithCaller(r.Context(), caller)
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, currentKey{}, current)))
	})
}

func (a *Authenticator) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		a.fail(w, r, err)
		return
	}
	if e, ok := errors.AsType[*identity.TooManyAttempts](err); ok {
		web.TooMany(w, int(math.Ceil(e.Wait.Seconds())))
		return
	}
	status := fault.HTTPStatus(err)
	if status == http.StatusInternalServerError {
		a.log.ErrorContext(r.Context(), "authentication failed", "err", err)
	}
	http.Error(w, fault.Text(err), status)
}

// needsCSRF reports whether a request of a session must show that it comes from our
// client. Logging in and out use nothing of the session's rights, and pages are
// protected by the browser's word on where a form came from.
func needsCSRF(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	return strings.HasPrefix(path, "/api/") && path != "/api/v1/auth/login" && path != "/api/v1/auth/logout"
}

func (a *Authenticator) authenticate(r *http.Request) (*Current, error) {
	if secret, ok := tokenOf(r); ok {
		place := ClientOf(r).Place()
		if wait := a.wrong.Wait(place, time.Now()); wait > 0 {
			return nil, &identity.TooManyAttempts{Wait: time.Duration(wait) * time.Second}
		}
		t, u, err := a.accounts.TokenUser(r.Context(), secret)
		if fault.Is(err, fault.NotFound) {
			a.wrong.Take(place, time.Now())
			return nil, errInvalidToken
		}
		if err != nil {
			return nil, err
		}
		return &Current{User: u, Token: &t, secret: secret}, nil
	}
	secret := a.sessionSecret(r)
	if secret == "" {
		return nil, nil
	}
	s, u, err := a.accounts.SessionUser(r.Context(), secret)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Current{User: u, Session: &s, secret: secret}, nil
}

// sessionSecret returns the value of the session's cookie. Sessions from before the
// site's cookies were of one host only have the old name; the next release forgets it.
func (a *Authenticator) sessionSecret(r *http.Request) string {
	for _, name := range []string{a.cookieName(sessionCookie), sessionCookie} {
		if cookies := r.CookiesNamed(name); len(cookies) > 0 && cookies[0].Value != "" {
			return cookies[0].Value
		}
	}
	return ""
}

// rename gives a session of the old name the new one, so that nobody is logged out when
// the old one is forgotten.
func (a *Authenticator) rename(w http.ResponseWriter, r *http.Request, c *Current) {
	if name := a.cookieName(sessionCookie); name == sessionCookie || len(r.CookiesNamed(name)) > 0 {
		return
	}
	age := int(time.Until(c.Session.ExpiresAt) / time.Second)
	http.SetCookie(w, a.cookie(sessionCookie, c.secret, age))
	http.SetCookie(w, a.cookie(csrfCookie, c.Session.CSRF, age))
}

// tokenOf returns the token of the Authorization header. Log-ins give tokens for
// "Token"; our named ones go with "Bearer" too. Other schemes are not for us.
func tokenOf(r *http.Request) (string, bool) {
	scheme, secret, found := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Token") && !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(secret), found || secret == ""
}

// Begin begins a session of the user, and ends the one that the request had, so
// that nobody can plant theirs.
func (a *Authenticator) Begin(w http.ResponseWriter, r *http.Request, user identity.User) (identity.Session, error) {
	if err := a.endSession(r); err != nil {
		return identity.Session{}, err
	}
	browser, err := a.accounts.Recognize(r.Context(), user.ID, ClientOf(r))
	if err != nil {
		return identity.Session{}, err
	}
	secret, s, err := a.accounts.StartSession(r.Context(), user.ID, ClientOf(r))
	if err != nil {
		return identity.Session{}, err
	}
	age := int(identity.SessionLifetime / time.Second)
	http.SetCookie(w, a.cookie(sessionCookie, secret, age))
	http.SetCookie(w, a.cookie(csrfCookie, s.CSRF, age))
	http.SetCookie(w, a.cookie(browserCookie, browser, int(identity.BrowserLifetime()/time.Second)))
	return s, nil
}

// End ends what the request was authenticated with, session or log-in token.
func (a *Authenticator) End(w http.ResponseWriter, r *http.Request) error {
	if err := a.endSession(r); err != nil {
		return err
	}
	if c, ok := CurrentFrom(r.Context()); ok && c.Token != nil && c.Token.Name == "" {
		if err := a.accounts.EndToken(r.Context(), c.User.ID, c.Token.ID); err != nil {
			return err
		}
	}
	for _, name := range []string{sessionCookie, csrfCookie} {
		gone := a.cookie(name, "", -1)
		http.SetCookie(w, gone)
		if gone.Name != name {
			gone.Name = name
			http.SetCookie(w, gone)
		}
	}
	return nil
}

func (a *Authenticator) endSession(r *http.Request) error {
	c, ok := CurrentFrom(r.Context())
	if !ok || c.Session == nil {
		return nil
	}
	return a.accounts.EndSession(r.Context(), c.User.ID, c.Session.ID)
}

// KeepLanguage lets the browser remember the language that the visitor has chosen.
func (a *Authenticator) KeepLanguage(w http.ResponseWriter, lang string) {
	http.SetCookie(w, a.cookie(web.LanguageCookie, lang, 365*24*3600))
}

// cookieName returns the name that one of our cookies has at this site.
func (a *Authenticator) cookieName(name string) string {
	if a.secure && name != web.LanguageCookie {
		return hostPrefix + name
	}
	return name
}

func (a *Authenticator) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(name), Value: value, Path: "/", MaxAge: maxAge, Secure: a.secure,
		HttpOnly: name != csrfCookie && name != web.LanguageCookie, SameSite: http.SameSiteLaxMode,
	}
}

// Secret returns what the caller authenticated with, to be spared when everything
// else of the account ends.
func (c *Current) Secret() string { return c.secret }

// ClientOf tells where a request comes from, as web.Guard has found out.
func ClientOf(r *http.Request) identity.Client {
	c := identity.Client{Address: r.RemoteAddr, UserAgent: r.UserAgent(), Language: web.LanguageOf(r)}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.Address = host
	}
	for _, name := range []string{hostPrefix + browserCookie, browserCookie} {
		if browser, err := r.Cookie(name); err == nil {
			c.Browser = browser.Value
			break
		}
	}
	return c
}

// Limit holds back whoever asks for pages and pictures too often. The API counts for
// itself: it knows accounts and says in headers how much is left.
func Limit(l *ratelimit.Limiter, next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			if _, wait := l.Take(ClientOf(r).Place(), time.Now()); wait > 0 {
				web.TooMany(w, wait)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
