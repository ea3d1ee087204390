// Package admin has the pages at /admin/: lists, forms, deletions and history of
// everything that is administered, made from the descriptions in package
// backoffice, and some pages about operation. They need no JavaScript. What a
// caller has no right to does not exist for him.
package admin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/hibiken/asynq"

	"github.com/clairberlin/clair-stack/pkg/codec/catalog"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lifecycle"
	"github.com/clairberlin/clair-stack/pkg/ops"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/account"
	"github.com/clairberlin/clair-stack/services/managair/internal/account/theme"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
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
	Store  backoffice.Store
	Hasher *identity.Hasher
	// Identity sets passwords.
	Identity  identity.Store
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

// logData is a table of what was changed.
type logData struct {
	Rows    []backoffice.ListRow
	Columns []string
}

// newLog returns the rows of audit_log without some of their columns.
func newLog(log *backoffice.Subject, rows []backoffice.ListRow, without ...string) logData {
	d := logData{Rows: rows, Columns: slices.DeleteFunc(slices.Clone(log.Columns), func(c string) bool { return slices.Contains(without, c) })}
	for i := range rows {
		rows[i].Cells = slices.DeleteFunc(rows[i].Cells, func(c backoffice.Cell) bool { return slices.Contains(without, c.Field) })
	}
	return d
}

// changedRow is the address of the row that a row of audit_log is about, or "" where
// there is none any more.
func changedRow(row backoffice.ListRow) string {
	about := map[string]string{}
	for _, c := range row.Cells {
		about[c.Field] = c.Text
	}
	if _, ok := backoffice.Find(about["subject"]); !ok || about["action"] == "delete" {
		return ""
	}
	return "/admin/" + about["subject"] + "/" + url.PathEscape(about["subject_id"]) + "/"
}

// indexData is what the first page shows.
type indexData struct {
	Overview backoffice.Overview
	Recent   logData // no columns: the caller may not see it
}

// queue is a queue of tasks, and those that wait for another try or were given up.
type queue struct {
	*asynq.QueueInfo
	Failing []*asynq.TaskInfo
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

// firstCell is what leads to a row: its first value, or its label.
func firstCell(row backoffice.ListRow) string {
	switch c := row.Cells[0]; {
	case c.Kind == backoffice.Ref && c.Ref != "":
		return c.Text
	case c.Kind == backoffice.Time:
		return spaced(c.Text)
	case c.Text != "":
		return short(c.Text)
	default:
		return row.Label
	}
}

// parkedData is what the page of unknown devices shows.
type parkedData struct {
	Nodes []backoffice.ParkedNode
	// protocols are the inventory's, by the names of their codecs.
	protocols map[string]string
}

// register leads to the form that makes an unknown node known.
func (d parkedData) register(n backoffice.ParkedNode) string {
	known := url.Values{}
	for name, value := range map[string]string{
		"id": n.NodeID.String(), "eui64": n.DevEUI, "alias": n.DeviceID, "protocol_id": d.protocols[n.Protocol],
	} {
		if value != "" {
			known.Set(name, value)
		}
	}
	return "/admin/node/add/?" + known.Encode()
}

// servicesData is what the page of services shows.
type servicesData struct {
	Services []ops.Answer
	Facts    [][2]string
}

// change is what became of a field, as people read it.
type change struct{ Field, Before, After string }

// maxChanges is how many fields of a change are shown; a row that was made has more.
const maxChanges = 8

// changesOf reads the changes of audit_log, {"field": [before, after]}. The id, which
// stands beside them, and what was and is empty are left out.
func changesOf(lang, raw string) []change {
	var fields map[string][2]any
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		return []change{{After: short(raw)}} // not of ours
	}
	show := func(v any) string {
		switch v := v.(type) {
		case nil:
			return ""
		case bool:
			return map[bool]string{true: text(lang, "yes"), false: text(lang, "no")}[v]
		case string:
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				return t.UTC().Format("2006-01-02 15:04:05")
			}
			return short(v)
		default:
			b, _ := json.Marshal(v) // it was JSON
			return short(string(b))
		}
	}
	var all []change
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		c := change{fieldText(lang, name), show(fields[name][0]), show(fields[name][1])}
		if name == "id" || c.Before == c.After && c.Before == "" {
			continue
		}
		if len(all) == maxChanges {
			return append(all, change{After: "…"})
		}
		all = append(all, c)
	}
	return all
}

