// Package admin has the pages at /admin/: lists, forms, deletions and history of
// everything that is administered, made from the descriptions in package
// backoffice, and some pages about operation. They need no JavaScript. What a
// caller has no right to does not exist for them.
package admin

import (
	_ "embed"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/climate"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/profile"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/token"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

const (
	// pageSize is how many rows a page of a list has.
	pageSize = 50
	// maxOptions is how many rows a picker offers; beyond it one searches, and is
	// offered maxFound.
	maxOptions, maxFound = 500, 50
	// maxForm bounds the bodies of forms, in bytes. A page of 100 inline rows has
	// some ten thousand.
	maxForm = 1 << 20
	// blankRows is how many new rows an inline offers.
	blankRows = 1
)

// Admin is the pages.
type Admin struct {
	Store backoffice.Store
	// Accounts sets passwords.
	Accounts *identity.Accounts
	// Tokens makes those of organizations.
	Tokens    token.Store
	Log       *slog.Logger
	Inspector *asynq.Inspector
	// Services are the operations ports of the stack's other services by name.
	Services map[string]string
}

//go:embed admin.css
var style []byte

// indexData is what the first page shows.
type indexData struct {
	Overview backoffice.Overview
	Recent   logData // no columns: the caller may not see it
}

// spaced is a time as it is read, not as forms send it.
func spaced(s string) string { return strings.Replace(s, "T", " ", 1) }

// when returns the class if it is so.
func when(so bool, class string) string {
	if so {
		return class
	}
	return ""
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// view is what each page has.
type view struct {
	web.View
	Groups []group
	Here   string      // the subject
	Crumbs [][2]string // address and text
}

// around returns the page's frame.
func (v *view) around() web.Frame {
	name := v.T(words.Administration)
	return web.Frame{
		Lang: v.Lang, Title: v.Title + " · " + name, Sheets: []string{"/admin/static/admin.css"},
		Brand: web.Link{Address: "/admin/", Text: "Clair · " + name}, BarName: v.T(words.Account),
		Bar: []web.Link{
			{Address: "/dashboard", Text: v.T(words.AdminDashboard)},
			{Address: "/accounts/", Text: v.User.Username},
			{Address: "/accounts/logout/", Text: v.T(words.ActionLogout)},
		},
	}
}

// name is what many of a subject are called, one what one is.
func (v *view) name(subject string) string { return words.Subjects[subject].In(v.Lang) }

func (v *view) one(subject string) string { return words.OneOf[subject].In(v.Lang) }

func (v *view) field(name string) string { return fieldText(v.Lang, name) }

// fieldText is the name of a field for people.
func fieldText(lang, field string) string {
	if t := words.Fields[field]; t.Is() {
		return t.In(lang)
	}
	return field
}

// choiceText is the name of one of the values of a field.
func choiceText(lang, field, value string) string {
	if t := words.Subjects[value]; field == "subject" && t.Is() {
		return t.In(lang)
	}
	if p, ok := profile.Get(value); field == "verdict_profile" && ok {
		return p.Name.In(lang)
	}
	if b, ok := climate.Find(value); field == "climate_band" && ok {
		return b.Name.In(lang)
	}
	if field == "climate_band" && value == climate.None {
		return words.NoBand.In(lang)
	}
	if t := words.Choices[value]; t.Is() {
		return t.In(lang)
	}
	return value
}

type group struct {
	Name     string
	Subjects []string
}

// request is a request of a member of staff.
type request struct {
	*http.Request
	caller  access.Caller
	user    identity.User
	allowed []string
	lang    string
}

type handler func(w http.ResponseWriter, r *request) error

// Handler returns the handler of everything below /admin/.
func (a *Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, h handler) { mux.Handle(pattern, a.guard(h)) }
	page("GET /admin/{$}", a.index)
	page("GET /admin/parked/{$}", a.parked)
	page("POST /admin/parked/{$}", a.claimCode)
	page("GET /admin/fidelity/{$}", a.fidelity)
	page("GET /admin/queues/{$}", a.queues)
	page("POST /admin/queues/{$}", a.changeQueue)
	page("GET /admin/services/{$}", a.services)
	page("GET /admin/{subject}/{$}", a.list)
	page("POST /admin/{subject}/{$}", a.bulk)
	page("GET /admin/ingestion_token/add/{$}", a.showToken)
	page("POST /admin/ingestion_token/add/{$}", a.makeToken)
	page("GET /admin/{subject}/add/{$}", a.showAdd)
	page("POST /admin/{subject}/add/{$}", a.add)
	page("GET /admin/{subject}/{id}/{$}", a.showEdit)
	page("POST /admin/{subject}/{id}/{$}", a.edit)
	page("GET /admin/{subject}/{id}/history/{$}", a.history)
	page("POST /admin/user_account/{id}/password/{$}", a.setPassword)
	mux.HandleFunc("GET /admin/static/admin.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(style) // the browser may be gone
	})
	mux.HandleFunc("GET /admin/{path...}", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/") {
			http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
			return
		}
		http.NotFound(w, r)
	})
	return mux
}

