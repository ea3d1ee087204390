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
	// deviceCookie is kept after logging out: it says that its browser is not a
	// stranger's, and opens nothing.
	deviceCookie = "known_device"
)

// Authenticator finds out who makes a request.
type Authenticator struct {
	accounts *identity.Accounts
	log      *slog.Logger
	secure   bool
	origins  *http.CrossOriginProtection
	// wrong counts tokens that are not valid, by where they come from.
	wrong *web.Limiter
	fail  func(http.ResponseWriter, *http.Request, error)
}

// Wrong tokens that one place may send, in a second and at once. Beyond it none is
// looked at.
const wrongTokens, wrongTokensAtOnce = 1, 30

// NewAuthenticator returns an Authenticator. Cookies are marked secure when
// publicURL is of https. fail answers requests of the API that are refused.
func NewAuthenticator(accounts *identity.Accounts, log *slog.Logger, publicURL string, fail func(http.ResponseWriter, *http.Request, error)) *Authenticator {
	return &Authenticator{
		accounts: accounts, log: log, secure: strings.HasPrefix(publicURL, "https:"),
		origins: http.NewCrossOriginProtection(), fail: fail,
		wrong: web.NewLimiter(wrongTokens, wrongTokensAtOnce),
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
	errCSRF         = fault.New(fault.Forbidden, "the header %s does not repeat the cookie %s", csrfHeader, csrfCookie)
	errCrossOrigin  = fault.New(fault.Forbidden, "writes from other origins are refused")
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
				a.refuse(w, r, errCrossOrigin)
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
				a.refuse(w, r, errCSRF)
				return
			}
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

// needsCSRF tells whether a request of a session must show that it comes from our
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
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) == 0 || cookies[0].Value == "" {
		return nil, nil
	}
	cookie := cookies[0]
	s, u, err := a.accounts.SessionUser(r.Context(), cookie.Value)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Current{User: u, Session: &s, secret: cookie.Value}, nil
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
	device, err := a.accounts.Recognize(r.Context(), user.ID, ClientOf(r))
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
	http.SetCookie(w, a.cookie(deviceCookie, device, int(identity.DeviceLifetime()/time.Second)))
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
	http.SetCookie(w, a.cookie(sessionCookie, "", -1))
	http.SetCookie(w, a.cookie(csrfCookie, "", -1))
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

func (a *Authenticator) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: a.secure,
		HttpOnly: name != csrfCookie && name != web.LanguageCookie, SameSite: http.SameSiteLaxMode,
	}
}

// Secret returns what the caller authenticated with, to be spared when everything
// else of the account ends.
func (c *Current) Secret() string { return c.secret }

// ClientOf tells where a request comes from.
func ClientOf(r *http.Request) identity.Client {
	c := identity.Client{Address: clientAddress(r), UserAgent: r.UserAgent(), Language: web.LanguageOf(r)}
	if device, err := r.Cookie(deviceCookie); err == nil {
		c.Device = device.Value
	}
	return c
}

// clientAddress believes a proxy's header only if the proxy is near, and of that
// header the last entry, which the proxy itself has added.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip == nil || (!ip.IsPrivate() && !ip.IsLoopback()) {
		return host
	}
	all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if last := net.ParseIP(strings.TrimSpace(all[len(all)-1])); last != nil {
		return last.String()
	}
	return host
}

// Limit holds back whoever asks for pages and pictures too often. The API counts for
// itself: it knows accounts and says in headers how much is left.
func Limit(l *web.Limiter, next http.Handler) http.Handler {
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