func short(s string) string {
	const limit = 120
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

func ago(lang string, t *time.Time) string {
	if t == nil {
		return "–"
	}
	count := func(n int, one, many string) string {
		if n == 1 {
			return text(lang, one)
		}
		return text(lang, many, n)
	}
	d := time.Since(*t).Round(time.Minute)
	switch {
	case d < time.Hour:
		return count(int(d.Minutes()), "ago_minute", "ago_minutes")
	case d < 48*time.Hour:
		return count(int(d.Hours()), "ago_hour", "ago_hours")
	default:
		return count(int(d.Hours()/24), "ago_day", "ago_days")
	}
}

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

func (v *view) t(key string, args ...any) string { return text(v.Lang, key, args...) }

// name is what many of a subject are called, one what one is.
func (v *view) name(subject string) string { return text(v.Lang, "s_"+subject) }
func (v *view) one(subject string) string  { return text(v.Lang, "o_"+subject) }

func (v *view) field(name string) string { return fieldText(v.Lang, name) }

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
		c, ok := account.CurrentFrom(r.Context())
		if !ok || c.Session == nil {
			http.Redirect(w, r, "/accounts/login/?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
			return
		}
		rq := &request{Request: r, caller: access.CallerFrom(r.Context()), user: c.User, lang: account.LanguageOf(r)}
		if !c.User.Staff {
			http.NotFound(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
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
	v := r.view(text(r.lang, "failed"))
	switch status {
	case http.StatusNotFound:
		v.Title, v.Bad = text(r.lang, "not_found"), text(r.lang, "not_found_long")
	case http.StatusServiceUnavailable:
		v.Bad = text(r.lang, "unavailable")
	default:
		a.Log.ErrorContext(r.Context(), "admin page failed", "path", r.Pattern, "err", err)
		v.Bad = text(r.lang, "failed_long")
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
		v.Note = text(r.lang, "done_"+done)
	}
	if n := r.URL.Query().Get("n"); n != "" {
		if count, err := strconv.Atoi(n); err == nil {
			v.Note = text(r.lang, "done_count", count)
			if count == 1 {
				v.Note = text(r.lang, "done_one")
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
	theme.Headers(w.Header())
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
	v := r.view(text(r.lang, "administration"))
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

// listData is what a list shows.
type listData struct {
	Subject *backoffice.Subject
	Rows    []backoffice.ListRow
	Count   int
	Query   backoffice.Query
	Pages   int
	Heads   []head
	Filters []filter
	Actions []string
	AllOn   bool // every row is selected
	prefix  url.Values
}

type head struct{ Name, Link, Arrow string }

type filter struct {
	Name    string
	Options []filterOption
}

type filterOption struct {
	Text, Link string
	Chosen     bool
}

// narrowed tells whether a search or a filter leaves rows out.
func (d listData) narrowed() bool { return d.Query.Search != "" || len(d.Query.Filters) > 0 }

// selecting returns the address of this page with every row selected, or none.
func (d listData) selecting() string {
	if d.AllOn {
		return d.page(d.Query.Page)
	}
	return d.page(d.Query.Page) + "&all=1"
}

// page returns the address of a page of the list.
func (d listData) page(n int) string { return d.with("p", strconv.Itoa(n)) }

func (d listData) with(key, value string) string {
	q := url.Values{}
	for k, v := range d.prefix {
		if k != "p" {
			q[k] = v
		}
	}
	q.Del(key)
	if value != "" {
		q.Set(key, value)
	}
	return "?" + q.Encode()
}

func (a *Admin) list(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	v, err := a.listView(r, s)
	if err != nil {
		return err
	}
	return a.show(w, r, http.StatusOK, "list", v)
}

func (a *Admin) listView(r *request, s *backoffice.Subject) (*view, error) {
	values := r.URL.Query()
	q := backoffice.Query{Search: values.Get("q"), Sort: values.Get("o"), Size: pageSize, Page: 1, Filters: map[string]string{}}
	if n, err := strconv.Atoi(values.Get("p")); err == nil && n > 0 && n < 1_000_000 {
		q.Page = n
	}
	d := listData{Subject: s, Query: q, AllOn: values.Get("all") != "", prefix: url.Values{}}
	for _, key := range []string{"q", "o"} {
		if values.Get(key) != "" {
			d.prefix.Set(key, values.Get(key))
		}
	}
	for _, f := range s.Filters {
		if value := values.Get(f); value != "" {
			q.Filters[f] = value
			d.prefix.Set(f, value)
		}
	}
	rows, count, err := a.Store.List(r.Context(), r.caller, s, q)
	if err != nil {
		return nil, err
	}
	d.Rows, d.Count, d.Pages = rows, count, max(1, (count+pageSize-1)/pageSize)
	for _, name := range s.Columns {
		h := head{Name: name, Link: d.with("o", name)}
		switch q.Sort {
		case name:
			h.Arrow, h.Link = "↑", d.with("o", "-"+name)
		case "-" + name:
			h.Arrow, h.Link = "↓", d.with("o", "")
		}
		d.Heads = append(d.Heads, h)
	}
	if err := a.addFilters(r, s, q, &d); err != nil {
		return nil, err
	}
	d.Actions = s.Actions
	if !s.Fixed || s.Deletable {
		d.Actions = append(slices.Clone(s.Actions), "delete")
	}
	v := r.view(text(r.lang, "s_"+s.Name))
	v.Here, v.Data = s.Name, d
	return v, nil
}

func (a *Admin) addFilters(r *request, s *backoffice.Subject, q backoffice.Query, d *listData) error {
	for _, name := range s.Filters {
		f, _ := s.Field(name)
		if f.Kind == backoffice.Text {
			continue // known by links only
		}
		options := []filterOption{{Text: text(r.lang, "all"), Link: d.with(name, ""), Chosen: q.Filters[name] == ""}}
		addOption := func(value, label string) {
			options = append(options, filterOption{label, d.with(name, value), q.Filters[name] == value})
		}
		switch f.Kind {
		case backoffice.Bool:
			addOption("true", text(r.lang, "yes"))
			addOption("false", text(r.lang, "no"))
		case backoffice.Choice:
			for _, c := range f.Choices {
				addOption(c, choiceText(r.lang, name, c))
			}
		case backoffice.Ref:
			// A filter with very many choices is what the search is for.
			all, _, err := a.Store.Options(r.Context(), r.caller, f.Of, backoffice.OptionQuery{Limit: 30})
			if err != nil {
				return err
			}
			for _, o := range all {
				addOption(o.ID, o.Label)
			}
		}
		d.Filters = append(d.Filters, filter{name, options})
	}
	return nil
}

func (a *Admin) bulk(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	ids, action := r.PostForm["id"], r.PostForm.Get("action")
	if len(ids) == 0 || action == "" {
		return redirect(w, r, r.list(s, ""))
	}
	if action == "delete" && r.PostForm.Get("sure") == "" {
		return a.confirmDelete(w, r, s, ids)
	}
	n, err := a.Store.Act(r.Context(), r.caller, s, action, ids)
	if e, ok := errors.AsType[*backoffice.FieldError](err); ok {
		v, err := a.listView(r, s)
		if err != nil {
			return err
		}
		v.Bad = problem(r.lang, e)
		return a.show(w, r, http.StatusConflict, "list", v)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, r.list(s, strconv.FormatInt(n, 10)))
}

// list is the address of the list that the request came from, with its search and
// filters, and with how many rows were changed.
func (r *request) list(s *backoffice.Subject, changed string) string {
	query := r.URL.Query()
	for _, of := range []string{"all", "done", "n"} { // the last page
		query.Del(of)
	}
	if changed != "" {
		query.Set("n", changed)
	}
	address := url.URL{Path: "/admin/" + s.Name + "/", RawQuery: query.Encode()}
	return address.String()
}

// deleteData is what the page that asks back shows.
type deleteData struct {
	Subject *backoffice.Subject
	IDs     []string
	Labels  []string
	Impact  []backoffice.Impact
	Nodes   bool // nodes go, and their samples with them
	Blocked bool
	List    string // where the question came from
}

func (a *Admin) confirmDelete(w http.ResponseWriter, r *request, s *backoffice.Subject, ids []string) error {
	v := r.view(text(r.lang, "delete_title"))
	v.Here = s.Name
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", text(r.lang, "s_"+s.Name)}}
	d := deleteData{Subject: s, IDs: ids, List: r.list(s, "")}
	for _, id := range ids[:min(len(ids), 50)] {
		_, label, err := a.Store.Get(r.Context(), r.caller, s, id)
		if err != nil {
			return err
		}
		d.Labels = append(d.Labels, label)
	}
	impact, err := a.Store.Impact(r.Context(), r.caller, s, ids)
	if e, ok := errors.AsType[*backoffice.FieldError](err); ok {
		d.Blocked, v.Bad = true, problem(r.lang, e)
	} else if err != nil {
		return err
	}
	d.Impact = impact
	d.Nodes = slices.ContainsFunc(impact, func(i backoffice.Impact) bool { return i.Subject == "node" })
	v.Data = d
	return a.show(w, r, http.StatusOK, "delete", v)
}

func (a *Admin) history(w http.ResponseWriter, r *request) error {
	s, err := r.subject()
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	log, _ := backoffice.Find("audit_log")
	rows, _, err := a.Store.List(r.Context(), r.caller, log, backoffice.Query{
		Page: 1, Size: 200, Filters: map[string]string{"subject": s.Name, "subject_id": id},
	})
	if err != nil {
		return err
	}
	v := r.view(text(r.lang, "history"))
	v.Here = s.Name
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", text(r.lang, "s_"+s.Name)}}
	switch _, label, err := a.Store.Get(r.Context(), r.caller, s, id); {
	case err == nil:
		v.Crumbs = append(v.Crumbs, [2]string{"/admin/" + s.Name + "/" + url.PathEscape(id) + "/", label})
	case !fault.Is(err, fault.NotFound): // it was deleted
		return err
	}
	v.Data = newLog(log, rows, "subject", "subject_id")
	return a.show(w, r, http.StatusOK, "history", v)
}

func (a *Admin) parked(w http.ResponseWriter, r *request) error {
	nodes, err := a.Store.Parked(r.Context(), r.caller)
	if err != nil {
		return err
	}
	protocols, _, err := a.Store.Options(r.Context(), r.caller, "node_protocol", backoffice.OptionQuery{Limit: maxOptions})
	if err != nil {
		return err
	}
	d := parkedData{nodes, map[string]string{}}
	for _, p := range slices.Backward(protocols) { // of several, the first counts
		if codec, ok := catalog.ForProtocol(p.Label); ok {
			d.protocols[codec.Protocol()] = p.ID
		}
	}
	v := r.view(text(r.lang, "parked"))
	v.Here, v.Data = "parked", d
	return a.show(w, r, http.StatusOK, "parked", v)
}

func (a *Admin) fidelity(w http.ResponseWriter, r *request) error {
	nodes, err := a.Store.Health(r.Context(), r.caller)
	if err != nil {
		return err
	}
	v := r.view(text(r.lang, "fidelity"))
	v.Here, v.Data = "fidelity", nodes
	return a.show(w, r, http.StatusOK, "fidelity", v)
}

// superuser keeps others from the pages about the machinery.
func (r *request) superuser() error {
	if !r.user.Superuser {
		return fault.New(fault.NotFound, "not found")
	}
	return nil
}

func (a *Admin) queues(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	v := r.view(text(r.lang, "queues"))
	v.Here = "queues"
	names, err := a.Inspector.Queues()
	if err != nil {
		v.Bad = text(r.lang, "redis_away")
		return a.show(w, r, http.StatusServiceUnavailable, "queues", v)
	}
	var all []queue
	for _, name := range names {
		info, err := a.Inspector.GetQueueInfo(name)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		retry, err := a.Inspector.ListRetryTasks(name, asynq.PageSize(20))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		dead, err := a.Inspector.ListArchivedTasks(name, asynq.PageSize(20))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "Redis is not available")
		}
		all = append(all, queue{info, append(retry, dead...)})
	}
	v.Data = all
	return a.show(w, r, http.StatusOK, "queues", v)
}

func (a *Admin) changeQueue(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	queue, id := r.PostForm.Get("queue"), r.PostForm.Get("id")
	var err error
	switch r.PostForm.Get("action") {
	case "run":
		err = a.Inspector.RunTask(queue, id)
	case "drop":
		err = a.Inspector.DeleteTask(queue, id)
	case "pause":
		err = a.Inspector.PauseQueue(queue)
	case "resume":
		err = a.Inspector.UnpauseQueue(queue)
	}
	// Somebody else, or the worker, may have been faster.
	if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
		a.Log.WarnContext(r.Context(), "queue not changed", "task", id, "err", err)
	}
	return redirect(w, r, "/admin/queues/")
}

// itself is the name of the service whose pages these are.
const itself = "managair"

func (a *Admin) services(w http.ResponseWriter, r *request) error {
	if err := r.superuser(); err != nil {
		return err
	}
	v := r.view(text(r.lang, "services"))
	v.Here = "services"
	facts, err := a.Store.Facts(r.Context())
	if err != nil {
		return err
	}
	services := ops.Ask(r.Context(), a.Services)
	if _, asked := a.Services[itself]; !asked {
		services = slices.Insert(services, 0, ops.Answer{Service: itself, Version: lifecycle.Version, State: ops.Well})
	}
	v.Data = servicesData{services, facts}
	return a.show(w, r, http.StatusOK, "services", v)
}
