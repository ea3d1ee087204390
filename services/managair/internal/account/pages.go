package account

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/account/theme"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
)

// landing is where one comes out after logging in: the web frontend.
const landing = "/dashboard"

// maxForm bounds the bodies of forms, in bytes.
const maxForm = 64 << 10

// Pages are the pages at /accounts/.
type Pages struct {
	accounts *identity.Accounts
	doors    *Authenticator
	log      *slog.Logger
	now      func() time.Time
}

// NewPages returns the pages. now is the clock.
func NewPages(accounts *identity.Accounts, doors *Authenticator, log *slog.Logger, now func() time.Time) *Pages {
	return &Pages{accounts, doors, log, now}
}

// pages are what stands in the frame, by name.
var pages = map[string]func(*view) templ.Component{
	"confirm":   confirmPage,
	"delete":    deletePage,
	"email":     emailPage,
	"home":      homePage,
	"login":     loginPage,
	"logout":    logoutPage,
	"message":   messagePage,
	"password":  passwordPage,
	"profile":   profilePage,
	"reset":     resetPage,
	"reset_key": resetKeyPage,
	"sessions":  sessionsPage,
	"signup":    signupPage,
}

func otherLanguage(lang string) string {
	if lang == "de" {
		return "en"
	}
	return "de"
}

func formatTime(lang string, t time.Time) string {
	// The stack is run where its users are; a page has no way to know better.
	if berlin, err := time.LoadLocation("Europe/Berlin"); err == nil {
		t = t.In(berlin)
	}
	if lang == "de" {
		return t.Format("2.1.2006, 15:04 Uhr")
	}
	return t.Format("2 Jan 2006, 15:04")
}

// view is what a page shows.
type view struct {
	Lang  string
	Title string
	Path  string
	User  *identity.User // nil: nobody is logged in
	Wide  bool
	Note  string // what was done
	Bad   string // what went wrong, with no field to blame
	Form  url.Values
	Wrong map[string]string // by the name of the field
	Data  any
}

// t returns what stands on the page under key.
func (v *view) t(key string, args ...any) string { return text(v.Lang, key, args...) }

// addresses returns the addresses of the page's data in one line.
func (v *view) addresses() string {
	list, _ := v.Data.([]identity.EmailAddress)
	if len(list) == 0 {
		return v.t("no_email")
	}
	var addresses []string
	for _, e := range list {
		addresses = append(addresses, e.Email)
	}
	return strings.Join(addresses, ", ")
}

// tokenUse tells when a token was used and until when it can be.
func (v *view) tokenUse(token identity.Token) string {
	use := v.t("never_used")
	if token.LastUsedAt != nil {
		use = v.t("token_used", formatTime(v.Lang, *token.LastUsedAt))
	}
	if token.ExpiresAt != nil {
		use += ", " + v.t("token_expires", formatTime(v.Lang, *token.ExpiresAt))
	}
	return use
}

// handler answers a request for a page, or says why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// Handler returns the handler of everything below /accounts/.
func (p *Pages) Handler() http.Handler {
	mux := http.NewServeMux()
	page := func(path string, get, post handler, login bool) {
		h := p.methods(get, post, login)
		mux.Handle(path, h)
		mux.Handle(path+"/{$}", h)
	}
	page("/accounts", p.home, nil, true)
	page("/accounts/login", p.showLogin, p.logIn, false)
	page("/accounts/logout", p.showLogout, p.logOut, false)
	page("/accounts/signup", p.showSignUp, p.signUp, false)
	page("/accounts/language", nil, p.setLanguage, false)
	page("/accounts/confirm-email/{key}", p.showConfirm, p.confirm, false)
	page("/accounts/email", p.showEmail, p.changeEmail, true)
	page("/accounts/profile", p.showProfile, p.changeProfile, true)
	page("/accounts/password/change", p.showPassword, p.changePassword, true)
	page("/accounts/password/reset", p.showReset, p.requestReset, false)
	page("/accounts/password/reset/key/{key}", p.showResetKey, p.reset, false)
	page("/accounts/sessions", p.showSessions, p.changeSessions, true)
	page("/accounts/delete", p.showDelete, p.deleteAccount, true)
	mux.HandleFunc("GET "+theme.StylePath, theme.ServeStyle)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.fail(w, r, fault.New(fault.NotFound, "no such page")) })
	return mux
}

