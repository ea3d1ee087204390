package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/backoffice"
	"github.com/clairberlin/clair-stack/services/managair/internal/web"
	"github.com/clairberlin/clair-stack/services/managair/internal/words"
)

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

// narrowed reports whether a search or a filter leaves rows out.
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
	return a.showList(w, r, s, http.StatusOK, "")
}

// showList answers with a page of a list. bad says what went wrong, if anything did.
func (a *Admin) showList(w http.ResponseWriter, r *request, s *backoffice.Subject, status int, bad string) error {
	d, err := a.listOf(r, s)
	if err != nil {
		return err
	}
	v := r.view(words.Subjects[s.Name].In(r.lang))
	v.Here, v.Bad = s.Name, bad
	return web.Show(w, r.Request, status, frame(v, listHead(v, d), listPage(v, d)))
}

// listOf reads the page of a list that the address names.
func (a *Admin) listOf(r *request, s *backoffice.Subject) (listData, error) {
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
		return d, err
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
		return d, err
	}
	d.Actions = s.Actions
	if !s.Fixed || s.Deletable {
		d.Actions = append(slices.Clone(s.Actions), "delete")
	}
	return d, nil
}

func (a *Admin) addFilters(r *request, s *backoffice.Subject, q backoffice.Query, d *listData) error {
	for _, name := range s.Filters {
		f, _ := s.Field(name)
		if f.Kind == backoffice.Text {
			continue // known by links only
		}
		options := []filterOption{{Text: words.All.In(r.lang), Link: d.with(name, ""), Chosen: q.Filters[name] == ""}}
		addOption := func(value, label string) {
			options = append(options, filterOption{label, d.with(name, value), q.Filters[name] == value})
		}
		switch f.Kind {
		case backoffice.Bool:
			addOption("true", words.Yes.In(r.lang))
			addOption("false", words.No.In(r.lang))
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
		return web.Redirect(w, r.Request, r.list(s, ""))
	}
	if action == "delete" && r.PostForm.Get("sure") == "" {
		return a.confirmDelete(w, r, s, ids)
	}
	n, err := a.Store.Act(r.Context(), r.caller, s, action, ids)
	if e, ok := errors.AsType[*fault.Violation](err); ok {
		return a.showList(w, r, s, http.StatusConflict, problem(r.lang, e))
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r.Request, r.list(s, strconv.FormatInt(n, 10)))
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
	v := r.view(words.DeleteTitle.In(r.lang))
	v.Here = s.Name
	v.Crumbs = [][2]string{{"/admin/" + s.Name + "/", words.Subjects[s.Name].In(r.lang)}}
	d := deleteData{Subject: s, IDs: ids, List: r.list(s, "")}
	for _, id := range ids[:min(len(ids), 50)] {
		_, label, err := a.Store.Get(r.Context(), r.caller, s, id)
		if err != nil {
			return err
		}
		d.Labels = append(d.Labels, label)
	}
	impact, err := a.Store.Impact(r.Context(), r.caller, s, ids)
	if e, ok := errors.AsType[*fault.Violation](err); ok {
		d.Blocked, v.Bad = true, problem(r.lang, e)
	} else if err != nil {
		return err
	}
	d.Impact = impact
	d.Nodes = slices.ContainsFunc(impact, func(i backoffice.Impact) bool { return i.Subject == "node" })
	return show(w, r, http.StatusOK, v, deletePage(v, d))
}
