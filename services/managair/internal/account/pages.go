// Package account has the pages at /accounts/, where people sign up, log in and
// look after their accounts. They work without JavaScript. The rules of accounts are
// in package identity.
package account

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/reportmail"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

// landing is where one comes out after logging in: the web frontend.
const landing = "/dashboard"

// maxForm bounds the bodies of forms, in bytes.
const maxForm = 64 << 10

// Pages are the pages at /accounts/.
type Pages struct {
	accounts *identity.Accounts
	doors    *session.Authenticator
	mails    mail.Way
	log      *slog.Logger
	// channels are left by links in mails.
	channels Channels
	reports  Reports
}

// Reports is what the pages need of reports by mail (reportmail.Store).
type Reports interface {
	Leaving(ctx context.Context, id int64, key string) (reportmail.Subscription, error)
	Leave(ctx context.Context, id int64, key string, kind reportmail.Kind) (reportmail.Subscription, error)
}

// Channels is what the pages need of the channels of notifications.
type Channels interface {
	// Leave disables the channel if the key is that of its mails, else it is NotFound.
	Leave(ctx context.Context, id int64, key string, now time.Time) (notify.Channel, error)
}

// NewPages returns the pages. They say where mails are that nobody sends.
func NewPages(accounts *identity.Accounts, doors *session.Authenticator, mails mail.Way, channels Channels, reports Reports, log *slog.Logger) *Pages {
	return &Pages{accounts, doors, mails, log, channels, reports}
}

// written says that there was a mail, and where it is if nobody sends it.
func (p *Pages) written(lang, text string) string {
	if p.mails.Kept() {
		text += " " + words.MailKept.In(lang)
	}
	return text
}

func formatTime(lang string, t time.Time) string {
	// These pages have no script, so they do not know the reader's clock: they say which one
	// they go by, that of most sites.
	t = t.In(inventory.LocationOrUTC(inventory.DefaultTimeZone))
	if lang == "de" {
		return t.Format("2.1.2006, 15:04 Uhr (UTC-07)")
	}
	return t.Format("2 Jan 2006, 15:04 (UTC-07)")
}

// view is what each page has.
type view struct {
	web.View
	Wide bool
	// AskPassword says that the page's forms need the password.
	AskPassword bool
	Form        url.Values
	Wrong       map[string]string // by the name of the field
}

// around returns the page's frame.
func (v *view) around() web.Frame {
	f := web.Frame{Lang: v.Lang, Title: v.Title + " · Clair", Brand: web.Link{Address: "/", Text: "Clair"}, BarName: v.T(words.Account)}
	if v.User == nil {
		return f
	}
	f.Bar = []web.Link{{Address: landing, Text: v.T(words.AccountDashboard)}, {Address: "/accounts/", Text: v.User.Username}}
	if v.User.Staff {
		f.Bar = append(f.Bar, web.Link{Address: "/admin/", Text: v.T(words.Administration)})
	}
	f.Bar = append(f.Bar, web.Link{Address: "/accounts/logout/", Text: v.T(words.ActionLogout)})
	return f
}

// oneLine returns addresses in one line.
func (v *view) oneLine(list []identity.EmailAddress) string {
	if len(list) == 0 {
		return v.T(words.NoEmail)
	}
	var addresses []string
	for _, e := range list {
		addresses = append(addresses, identity.ReadableEmail(e.Email))
	}
	return strings.Join(addresses, ", ")
}

