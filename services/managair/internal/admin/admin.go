// Package admin has the pages at /admin/: lists, forms, deletions and history of
// everything that is administered, made from the descriptions in package
// backoffice, and some pages about operation. They need no JavaScript. What a
// caller has no right to does not exist for him.
package admin

import (
	"bytes"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
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
	Accounts  *identity.Accounts
	Log       *slog.Logger
	Inspector *asynq.Inspector
	// Services are the operations ports of the stack's other services by name.
	Services map[string]string
}

//go:embed admin.css
var style []byte

// page is what stands in the frame.
type page struct {
	head    func(*view) templ.Component // nil: the title
	content func(*view) templ.Component
}

var pages = map[string]page{
	"delete":   {content: deletePage},
	"edit":     {editHead, editPage},
	"fidelity": {content: fidelityPage},
	"history":  {content: historyPage},
	"index":    {content: indexPage},
	"list":     {listHead, listPage},
	"message":  {content: messagePage},
	"parked":   {content: parkedPage},
	"queues":   {content: queuesPage},
	"services": {content: servicesPage},
}

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

// view is what a page shows.
type view struct {
	Lang    string
	Title   string
	Path    string
	User    *identity.User
	Allowed []string
	Groups  []group
	Here    string // the subject
	Note    string
	Bad     string
	Crumbs  [][2]string // address and text
	Data    any
}

func (v *view) t(text words.Text, args ...any) string { return text.In(v.Lang, args...) }

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
	page("GET /admin/fidelity/{$}", a.fidelity)
	page("GET /admin/queues/{$}", a.queues)
	page("POST /admin/queues/{$}", a.changeQueue)
	page("GET /admin/services/{$}", a.services)
	page("GET /admin/{subject}/{$}", a.list)
	page("POST /admin/{subject}/{$}", a.bulk)
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
			http.Error(w, "bad form", http.StatusBadRequest)
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
	case http.StatusNotFound:
		v.Title, v.Bad = words.AdminNotFound.In(r.lang), words.NotFoundLong.In(r.lang)
	case http.StatusServiceUnavailable:
		v.Bad = words.AdminUnavailable.In(r.lang)
	default:
		a.Log.ErrorContext(r.Context(), "admin page failed", "path", r.Pattern, "err", err)
		v.Bad = words.FailedLong.In(r.lang)
	}
	if err := a.show(w, r, status, "message", v); err != nil {
		a.Log.ErrorContext(r.Context(), "admin page failed", "err", err)
	}
}

func (r *request) view(title string) *view {
	v := &view{Lang: r.lang, Title: title, Path: r.URL.Path, User: &r.user, Allowed: r.allowed}
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

func (a *Admin) show(w http.ResponseWriter, r *request, status int, page string, v *view) error {
	var out bytes.Buffer
	if err := frame(v, pages[page]).Render(r.Context(), &out); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	web.Headers(w.Header())
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = out.WriteTo(w) // the browser may be gone
	}
	return nil
}

func redirect(w http.ResponseWriter, r *request, to string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
	return nil
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
	v.Data = data
	return a.show(w, r, http.StatusOK, "index", v)
}