// guard lets staff in who are logged in as people.
func (a *Admin) guard(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := session.CurrentFrom(r.Context())
		if !ok || c.Session == nil {
			http.Redirect(w, r, "/accounts/login/?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
			return
		}
		rq := &request{Request: r, caller: access.CallerFrom(r.Context()), user: c.User, lang: web.LanguageOf(r)}
		if !c.User.Staff {
			http.NotFound(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := web.ParseForm(r); err != nil {
			a.fail(w, rq, err)
			return
		}
		var err error
		if rq.allowed, err = a.Store.Allowed(r.Context(), rq.caller); err == nil {
			err = h(w, rq)
		}
		if err != nil {
			a.fail(w, rq, err)
		}
	})
}

func (a *Admin) fail(w http.ResponseWriter, r *request, err error) {
	status := fault.HTTPStatus(err)
	v := r.view(words.AdminFailed.In(r.lang))
	switch status {
	case http.StatusBadRequest:
		v.Bad = web.WrongForm(r.lang, err)
	case http.StatusNotFound:
		v.Title, v.Bad = words.AdminNotFound.In(r.lang), words.NotFoundLong.In(r.lang)
	case http.StatusServiceUnavailable:
		v.Bad = words.AdminUnavailable.In(r.lang)
	default:
		a.Log.ErrorContext(r.Context(), "admin page failed", "path", r.Pattern, "err", err)
		v.Bad = words.FailedLong.In(r.lang)
	}
	if err := show(w, r, status, v, messagePage(v)); err != nil {
		a.Log.ErrorContext(r.Context(), "admin page failed", "err", err)
	}
}

func (r *request) view(title string) *view {
	v := &view{View: web.View{Lang: r.lang, Title: title, Path: r.URL.Path, User: &r.user}}
	for _, name := range backoffice.Groups {
		g := group{Name: name}
		for _, s := range backoffice.Subjects {
			if s.Group == name && slices.Contains(r.allowed, s.Name) {
				g.Subjects = append(g.Subjects, s.Name)
			}
		}
		if len(g.Subjects) > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	if done := r.URL.Query().Get("done"); done == "saved" || done == "deleted" || done == "password" {
		v.Note = words.AdminDone[done].In(r.lang)
	}
	if n := r.URL.Query().Get("n"); n != "" {
		if count, err := strconv.Atoi(n); err == nil {
			v.Note = words.DoneCount.In(r.lang, count)
			if count == 1 {
				v.Note = words.DoneOne.In(r.lang)
			}
		}
	}
	return v
}

// show answers with a page that has its title as heading.
func show(w http.ResponseWriter, r *request, status int, v *view, content templ.Component) error {
	return web.Show(w, r.Request, status, frame(v, title(v), content))
}

// subject returns the subject of the address, if the caller may see it.
func (r *request) subject() (*backoffice.Subject, error) {
	s, ok := backoffice.Find(r.PathValue("subject"))
	if !ok || !slices.Contains(r.allowed, s.Name) {
		return nil, fault.New(fault.NotFound, "no such subject")
	}
	return s, nil
}

func (a *Admin) index(w http.ResponseWriter, r *request) error {
	v := r.view(words.Administration.In(r.lang))
	overview, err := a.Store.Overview(r.Context(), r.caller)
	if err != nil {
		return err
	}
	data := indexData{Overview: overview}
	if s, _ := backoffice.Find("audit_log"); slices.Contains(r.allowed, s.Name) {
		recent, _, err := a.Store.List(r.Context(), r.caller, s, backoffice.Query{Page: 1, Size: 10})
		if err != nil {
			return err
		}
		data.Recent = newLog(s, recent, "changes")
	}
	return show(w, r, http.StatusOK, v, indexPage(v, data))
}