func (p *Pages) methods(get, post handler, login bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var h handler
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h = get
		case http.MethodPost:
			h = post
		}
		if h == nil {
			w.Header().Set("Allow", "GET, HEAD, POST")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		if c, ok := CurrentFrom(r.Context()); login && (!ok || c.Session == nil) {
			// A token is for programs; its holder does not become the person.
			http.Redirect(w, r, "/accounts/login/?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "bad form", http.StatusBadRequest)
			return
		}
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	})
}

// newView returns what all pages have.
func newView(r *http.Request, title string) *view {
	v := &view{Lang: LanguageOf(r), Path: r.URL.Path, Form: r.PostForm, Wrong: map[string]string{}}
	if c, ok := CurrentFrom(r.Context()); ok && c.Session != nil {
		v.User = &c.User
	}
	v.Title = text(v.Lang, title)
	if done := r.URL.Query().Get("done"); done != "" {
		v.Note = texts[languageIndex(v.Lang)]["done_"+done]
	}
	return v
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, page string, v *view) error {
	var out bytes.Buffer
	if err := frame(v, pages[page](v)).Render(r.Context(), &out); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	theme.Headers(w.Header())
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = out.WriteTo(w) // the browser may be gone
	}
	return nil
}

// refuse shows the page again with what was wrong, or returns err when no page
// can say it.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, page string, v *view, err error) error {
	status := http.StatusUnprocessableEntity
	if e, ok := errors.AsType[*identity.TooManyAttempts](err); ok {
		seconds := int(math.Ceil(e.Wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		v.Bad = text(v.Lang, "too_many", (seconds+59)/60)
		status = http.StatusTooManyRequests
	} else if e, ok := errors.AsType[*identity.FieldError](err); ok {
		v.Wrong[e.Field] = text(v.Lang, "wrong_"+e.Code)
	} else {
		switch {
		case errors.Is(err, identity.ErrWrongCredentials):
			v.Bad = text(v.Lang, "wrong_credentials")
		case errors.Is(err, identity.ErrNotConfirmed):
			v.Bad = text(v.Lang, "not_confirmed")
		case fault.Is(err, fault.Conflict):
			v.Bad = text(v.Lang, "conflict")
		default:
			return err
		}
	}
	return p.show(w, r, status, page, v)
}

// fail shows that something went wrong.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := fault.HTTPStatus(err)
	key := "failed"
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		key, status = "key_unknown", http.StatusGone
	case status == http.StatusNotFound:
		key = "not_found"
	case status == http.StatusServiceUnavailable:
		key = "unavailable"
		p.log.WarnContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	default:
		p.log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	}
	v := newView(r, "title_"+key)
	v.Bad = text(v.Lang, key)
	if err := p.show(w, r, status, "message", v); err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "err", err)
	}
}

// redirect goes to a page after a form was taken, so that reloading repeats nothing.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// nextOf returns the page that the visitor wanted, if it is one of ours.
func nextOf(r *http.Request) string {
	next := r.FormValue("next")
	u, err := url.Parse(next)
	if err != nil || next == "" || next[0] != '/' || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		u.Host != "" || u.Scheme != "" {
		return landing
	}
	return next
}

// person returns the session of a page that needs one.
func person(r *http.Request) *Current {
	c, _ := CurrentFrom(r.Context())
	return c
}

func (p *Pages) home(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_home")
	addresses, err := p.accounts.Store().EmailAddresses(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	v.Data = addresses
	return p.show(w, r, http.StatusOK, "home", v)
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_login")
	if v.User != nil {
		return redirect(w, r, nextOf(r))
	}
	v.Data = nextOf(r)
	return p.show(w, r, http.StatusOK, "login", v)
}

func (p *Pages) logIn(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_login")
	v.Data = nextOf(r)
	// The predecessor's form calls the name "login".
	user, err := p.accounts.LogIn(r.Context(), r.PostForm.Get("login"), r.PostForm.Get("password"), ClientOf(r))
	if err != nil {
		return p.refuse(w, r, "login", v, err)
	}
	if err := p.doors.Begin(w, r, user); err != nil {
		return err
	}
	return redirect(w, r, nextOf(r))
}

func (p *Pages) showLogout(w http.ResponseWriter, r *http.Request) error {
	if _, ok := CurrentFrom(r.Context()); !ok {
		return redirect(w, r, "/")
	}
	return p.show(w, r, http.StatusOK, "logout", newView(r, "title_logout"))
}

func (p *Pages) logOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/accounts/login/?done=logout")
}