// tokenUse tells when a token was used and until when it can be.
func (v *view) tokenUse(token identity.Token) string {
	use := v.T(words.NeverUsed)
	if token.LastUsedAt != nil {
		use = v.T(words.TokenUsed, formatTime(v.Lang, *token.LastUsedAt))
	}
	if token.ExpiresAt != nil {
		use += ", " + v.T(words.TokenExpires, formatTime(v.Lang, *token.ExpiresAt))
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
	page("/accounts/invitation/{key}", p.showInvitation, p.answerInvitation, false)
	page("/accounts/email", p.showEmail, p.changeEmail, true)
	page("/accounts/profile", p.showProfile, p.changeProfile, true)
	page("/accounts/password/change", p.showPassword, p.changePassword, true)
	page("/accounts/password/reset", p.showReset, p.requestReset, false)
	page("/accounts/password/reset/key/{key}", p.showResetKey, p.reset, false)
	page("/accounts/notifications/{id}/{key}", p.showLeave, p.leave, false)
	page("/accounts/reports/{id}/{kind}/{key}", p.showLeaveReports, p.leaveReports, false)
	page("/accounts/sessions", p.showSessions, p.changeSessions, true)
	page("/accounts/delete", p.showDelete, p.deleteAccount, true)
	mux.HandleFunc("GET "+web.StylePath, web.ServeStyle)
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
		if c, ok := session.CurrentFrom(r.Context()); login && (!ok || c.Session == nil) {
			// A token is for programs; its holder does not become the person.
			http.Redirect(w, r, "/accounts/login/?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := web.ParseForm(r); err != nil {
			p.fail(w, r, err)
			return
		}
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	})
}

// newView returns what all pages have.
func newView(r *http.Request, title words.Text) *view {
	var user *identity.User
	if c, ok := session.CurrentFrom(r.Context()); ok && c.Session != nil {
		user = &c.User
	}
	v := &view{View: web.NewView(r, title, user), Form: r.PostForm, Wrong: map[string]string{}}
	if done := r.URL.Query().Get("done"); done != "" {
		v.Note = words.AccountDone[done].In(v.Lang)
	}
	return v
}

// show answers with a page.
func show(w http.ResponseWriter, r *http.Request, status int, v *view, page templ.Component) error {
	return web.Show(w, r, status, frame(v, page))
}

// refuse shows the page again, whose view is v, with what was wrong, or returns err
// when no page can say it.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, v *view, page templ.Component, err error) error {
	status := http.StatusUnprocessableEntity
	if e, ok := errors.AsType[*identity.TooManyAttempts](err); ok {
		seconds := int(math.Ceil(e.Wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		v.Bad = words.TooMany.In(v.Lang, (seconds+59)/60)
		status = http.StatusTooManyRequests
	} else if e, ok := errors.AsType[*fault.Violation](err); ok {
		v.Wrong[e.Field] = e.Reason.In(v.Lang, e.Args...)
	} else {
		switch {
		case errors.Is(err, identity.ErrWrongCredentials):
			v.Bad = words.WrongCredentials.In(v.Lang)
		case errors.Is(err, identity.ErrNotConfirmed):
			v.Bad = p.written(v.Lang, words.NotConfirmed.In(v.Lang))
		case fault.Is(err, fault.Conflict):
			v.Bad = words.Conflict.In(v.Lang)
		default:
			return err
		}
	}
	return show(w, r, status, v, page)
}

// fail shows that something went wrong.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := fault.HTTPStatus(err)
	title, text := words.TitleFailed, words.AccountFailed
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		title, text, status = words.TitleKeyUnknown, words.KeyUnknown, http.StatusGone
	case status == http.StatusBadRequest: // see web.WrongForm
	case status == http.StatusNotFound:
		title, text = words.TitleNotFound, words.AccountNotFound
	case status == http.StatusServiceUnavailable:
		title, text = words.TitleUnavailable, words.AccountUnavailable
		p.log.WarnContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	default:
		p.log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	}
	v := newView(r, title)
	v.Bad = text.In(v.Lang)
	if status == http.StatusBadRequest {
		v.Bad = web.WrongForm(v.Lang, err)
	}
	if err := show(w, r, status, v, messagePage(v)); err != nil {
		p.log.ErrorContext(r.Context(), "page failed", "err", err)
	}
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
func person(r *http.Request) *session.Current {
	c, _ := session.CurrentFrom(r.Context())
	return c
}