func (p *Pages) setLanguage(w http.ResponseWriter, r *http.Request) error {
	lang := r.PostForm.Get("language")
	if lang == "de" || lang == "en" {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, Secure: p.doors.secure, SameSite: http.SameSiteLaxMode,
		})
	}
	return redirect(w, r, nextOf(r))
}

func (p *Pages) showSignUp(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "signup", newView(r, "title_signup"))
}

func (p *Pages) signUp(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_signup")
	form := r.PostForm
	if err := twice(form, "password1", "password2"); err != nil {
		return p.refuse(w, r, "signup", v, err)
	}
	if err := p.accounts.SignUp(r.Context(), form.Get("username"), form.Get("email"), form.Get("password1"), ClientOf(r)); err != nil {
		return p.refuse(w, r, "signup", v, err)
	}
	v = newView(r, "title_mail_sent")
	v.Note = text(v.Lang, "mail_sent", form.Get("email"))
	return p.show(w, r, http.StatusOK, "message", v)
}

// twice checks a password that is entered twice.
func twice(form url.Values, first, second string) error {
	if form.Get(first) != form.Get(second) {
		return &identity.FieldError{Field: "repeat", Code: "password_mismatch"}
	}
	return nil
}

func (p *Pages) showConfirm(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_confirm")
	_, address, err := p.accounts.ConfirmedBy(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	v.Data = address.Email
	return p.show(w, r, http.StatusOK, "confirm", v)
}

func (p *Pages) confirm(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.accounts.ConfirmEmail(r.Context(), r.PathValue("key")); err != nil {
		// Somebody else may have confirmed the address in the meantime.
		if _, taken := errors.AsType[*identity.FieldError](err); taken {
			return identity.ErrUnknownKey
		}
		return err
	}
	if _, ok := CurrentFrom(r.Context()); ok {
		return redirect(w, r, "/accounts/email/?done=confirmed")
	}
	return redirect(w, r, "/accounts/login/?done=confirmed")
}

func (p *Pages) emailView(r *http.Request) (*view, error) {
	v := newView(r, "title_email")
	v.Wide = true
	addresses, err := p.accounts.Store().EmailAddresses(r.Context(), v.User.ID)
	v.Data = addresses
	return v, err
}

func (p *Pages) showEmail(w http.ResponseWriter, r *http.Request) error {
	v, err := p.emailView(r)
	if err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "email", v)
}

func (p *Pages) changeEmail(w http.ResponseWriter, r *http.Request) error {
	user, client := person(r).User, ClientOf(r)
	id, _ := strconv.ParseInt(r.PostForm.Get("id"), 10, 64) // 0 is nobody's
	var err error
	done := r.PostForm.Get("action")
	switch done {
	case "add":
		err = p.accounts.AddEmail(r.Context(), user, r.PostForm.Get("email"), client)
	case "primary":
		err = p.accounts.SetPrimaryEmail(r.Context(), user, id, client)
	case "send":
		err = p.accounts.ResendConfirmation(r.Context(), user, id, client)
	case "remove":
		err = p.accounts.Store().RemoveEmail(r.Context(), user.ID, id)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
	if err != nil {
		v, viewErr := p.emailView(r)
		if viewErr != nil {
			return viewErr
		}
		return p.refuse(w, r, "email", v, err)
	}
	return redirect(w, r, "/accounts/email/?done=email_"+done)
}

func (p *Pages) showProfile(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_profile")
	v.Form = url.Values{"username": {v.User.Username}, "first_name": {v.User.FirstName}, "last_name": {v.User.LastName}}
	return p.show(w, r, http.StatusOK, "profile", v)
}

func (p *Pages) changeProfile(w http.ResponseWriter, r *http.Request) error {
	user := person(r).User
	user.Username, user.FirstName, user.LastName = r.PostForm.Get("username"), r.PostForm.Get("first_name"), r.PostForm.Get("last_name")
	if _, err := p.accounts.UpdateProfile(r.Context(), user); err != nil {
		return p.refuse(w, r, "profile", newView(r, "title_profile"), err)
	}
	return redirect(w, r, "/accounts/?done=profile")
}

func (p *Pages) showPassword(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "password", newView(r, "title_password"))
}

func (p *Pages) changePassword(w http.ResponseWriter, r *http.Request) error {
	v, c, form := newView(r, "title_password"), person(r), r.PostForm
	err := twice(form, "password1", "password2")
	if err == nil {
		err = p.accounts.ChangePassword(r.Context(), c.User, form.Get("oldpassword"), form.Get("password1"), c.Secret(), ClientOf(r))
	}
	if err != nil {
		return p.refuse(w, r, "password", v, err)
	}
	return redirect(w, r, "/accounts/?done=password")
}

func (p *Pages) showReset(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "reset", newView(r, "title_reset"))
}

func (p *Pages) requestReset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_reset")
	email := r.PostForm.Get("email")
	if err := p.accounts.RequestReset(r.Context(), email, ClientOf(r)); err != nil {
		return p.refuse(w, r, "reset", v, err)
	}
	v = newView(r, "title_mail_sent")
	v.Note = text(v.Lang, "reset_sent", email)
	return p.show(w, r, http.StatusOK, "message", v)
}

func (p *Pages) showResetKey(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_password")
	user, err := p.accounts.ResetOwner(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	v.Data = user.Username
	return p.show(w, r, http.StatusOK, "reset_key", v)
}

func (p *Pages) reset(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_password")
	err := twice(r.PostForm, "password1", "password2")
	if err == nil {
		err = p.accounts.Reset(r.Context(), r.PathValue("key"), r.PostForm.Get("password1"))
	}
	if err != nil {
		return p.refuse(w, r, "reset_key", v, err)
	}
	return redirect(w, r, "/accounts/login/?done=password")
}

// sessionsData is what the page of sessions and tokens shows.
type sessionsData struct {
	Sessions []identity.Session
	Current  int64
	Tokens   []identity.Token
	Secret   string // of a token just made
}

func (p *Pages) sessionsView(r *http.Request, secret string) (*view, error) {
	v := newView(r, "title_sessions")
	v.Wide = true
	c := person(r)
	data := sessionsData{Current: c.Session.ID, Secret: secret}
	var err error
	if data.Sessions, err = p.accounts.Store().Sessions(r.Context(), c.User.ID, p.now()); err != nil {
		return nil, err
	}
	if data.Tokens, err = p.accounts.Store().Tokens(r.Context(), c.User.ID); err != nil {
		return nil, err
	}
	v.Data = data
	return v, nil
}

func (p *Pages) showSessions(w http.ResponseWriter, r *http.Request) error {
	v, err := p.sessionsView(r, "")
	if err != nil {
		return err
	}
	return p.show(w, r, http.StatusOK, "sessions", v)
}

func (p *Pages) changeSessions(w http.ResponseWriter, r *http.Request) error {
	c, form := person(r), r.PostForm
	id, _ := strconv.ParseInt(form.Get("id"), 10, 64) // 0 is nobody's
	switch form.Get("action") {
	case "end":
		if err := ignoreMissing(p.accounts.Store().EndSession(r.Context(), c.User.ID, id)); err != nil {
			return err
		}
		return redirect(w, r, "/accounts/sessions/?done=session_ended")
	case "revoke":
		if err := ignoreMissing(p.accounts.Store().EndToken(r.Context(), c.User.ID, id)); err != nil {
			return err
		}
		return redirect(w, r, "/accounts/sessions/?done=token_revoked")
	case "create":
		days, err := strconv.Atoi(form.Get("days"))
		if err != nil || days < 0 || days > 3650 {
			days = -1
		}
		secret, _, err := p.accounts.CreateToken(r.Context(), c.User.ID, form.Get("name"),
			identity.Scope(form.Get("scope")), time.Duration(days)*24*time.Hour)
		v, viewErr := p.sessionsView(r, secret)
		if viewErr != nil {
			return viewErr
		}
		if err != nil {
			return p.refuse(w, r, "sessions", v, err)
		}
		v.Form = nil
		return p.show(w, r, http.StatusOK, "sessions", v)
	default:
		return fault.New(fault.NotFound, "no such action")
	}
}

func (p *Pages) showDelete(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "delete", newView(r, "title_delete"))
}

func (p *Pages) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	v := newView(r, "title_delete")
	organizations, err := p.accounts.DeleteAccount(r.Context(), person(r).User, r.PostForm.Get("password"), ClientOf(r))
	if err != nil {
		if len(organizations) > 0 {
			v.Bad = text(v.Lang, "last_owner", strings.Join(organizations, ", "))
			return p.show(w, r, http.StatusConflict, "delete", v)
		}
		return p.refuse(w, r, "delete", v, err)
	}
	if err := p.doors.End(w, r); err != nil {
		return err
	}
	return redirect(w, r, "/accounts/login/?done=deleted")
}
